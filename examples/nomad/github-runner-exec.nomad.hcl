# GitHub Actions runners without containers: each dispatch is one runner for one job, with the exec
# or the raw_exec driver.
#
#   nomad job run examples/nomad/github-runner-exec.nomad.hcl
#   nomad job run -var driver=raw_exec examples/nomad/github-runner-exec.nomad.hcl
#
# exec runs the job in a chroot with its own process ids. raw_exec separates nothing: a workflow can
# read what the task's user can, the credentials of other runners of that user included. Keep it for
# repositories whose every committer you would give a shell on the client.
#
# The runner is unpacked on each client, in /opt/actions-runner, and is copied for every job; bash
# and jq are installed there. For exec the client's configuration names the folder:
#
#   client {
#     host_volume "actions-runner" {
#       path      = "/opt/actions-runner"
#       read_only = true
#     }
#   }
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

variable "driver" {
  type        = string
  description = "exec or raw_exec"
  default     = "exec"
}

variable "user" {
  type        = string
  description = "The user that the jobs run as. The runner refuses root."
  default     = "nobody"
}

variable "runner" {
  type        = string
  description = "Where the runner is unpacked on the clients"
  default     = "/opt/actions-runner"
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
  description = "MiB, for two copies of the runner and for what the job checks out and builds"
  default     = 10240
}

variable "script" {
  type        = string
  description = "run-runner.sh, from the folder of this file or from the root"
  default     = "run-runner.sh"
}

locals {
  script  = file(var.script)
  volumes = var.driver == "exec" ? ["actions-runner"] : [] # raw_exec sees the folder as it is
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

    dynamic "volume" {
      for_each = local.volumes
      labels   = [volume.value]

      content {
        type      = "host"
        source    = volume.value
        read_only = true
      }
    }

    task "runner" {
      driver = var.driver
      user   = var.user

      config {
        command = "/bin/bash"
        args    = ["${NOMAD_TASK_DIR}/run-runner.sh", "run"]
      }

      env {
        RUNNER_SOURCE = var.runner
        RUNNER_HOME   = "${NOMAD_TASK_DIR}/runner"
        HOME          = "${NOMAD_TASK_DIR}/runner"
      }

      dynamic "volume_mount" {
        for_each = local.volumes

        content {
          volume      = volume_mount.value
          destination = var.runner
          read_only   = true
        }
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
      driver = var.driver
      user   = var.user

      lifecycle {
        hook = "poststop"
      }

      config {
        command = "/bin/bash"
        args    = ["${NOMAD_TASK_DIR}/run-runner.sh", "remove"]
      }

      env {
        RUNNER_SOURCE = var.runner
        RUNNER_HOME   = "${NOMAD_TASK_DIR}/runner"
        HOME          = "${NOMAD_TASK_DIR}/runner"
      }

      dynamic "volume_mount" {
        for_each = local.volumes

        content {
          volume      = volume_mount.value
          destination = var.runner
          read_only   = true
        }
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
