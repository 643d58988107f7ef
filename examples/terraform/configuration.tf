locals {
  is_rented   = var.receiver == "rented"
  runner_job  = "github-runner"
  webhook_url = "https://${var.hooks_hostname}/github/webhook"
  examples    = "${path.module}/.." # the module uses the job files and rules that stand beside it

  # What runhook reads, by the name of its file. The GitHub token is not made here, and so not known.
  secret_files = merge(
    { "webhook-secret" = random_password.webhook_secret.result },
    var.nomad_acl ? { "nomad-token" = nomad_acl_token.runhook[0].secret_id } : {},
    local.is_rented ? {
      "cf-access-client-id"     = cloudflare_zero_trust_access_service_token.runhook[0].client_id
      "cf-access-client-secret" = cloudflare_zero_trust_access_service_token.runhook[0].client_secret
    } : {}
  )

  runhook_conf = templatefile("${path.module}/runhook.conf.tftpl", {
    folder       = var.secrets_folder
    socket_group = var.socket_group
    repositories = [for name in var.github_repositories : "${var.github_owner}/${name}"]
    address      = local.is_rented ? "https://${var.nomad_hostname}" : var.nomad_address
    namespace    = var.nomad_namespace
    has_token    = var.nomad_acl
    is_rented    = local.is_rented
    labels       = var.labels
    nomad_job    = local.runner_job
    max_runners  = var.max_runners
  })
}

resource "random_password" "webhook_secret" {
  length  = 64
  special = false
}
