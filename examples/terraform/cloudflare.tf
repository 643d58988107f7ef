locals {
  tunnel_hostname = local.is_rented ? var.nomad_hostname : var.hooks_hostname

  # The rules of ../cloudflared or ../rented-machine, with the names put in.
  rules = local.is_rented ? replace(replace(replace(
    file("${local.examples}/rented-machine/config.yml"),
    "hostname: nomad.example.org", "hostname: ${var.nomad_hostname}"),
    "teamName: example", "teamName: ${var.access_team}"),
    "0000000000000000000000000000000000000000000000000000000000000000",
    cloudflare_zero_trust_access_application.nomad[0].aud
    ) : replace(
    file("${local.examples}/cloudflared/config.yml"),
    "hostname: hooks.example.org", "hostname: ${var.hooks_hostname}"
  )
}

resource "random_bytes" "tunnel_secret" {
  length = 32
}

resource "cloudflare_zero_trust_tunnel_cloudflared" "runhook" {
  account_id    = var.cloudflare_account_id
  name          = "runhook-${var.receiver}"
  config_src    = "local" # its rules are in the job, and not at Cloudflare
  tunnel_secret = random_bytes.tunnel_secret.base64
}

resource "cloudflare_dns_record" "tunnel" {
  zone_id = var.cloudflare_zone_id
  name    = local.tunnel_hostname
  type    = "CNAME"
  content = "${cloudflare_zero_trust_tunnel_cloudflared.runhook.id}.cfargotunnel.com"
  proxied = true
  ttl     = 1 # automatic
  comment = "The tunnel of runhook"

  # Or the name would lead to Nomad before Access stands in front of it.
  depends_on = [cloudflare_zero_trust_access_application.nomad]

  lifecycle {
    precondition {
      condition     = !local.is_rented || (var.nomad_hostname != "" && var.access_team != "")
      error_message = "A rented receiver needs nomad_hostname and access_team."
    }
  }
}

# Access lets requests to Nomad pass that carry this service token, and nobody else: there is no
# policy for people, so a browser gets no login either.
resource "cloudflare_zero_trust_access_service_token" "runhook" {
  count = local.is_rented ? 1 : 0

  account_id = var.cloudflare_account_id
  name       = "runhook"
  duration   = "8760h"
}

resource "cloudflare_zero_trust_access_policy" "runhook" {
  count = local.is_rented ? 1 : 0

  account_id = var.cloudflare_account_id
  name       = "runhook"
  decision   = "non_identity" # "Service Auth"

  include = [{
    service_token = {
      token_id = cloudflare_zero_trust_access_service_token.runhook[0].id
    }
  }]

  lifecycle {
    create_before_destroy = true
  }
}

resource "cloudflare_zero_trust_access_application" "nomad" {
  count = local.is_rented ? 1 : 0

  account_id           = var.cloudflare_account_id
  name                 = "Nomad, for runhook"
  type                 = "self_hosted"
  domain               = var.nomad_hostname
  session_duration     = "24h"
  app_launcher_visible = false

  policies = [{
    id         = cloudflare_zero_trust_access_policy.runhook[0].id
    precedence = 1
  }]
}
