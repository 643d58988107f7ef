"""Every configuration file of the deployments in examples/ is loaded by its own program where that is
there, and with what Debian packages in any case."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from .support import hcl

PROJECT = Path(__file__).resolve().parents[2]
EXAMPLES = PROJECT / "examples"
FOLDERS = ("cloudflared", "nomad", "quickstart", "rented-machine", "terraform")
NOMAD = os.environ.get("NOMAD_BIN") or shutil.which("nomad")
TERRAFORM = shutil.which("terraform")
CLOUDFLARED = shutil.which("cloudflared")

FILES = sorted(path for folder in FOLDERS for path in (EXAMPLES / folder).rglob("*")
               if path.is_file() and ".terraform" not in path.parts)
HCL = [path for path in FILES if path.suffix in (".hcl", ".tf")]
JOBS = [path for path in HCL if path.name.endswith(".nomad.hcl")]
RULES = [path for path in FILES if path.suffix == ".yml"]
SCRIPTS = [path for path in FILES
           if path.suffix in ("", ".sh") and path.read_bytes().startswith(b"#!/bin/bash")]
# Loaded by the tests beside this one: for nginx, for lighttpd, for runhook.
ELSEWHERE = {"cloudflared/nginx.conf", "cloudflared/lighttpd.conf", "rented-machine/nomad-api.conf",
             "rented-machine/runhook.conf", "terraform/runhook.conf.tftpl"}


def named(path):
    return str(path.relative_to(EXAMPLES))


def by_name(paths):
    return pytest.mark.parametrize("path", paths, ids=named)


def test_no_file_is_left_out():
    loaded = {*HCL, *RULES, *SCRIPTS, *(EXAMPLES / name for name in ELSEWHERE)}
    assert [named(path) for path in FILES if path not in loaded and path.suffix != ".md"] == []
    assert len(HCL) > 10 and len(JOBS) == 5 and len(RULES) == 2 and len(SCRIPTS) == 2


@by_name(HCL)
def test_hcl_is_read_and_formatted(path):
    file = hcl.read(path, nomad=path.suffix == ".hcl")[path]
    assert file.errors == []
    assert path.read_text() == file.formatted


@by_name(JOBS)
def test_nomad_loads_the_job(path):
    if not NOMAD:
        pytest.skip("no nomad on the PATH, and no NOMAD_BIN")
    variables = ["-var", "tunnel=6ff42ae2-765d-4adf-8112-31c55c1551ef"]
    needed = variables if path.name == "cloudflared.nomad.hcl" else []
    # Where it reaches no agent, Nomad validates by itself.
    environment = {**os.environ, "NOMAD_ADDR": "http://127.0.0.1:1"}
    done = subprocess.run([NOMAD, "job", "validate", *needed, path.name], cwd=path.parent,
                          env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    subprocess.run([NOMAD, "fmt", "-check", path], check=True)


def test_terraform_formats_nothing():
    if not TERRAFORM:
        pytest.skip("no terraform on the PATH")
    done = subprocess.run([TERRAFORM, "fmt", "-check", "-diff", "-recursive", EXAMPLES],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_terraform_validates_the_module(tmp_path):
    """With a folder of providers, since this fetches nothing: `terraform providers mirror` makes one."""
    providers = os.environ.get("TERRAFORM_PROVIDERS")
    if not TERRAFORM or not providers:
        pytest.skip("no terraform on the PATH, or TERRAFORM_PROVIDERS names no folder of providers")
    shutil.copytree(EXAMPLES, tmp_path / "examples")
    module = tmp_path / "examples/terraform"
    subprocess.run([TERRAFORM, "init", "-backend=false", f"-plugin-dir={providers}"], cwd=module,
                   check=True)
    subprocess.run([TERRAFORM, "validate"], cwd=module, check=True)


@by_name(RULES)
def test_tunnel_rules_are_yaml(path):
    rules = yaml.safe_load(path.read_text())
    assert list(rules) == ["ingress"]
    if CLOUDFLARED:
        subprocess.run([CLOUDFLARED, "tunnel", "--config", path, "ingress", "validate"], check=True)


@by_name(SCRIPTS)
def test_shellcheck_finds_nothing(path):
    done = subprocess.run(["shellcheck", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


# What a program that makes or keeps secrets writes before them.
SECRET = re.compile(r"ghp_|github_pat_|-----BEGIN|eyJ[A-Za-z0-9]{8}|[0-9a-f]{40}|[A-Za-z0-9+/]{60}")


@by_name([path for path in FILES if path.suffix != ".md"])
def test_no_secret_is_written_out(path):
    """The audience tag of zeros is where a reader puts an identifier, which is no secret."""
    text = path.read_text().replace("0" * 64, "")
    assert SECRET.findall(text) == []


def test_links_lead_somewhere():
    for path in [*(path for path in FILES if path.suffix == ".md"), PROJECT / "docs/deployments.md"]:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text()):
            if not target.startswith("http"):
                assert (path.parent / target).exists(), f"{path}: {target}"
