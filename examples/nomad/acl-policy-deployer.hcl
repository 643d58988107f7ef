# What somebody needs who registers and updates the jobs of these examples and writes their secrets,
# by hand or with Terraform, and no more:
#
#   nomad acl policy apply -description "deploys runhook" runhook-deployer examples/nomad/acl-policy-deployer.hcl
#   nomad acl token create -name deployer -policy runhook-deployer -type client
#
# Policies and tokens themselves take a management token. Who may register a job can run what the
# drivers of the clients allow, so keep this one as you keep the keys to the clients.

namespace "default" {
  capabilities = [
    "submit-job", # nomad job run, plan and stop
    "read-job",   # nomad job status, alloc status: did it start?
    "list-jobs",
    "read-logs", # nomad alloc logs: and if not, why
  ]

  variables {
    path "nomad/jobs/runhook" {
      capabilities = ["read", "write", "destroy"]
    }

    path "nomad/jobs/cloudflared" {
      capabilities = ["read", "write", "destroy"]
    }
  }
}

# The ledger of runhook.nomad.hcl.
host_volume "runhook" {
  capabilities = ["mount-readwrite"]
}

# The runner of github-runner-exec.nomad.hcl.
host_volume "actions-runner" {
  capabilities = ["mount-readonly"]
}
