"""The Terraform module, as far as it can be tried without its providers: names, references, secrets,
and what it renders, which the real programs load."""

import json
import re
import shutil
import subprocess
import textwrap
from pathlib import Path

import pytest
import yaml

from .support import hcl

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
MODULE = EXAMPLES / "terraform"
FILES = sorted(MODULE.glob("*.tf"))
TERRAFORM = shutil.which("terraform")

# From the providers' own pages: what a resource needs, what it takes besides (as far as it is of use
# here), and what it gives.
RESOURCES = {
    "random_password": ({"length"}, {"special", "keepers"}, {"result"}),
    "random_bytes": ({"length"}, {"keepers"}, {"base64", "hex"}),
    "github_repository_webhook": ({"repository", "events", "configuration"}, {"active"},
                                  {"url", "etag"}),
    "github_organization_webhook": ({"events", "configuration"}, {"active"}, {"url", "etag"}),
    "nomad_job": ({"jobspec"}, {"hcl2", "detach", "purge_on_destroy"}, {"id"}),
    "nomad_variable": ({"path", "items"}, {"namespace"}, {"id"}),
    "nomad_acl_policy": ({"name", "rules_hcl"}, {"description", "job_acl"}, {"id"}),
    "nomad_acl_token": ({"type"}, {"name", "policies", "global", "expiration_ttl"},
                        {"accessor_id", "secret_id"}),
    "cloudflare_zero_trust_tunnel_cloudflared": (
        {"account_id", "name"}, {"config_src", "tunnel_secret"}, {"id"}),
    "cloudflare_dns_record": ({"zone_id", "name", "type", "ttl"}, {"content", "proxied", "comment"},
                              {"id"}),
    "cloudflare_zero_trust_access_service_token": (
        {"name"}, {"account_id", "zone_id", "duration"}, {"id", "client_id", "client_secret"}),
    "cloudflare_zero_trust_access_policy": (
        {"account_id", "name", "decision", "include"}, {"require", "exclude"}, {"id"}),
    "cloudflare_zero_trust_access_application": (
        {"name", "type"},
        {"account_id", "domain", "session_duration", "app_launcher_visible", "policies"},
        {"id", "aud"}),
}
NESTED = {
    "configuration": {"url", "content_type", "secret", "insecure_ssl"},
    "hcl2": {"allow_fs", "vars"},
    "lifecycle": {"create_before_destroy"},
    "precondition": {"condition", "error_message"},
}
META = {"count", "for_each", "depends_on"}
# Where values come from that nobody else may see.
SECRETS = {"random_password.webhook_secret.result", "random_bytes.tunnel_secret.base64",
           "nomad_acl_token.runhook.secret_id",
           "cloudflare_zero_trust_access_service_token.runhook.client_secret"}


class Module:
    def __init__(self):
        files = hcl.read(*FILES)
        assert [error for file in files.values() for error in file.errors] == []
        self.blocks = [block for file in files.values() for block in file.root.blocks]
        self.variables = {block.labels[0]: block for block in self.all("variable")}
        self.outputs = {block.labels[0]: block for block in self.all("output")}
        self.resources = {".".join(block.labels): block for block in self.all("resource")}
        self.locals = {name: attribute for block in self.all("locals")
                       for name, attribute in block.attributes.items()}

    def all(self, kind):
        return [block for block in self.blocks if block.type == kind]

    def attributes(self):
        """(where, attribute) of everything but the types of variables."""
        for top in self.blocks:
            for block in top.walk():
                for name, attribute in block.attributes.items():
                    if not (block.type == "variable" and name == "type"):
                        yield f"{top.type} {' '.join(top.labels)} {name}", attribute


@pytest.fixture(scope="module")
def module():
    return Module()


def test_every_reference_is_of_something_that_there_is(module):
    for where, attribute in module.attributes():
        for reference in attribute["references"]:
            root, *rest = reference.split(".")
            if root == "var":
                assert rest[0] in module.variables, f"{where}: {reference}"
            elif root == "local":
                assert rest[0] in module.locals, f"{where}: {reference}"
            elif root == "path":
                assert rest == ["module"], f"{where}: {reference}"
            elif root == "each":
                assert rest in (["key"], ["value"]), f"{where}: {reference}"
            else:
                assert f"{root}.{rest[0]}" in module.resources, f"{where}: {reference}"
                needed, taken, given = RESOURCES[root]
                assert not rest[1:] or rest[1] in needed | taken | given, f"{where}: {reference}"


def test_nothing_is_declared_in_vain(module):
    used = {".".join(reference.split(".")[:2]) for _, attribute in module.attributes()
            for reference in attribute["references"]}
    declared = {f"var.{name}" for name in module.variables} | {
        f"local.{name}" for name in module.locals}
    assert declared - used == set()


def test_every_resource_has_what_its_provider_asks_for(module):
    for name, block in module.resources.items():
        needed, taken, _ = RESOURCES[block.labels[0]]
        has = set(block.attributes) | {child.type for child in block.blocks}
        assert needed - has == set(), name
        assert has - needed - taken - META - {"lifecycle"} == set(), name
        for child in block.walk():
            if child is not block:
                assert set(child.attributes) <= NESTED[child.type], (name, child.type)


def test_providers_are_pinned_and_used(module):
    (terraform,) = module.all("terraform")
    providers = terraform.only("required_providers").values
    assert {kind.partition("_")[0] for kind in RESOURCES} == set(providers)
    assert {block.labels[0].partition("_")[0] for block in module.all("resource")} == set(providers)
    for name, provider in providers.items():
        assert re.fullmatch(r"~> \d+\.\d+", provider["version"]), name


def test_variables_and_outputs_say_what_they_are(module):
    for block in [*module.variables.values(), *module.outputs.values()]:
        assert block["description"], block.labels
    for block in module.variables.values():
        assert "type" in block.attributes, block.labels


def test_no_value_is_wrapped_for_nothing(module):
    """Which terraform fmt would mend."""
    assert [where for where, attribute in module.attributes() if attribute["wrapped"]] == []


def tainted(module):
    """The locals through which a secret goes."""
    known = set()
    while True:
        more = {f"local.{name}" for name, attribute in module.locals.items()
                if set(attribute["references"]) & (SECRETS | known)}
        if more <= known:
            return known
        known |= more


def test_outputs_with_secrets_are_sensitive(module):
    secret = SECRETS | tainted(module)
    for name, block in module.outputs.items():
        holds = bool(set(block.attributes["value"]["references"]) & secret)
        assert bool(block.get("sensitive", False)) == holds, name
    assert "local.runhook_conf" not in secret


def test_secrets_go_where_they_have_to_and_nowhere_else(module):
    secret = SECRETS | tainted(module)
    goes = {where for where, attribute in module.attributes()
            if set(attribute["references"]) & secret}
    assert goes == {
        "locals  secret_files", "output secret_files value",
        "resource github_repository_webhook runhook secret",
        "resource github_organization_webhook runhook secret",
        "resource cloudflare_zero_trust_tunnel_cloudflared runhook tunnel_secret",
        "resource nomad_variable cloudflared items"}


def test_webhooks_are_as_runhook_needs_them(module):
    for kind in ("repository", "organization"):
        block = module.resources[f"github_{kind}_webhook.runhook"]
        assert (block["events"], block["active"]) == (["workflow_job"], True)
        configuration = block.only("configuration")
        assert (configuration["content_type"], configuration["insecure_ssl"]) == ("json", False)


def test_access_lets_the_service_token_pass_and_nobody_else(module):
    policy = module.resources["cloudflare_zero_trust_access_policy.runhook"]
    assert policy["decision"] == "non_identity"
    assert policy.attributes["include"]["references"] == [
        "cloudflare_zero_trust_access_service_token.runhook.id"]
    application = module.resources["cloudflare_zero_trust_access_application.nomad"]
    assert application.attributes["domain"]["references"] == ["var.nomad_hostname"]
    assert application.attributes["policies"]["references"] == [
        "cloudflare_zero_trust_access_policy.runhook.id"]
    record = module.resources["cloudflare_dns_record.tunnel"]
    assert "cloudflare_zero_trust_access_application.nomad" in (
        record.attributes["depends_on"]["references"])


# -- what it renders ------------------------------------------------------------------------------

GIVEN = {
    "random_password": {"webhook_secret": {"result": "webhook-secret-of-terraform"}},
    "nomad_acl_token": {"runhook": [{"secret_id": "nomad-token-of-terraform"}]},
    "cloudflare_zero_trust_access_service_token": {"runhook": [
        {"client_id": "client-id-of-terraform", "client_secret": "client-secret-of-terraform"}]},
    "cloudflare_zero_trust_access_application": {"nomad": [{"aud": "a" * 64}]},
    "cloudflare_zero_trust_tunnel_cloudflared": {"runhook": {"id": "a-tunnel"}},
    "random_bytes": {"tunnel_secret": {"base64": "dHVubmVsLXNlY3JldA=="}},
}
HOME = {"receiver": "home", "hooks_hostname": "ci.example.net", "cloudflare_account_id": "an-account",
        "cloudflare_zone_id": "a-zone", "github_owner": "octo-harbor"}
RENTED = {**HOME, "receiver": "rented", "nomad_hostname": "nomad.example.net",
          "access_team": "harbor"}


def planned(folder, variables):
    """The module's blocks with these variables, its locals first."""
    files = hcl.read(*FILES, context={**GIVEN, "var": variables, "path": {"module": str(MODULE)}},
                     folder=folder)
    blocks = [block for file in files.values() for block in file.root.blocks]
    local = {name: value for block in blocks if block.type == "locals"
             for name, value in block.values.items()}
    return blocks, local


@pytest.mark.parametrize("variables", [
    HOME,
    {**HOME, "github_repositories": ["lighthouse", "pier.one"], "nomad_acl": False},
    {**HOME, "labels": ["self-hosted", "arm64"], "max_runners": 2, "nomad_namespace": "ci",
     "nomad_address": "https://nomad.service.consul:4646"},
    RENTED,
    {**RENTED, "github_repositories": ["lighthouse"]},
], ids=["home", "home-without-acl", "home-changed", "rented", "rented-repositories"])
def test_runhook_accepts_the_configuration(site, tmp_path, variables):
    folder = site.directory / "secrets"
    blocks, local = planned(tmp_path, {**variables, "secrets_folder": str(folder)})
    for name, value in {**local["secret_files"], "github-token": "github-token-by-hand"}.items():
        site.secret_file(name, value)
        assert value not in local["runhook_conf"]
    named = set(re.findall(rf"_file = {folder}/(\S+)", local["runhook_conf"]))
    assert named == {*local["secret_files"], "github-token"}
    site.write_config(local["runhook_conf"])
    done = site.run("check", env={"RUNHOOK_LEDGER": site.ledger_path})
    assert done.code == 0, done
    own = {"home": "http://127.0.0.1:4646", "rented": "https://nomad.example.net"}
    address = variables.get("nomad_address", own[variables["receiver"]])
    assert f"Nomad    {address}" in done.stdout
    for label in variables.get("labels", ["self-hosted", "linux", "x64"]):
        assert label in done.stdout


def test_the_tunnel_s_rules_are_those_of_the_examples(tmp_path):
    _, local = planned(tmp_path, HOME)
    ours = yaml.safe_load(local["rules"])
    shipped = yaml.safe_load((EXAMPLES / "cloudflared/config.yml").read_text())
    shipped["ingress"][0]["hostname"] = "ci.example.net"
    assert ours == shipped
    assert local["webhook_url"] == "https://ci.example.net/github/webhook"

    _, local = planned(tmp_path, RENTED)
    ours = yaml.safe_load(local["rules"])
    shipped = yaml.safe_load((EXAMPLES / "rented-machine/config.yml").read_text())
    for rule in shipped["ingress"][:-1]:
        rule["hostname"] = "nomad.example.net"
        rule["originRequest"]["access"].update(teamName="harbor", audTag=["a" * 64])
    assert ours == shipped
    assert "example.org" not in "".join(line for line in local["rules"].splitlines(True)
                                        if not line.lstrip().startswith("#"))


@pytest.mark.parametrize("variables", [HOME, RENTED], ids=["home", "rented"])
def test_the_jobs_take_the_variables_that_they_are_given(tmp_path, variables):
    blocks, _ = planned(tmp_path, variables)
    jobs = [block for block in blocks if block.type == "resource" and block.labels[0] == "nomad_job"]
    assert len(jobs) == 2
    for block in jobs:
        given = block.only("hcl2")["vars"]
        path = tmp_path / f"{block.labels[1]}.nomad.hcl"
        path.write_text(block["jobspec"])
        declared = {one.labels[0]: one for one in hcl.read(path, nomad=True)[path].root.all("variable")}
        assert set(given) <= set(declared)
        assert {name for name, one in declared.items() if "default" not in one.attributes} <= set(given)
        job = hcl.read_job(path, tmp_path, **given)
        unknown = [(one.type, name, attribute["unknown"]) for one in job.walk()
                   for name, attribute in one.attributes.items() if "unknown" in attribute]
        assert unknown == []


def test_the_tunnel_s_credentials_are_what_cloudflared_reads(tmp_path):
    blocks, _ = planned(tmp_path, HOME)
    (variable,) = [block for block in blocks if block.labels[:1] == ["nomad_variable"]]
    assert variable["path"] == "nomad/jobs/cloudflared"
    assert json.loads(variable["items"]["credentials"]) == {
        "AccountTag": "an-account", "TunnelID": "a-tunnel", "TunnelSecret": "dHVubmVsLXNlY3JldA=="}


def test_the_policy_is_for_the_namespace(tmp_path):
    blocks, _ = planned(tmp_path, {**HOME, "nomad_namespace": "ci"})
    (policy,) = [block for block in blocks if block.labels[:1] == ["nomad_acl_policy"]]
    path = tmp_path / "policy.hcl"
    path.write_text(policy["rules_hcl"])
    (namespace,) = hcl.read(path)[path].root.all("namespace")
    assert namespace.labels == ["ci"]
    assert len(namespace["capabilities"]) == 4


def console(folder, expression, *options):
    done = subprocess.run([TERRAFORM, "console", *options], cwd=folder, capture_output=True, text=True,
                          input=f"jsonencode({expression})\n")
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def without_providers(tmp_path):
    """The module's variables and locals, its resources replaced by values: what the real Terraform
    can be asked about while it has no providers."""
    if not TERRAFORM:
        pytest.skip("no terraform on the PATH")
    copy = tmp_path / "examples"
    for name in ("cloudflared", "rented-machine", "terraform"):
        shutil.copytree(EXAMPLES / name, copy / name)
    folder = copy / "terraform"
    text = "".join(path.read_text() for path in FILES)
    parts = re.findall(r"^(?:locals|variable \"\w+\") \{\n.*?^\}\n", text, re.DOTALL | re.MULTILINE)
    for path in FILES:
        (folder / path.name).unlink()
    kinds = "|".join(GIVEN)
    parts = [re.sub(rf"(?<![\w.])({kinds})\.", r"local.given.\1.", part) for part in parts]
    given = 'locals {\n  given = jsondecode(file("given.json"))\n}\n'
    (folder / "given.json").write_text(json.dumps(GIVEN))
    (folder / "main.tf").write_text("\n".join([*parts, given]))
    return folder


@pytest.mark.parametrize("variables", [
    {**HOME, "nomad_acl": False, "github_repositories": ["lighthouse", "pier"]}, RENTED],
    ids=["home", "rented"])
def test_terraform_evaluates_the_same(without_providers, tmp_path, variables):
    (without_providers / "terraform.tfvars.json").write_text(json.dumps(variables))
    names = ("runhook_conf", "rules", "secret_files", "webhook_url", "tunnel_hostname")
    expression = "{" + ", ".join(f"{name} = local.{name}" for name in names) + "}"
    code, stdout, stderr = console(without_providers, expression)
    assert code == 0, stderr
    _, ours = planned(tmp_path, variables)
    assert json.loads(json.loads(stdout)) == {name: ours[name] for name in names}


def test_terraform_refuses_another_receiver(without_providers):
    variables = {**HOME, "receiver": "cellar"}
    (without_providers / "terraform.tfvars.json").write_text(json.dumps(variables))
    _, stdout, stderr = console(without_providers, "var.receiver")
    assert 'The receiver is at "home" or "rented"' in stdout + stderr


def test_the_readme_s_module_block_takes_variables_that_there_are(module, tmp_path):
    blocks = [textwrap.dedent(text) for text in re.findall(
        r"^ *```hcl\n(.*?)^ *```", (MODULE / "README.md").read_text(), re.DOTALL | re.MULTILINE)]
    assert len(blocks) >= 2
    for number, text in enumerate(blocks):
        path = tmp_path / f"readme-{number}.tf"
        path.write_text(text)
        file = hcl.read(path)[path]
        assert file.errors == []
        assert file.formatted == text
        for block in file.root.all("module"):
            given = set(block.attributes) - {"source"}
            assert given <= set(module.variables)
            needed = {name for name, one in module.variables.items()
                      if "default" not in one.attributes}
            assert needed <= given


def test_the_readme_names_every_variable_and_output(module):
    text = (MODULE / "README.md").read_text()
    for name in [*module.variables, *module.outputs]:
        assert f"| `{name}` |" in text, name
