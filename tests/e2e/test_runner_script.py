"""The script of the example Nomad jobs: a runner for one job, with a credential that no step can read.

It runs here as Nomad would run it, once for the main task and once for the poststop task, each with a
task folder of its own; stand-ins record how they were called.
"""

import contextlib
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "examples/nomad/run-runner.sh"
STANDIN = ROOT / "tests/standins/actions-runner"
TOKEN = "credential-70e4c1a5"
JIT_CONFIG = "credential-1f0c77aa"
NAME = "runhook-5be2a90c-59871034412-1"
PAYLOAD = {
    "repo": "octo-harbor/lighthouse",
    "fork": False,
    "job": "build",
    "run_id": 20915502377,
    "job_id": 59871034412,
    "labels": ["self-hosted", "linux", "x64"],
    "url": "https://github.com/octo-harbor/lighthouse",
    "runner_name": NAME,
    "token": TOKEN,
}
REGISTERING = [
    "--unattended", "--ephemeral", "--disableupdate", "--url", PAYLOAD["url"], "--name", NAME,
    "--labels", "self-hosted,linux,x64", "--no-default-labels", "--work", "_work",
]  # fmt: skip
pytestmark = pytest.mark.skipif(
    not shutil.which("jq") or not shutil.which("bash"), reason="needs bash and jq"
)


def wait_for(condition, timeout_s=10):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


class Allocation:
    """What Nomad gives the tasks of one allocation, with GitHub's side as a folder of runners."""

    def __init__(self, folder):
        self.folder = folder
        self.home = folder / "home"
        self.alloc = folder / "alloc"
        self.github = folder / "github"
        self.record = folder / "record"
        self.output = ""
        self.processes = []
        (self.alloc / "data").mkdir(parents=True)
        self.github.mkdir()
        shutil.copytree(STANDIN, self.home)

    def start(self, task, payload=None, **environment):
        """Starts the script as the task "runner" or "remove", the payload written by Nomad."""
        local = self.folder / task / "local"
        local.mkdir(parents=True)
        text = payload if isinstance(payload, str) else json.dumps(payload or PAYLOAD)
        (local / "payload.json").write_text(text)
        home = self.home
        if task == "remove":  # a container of its own: nothing of the main task is in it
            home = self.folder / "home-of-remove"
            shutil.copytree(STANDIN, home)
        process = subprocess.Popen(
            ["bash", SCRIPT, "run" if task == "runner" else task],
            env={
                "PATH": os.environ["PATH"],
                "NOMAD_TASK_DIR": str(local),
                "NOMAD_ALLOC_DIR": str(self.alloc),
                "RUNNER_HOME": str(home),
                "STANDIN_RECORD": str(self.record),
                "GITHUB_STANDIN": str(self.github),
                "GITHUB_STANDIN_TOKEN_SHA256": hashlib.sha256(TOKEN.encode()).hexdigest(),
                **environment,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.processes.append(process)
        return process

    def kill(self):
        """As Nomad does with the control group of a task."""
        for process in self.processes:
            for member in processes_of_session(process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(member.name), signal.SIGKILL)
            process.wait()
            process.stdout.close()

    def finish(self, process):
        self.output, _ = process.communicate(timeout=20)
        assert "credential-" not in self.output
        for task in ("runner", "remove"):
            assert not (self.folder / task / "local/payload.json").exists()
        return process.returncode

    def run(self, task, payload=None, **environment):
        return self.finish(self.start(task, payload, **environment))

    def calls(self, program=None):
        lines = self.record.read_text().splitlines() if self.record.exists() else []
        return [call for call in map(json.loads, lines) if program in (None, call["program"])]

    def events(self):
        return [call["event"] for call in self.calls("run.sh")]

    def registered(self):
        return sorted(path.name for path in self.github.iterdir())


@pytest.fixture
def allocation(tmp_path):
    allocation = Allocation(tmp_path)
    yield allocation
    allocation.kill()


def test_registers_and_runs_one_job(allocation):
    assert allocation.run("runner") == 0
    (configured,) = allocation.calls("config.sh")
    assert configured["arguments"] == REGISTERING
    assert configured["token"] == TOKEN
    assert allocation.events() == ["started", "step"]
    assert allocation.calls("run.sh")[0]["arguments"] == []
    assert allocation.registered() == []


def test_registers_in_a_group_and_keeps_to_it(allocation):
    """In a group whose name has blanks, which is one argument all the same."""
    in_group = [*REGISTERING[:-2], "--runnergroup", "CI machines", *REGISTERING[-2:]]
    payload = json.dumps({**PAYLOAD, "runner_group": "CI machines"})
    assert allocation.run("runner", payload) == 0
    (configured,) = allocation.calls("config.sh")
    assert configured["arguments"] == in_group


def test_payload_is_gone_before_the_runner_starts(allocation):
    allocation.run("runner")
    (configured,) = allocation.calls("config.sh")
    assert configured["task_dir"] == ""


def test_step_finds_no_credential(allocation):
    allocation.run("runner")
    step = allocation.calls("run.sh")[-1]
    assert step["event"] == "step"
    assert step["found"] == ""


def test_no_process_holds_the_token_in_memory_while_steps_run(allocation):
    go_on = allocation.folder / "go-on"
    process = allocation.start("runner", RUN_HOLDS=str(go_on))
    wait_for(lambda: "step" in allocation.events())
    for member in processes_of_session(process.pid):
        holds_token = TOKEN.encode() in memory(member)
        assert not holds_token, f"process {member.name} does"
    go_on.touch()
    assert allocation.finish(process) == 0


def processes_of_session(leader):
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[3]) == leader:
            yield stat.parent


def memory(process):
    """Everything that the process has mapped writable, as its own user can read it."""
    content = b""
    try:
        with open(process / "mem", "rb") as mem:
            for line in (process / "maps").read_text().splitlines():
                match = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
                if match:
                    begin, end = (int(number, 16) for number in match.groups())
                    mem.seek(begin)
                    content += mem.read(end - begin)
    except PermissionError:
        pytest.skip("this kernel lets nobody read another process's memory")
    except (FileNotFoundError, ProcessLookupError):
        pass  # it has ended
    return content


def test_steps_have_the_usual_umask(allocation):
    allocation.run("runner")
    umask = int(allocation.record.with_name("record.umask").read_text(), 8)
    current = os.umask(0)
    os.umask(current)
    assert umask == current


def test_nothing_to_remove_after_a_job(allocation):
    allocation.run("runner")
    before = allocation.calls()
    assert allocation.run("remove") == 0
    assert allocation.calls() == before
    assert "no registration is left" in allocation.output


def test_registration_is_removed_when_the_runner_ends_without_a_job(allocation):
    assert allocation.run("runner", RUN_DOES="crash") == 1
    assert "ran no job" in allocation.output
    assert allocation.registered() == [NAME]
    assert allocation.run("remove") == 0
    assert allocation.registered() == []
    _, took_over, removed = allocation.calls("config.sh")
    assert took_over["arguments"] == [*REGISTERING, "--replace"]
    assert removed["arguments"] == ["remove"]
    assert removed["token"] == TOKEN


def test_registration_is_removed_when_the_runner_fails(allocation):
    assert allocation.run("runner", RUN_DOES="fail") == 1
    assert "ended with status 3" in allocation.output
    assert allocation.registered() == [NAME]
    assert allocation.run("remove") == 0
    assert allocation.registered() == []


def test_registration_in_a_group_is_removed_from_there(allocation):
    payload = json.dumps({**PAYLOAD, "runner_group": "CI machines"})
    assert allocation.run("runner", payload, RUN_DOES="crash") == 1
    assert allocation.run("remove", payload) == 0
    assert allocation.registered() == []
    _, took_over, _ = allocation.calls("config.sh")
    place = took_over["arguments"].index("--runnergroup")
    assert took_over["arguments"][place + 1] == "CI machines"


def test_registration_is_removed_after_a_kill_in_the_middle_of_a_job(allocation):
    process = allocation.start("runner", RUN_HOLDS=str(allocation.folder / "never"))
    wait_for(lambda: "step" in allocation.events())
    allocation.kill()
    assert process.returncode == -signal.SIGKILL
    assert allocation.registered() == [NAME]
    assert allocation.run("remove") == 0
    assert allocation.registered() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_registration_is_removed_after_a_stop(allocation, number):
    process = allocation.start("runner", RUN_DOES="idle")
    wait_for(lambda: "started" in allocation.events())
    wait_for((allocation.home / ".runner").exists)
    process.send_signal(number)  # Nomad signals the script alone
    assert allocation.finish(process) == 1
    assert allocation.events() == ["started", "interrupted"]
    assert allocation.run("remove") == 0
    assert allocation.registered() == []


def test_registration_is_removed_after_a_kill(allocation):
    process = allocation.start("runner", RUN_DOES="idle")
    wait_for(lambda: "started" in allocation.events())
    allocation.kill()
    assert process.returncode == -signal.SIGKILL
    assert allocation.registered() == [NAME]
    assert allocation.run("remove") == 0
    assert allocation.registered() == []


def test_stop_while_registering_leaves_nothing(allocation):
    gate = allocation.folder / "gate"
    process = allocation.start("runner", CONFIG_WAITS=str(gate))
    wait_for(gate.with_name("gate.reached").exists)
    process.send_signal(signal.SIGTERM)
    gate.touch()
    assert allocation.finish(process) == 143
    assert allocation.events() == []
    assert allocation.registered() == [NAME]
    assert allocation.run("remove") == 0
    assert allocation.registered() == []


def test_name_of_a_busy_runner_is_not_taken_over(allocation):
    (allocation.github / NAME).touch()
    assert allocation.run("runner") == 1
    assert allocation.events() == []
    assert allocation.run("remove") == 0
    assert allocation.registered() == [NAME]


def test_failed_registration_is_said(allocation):
    assert allocation.run("runner", CONFIG_FAILS="register") == 1
    assert "could not be registered" in allocation.output
    assert allocation.events() == []


def test_failed_removal_is_said(allocation):
    allocation.run("runner", RUN_DOES="crash")
    process = allocation.start("remove", CONFIG_FAILS="remove")
    assert allocation.finish(process) == 1
    assert "may be left" in allocation.output


def test_expired_token_is_said_at_the_removal(allocation):
    allocation.run("runner", RUN_DOES="crash")
    assert allocation.run("remove", GITHUB_STANDIN_TOKEN_SHA256="another by now") == 1
    assert "may be left" in allocation.output


def just_in_time():
    payload = {key: value for key, value in PAYLOAD.items() if key != "token"}
    return {**payload, "jit_config": JIT_CONFIG}


def test_just_in_time_configuration_goes_to_the_runner_alone(allocation):
    assert allocation.run("runner", just_in_time()) == 0
    assert allocation.calls("config.sh") == []
    started, _ = allocation.calls("run.sh")
    assert started["jit_config"] == JIT_CONFIG
    assert started["arguments"] == []
    assert allocation.run("remove", just_in_time()) == 0
    assert "no registration is left" in allocation.output


def test_just_in_time_registration_left_over_is_said(allocation):
    assert allocation.run("runner", just_in_time(), RUN_DOES="crash") == 1
    assert allocation.run("remove", just_in_time()) == 0
    assert "only GitHub's API can remove it" in allocation.output
    assert allocation.calls("config.sh") == []


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "no JSON",
        "[]",
        "{}",
        json.dumps({**PAYLOAD, "token": ""}),
        json.dumps({**PAYLOAD, "token": None}),
        json.dumps({**PAYLOAD, "token": TOKEN + "\n--replace"}),
        json.dumps({**PAYLOAD, "url": "github.com"}),
        json.dumps({**PAYLOAD, "url": 7}),
        json.dumps({**PAYLOAD, "runner_name": ""}),
        json.dumps({**PAYLOAD, "labels": []}),
        json.dumps({**PAYLOAD, "labels": "self-hosted"}),
    ],
)
def test_payload_that_cannot_be_used_starts_nothing(allocation, payload):
    assert allocation.run("runner", payload) != 0
    assert allocation.calls() == []


def test_runner_is_copied_from_its_source(allocation):
    source = allocation.folder / "source"
    allocation.home.rename(source)
    before = sorted(path.name for path in source.iterdir())
    assert allocation.run("runner", RUNNER_SOURCE=str(source)) == 0
    assert allocation.events() == ["started", "step"]
    assert sorted(path.name for path in source.iterdir()) == before


def test_missing_runner_is_said(allocation):
    shutil.rmtree(allocation.home)
    assert allocation.run("runner") == 1
    assert f"there is no runner in {allocation.home}" in allocation.output


def test_unwritable_allocation_folder_registers_nothing(allocation):
    shutil.rmtree(allocation.alloc / "data")
    process = allocation.start("runner")
    allocation.output, _ = process.communicate(timeout=20)
    assert process.returncode == 1
    assert allocation.calls() == []
