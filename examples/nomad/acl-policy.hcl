# What runhook's Nomad token may do, and no more:
#
#   nomad acl policy apply -description "runhook" runhook examples/nomad/acl-policy.hcl
#   nomad acl token create -name runhook -policy runhook -type client
#
# Put the Secret ID of the token into the file that `token_file` of [nomad] names.

namespace "default" {
  capabilities = [
    "dispatch-job", # POST /v1/job/github-runner/dispatch
    "read-job",     # GET  /v1/job/<child>: is the child there that a dispatch has named?
  ]
}

# `read-job` shows the payload of every child in the namespace, and with it registration tokens that
# may still be good. So give runners a namespace of their own, and few people `read-job` on it.
#
# Stopping a child (DELETE /v1/job/<child>) takes `submit-job`, which lets its holder register jobs as
# well; the newest versions of Nomad know a narrower `deregister-job`. Neither is needed here.
