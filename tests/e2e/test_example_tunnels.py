"""What the examples let in and out: the tunnels' ingress rules, the web servers behind them, and the
ACL policies, held against what the program really asks."""

import contextlib
import os
import re
import socket
import sys
from pathlib import Path

import pytest
import yaml

from standins import ParameterizedJob, task_group
from standins.nomad import AclToken

from .support import hcl
from .support.clock import DrivenClock
from .support.deliveries import ping, workflow_job
from .support.fronts import LAUNCHER, LighttpdFastCgi, Nginx, replaced
from .support.http_client import HttpClient
from .support.site import CF_ACCESS_ID, CF_ACCESS_SECRET, META_KEYS, NOMAD_JOB, NOMAD_TOKEN
from .support.traffic import TIMES, Traffic
from .support.waiting import wait_until

PROJECT = Path(__file__).resolve().parents[2]
EXAMPLES = PROJECT / "examples"
HOOKS = EXAMPLES / "cloudflared/config.yml"
NOMAD_API = EXAMPLES / "rented-machine/config.yml"
CHILD = "github-runner/dispatch-1795463936-e98cf8cd"


class Rules:
    """cloudflared's ingress rules, matched as it does (ingress/rule.go): from the top, the host by its
    name, and the pattern anywhere in the decoded path."""

    def __init__(self, path):
        self.rules = yaml.safe_load(path.read_text())["ingress"]

    @staticmethod
    def pattern(text):
        """Python's, of what Go's RE2 understands alike; `$` is the very end in Go."""
        assert re.fullmatch(r"\^[\w/()|?+*.\[\]-]+\$", text), f"{text} may mean two things"
        return re.compile(text[:-1] + r"\Z")

    def match(self, host, path):
        for rule in self.rules:
            named = rule.get("hostname")
            if named is not None and named != host:
                continue
            if "path" not in rule or self.pattern(rule["path"]).search(path):
                return rule
        raise AssertionError("no rule takes it: cloudflared refuses such a file")

    def service(self, host, path):
        return self.match(host, path)["service"]


@pytest.mark.parametrize("path", [HOOKS, NOMAD_API], ids=lambda path: path.parent.name)
def test_rules_end_with_one_that_takes_all(path):
    rules = Rules(path).rules
    assert rules[-1] == {"service": "http_status:404"}
    for rule in rules[:-1]:
        assert set(rule) == {"hostname", "path", "service", "originRequest"}
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", rule["service"])


@pytest.mark.parametrize("path, reached", [
    ("/github/webhook", True),
    ("/github/webhook/", False),
    ("/github/webhook/status", False),
    ("/github/webhook/metrics", False),
    ("/github/webhook/healthz", False),
    ("/github/webhook\n", False),
    ("/github/webhook/../webhook", False),
    ("//github/webhook", False),
    ("/x/github/webhook", False),
    ("/github/webhookx", False),
    ("/GitHub/webhook", False),
    ("/healthz", False),
    ("/", False),
    ("", False),
])
def test_the_tunnel_leads_to_the_webhook_alone(path, reached):
    rules = Rules(HOOKS)
    expected = "http://127.0.0.1:8088" if reached else "http_status:404"
    assert rules.service("hooks.example.org", path) == expected
    assert rules.service("other.example.org", path) == "http_status:404"


def test_the_services_are_those_that_the_web_servers_listen_on():
    hooks = Rules(HOOKS).service("hooks.example.org", "/github/webhook").removeprefix("http://")
    assert f"listen {hooks};" in (EXAMPLES / "cloudflared/nginx.conf").read_text()
    host, port = hooks.split(":")
    lighttpd = (EXAMPLES / "cloudflared/lighttpd.conf").read_text()
    assert f'server.bind = "{host}"' in lighttpd and f"server.port = {port}" in lighttpd
    job = hcl.read(EXAMPLES / "nomad/runhook.nomad.hcl", nomad=True)
    (file,) = job.values()
    assert str(file.root.only("variable", "port")["default"]) == port
    nomad = Rules(NOMAD_API).service("nomad.example.org", "/v1/jobs").removeprefix("http://")
    assert f"listen {nomad};" in (EXAMPLES / "rented-machine/nomad-api.conf").read_text()


@pytest.mark.parametrize("path, reached", [
    (f"/v1/job/{NOMAD_JOB}/dispatch-check-c208dc41368c6b1d", True),
    ("/v1/jobs", True),
    ("/v1/job/github-runner", True),
    ("/v1/job/github-runner/dispatch", True),
    (f"/v1/job/{CHILD}", True),
    (f"/v1/job/{CHILD}/allocations", True),
    (f"/v1/job/{CHILD}/evaluations", True),
    ("/v1/status/leader", True),
    ("/v1/agent/self", True),
    ("/v1/acl/token/self", True),
    ("/v1/job/other/dispatch", False),
    ("/v1/job/github-runner-large", False),
    ("/v1/job/github-runner/plan", False),
    ("/v1/job/github-runner/scale", False),
    ("/v1/job/github-runner/allocations", False),
    (f"/v1/job/{CHILD}/deployments", False),
    (f"/v1/job/{CHILD}/allocations/x", False),
    ("/v1/jobs/parse", False),
    ("/v1/vars", False),
    ("/v1/var/nomad/jobs/cloudflared", False),
    ("/v1/acl/tokens", False),
    ("/v1/acl/bootstrap", False),
    ("/v1/nodes", False),
    ("/v1/client/allocation/x/exec", False),
    ("/v1/client/fs/logs/x", False),
    ("/v1/agent/pprof/profile", False),
    ("/v1/operator/raft/configuration", False),
    ("/ui/", False),
    ("/", False),
])
def test_the_tunnel_leads_to_what_runhook_asks_of_nomad_alone(path, reached):
    rule = Rules(NOMAD_API).match("nomad.example.org", path)
    assert (rule["service"] == "http://127.0.0.1:4680") == reached
    assert reached or rule["service"] == "http_status:404"


def test_every_rule_to_nomad_asks_for_access():
    """cloudflared ignores `access` in an originRequest at the top."""
    for rule in Rules(NOMAD_API).rules[:-1]:
        access = rule["originRequest"]["access"]
        assert access["required"] is True and access["teamName"] and access["audTag"]


# -- the web servers behind the tunnels -----------------------------------------------------------


class TunnelNginx(Nginx):
    """The shipped server block, with the shipped snippet in it."""

    def servers(self, folder):
        return replaced((EXAMPLES / "cloudflared/nginx.conf").read_text(), **{
            "127.0.0.1:8088": self.address,
            "/var/log/nginx": self.site.directory,
            "/etc/nginx/snippets": folder,
        })


class TunnelLighttpd(LighttpdFastCgi):
    def web_config(self):
        lines = (EXAMPLES / "cloudflared/lighttpd.conf").read_text().splitlines(keepends=True)
        # Where it listens is this site's own.
        ours = [line for line in lines
                if not line.startswith(("#", "server.bind", "server.port"))]
        return super().web_config() + "".join(ours)


@pytest.mark.parametrize("kind", [TunnelNginx, TunnelLighttpd])
def test_the_client_s_address_comes_through_the_tunnel(site, kind):
    site.front = front = kind(site)
    front.start()
    delivery = workflow_job()
    assert front.post(delivery, CF_Connecting_IP="140.82.115.1").status == 202
    assert site.wait_for_event(event="delivery", job=delivery.id)["from"] == "140.82.115.1"
    for stranger in ("203.0.113.9", "2001:db8::1"):
        answer = front.get("/github/webhook/healthz", headers={"CF-Connecting-IP": stranger})
        assert answer.status == 403, stranger
    assert front.get("/github/webhook/healthz").status == 200
    assert front.post(ping(), CF_Connecting_IP="2001:db8::1").status == 200


CLOUDFLARED_KEEPS_S = 90  # keepAliveTimeout


@pytest.mark.parametrize("path, key", [
    ("examples/cloudflared/nginx.conf", "keepalive_timeout "),
    ("examples/cloudflared/lighttpd.conf", "server.max-keep-alive-idle = "),
    ("examples/nomad/runhook.nomad.hcl", "keepalive_timeout "),
    ("nginx/server-behind-proxy.conf", "keepalive_timeout "),
    ("examples/lighttpd/behind-proxy.conf", "server.max-keep-alive-idle = "),
])
def test_cloudflared_is_the_one_to_close_a_connection(path, key):
    """The web server would do it at the worst as a delivery is sent, which is then lost."""
    (kept_s,) = re.findall(rf"^ *{re.escape(key)}(\d+)s?;?$", (PROJECT / path).read_text(), re.M)
    assert int(kept_s) > CLOUDFLARED_KEEPS_S


# -- Nomad behind the tunnel ----------------------------------------------------------------------


class NomadGate:
    """nginx with nomad-api.conf, in front of the site's Nomad."""

    def __init__(self, site):
        self.site = site
        with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
            self.address = "127.0.0.1:%d" % listener.getsockname()[1]
            self.url = f"http://{self.address}"
            config = site.directory / "nomad-api.conf"
            config.write_text(self.text())
            listener.set_inheritable(True)
            self.process = site.start(
                [sys.executable, "-c", LAUNCHER, listener.fileno(), "nginx", "-p", site.directory,
                 "-c", config, "-e", site.directory / "nginx-error.log"],
                "nginx", pass_fds=[listener.fileno()])
        self.client = HttpClient(self.address)
        wait_until(self.is_ready, "nginx answers")

    def is_ready(self):
        assert self.process.is_running, self.process.output
        with contextlib.suppress(OSError):
            return self.client.request("GET", "/").status == 403

    def text(self):
        server = replaced((EXAMPLES / "rented-machine/nomad-api.conf").read_text(), **{
            "127.0.0.1:4680": self.address,
            "http://127.0.0.1:4646": self.site.nomad.url,
            "/var/log/nginx": self.site.directory,
        })
        user = "user root;" if os.geteuid() == 0 else ""
        temporary = "\n".join(f"{kind}_temp_path {self.site.directory}/{kind};" for kind in
                              ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        return (f"{user}\ndaemon off;\nworker_processes 1;\npid {self.site.directory}/nginx.pid;\n"
                f"events {{ worker_connections 64; }}\nhttp {{\n{temporary}\n{server}\n}}\n")


def capabilities_of(path):
    file = hcl.read(path)[path]
    return set(file.root.only("namespace", "default")["capabilities"])


POLICY = EXAMPLES / "nomad/acl-policy.hcl"


@pytest.fixture
def rented(make_site, tmp_path):
    """As on the rented machine, with the policy that the example gives its token."""
    clock = DrivenClock(tmp_path)
    job = ParameterizedJob(NOMAD_JOB, payload="required", meta_required=META_KEYS,
                           groups=[task_group()])
    site = make_site(github={"clock": clock.now}, nomad={
        "clock": clock.now, "jobs": [job],
        "tokens": [AclToken(NOMAD_TOKEN, capabilities_of(POLICY))]})
    site.configure("audit", **TIMES)
    site.configure("nomad", address=NomadGate(site).url,
                   cf_access_client_id_file=site.secret_file("cf-id", CF_ACCESS_ID),
                   cf_access_client_secret_file=site.secret_file("cf-secret", CF_ACCESS_SECRET))
    return Traffic(site, clock)


def shape(request):
    path = re.sub(r"dispatch-(\d+|check)-[0-9a-f]+", "CHILD", "/" + "/".join(request.segments))
    return f"{request.method} {path}"


def play(traffic):
    """A runner that finds no room and is not needed any more, one that runs its job, and a look at
    everything: all that is ever asked of Nomad."""
    traffic.serve()
    traffic.nomad.placement = "never"
    unplaced = traffic.queue()
    child = traffic.dispatched(unplaced)
    traffic.pass_time(31)
    traffic.cancel(unplaced)
    traffic.pass_time_until_gone(child, step_s=2)
    traffic.nomad.placement = "at once"
    job = traffic.queue()
    child = traffic.dispatched(job)
    registration = traffic.register(child)
    traffic.begin(job, registration)
    traffic.complete(job)
    traffic.leave(child, registration)
    traffic.pass_time_until_gone(child)
    traffic.check()
    return traffic.site.run("check", "--online", env=traffic.clock.env)


def test_all_that_runhook_asks_gets_through(rented):
    done = play(rented)
    assert done.code == 0, done
    requests = rented.nomad.requests
    assert {shape(request) for request in requests} == ASKED
    # runhook's policy has no agent:read: without it `check --online` knows a little less.
    assert {shape(request) for request in requests if request.response.status == 403} == {
        "GET /v1/agent/self"}
    rules = Rules(NOMAD_API)
    for request in requests:
        path = "/" + "/".join(request.segments)
        assert rules.service("nomad.example.org", path) == "http://127.0.0.1:4680", path
        assert not [name for name in request.headers.names() if name.startswith("cf-")]


ASKED = {
    "POST /v1/job/github-runner/dispatch",
    "GET /v1/job/github-runner/CHILD",
    "GET /v1/job/github-runner/CHILD/allocations",
    "GET /v1/job/github-runner/CHILD/evaluations",
    "DELETE /v1/job/github-runner/CHILD",
    "GET /v1/jobs",
    "GET /v1/job/github-runner",
    "GET /v1/status/leader",
    "GET /v1/agent/self",
    "GET /v1/acl/token/self",
}


STRANGE = [
    ("POST", "/v1/jobs"),
    ("PUT", "/v1/jobs"),
    ("POST", "/v1/job/github-runner"),
    ("DELETE", "/v1/job/github-runner"),
    ("POST", "/v1/job/github-runner%2Fdispatch-1795463936-e98cf8cd"),
    ("POST", "/v1/job/github-runner%2Fdispatch-1795463936-e98cf8cd/dispatch"),
    ("GET", "/v1/job/github-runner/dispatch"),
    ("POST", "/v1/job/github-runner/plan"),
    ("POST", "/v1/job/other/dispatch"),
    ("POST", "/v1/job/..%2Fjob%2Fother/dispatch"),
    ("POST", "/v1/job/github-runner/dispatch/../../other/dispatch"),
    ("POST", "/v1//jobs"),
    # Each would register a job: Nomad takes what follows /v1/job/ for its name, as it was sent.
    ("POST", "/v1/job/github-runner/dispatch#"),
    ("POST", "/v1/job/github-runner/dispatch%0A"),
    ("POST", "/v1/job/github-runner/dispatch#/../../../jobs"),
    ("POST", "/v1/x/..%2Fjob/github-runner/dispatch"),
    ("DELETE", "/v1/job/github-runner%2Fdispatch-1795463936-e98cf8cd%0A"),
    ("GET", "/v1/vars/../jobs"),
    ("GET", "/v1/vars"),
    ("POST", "/v1/acl/bootstrap"),
    ("DELETE", "/v1/acl/token/self"),
    ("GET", "/v1/client/allocation/x/exec"),
    ("PUT", "/v1/system/gc"),
    ("GET", "/"),
]


def test_nothing_else_gets_to_nomad(site):
    gate = NomadGate(site)
    for method, path in STRANGE:
        body = b"{}" if method in ("POST", "PUT") else None
        assert gate.client.request(method, path, body).status == 403, (method, path)
    assert site.nomad.requests == []


# -- policies -------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["dispatch-job", "read-job", "list-jobs", "submit-job"])
def test_runhook_s_policy_gives_nothing_that_is_not_needed(rented, missing):
    token = rented.nomad.tokens[NOMAD_TOKEN]
    assert missing in token.capabilities
    rented.nomad.tokens[NOMAD_TOKEN] = AclToken(NOMAD_TOKEN, token.capabilities - {missing})
    done = rented.site.run("check", "--online", env=rented.clock.env)
    assert re.search(rf"^(warning|error) .*\[nomad\] token: .*{missing}", done.stdout, re.M), done


def job_files():
    return sorted(EXAMPLES.glob("*/*.nomad.hcl"))


def test_the_deployer_may_mount_what_the_jobs_mount(tmp_path):
    path = EXAMPLES / "nomad/acl-policy-deployer.hcl"
    policy = hcl.read(path)[path].root
    allowed = {block.labels[0]: block["capabilities"] for block in policy.all("host_volume")}
    mounted = {}
    for file in job_files():
        for block in hcl.read_job(file, tmp_path, tunnel="a-tunnel").walk():
            if block.type == "volume":
                mounted[block["source"]] = [
                    "mount-readonly" if block["read_only"] else "mount-readwrite"]
    assert allowed == mounted


def test_the_deployer_may_write_what_the_jobs_read(tmp_path):
    path = EXAMPLES / "nomad/acl-policy-deployer.hcl"
    variables = hcl.read(path)[path].root.only("namespace", "default").only("variables")
    allowed = {block.labels[0] for block in variables.all("path")}
    read = set()
    for file in job_files():
        job = hcl.read_job(file, tmp_path, tunnel="a-tunnel")
        for block in job.walk():
            if block.type == "template":
                found = set(re.findall(r'nomadVar "([^"]+)"', block["data"]))
                # Else the job would need a policy of its own for it.
                assert found <= {f"nomad/jobs/{job.labels[0]}"}
                read |= found
    assert allowed == read


# -- the rented machine's configuration -----------------------------------------------------------


def test_runhook_check_accepts_the_configuration(site):
    folder = site.directory / "secrets"
    for name in ("webhook-secret", "github-token", "nomad-token", "cf-access-client-id",
                 "cf-access-client-secret"):
        site.secret_file(name, f"{name}-of-this-test")
    text = (EXAMPLES / "rented-machine/runhook.conf").read_text()
    site.write_config(replaced(text, **{"/etc/runhook": folder}))
    done = site.run("check", env={"RUNHOOK_LEDGER": site.ledger_path})
    assert done.code == 0, done
    assert "https://nomad.example.org" in done.stdout
