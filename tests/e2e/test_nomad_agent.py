"""The main job against a real Nomad: `nomad` on the PATH, or the program that NOMAD_BIN names."""

import base64
import contextlib
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
from .support.traffic import Traffic
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
        return [self.ask("GET", self.path(stub["ID"]))[1] for stub in stubs]

    def path(self, job_id, suffix=""):
        return "/v1/job/" + urllib.parse.quote(job_id, safe="") + suffix

    def child(self, job_id):
        return self.ask("GET", self.path(job_id))[1]

    def stop(self, job_id, purge=False):
        return self.ask("DELETE", self.path(job_id, "?purge=true" if purge else ""))

    def allocations(self, job_id):
        return self.ask("GET", self.path(job_id, "/allocations"))[1]


@contextlib.contextmanager
def running_agent(folder):
    """`nomad agent -dev` with the parameterized job, until the end of the block; `restart` on it ends
    the process and starts another at the same address, which has forgotten everything."""
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
    result = Agent(f"http://127.0.0.1:{http}")
    processes = []

    def start():
        process = Process([NOMAD, "agent", "-dev", "-config", folder / "agent.hcl"],
                          folder / f"agent-{len(processes)}.out")
        processes.append(process)

        def ready():
            assert process.is_running, process.output
            try:
                return result.ask("GET", "/v1/nodes")[1][0]["Status"] == "ready"
            except (OSError, IndexError, TypeError):
                return False

        wait_until(ready, "the agent's node is ready", 60)
        status, answer = result.ask("POST", "/v1/jobs", {"Job": JOB})
        assert status == 200, answer

    def restart():
        processes[-1].stop(timeout_s=30)
        start()

    result.restart = restart
    try:
        start()
        yield result
        for child in result.children():
            result.stop(child["ID"], purge=True)
    finally:
        for process in processes:
            if process.is_running:
                process.stop(timeout_s=30)


@pytest.fixture(scope="module")
def agent(tmp_path_factory):
    with running_agent(tmp_path_factory.mktemp("nomad")) as agent:
        yield agent


@pytest.fixture
def own_agent(tmp_path):
    """One that a test may restart."""
    with running_agent(tmp_path) as agent:
        yield agent


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


# -- To the end ----------------------------------------------------------------------------------

QUICK = {"interval": 1, "interval_max": 1, "idle_timeout": 60, "register_timeout": 60,
         "placement_timeout": 60, "discover_interval": 0}


@pytest.fixture
def make_followed(site):
    """Makes a site with the traffic of a test over a real agent."""
    def make(agent):
        site.configure("nomad", address=agent.url, token_file=None)
        site.configure("audit", **QUICK)
        traffic = Traffic(site, RealClock())
        traffic.serve()
        return traffic

    return make


class RealClock:
    env = {}


def queued(traffic, agent):
    """A job and its child."""
    job = traffic.queue()
    (child,) = child_of(agent, job)
    wait_until(lambda: (traffic.job(job) or {}).get("child") == child["ID"],
               "the ledger names the child")
    return job, child


def registered(traffic, child):
    payload = json.loads(base64.b64decode(child["Payload"]))
    return traffic.github.register_runner(
        payload["url"].removeprefix("https://github.com/"), payload["runner_name"],
        payload["labels"], payload["token"])


def wait_for_gone(traffic, agent, child):
    name = json.loads(base64.b64decode(child["Payload"]))["runner_name"]
    wait_until(lambda: traffic.runners()[name]["state"] == "gone", f"{name} is gone", 60)
    assert agent.child(child["ID"])["Status"] == "dead"
    assert traffic.actions.runners == {}


def test_cancelled_before_placement(make_followed, agent):
    status, nodes = agent.ask("GET", "/v1/nodes")
    eligibility = f"/v1/node/{nodes[0]['ID']}/eligibility"
    agent.ask("POST", eligibility, {"Eligibility": "ineligible"})
    try:
        traffic = make_followed(agent)
        job, child = queued(traffic, agent)
        assert agent.allocations(child["ID"]) == []
        name = traffic.job(job)["runner"]
        wait_until(lambda: traffic.runners()[name]["note"], "Nomad's reason is noted", 20)
        assert "Nomad cannot place it" in traffic.runners()[name]["note"]
        traffic.cancel(job)
        wait_for_gone(traffic, agent, child)
        assert agent.allocations(child["ID"]) == []
    finally:
        agent.ask("POST", eligibility, {"Eligibility": "eligible"})


def test_cancelled_while_idle(make_followed, agent):
    traffic = make_followed(agent)
    job, child = queued(traffic, agent)
    wait_until(lambda: agent.child(child["ID"])["Status"] == "running", "the child runs", 30)
    registration = registered(traffic, child)
    traffic.cancel(job)
    wait_for_gone(traffic, agent, child)
    assert [request.segments[-1] for request in traffic.deletions()] == [str(registration.id)]
    assert len(child_of(agent, job)) == 1


def test_a_child_that_is_killed_gets_another(make_followed, agent):
    traffic = make_followed(agent)
    job, child = queued(traffic, agent)
    wait_until(lambda: agent.child(child["ID"])["Status"] == "running", "the child runs", 30)
    agent.stop(child["ID"])
    wait_until(lambda: len(child_of(agent, job)) == 2, "there is another", 60)
    wait_for_gone(traffic, agent, child)
    assert traffic.job(job)["state"] == "assigned"


def test_an_agent_that_forgot_everything(make_followed, own_agent):
    """As after the loss of a cluster's state: the child is not there, so the job gets another."""
    traffic = make_followed(own_agent)
    job, child = queued(traffic, own_agent)
    own_agent.restart()
    wait_until(lambda: traffic.job(job)["child"] not in (None, child["ID"]),
               "the job has another child", 90)
    (again,) = child_of(own_agent, job)
    assert again["ID"] == traffic.job(job)["child"]


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
