"""The example jobs for Nomad say what they have to say, and the receiver's job works: its two programs
are started as Nomad would start them, from the commands, templates and secrets in the file."""

import contextlib
import grp
import hashlib
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from standins import Nomad, ParameterizedJob
from standins.nomad import AclToken

from .support import hcl
from .support.allocation import Allocation, portable
from .support.deliveries import WEBHOOK_SECRET, ping, workflow_job
from .support.http_client import HttpClient
from .support.site import GITHUB_TOKEN, META_KEYS, NOMAD_JOB
from .support.waiting import wait_until

PROJECT = Path(__file__).resolve().parents[2]
EXAMPLES = PROJECT / "examples"
RECEIVER = EXAMPLES / "nomad/runhook.nomad.hcl"
TUNNEL = EXAMPLES / "cloudflared/cloudflared.nomad.hcl"
RUNNERS = [EXAMPLES / "nomad/github-runner.nomad.hcl",
           EXAMPLES / "nomad/github-runner-exec.nomad.hcl"]
IDENTITY = "identity-3f9c1d7720a54b61"
RENEWED_SECRET = "webhook-secret-renewed-51c7"
RIGHTS = {"dispatch-job", "read-job", "list-jobs", "submit-job"}


def resources_of(job):
    return [block for block in job.walk() if block.type == "resources"]


@pytest.mark.parametrize("path", RUNNERS, ids=lambda path: path.name)
class TestRunnerJob:
    def test_takes_what_runhook_dispatches(self, path, tmp_path):
        job = hcl.read_job(path, tmp_path)
        parameterized = job.only("parameterized")
        assert job["type"] == "batch"
        assert parameterized["payload"] == "required"
        assert sorted(parameterized["meta_required"]) == sorted(META_KEYS)
        keys = (PROJECT / "cgi/config/values.c").read_text()
        missing = [key for key in parameterized["meta_optional"] if f'"{key}"' not in keys]
        assert missing == []

    def test_is_never_started_twice(self, path, tmp_path):
        (group,) = hcl.read_job(path, tmp_path).all("group")
        assert group.only("restart").values == {"attempts": 0, "mode": "fail"}
        assert group.only("reschedule").values == {"attempts": 0, "unlimited": False}
        assert group.only("disconnect").values == {"replace": False}
        assert group.get("count", 1) == 1

    def test_both_tasks_run_the_script_on_the_payload(self, path, tmp_path):
        (group,) = hcl.read_job(path, tmp_path).all("group")
        script = (EXAMPLES / "nomad/run-runner.sh").read_text()
        for name, verb in (("runner", "run"), ("remove", "remove")):
            task = group.only("task", name)
            template = task.only("template")
            assert task.only("config")["args"] == ["${NOMAD_TASK_DIR}/run-runner.sh", verb]
            assert task.only("dispatch_payload")["file"] == "payload.json"
            assert (template["destination"], template["perms"]) == ("local/run-runner.sh", "755")
            assert hcl.render_template(template, {}) == script
        assert group.only("task", "remove").only("lifecycle")["hook"] == "poststop"
        assert group.only("task", "runner").all("lifecycle") == []

    def test_the_runner_may_end_its_job_when_it_is_stopped(self, path, tmp_path):
        (group,) = hcl.read_job(path, tmp_path).all("group")
        runner = group.only("task", "runner")
        assert (runner["kill_signal"], runner["kill_timeout"]) == ("SIGTERM", "5m")

    def test_the_script_may_be_elsewhere(self, path, tmp_path):
        """As for Terraform, which does not read it from the folder of the job file."""
        other = tmp_path / "other.sh"
        other.write_text("#!/bin/bash\n")
        job = hcl.read_job(path, tmp_path, script=str(other))
        (group,) = job.all("group")
        assert group.only("task", "runner").only("template")["data"] == "#!/bin/bash\n"


def test_exec_runners_mount_the_folder_that_they_copy(tmp_path):
    path = EXAMPLES / "nomad/github-runner-exec.nomad.hcl"
    (group,) = hcl.read_job(path, tmp_path).all("group")
    assert group.only("volume", "actions-runner")["source"] == "actions-runner"
    for task in group.all("task"):
        mount = task.only("volume_mount")
        assert mount["destination"] == task.only("env")["RUNNER_SOURCE"]
        assert mount["read_only"] is True
    (group,) = hcl.read_job(path, tmp_path, driver="raw_exec").all("group")
    assert group.all("volume") == []
    assert {task["driver"] for task in group.all("task")} == {"raw_exec"}


def test_the_runner_runs_as_nomad_would_run_it(site, tmp_path):
    """The two tasks of the raw_exec variant, with a stand-in for the runner: registered, one job, and
    nothing to remove."""
    source = tmp_path / "actions-runner"
    shutil.copytree(PROJECT / "tests/standins/actions-runner", source)
    user = pwd.getpwuid(os.geteuid()).pw_name
    job = hcl.read_job(EXAMPLES / "nomad/github-runner-exec.nomad.hcl", tmp_path, driver="raw_exec",
                       user=user, runner=str(source))
    github, record = tmp_path / "github", tmp_path / "record"
    github.mkdir()
    token = "credential-5f0d2c77"
    payload = json.dumps({"url": "https://github.com/octo-harbor/lighthouse", "token": token,
                          "runner_name": "runhook-1", "labels": ["self-hosted", "linux"]})
    allocation = Allocation(site, job, environment={
        "STANDIN_RECORD": str(record), "GITHUB_STANDIN": str(github),
        "GITHUB_STANDIN_TOKEN_SHA256": hashlib.sha256(token.encode()).hexdigest()})
    for name in ("runner", "remove"):
        task = allocation.tasks[name]
        allocation.write(task)
        allocation.give_payload(task, payload)
        process = allocation.start(task)
        assert process.wait() == 0, process.output
        assert sorted(path.name for path in (task.folder / "local").glob("*.*")) == ["run-runner.sh"]
    calls = [json.loads(line) for line in record.read_text().splitlines()]
    assert [call.get("event") for call in calls] == [None, "started", "step"]
    assert "--ephemeral" in calls[0]["arguments"]
    assert calls[-1]["found"] == ""
    assert list(github.iterdir()) == []


class TestTunnelJob:
    def test_opens_no_port_to_the_network(self, tmp_path):
        job = hcl.read_job(TUNNEL, tmp_path, tunnel="a-tunnel")
        (group,) = job.all("group")
        port = group.only("network").only("port")
        assert port.values == {}, "the port is reserved; where it is open says --metrics"
        config = group.only("task").only("config")
        assert "ports" not in config.values
        arguments = config["args"]
        assert arguments[arguments.index("--metrics") + 1] == (
            "127.0.0.1:${NOMAD_PORT_" + port.labels[0] + "}")

    def test_is_checked_through_its_metrics_port(self, tmp_path):
        (group,) = hcl.read_job(TUNNEL, tmp_path, tunnel="a-tunnel").all("group")
        service = group.only("service")
        assert (service["provider"], service["address"]) == ("nomad", "127.0.0.1")
        assert service["port"] == group.only("network").only("port").labels[0]
        assert (service.only("check")["type"], service.only("check")["path"]) == ("http", "/ready")
        assert group.only("restart")["mode"] == "delay"

    def test_its_image_is_pinned(self, tmp_path):
        (group,) = hcl.read_job(TUNNEL, tmp_path, tunnel="a-tunnel").all("group")
        name, _, tag = group.only("task").only("config")["image"].rpartition(":")
        assert name == "docker.io/cloudflare/cloudflared"
        assert tag and tag != "latest"

    def test_the_files_that_it_names_are_those_that_it_writes(self, tmp_path):
        (group,) = hcl.read_job(TUNNEL, tmp_path, tunnel="a-tunnel").all("group")
        task = group.only("task")
        arguments = task.only("config")["args"]
        credentials, rules = task.all("template")
        written = {option: arguments[arguments.index(option) + 1]
                   for option in ("--config", "--credentials-file")}
        assert written == {"--config": "${NOMAD_TASK_DIR}/config.yml",
                           "--credentials-file": "${NOMAD_SECRETS_DIR}/credentials.json"}
        assert rules["destination"] == "local/config.yml"
        assert credentials["destination"] == "secrets/credentials.json"
        assert credentials["perms"] == "0400"
        assert arguments[-1] == "a-tunnel"
        readable = {"nomad/jobs/cloudflared": {"credentials": '{"TunnelID":"a-tunnel"}'}}
        assert hcl.render_template(credentials, {}, variables=readable) == '{"TunnelID":"a-tunnel"}'
        assert (hcl.render_template(rules, {})
                == (EXAMPLES / "cloudflared/config.yml").read_text())

    def test_other_rules_by_file_and_by_text(self, tmp_path):
        for variables in ({"config": "../rented-machine/config.yml"},
                          {"config": "/nowhere", "rules": "ingress: []\n"}):
            job = hcl.read_job(TUNNEL, tmp_path, tunnel="a-tunnel", **variables)
            rules = job.only("group").only("task").all("template")[1]
            expected = variables.get("rules") or (EXAMPLES / "rented-machine/config.yml").read_text()
            assert hcl.render_template(rules, {}) == expected

    def test_can_be_kept_on_one_client(self, tmp_path):
        job = hcl.read_job(TUNNEL, tmp_path, tunnel="a-tunnel")
        assert job.all("constraint") == []
        job = hcl.read_job(TUNNEL, tmp_path, tunnel="a-tunnel", client="attic")
        assert job.only("constraint").values == {"attribute": "${node.unique.name}",
                                                 "value": "attic"}


class TestReceiverJob:
    @pytest.fixture
    def job(self, tmp_path):
        return hcl.read_job(RECEIVER, tmp_path)

    def test_is_one_and_comes_back(self, job):
        (group,) = job.all("group")
        assert (job["type"], group["count"]) == ("service", 1)
        assert group.only("restart")["mode"] == "delay"
        assert job.only("update")["auto_revert"] is True
        check = group.only("service").only("check")
        assert (check["type"], check["path"]) == ("http", "/github/webhook/healthz")

    def test_its_ledger_outlives_the_allocation(self, job, tmp_path):
        (group,) = job.all("group")
        volume = group.only("volume", "ledger")
        mount = group.only("task", "runhook").only("volume_mount")
        assert (volume["type"], volume["read_only"], mount["read_only"]) == ("host", False, False)
        assert mount["volume"] == "ledger"
        conf = hcl.render_template(group.only("task", "runhook").all("template")[0],
                                   {"NOMAD_ALLOC_DIR": "/alloc", "NOMAD_SECRETS_DIR": "/secrets"})
        assert f"ledger = {mount['destination']}/ledger.db" in conf
        assert group.all("ephemeral_disk") == []
        (group,) = hcl.read_job(RECEIVER, tmp_path, driver="raw_exec").all("group")
        assert [block for block in group.walk() if block.type.startswith("volume")] == []

    def test_every_task_has_a_user_and_bounds(self, job):
        for task in job.only("group").all("task"):
            assert task["user"] == "www-data"
            assert set(task.only("resources").values) == {"cpu", "memory"}

    def test_secrets_are_for_one_user_and_read_again(self, job):
        templates = job.only("group").only("task", "runhook").all("template")
        secrets = [block for block in templates if block["destination"].startswith("secrets/")]
        assert len(secrets) == 2
        for block in secrets:
            assert (block["perms"], block["uid"], block["gid"]) == ("0400", 33, 33)
        for block in templates:
            assert (block["change_mode"], block["change_signal"]) == ("signal", "SIGHUP")

    def test_debian_gives_the_user_that_number(self):
        if not Path("/etc/debian_version").exists():
            pytest.skip("no Debian")
        assert (pwd.getpwnam("www-data").pw_uid, grp.getgrnam("www-data").gr_gid) == (33, 33)

    def test_secrets_may_come_from_vault(self, tmp_path):
        kept = {"webhook_secret": "one", "webhook_secret_previous": "zero", "github_token": "two"}
        for source in ("nomad", "vault"):
            job = hcl.read_job(RECEIVER, tmp_path, secrets=source, previous=True)
            task = job.only("group").only("task", "runhook")
            written = {block["destination"]: hcl.render_template(
                block, {"NOMAD_ALLOC_DIR": "/alloc", "NOMAD_SECRETS_DIR": "/secrets"},
                variables={"nomad/jobs/runhook": kept} if source == "nomad" else {},
                secrets={"kv/data/runhook": kept} if source == "vault" else {})
                for block in task.all("template")}
            assert written.pop("local/runhook.conf").count("_file = /secrets/") == 4
            assert written == {"secrets/webhook-secret": "one", "secrets/github-token": "two",
                               "secrets/webhook-secret-previous": "zero"}
            assert len(task.all("vault")) == (1 if source == "vault" else 0)


class Receiver:
    """The receiver's job on a client: raw_exec, with a Nomad on the task's socket."""

    def __init__(self, site, folder):
        program, self.program_environment = portable(site.runhook, site.directory / "bin")
        ledger = site.directory / "ledger"
        ledger.mkdir()
        self.is_root = os.geteuid() == 0
        user = "www-data" if self.is_root else pwd.getpwuid(os.geteuid()).pw_name
        uid, gid = (33, 33) if self.is_root else (os.geteuid(), os.getegid())
        if self.is_root:
            os.chown(ledger, uid, gid)
        self.site = site
        self.job = hcl.read_job(RECEIVER, folder, driver="raw_exec", runhook=str(program), user=user,
                                uid=uid, gid=gid, ledger=str(ledger))
        self.kept = {"webhook_secret": WEBHOOK_SECRET, "github_token": GITHUB_TOKEN}
        site.secrets |= {IDENTITY, RENEWED_SECRET}
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        port = str(self.listener.getsockname()[1])
        self.allocation = Allocation(site, self.job, environment={"NOMAD_PORT_http": port},
                                     variables={"nomad/jobs/runhook": self.kept})
        self.runhook = self.allocation.tasks["runhook"]
        self.nginx = self.allocation.tasks["nginx"]
        self.allocation.give_identity(self.runhook, IDENTITY)
        self.socket = self.runhook.secrets / "api.sock"
        self.nomad = Nomad(tokens=[AclToken(IDENTITY, RIGHTS)], task_api=True,
                           unix_path=str(self.socket),
                           jobs=[ParameterizedJob(NOMAD_JOB, payload="required",
                                                  meta_required=META_KEYS)])
        self.client = HttpClient(f"127.0.0.1:{port}")

    def start(self):
        self.nomad.server.start()
        if self.is_root:
            os.chown(self.socket, 33, 33)
        for task in (self.runhook, self.nginx):
            self.allocation.write(task)
        environment = {**self.program_environment, "GITHUB_API_URL": self.site.github.url}
        self.allocation.start(self.runhook, **environment)
        self.allocation.start(self.nginx, self.listener)
        self.listener.close()
        check = self.job.only("group").only("service").only("check")

        def healthy():
            for task in (self.runhook, self.nginx):
                assert task.process.is_running, task.process.output
            with contextlib.suppress(OSError):
                return self.client.request("GET", check["path"]).status == 200

        wait_until(healthy, f"{check['path']} answers 200")

    def post(self, delivery, **headers):
        return self.client.request("POST", "/github/webhook", delivery.body,
                                   delivery.headers(**headers))

    def stop(self):
        for task in (self.nginx, self.runhook):
            if task.process is not None:
                number = getattr(signal, task.block.get("kill_signal", "SIGTERM"))
                task.process.stop(number)
        self.listener.close()
        self.nomad.server.stop()


@pytest.fixture
def receiver(site, tmp_path):
    receiver = Receiver(site, tmp_path)
    yield receiver
    receiver.stop()


def test_the_receiver_runs_as_nomad_would_run_it(receiver):
    """A delivery through nginx, to Nomad over the task's socket with the job's own identity; then a
    renewed secret, by Nomad's signal."""
    receiver.start()
    delivery = workflow_job()
    answer = receiver.post(delivery, CF_Connecting_IP="140.82.115.1")
    assert (answer.status, answer.json["status"]) == (202, "accepted")
    (child,) = receiver.nomad.wait_for_children()
    assert child.json()["job_id"] == delivery.id
    assert "from=140.82.115.1" in receiver.runhook.process.output
    assert receiver.client.request("GET", "/github/webhook/healthz",
                                   headers={"CF-Connecting-IP": "140.82.115.1"}).status == 403
    for path in ("/", "/github/webhook/status", "/github/webhook/metrics", "/github/webhookx"):
        assert receiver.client.request("GET", path).status == 404

    receiver.kept["webhook_secret"] = RENEWED_SECRET
    written = receiver.allocation.write(receiver.runhook)
    (number,) = {getattr(signal, block["change_signal"]) for block in written.values()}
    receiver.runhook.process.send(number)
    wait_until(lambda: "event=reload outcome=reloaded" in receiver.runhook.process.output,
               "the configuration is read again")
    assert receiver.post(workflow_job()).status == 403
    assert receiver.post(workflow_job(secret=RENEWED_SECRET)).status == 202


def test_the_receiver_answers_a_burst(receiver):
    """A matrix of 256 jobs, at one moment: each takes two of nginx's connections."""
    receiver.start()
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(contextlib.closing(receiver.client.connect()))
                       for _ in range(256)]
        for connection in connections:
            connection.connect()
        for connection in connections:
            delivery = ping()
            connection.request("POST", "/github/webhook", delivery.body, delivery.headers())
        assert [connection.getresponse().status for connection in connections] == [200] * 256


def test_runhook_check_accepts_the_job_s_configuration(site, receiver):
    receiver.allocation.write(receiver.runhook)
    command = [site.runhook, "check", "--config", receiver.runhook.folder / "local/runhook.conf"]
    done = subprocess.run(command, capture_output=True, text=True,
                          env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in done.stdout
