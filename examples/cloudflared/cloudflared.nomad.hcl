# The tunnel: cloudflared connects outwards to Cloudflare and hands what comes back to a web server
# on the same client. No port is open to the network, at home or on the router.
#
#   nomad var put nomad/jobs/cloudflared credentials=@credentials.json
#   nomad job run -var tunnel=UUID examples/cloudflared/cloudflared.nomad.hcl
#
# With the docker driver, and Nomad 1.5 or later. README.md beside this file has all the steps.

variable "datacenters" {
  type    = list(string)
  default = ["*"]
}

variable "namespace" {
  type    = string
  default = "default"
}

variable "tunnel" {
  type        = string
  description = "The tunnel's UUID: TunnelID in its credentials"
}

variable "config" {
  type        = string
  description = "The file with the ingress rules, from the folder of this file or from the root"
  default     = "config.yml"
}

variable "rules" {
  type        = string
  description = "The ingress rules themselves, in place of the file"
  default     = ""
}

variable "client" {
  type        = string
  description = "The name of the Nomad client that has the web server. Empty: any, as for Nomad's own API, which is on every client"
  default     = ""
}

variable "image" {
  type        = string
  description = "Cloudflare supports a version for a year, so pin one and keep it current"
  default     = "docker.io/cloudflare/cloudflared:2026.7.1"
}

locals {
  rules   = var.rules != "" ? var.rules : file(var.config)
  clients = var.client != "" ? [var.client] : []
}

job "cloudflared" {
  type        = "service"
  datacenters = var.datacenters
  namespace   = var.namespace

  dynamic "constraint" {
    for_each = local.clients

    content {
      attribute = "${node.unique.name}"
      value     = constraint.value
    }
  }

  # The old one goes on until the new one is connected: a tunnel may have several connectors.
  update {
    canary           = 1
    auto_promote     = true
    auto_revert      = true
    min_healthy_time = "10s"
    healthy_deadline = "3m"
  }

  group "cloudflared" {
    network {
      port "metrics" {}
    }

    restart {
      attempts = 5
      interval = "5m"
      delay    = "10s"
      mode     = "delay" # never gives up: Cloudflare, or the line, may be away for hours
    }

    # The check is all that this service is for. cloudflared's page says 200 while it has a
    # connection to Cloudflare.
    service {
      name     = "cloudflared"
      provider = "nomad"
      port     = "metrics"
      address  = "127.0.0.1"

      check {
        name     = "connected"
        type     = "http"
        path     = "/ready"
        interval = "15s"
        timeout  = "5s"

        check_restart {
          limit = 20
          grace = "60s"
        }
      }
    }

    task "cloudflared" {
      driver = "docker"

      config {
        image        = var.image
        network_mode = "host" # 127.0.0.1 is then the client's, where the web server listens
        args = [
          "tunnel",
          "--no-autoupdate",
          "--config", "${NOMAD_TASK_DIR}/config.yml",
          "--metrics", "127.0.0.1:${NOMAD_PORT_metrics}",
          "run",
          "--credentials-file", "${NOMAD_SECRETS_DIR}/credentials.json",
          var.tunnel,
        ]
      }

      # A job may read the variables below its own name, and no policy is needed for that.
      template {
        destination = "secrets/credentials.json"
        perms       = "0400"
        uid         = 65532 # the image's user
        gid         = 65532
        change_mode = "restart"
        data        = "{{ with nomadVar \"nomad/jobs/cloudflared\" }}{{ .credentials }}{{ end }}"
      }

      template {
        destination     = "local/config.yml"
        change_mode     = "restart"
        data            = local.rules
        left_delimiter  = "{%%" # the rules are no template: {8} may stand in a path
        right_delimiter = "%%}"
      }

      resources {
        cpu    = 100
        memory = 128
      }
    }
  }
}
