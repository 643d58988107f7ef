terraform {
  required_version = ">= 1.5"

  required_providers {
    cloudflare = {
      source  = "cloudflare/cloudflare"
      version = "~> 5.8"
    }

    github = {
      source  = "integrations/github"
      version = "~> 6.2"
    }

    nomad = {
      source  = "hashicorp/nomad"
      version = "~> 2.4"
    }

    random = {
      source  = "hashicorp/random"
      version = "~> 3.6"
    }
  }
}
