resource "nomad_job" "runner" {
  jobspec = file("${local.examples}/nomad/github-runner.nomad.hcl")

  hcl2 {
    allow_fs = true # for the script
    vars = {
      script    = abspath("${local.examples}/nomad/run-runner.sh")
      namespace = var.nomad_namespace
      image     = var.runner_image
      cpu       = var.runner_cpu
      memory    = var.runner_memory
    }
  }
}

resource "nomad_variable" "cloudflared" {
  namespace = var.nomad_namespace
  path      = "nomad/jobs/cloudflared"

  items = {
    credentials = jsonencode({
      AccountTag   = var.cloudflare_account_id
      TunnelID     = cloudflare_zero_trust_tunnel_cloudflared.runhook.id
      TunnelSecret = random_bytes.tunnel_secret.base64
    })
  }
}

resource "nomad_job" "cloudflared" {
  jobspec = file("${local.examples}/cloudflared/cloudflared.nomad.hcl")

  hcl2 {
    vars = {
      namespace = var.nomad_namespace
      tunnel    = cloudflare_zero_trust_tunnel_cloudflared.runhook.id
      rules     = local.rules
      client    = var.nomad_client
    }
  }

  depends_on = [nomad_variable.cloudflared]
}

resource "nomad_acl_policy" "runhook" {
  count = var.nomad_acl ? 1 : 0

  name        = "runhook"
  description = "What runhook may do"
  rules_hcl = replace(
    file("${local.examples}/nomad/acl-policy.hcl"),
    "namespace \"default\"", "namespace \"${var.nomad_namespace}\""
  )
}

resource "nomad_acl_token" "runhook" {
  count = var.nomad_acl ? 1 : 0

  name     = "runhook"
  type     = "client"
  policies = [nomad_acl_policy.runhook[0].name]
}
