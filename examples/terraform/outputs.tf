output "runhook_conf" {
  description = "/etc/runhook/runhook.conf. Names files with secrets, and holds none"
  value       = local.runhook_conf
}

output "secret_files" {
  description = "The files that runhook_conf names, by their names: all but github-token"
  value       = local.secret_files
  sensitive   = true
}

output "webhook_url" {
  description = "Where GitHub delivers"
  value       = local.webhook_url
}

output "tunnel_id" {
  description = "The tunnel's UUID"
  value       = cloudflare_zero_trust_tunnel_cloudflared.runhook.id
}
