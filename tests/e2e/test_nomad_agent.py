"""The main job against a real Nomad: `nomad` on the PATH, or the program that NOMAD_BIN names."""

import base64
import json
import os
import shutil
import socket
import urllib.error
import urllib.parse
import urllib.request

import pytest

from .support.deliveries import workflow_job
from .support.processes import Process
from .support.site import META_KEYS, NOMAD_JOB
from .support.waiting import wait_until

NOMAD = os.environ.get("NOMAD_BIN") or shutil.which("nomad")
pytestmark = pytest.mark.skipif(not NOMAD, reason="no nomad on the PATH, and no NOMAD_BIN")

JOB = {
    "ID": NOMAD_JOB, "Name": NOMAD_JOB, "Type": "batch", "Datacenters": ["*"],
    "ParameterizedJob": {"Payload": "required", "MetaRequired": list(META_KEYS),
                         "MetaOptional": ["RUNNER_NAME"]},
    "TaskGroups": [{
        "Name": "runner", "Count": 1,
        "RestartPolicy": {"Attempts": 0, "Mode": "fail"},
        "ReschedulePolicy": {"Attempts": 0, "Unlimited": False},
        "Tasks": [{
            "Name": "runner", "Driver": "raw_exec",
            "Config": {"command": "/bin/sh", "args": ["-c", "cat local/payload; sleep 300"]},
            "DispatchPayload": {"File": "payload"},
            "Resources": {"CPU": 20, "MemoryMB": 10},
        }],
    }],
}


class Agent:
    def __init__(self, url):
        self.url = url

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return response.status, json.loads(response.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def children(self):
        prefix = urllib.parse.quote(f"{NOMAD_JOB}/dispatch-", safe="")
        status, stubs = self.ask("GET", f"/v1/jobs?prefix={prefix}")
        assert status == 200, stubs
        return [self.ask("GET", "/v1/job/" + urllib.parse.quote(stub["ID"], safe=""))[1]
                for stub in stubs]


@pytest.fixture(scope="module")
def agent(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nomad")
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    http, rpc, serf = (sock.getsockname()[1] for sock in sockets)
    for sock in sockets:
        sock.close()
    (folder / "agent.hcl").write_text(f"""
data_dir = "{folder}/data"
bind_addr = "127.0.0.1"
ports {{ http = {http} rpc = {rpc} serf = {serf} }}
client {{ options = {{ "driver.raw_exec.enable" = "1" }} }}
plugin "raw_exec" {{ config {{ enabled = true }} }}
disable_update_check = true
""")
    process = Process([NOMAD, "agent", "-dev", "-config", folder / "agent.hcl"],
                      folder / "agent.out")
    result = Agent(f"http://127.0.0.1:{http}")
    try:
        def ready():
            assert process.is_running, process.output
            try:
                return result.ask("GET", "/v1/nodes")[1][0]["Status"] == "ready"
            except (OSError, IndexError, TypeError):
                return False

        wait_until(ready, "the agent's node is ready", 60)
        status, answer = result.ask("POST", "/v1/jobs", {"Job": JOB})
        assert status == 200, answer
        yield result
        for child in result.children():
            result.ask("DELETE", "/v1/job/" + urllib.parse.quote(child["ID"], safe="")
                       + "?purge=true")
    finally:
        process.stop(timeout_s=30)


@pytest.fixture
def agent_site(site, agent):
    site.configure("nomad", address=agent.url, token_file=None)
    return site


def child_of(agent, delivery):
    def found():
        return [child for child in agent.children()
                if child["DispatchIdempotencyToken"].startswith(f"{delivery.id}.")]

    return wait_until(found, f"a child of job {delivery.id}", 20)


@pytest.mark.parametrize("front", ["nginx", "lighttpd_fastcgi", "lighttpd_cgi"])
def test_a_delivery_becomes_a_running_child(agent_site, agent, front):
    delivery = workflow_job(name="ビルド")
    served = agent_site.serve(front)
    assert served.post(delivery).status == 202
    (child,) = child_of(agent, delivery)
    payload = json.loads(base64.b64decode(child["Payload"]))
    assert payload["job"] == "ビルド"
    assert agent_site.github.is_registration_token(payload["token"], delivery.repository)
    assert {key: child["Meta"][key] for key in META_KEYS} == {
        "REPO_FULL_NAME": delivery.repository, "REPO_SHORT_NAME": "lighthouse",
        "WORKFLOW_RUN": str(delivery.job["run_id"])}
    wait_until(lambda: agent_site.jobs()[delivery.id]["child"] == child["ID"],
               "the ledger names the child")
    wait_until(lambda: child_of(agent, delivery)[0]["Status"] == "running", "the child runs", 30)


def test_the_same_delivery_is_one_child(agent_site, agent):
    delivery = workflow_job()
    served = agent_site.serve("nginx")
    assert [served.post(delivery).status for _ in range(3)] == [202, 200, 200]
    assert len(child_of(agent, delivery)) == 1


def test_an_unpermitted_meta_key_is_an_operators_error(agent_site, agent):
    agent_site.configure("pool linux", meta="POOL")
    delivery = workflow_job()
    assert agent_site.serve("nginx").post(delivery).status == 202
    line = agent_site.wait_for_event(event="dispatch", job=delivery.id, outcome="retry")
    assert "unpermitted metadata keys: [POOL]" in line["error"]


def test_an_unknown_job_is_an_operators_error(agent_site, agent):
    agent_site.configure("pool linux", nomad_job="nobody")
    delivery = workflow_job()
    assert agent_site.serve("nginx").post(delivery).status == 202
    line = agent_site.wait_for_event(event="dispatch", job=delivery.id, outcome="retry")
    assert "parameterized job not found" in line["error"]
