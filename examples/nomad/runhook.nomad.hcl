# The receiver itself as a Nomad job: nginx and runhook, both installed on the client, in one group
# with a unix socket between them.
#
#   nomad var put nomad/jobs/runhook webhook_secret=@webhook-secret github_token=@github-token
#   nomad acl policy apply -namespace default -job runhook runhook-job examples/nomad/acl-policy.hcl
#   nomad job run examples/nomad/runhook.nomad.hcl
#
# nginx answers on 127.0.0.1 alone, for a tunnel (examples/cloudflared) or a proxy with TLS on the
# same client. Needs Nomad 1.7 or later; receiver.md beside this file has all the steps.

variable "datacenters" {
  type    = list(string)
  default = ["*"]
}

variable "namespace" {
  type    = string
  default = "default"
}

variable "driver" {
  type        = string
  description = "exec or raw_exec"
  default     = "exec"
}

variable "user" {
  type        = string
  description = "The user that both programs run as"
  default     = "www-data"
}

variable "uid" {
  type        = number
  description = "The user's number on the clients (id -u): the secrets are given to it. 33 is www-data on every Debian"
  default     = 33
}

variable "gid" {
  type        = number
  description = "The user's group (id -g)"
  default     = 33
}

variable "runhook" {
  type        = string
  description = "Where the program is on the clients"
  default     = "/usr/local/bin/runhook"
}

variable "nginx" {
  type    = string
  default = "/usr/sbin/nginx"
}

variable "port" {
  type        = number
  description = "Where nginx answers, on 127.0.0.1"
  default     = 8088
}

variable "volume" {
  type        = string
  description = "The host volume that holds the ledger, for exec"
  default     = "runhook"
}

variable "ledger" {
  type        = string
  description = "The folder of the ledger: where the volume is mounted, and for raw_exec the folder itself"
  default     = "/var/lib/runhook"
}

variable "secrets" {
  type        = string
  description = "nomad: from the variable nomad/jobs/runhook. vault: from kv/data/runhook"
  default     = "nomad"
}

variable "previous" {
  type        = bool
  description = "The webhook secret is being changed: webhook_secret_previous is good as well"
  default     = false
}

variable "labels" {
  type    = list(string)
  default = ["self-hosted", "linux", "x64"]
}

variable "nomad_job" {
  type    = string
  default = "github-runner"
}

variable "max_runners" {
  type    = number
  default = 8
}

locals {
  volumes = var.driver == "exec" ? [var.volume] : [] # raw_exec sees the folder as it is
  vaults  = var.secrets == "vault" ? ["runhook"] : []

  # One file each, by its name. A token for Nomad is not among them: Nomad makes that itself.
  secrets = merge(
    { "webhook-secret" = "webhook_secret", "github-token" = "github_token" },
    var.previous ? { "webhook-secret-previous" = "webhook_secret_previous" } : {}
  )
  read = {
    nomad = "{{ with nomadVar \"nomad/jobs/runhook\" }}{{ .%s }}{{ end }}"
    vault = "{{ with secret \"kv/data/runhook\" }}{{ .Data.data.%s }}{{ end }}"
  }
  previous = var.previous ? "webhook_secret_previous_file = {{ env \"NOMAD_SECRETS_DIR\" }}/webhook-secret-previous" : ""
}

job "runhook" {
  type        = "service"
  datacenters = var.datacenters
  namespace   = var.namespace

  # The port and the ledger are one, so the old one stops before the new one starts. What GitHub
  # delivers in these seconds fails there, and runhook has it sent again.
  update {
    max_parallel     = 1
    auto_revert      = true
    min_healthy_time = "10s"
    healthy_deadline = "2m"
  }

  group "receiver" {
    count = 1

    network {
      port "http" {
        static = var.port
      }
    }

    # Never gives up: what GitHub delivers meanwhile is not lost, but it waits.
    restart {
      attempts = 5
      interval = "2m"
      delay    = "5s"
      mode     = "delay"
    }

    # The ledger has to outlive the allocation: it knows which runners there are, and which jobs still
    # wait. A host volume is on one client's disk and stays there. An ephemeral_disk, sticky and
    # migrated or not, is lost with its client, and is no place for it.
    dynamic "volume" {
      for_each = local.volumes
      labels   = ["ledger"]

      content {
        type      = "host"
        source    = volume.value
        read_only = false
      }
    }

    service {
      name     = "runhook"
      provider = "nomad"
      port     = "http"
      address  = "127.0.0.1"

      # 200 while the ledger can be written.
      check {
        name     = "ledger"
        type     = "http"
        path     = "/github/webhook/healthz"
        interval = "15s"
        timeout  = "10s"

        check_restart {
          limit = 8
          grace = "30s"
        }
      }
    }

    task "runhook" {
      driver = var.driver
      user   = var.user

      config {
        command = var.runhook
        args    = ["serve", "--config", "${NOMAD_TASK_DIR}/runhook.conf"]
      }

      # Nomad's API on a socket in the task's own folder, and a token for it that is this job's and
      # ends with it: what it may do is said by the policy that is bound to the job. With `user` set,
      # the token's file is that user's alone, which runhook insists on.
      identity {
        file = true
      }

      dynamic "vault" {
        for_each = local.vaults

        content {
          role = vault.value
        }
      }

      template {
        destination   = "local/runhook.conf"
        change_mode   = "signal"
        change_signal = "SIGHUP"

        data = <<-EOT
          [server]
          listen = unix:{{ env "NOMAD_ALLOC_DIR" }}/runhook.sock
          socket_mode = 0660
          ledger = ${var.ledger}/ledger.db

          [github]
          webhook_secret_file = {{ env "NOMAD_SECRETS_DIR" }}/webhook-secret
          ${local.previous}
          token_file = {{ env "NOMAD_SECRETS_DIR" }}/github-token

          [nomad]
          address = unix://{{ env "NOMAD_SECRETS_DIR" }}/api.sock
          token_file = {{ env "NOMAD_SECRETS_DIR" }}/nomad_token
          namespace = ${var.namespace}

          [pool linux]
          labels = ${join(", ", var.labels)}
          nomad_job = ${var.nomad_job}
          max_runners = ${var.max_runners}
        EOT
      }

      # Written anew when they change where they come from; SIGHUP has runhook read them again.
      dynamic "template" {
        for_each = local.secrets

        content {
          destination   = "secrets/${template.key}"
          perms         = "0400"
          uid           = var.uid
          gid           = var.gid
          change_mode   = "signal"
          change_signal = "SIGHUP"
          data          = format(local.read[var.secrets], template.value)
        }
      }

      dynamic "volume_mount" {
        for_each = local.volumes

        content {
          volume      = "ledger"
          destination = var.ledger
          read_only   = false
        }
      }

      kill_timeout = "15s" # it ends within 10

      resources {
        cpu    = 100
        memory = 128
      }
    }

    task "nginx" {
      driver = var.driver
      user   = var.user

      config {
        command = var.nginx
        args    = ["-e", "stderr", "-p", "${NOMAD_TASK_DIR}", "-c", "${NOMAD_TASK_DIR}/nginx.conf"]
      }

      template {
        destination   = "local/nginx.conf"
        change_mode   = "signal"
        change_signal = "SIGHUP"

        data = <<-EOT
          daemon off;
          worker_processes 1;
          pid {{ env "NOMAD_TASK_DIR" }}/nginx.pid;
          error_log stderr;

          # A burst is hundreds of deliveries at once, and each needs two.
          worker_rlimit_nofile 8192;

          events {
              worker_connections 4096;
          }

          http {
              server_tokens off;
              access_log off;
              client_body_temp_path {{ env "NOMAD_TASK_DIR" }}/body;
              fastcgi_temp_path {{ env "NOMAD_TASK_DIR" }}/fastcgi;
              proxy_temp_path {{ env "NOMAD_TASK_DIR" }}/proxy;
              scgi_temp_path {{ env "NOMAD_TASK_DIR" }}/scgi;
              uwsgi_temp_path {{ env "NOMAD_TASK_DIR" }}/uwsgi;

              server {
                  listen 127.0.0.1:{{ env "NOMAD_PORT_http" }};

                  # Behind a Cloudflare tunnel. Another proxy says X-Forwarded-For.
                  set_real_ip_from 127.0.0.1;
                  real_ip_header CF-Connecting-IP;

                  # Longer than cloudflared keeps a connection (90 s), or one is closed as a
                  # delivery is sent on it.
                  keepalive_timeout 120s;

                  include /etc/nginx/fastcgi_params;
                  fastcgi_connect_timeout 5s;
                  fastcgi_send_timeout 10s;
                  fastcgi_read_timeout 10s;

                  # nginx/runhook.conf says why.
                  location = /github/webhook {
                      fastcgi_pass unix:{{ env "NOMAD_ALLOC_DIR" }}/runhook.sock;
                      client_max_body_size 1m;
                      client_body_buffer_size 64k;
                      client_body_timeout 10s;
                  }

                  # For the check of this job.
                  location = /github/webhook/healthz {
                      allow 127.0.0.0/8;
                      deny all;
                      fastcgi_pass unix:{{ env "NOMAD_ALLOC_DIR" }}/runhook.sock;
                  }

                  location / {
                      return 404;
                  }
              }
          }
        EOT
      }

      kill_signal  = "SIGQUIT" # answers what it has begun to
      kill_timeout = "15s"

      resources {
        cpu    = 100
        memory = 128
      }
    }
  }
}
