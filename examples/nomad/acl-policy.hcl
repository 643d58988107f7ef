# What runhook's Nomad token may do, and no more:
#
#   nomad acl policy apply -description "runhook" runhook examples/nomad/acl-policy.hcl
#   nomad acl token create -name runhook -policy runhook -type client
#
# Put the Secret ID of the token into the file that `token_file` of [nomad] names.

namespace "default" {
  capabilities = [
    "dispatch-job", # POST   /v1/job/github-runner/dispatch
    "read-job",     # GET    /v1/job/<child>, its allocations and evaluations: does the runner live?
    "list-jobs",    # GET    /v1/jobs?prefix=github-runner/dispatch-: a child whose dispatch got no answer
    "submit-job",   # DELETE /v1/job/<child>: stops a runner that no job needs any more
    # "deregister-job", # in place of submit-job, from Nomad 1.11.2 on
  ]
}

# `submit-job` lets its holder register jobs as well, with whatever the drivers of the clients allow.
# From Nomad 1.11.2 on `deregister-job` is enough, and lets it stop jobs alone: use that line and
# take `submit-job` out. An older Nomad refuses the policy: Invalid namespace capability.
#
# Without either, runhook still starts runners, but one whose job was cancelled stays, and the log
# says so as an error.

# `read-job` shows the payload of every child in the namespace, and with it registration tokens that
# may still be good. So give runners a namespace of their own, and few people `read-job` on it. What
# `submit-job` may do then ends at that namespace, too.
