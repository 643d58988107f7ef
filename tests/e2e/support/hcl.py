"""HCL files, read with HashiCorp's own parser: tests/tools/hclcheck, which is built here with what
Debian packages."""

import functools
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]
SOURCE = PROJECT / "tests/tools/hclcheck"
LIBRARIES = Path("/usr/share/gocode")


class Block:
    """A block of a file, its dynamic blocks expanded. `values` are those of its attributes that have
    one; `attributes` tells of all of them what they refer to."""

    def __init__(self, described):
        self.type = described["type"]
        self.labels = described["labels"]
        self.line = described["line"]
        self.attributes = described["attributes"]
        self.values = {name: attribute["value"] for name, attribute in self.attributes.items()
                       if "unknown" not in attribute}
        self.blocks = [Block(child) for child in described["blocks"]]

    def all(self, kind, *labels):
        return [block for block in self.blocks
                if block.type == kind and block.labels[:len(labels)] == list(labels)]

    def only(self, kind, *labels):
        found = self.all(kind, *labels)
        assert len(found) == 1, f"{len(found)} blocks {kind} {labels} in {self.type} {self.labels}"
        return found[0]

    def walk(self):
        yield self
        for block in self.blocks:
            yield from block.walk()

    def __getitem__(self, name):
        assert name in self.values, (self.type, self.labels, name, self.attributes.get(name))
        return self.values[name]

    def get(self, name, default=None):
        return self.values.get(name, default)


class File:
    def __init__(self, path, described):
        self.path = Path(path)
        self.errors = described["errors"]
        self.formatted = described["formatted"]
        self.root = None if described["root"] is None else Block(described["root"])


@functools.cache
def hclcheck():
    """The program, built once; skips the test where Go or the library is missing."""
    go = shutil.which("go")
    if go is None or not (LIBRARIES / "src/github.com/hashicorp/hcl/v2").is_dir():
        pytest.skip("needs golang-go and golang-github-hashicorp-hcl-v2-dev")
    folder = PROJECT / "build/hclcheck"
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "hclcheck"
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "GOCACHE": str(folder / "cache"),
                   "GO111MODULE": "off", "GOPATH": str(LIBRARIES), "GOPROXY": "off", "GOFLAGS": "",
                   "CGO_ENABLED": "0"}
    done = subprocess.run([go, "build", "-o", program, "."], cwd=SOURCE, env=environment,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return program


def run(*arguments, stdin=""):
    done = subprocess.run([hclcheck(), *arguments], input=stdin, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def read(*paths, nomad=False, context=None, folder=None):
    """The files, which are one module, by their paths. `context` are values for its variables
    ("var") and for other names; `folder` is where a file with them can be written."""
    arguments = ["-nomad"] if nomad else []
    if context is not None:
        file = Path(folder) / "context.json"
        file.write_text(json.dumps(context))
        arguments += ["-context", file]
    described = json.loads(run(*arguments, *paths))
    return {Path(path): File(path, one) for path, one in described.items()}


def read_job(path, folder, **variables):
    """The job block of a Nomad job file, with these variables."""
    files = read(path, nomad=True, context={"var": variables}, folder=folder)
    file = files[Path(path)]
    assert file.errors == []
    return file.root.only("job")


def render_template(block, environment, *, variables=None, secrets=None):
    """What a template block writes. `variables` and `secrets` are what its job may read in Nomad and
    Vault, by path."""
    return run("template", stdin=json.dumps({
        "data": block["data"],
        "left_delimiter": block.get("left_delimiter", "{{"),
        "right_delimiter": block.get("right_delimiter", "}}"),
        "environment": environment,
        "variables": variables or {},
        "secrets": secrets or {},
    }))
