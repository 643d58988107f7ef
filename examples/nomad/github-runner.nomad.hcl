# GitHub Actions runners with the docker driver: each dispatch is one runner for one job.
#
#   nomad job run examples/nomad/github-runner.nomad.hcl
#   nomad job run -var image=registry.lan/actions-runner:2 -var memory=8192 examples/nomad/github-runner.nomad.hcl
#
# Needs Nomad 1.8 or later, for the disconnect block. README.md beside this file has the rest.

variable "datacenters" {
  type    = list(string)
  default = ["*"]
}

variable "namespace" {
  type    = string
  default = "default"
}

variable "image" {
  type        = string
  description = "Has the runner in /home/runner, bash and jq. GitHub turns away runners that are some months old, so pin a version and keep it current."
  default     = "ghcr.io/actions/actions-runner:latest"
}

variable "cpu" {
  type        = number
  description = "MHz"
  default     = 2000
}

variable "memory" {
  type        = number
  description = "MiB"
  default     = 4096
}

variable "disk" {
  type        = number
  description = "MiB, for what Nomad writes: logs and this script"
  default     = 300
}

variable "script" {
  type        = string
  description = "run-runner.sh, from the folder of this file or from the root"
  default     = "run-runner.sh"
}

locals {
  script = file(var.script)
}

job "github-runner" {
  type        = "batch"
  datacenters = var.datacenters
  namespace   = var.namespace

  # What runhook sends. A key that is not declared here is refused by Nomad, with the dispatch.
  # The optional ones come when `meta` of the pool names them.
  parameterized {
    payload       = "required"
    meta_required = ["REPO_FULL_NAME", "REPO_SHORT_NAME", "WORKFLOW_RUN"]
    meta_optional = [
      "DELIVERY_ID", "WORKFLOW_JOB", "JOB_NAME", "RUNNER_NAME", "RUN_ATTEMPT", "WORKFLOW_NAME",
      "HEAD_BRANCH", "LABELS", "POOL",
    ]
  }

  group "runner" {
    # A runner is for one job. Started again it could only fail, or worse, take another job that has
    # a runner of its own on the way. Where the job still waits, runhook sends another runner.
    restart {
      attempts = 0
      mode     = "fail"
    }

    reschedule {
      attempts  = 0
      unlimited = false
    }

    # Nor does another client start it again when this one is lost, while it may still run the job:
    # it stays "unknown" until the client is back. Before Nomad 1.8 this was
    # `prevent_reschedule_on_lost = true` (1.7), in the group itself; older ones cannot be told.
    disconnect {
      replace = false
    }

    ephemeral_disk {
      size = var.disk
    }

    task "runner" {
      driver = "docker"

      config {
        image   = var.image
        command = "/bin/bash"
        args    = ["${NOMAD_TASK_DIR}/run-runner.sh", "run"]
        init    = true
      }

      # Holds the credential. The script removes it before anything of the runner starts.
      dispatch_payload {
        file = "payload.json"
      }

      template {
        data            = local.script
        destination     = "local/run-runner.sh"
        perms           = "755"
        change_mode     = "noop"
        left_delimiter  = "{%%" # the script is no template
        right_delimiter = "%%}"
      }

      # When it is stopped, the runner cancels its job and lets the clean-up steps run. A client
      # allows 30 seconds unless its configuration says more (`max_kill_timeout`).
      kill_signal  = "SIGTERM"
      kill_timeout = "5m"

      resources {
        cpu    = var.cpu
        memory = var.memory
      }
    }

    # Nomad starts this when the other is over, however it ended: run-runner.sh says why it is a task
    # of its own. After a job that ran it has nothing to do and is gone at once.
    task "remove" {
      driver = "docker"

      lifecycle {
        hook = "poststop"
      }

      config {
        image   = var.image
        command = "/bin/bash"
        args    = ["${NOMAD_TASK_DIR}/run-runner.sh", "remove"]
        init    = true
      }

      dispatch_payload {
        file = "payload.json"
      }

      template {
        data            = local.script
        destination     = "local/run-runner.sh"
        perms           = "755"
        change_mode     = "noop"
        left_delimiter  = "{%%"
        right_delimiter = "%%}"
      }

      resources {
        cpu    = 500
        memory = 512
      }
    }
  }
}
