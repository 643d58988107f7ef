# The job of the quick start: takes the place of github-runner.nomad.hcl on `nomad agent -dev` and
# prints what a runner would do, with the credential masked. It downloads and registers nothing, and
# ends at once; what GitHub would say of its job, the quick start posts.

job "github-runner" {
  type        = "batch"
  datacenters = ["*"]

  parameterized {
    payload       = "required"
    meta_required = ["REPO_FULL_NAME", "REPO_SHORT_NAME", "WORKFLOW_RUN"]
  }

  group "runner" {
    restart {
      attempts = 0
      mode     = "fail"
    }

    reschedule {
      attempts  = 0
      unlimited = false
    }

    task "runner" {
      driver = "raw_exec"

      config {
        command = "/bin/sh"
        args    = ["${NOMAD_TASK_DIR}/echo-runner.sh"]
      }

      dispatch_payload {
        file = "payload.json"
      }

      template {
        destination     = "local/echo-runner.sh"
        change_mode     = "noop"
        left_delimiter  = "{%%"
        right_delimiter = "%%}"

        data = <<-EOT
          payload=$(cat "$NOMAD_TASK_DIR/payload.json")
          rm -f "$NOMAD_TASK_DIR/payload.json"
          echo "A runner for $NOMAD_META_REPO_FULL_NAME, run $NOMAD_META_WORKFLOW_RUN, would register with:"
          printf '%s\n' "$payload" | sed -E 's/"(token|jit_config)":"[^"]*"/"\1":"********"/'
        EOT
      }

      resources {
        cpu    = 50
        memory = 32
      }
    }
  }
}
