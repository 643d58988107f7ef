variable "receiver" {
  type        = string
  description = "Where runhook runs. home: beside Nomad, and the tunnel leads to its web server. rented: on another machine, and the tunnel leads to Nomad's API, behind Cloudflare Access"

  validation {
    condition     = contains(["home", "rented"], var.receiver)
    error_message = "The receiver is at \"home\" or \"rented\"."
  }
}

variable "hooks_hostname" {
  type        = string
  description = "The name under which GitHub finds the webhook: hooks.example.org"
}

variable "nomad_hostname" {
  type        = string
  description = "rented: the name under which the tunnel leads to Nomad: nomad.example.org"
  default     = ""
}

variable "cloudflare_account_id" {
  type        = string
  description = "The Cloudflare account that has the tunnel"
}

variable "cloudflare_zone_id" {
  type        = string
  description = "The zone of the tunnel's hostname"
}

variable "access_team" {
  type        = string
  description = "rented: the team's name in Cloudflare Zero Trust, as in TEAM.cloudflareaccess.com"
  default     = ""
}

variable "github_owner" {
  type        = string
  description = "The user or organization that has the repositories; the same as the provider's"
}

variable "github_repositories" {
  type        = list(string)
  description = "The repositories that get a webhook each, without their owner"
  default     = []
}

variable "organization_webhook" {
  type        = bool
  description = "Whether the organization gets one webhook for all its repositories"
  default     = false
}

variable "nomad_address" {
  type        = string
  description = "home: Nomad's API, as runhook reaches it"
  default     = "http://127.0.0.1:4646"
}

variable "nomad_namespace" {
  type        = string
  description = "Where the runners run. It has to be there already"
  default     = "default"
}

variable "nomad_acl" {
  type        = bool
  description = "Whether to make runhook's policy and token. That takes a management token; a cluster without ACLs needs neither"
  default     = true
}

variable "nomad_client" {
  type        = string
  description = "home: the name of the Nomad client that has the web server, where there are several"
  default     = ""
}

variable "runner_image" {
  type        = string
  description = "Has the runner in /home/runner, bash and jq. Pin a version, and keep it current"
  default     = "ghcr.io/actions/actions-runner:latest"
}

variable "runner_cpu" {
  type        = number
  description = "MHz of a runner"
  default     = 2000
}

variable "runner_memory" {
  type        = number
  description = "MiB of a runner"
  default     = 4096
}

variable "labels" {
  type        = list(string)
  description = "What the runners register with, and what a job asks for in runs-on"
  default     = ["self-hosted", "linux", "x64"]
}

variable "max_runners" {
  type        = number
  description = "Runners at once"
  default     = 8
}

variable "secrets_folder" {
  type        = string
  description = "Where the secret files will be on the receiver's machine"
  default     = "/etc/runhook"
}

variable "socket_group" {
  type        = string
  description = "The web server's group on the receiver's machine"
  default     = "www-data"
}
