# Nothing but workflow_job: runhook answers "ignored" to every other event.

resource "github_repository_webhook" "runhook" {
  for_each = toset(var.github_repositories)

  repository = each.value
  events     = ["workflow_job"]
  active     = true

  configuration {
    url          = local.webhook_url
    content_type = "json"
    secret       = random_password.webhook_secret.result
    insecure_ssl = false
  }
}

resource "github_organization_webhook" "runhook" {
  count = var.organization_webhook ? 1 : 0

  events = ["workflow_job"]
  active = true

  configuration {
    url          = local.webhook_url
    content_type = "json"
    secret       = random_password.webhook_secret.result
    insecure_ssl = false
  }
}
