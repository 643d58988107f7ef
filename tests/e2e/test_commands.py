"""The commands for people: help, version, jobs, explain."""

import json
import re
from pathlib import Path

import pytest

from standins import ParameterizedJob
from standins.faults import Answer

from .support.deliveries import DOCUMENTED_SECRET, Delivery, sign, timestamp, workflow_job
from .support.site import META_KEYS, PROJECT
from .support.waiting import wait_until

DELIVERIES = PROJECT / "examples/deliveries"
COMMANDS = ("serve", "dispatch", "check", "jobs", "explain", "version", "help")


class TestUsage:
    def test_help(self, site):
        done = site.run("help", config=False)
        assert done.code == 0
        for command in COMMANDS:
            assert re.search(rf"^\s*{command}\b", done.stdout, re.M), f"no {command} in the help"

    @pytest.mark.parametrize("command", COMMANDS)
    def test_help_of_a_command(self, site, command):
        done = site.run("help", command, config=False)
        assert done.code == 0, done
        assert command in done.stdout

    @pytest.mark.parametrize("arguments", [["check", "--help"], ["jobs", "-h"],
                                           ["hooks", "install", "--help"]], ids=" ".join)
    def test_help_behind_a_command(self, site, arguments):
        done = site.run(*arguments, config=False)
        assert done.code == 0, done
        assert done.stdout == site.run("help", arguments[0], config=False).stdout

    def test_version(self, site):
        done = site.run("version", config=False)
        assert done.code == 0
        assert re.search(r"\b\d+\.\d+\.\d+\b", done.stdout)

    @pytest.mark.parametrize("arguments", [
        ["nonsense"], ["jobs", "--nonsense"], ["check", "surplus"], ["explain"], ["--config"],
        ["help", "nonsense"], ["serve", "--listen"]], ids=" ".join)
    def test_wrong_usage_is_2(self, site, arguments):
        done = site.run(*arguments, config=False)
        assert done.code == 2, done
        assert done.stderr and not done.stdout


class TestJobs:
    def test_before_there_is_a_ledger(self, site):
        done = site.run("jobs", "--json")
        if done.code == 0:
            assert json.loads(done.stdout) == {"jobs": []}
        else:
            assert str(site.ledger_path) in done.output
        assert not site.ledger_path.exists(), "looking made a ledger"

    def test_json_and_table(self, site):
        process = site.serve_socket()
        good = workflow_job(repository="octo/one", name="build ビルド")
        with site.fastcgi(process) as connection:
            assert connection.post(good).status == 202
        site.wait_for_dispatch(good)
        bad = workflow_job(repository="octo/two")
        site.nomad.faults.add(Answer(500, "parameterized job not found"), times=None)
        with site.fastcgi(process) as connection:
            assert connection.post(bad).status == 202
        wait_until(lambda: site.jobs()[bad.id]["last_error"], "the job's failure is listed")

        jobs = site.jobs()
        assert set(jobs) == {good.id, bad.id}
        assert set(jobs[good.id]) >= {
            "job_id", "repository", "run_id", "name", "pool", "state", "runner", "child",
            "attempts", "next_attempt_at", "last_error", "created_at", "received_at"}
        assert jobs[good.id]["state"] == "assigned"
        assert jobs[good.id]["child"] == site.nomad.dispatches[0].id
        assert (jobs[bad.id]["state"], jobs[bad.id]["child"]) == ("queued", None)
        assert "parameterized job not found" in jobs[bad.id]["last_error"]

        table = site.run("jobs")
        assert table.code == 0
        rows = {delivery.id: next(line for line in table.stdout.splitlines()
                                  if str(delivery.id) in line) for delivery in (good, bad)}
        assert "octo/one" in rows[good.id] and "assigned" in rows[good.id]
        assert "octo/two" in rows[bad.id] and "queued" in rows[bad.id]

    def test_a_name_cannot_drive_the_terminal(self, site):
        process = site.serve_socket()
        delivery = workflow_job(name="\x1b[2J\x1b]0;owned\x07 clear\r\nfake row")
        with site.fastcgi(process) as connection:
            assert connection.post(delivery).status == 202
        site.wait_for_dispatch(delivery)
        table = site.run("jobs")
        assert "\x1b" not in table.stdout and "\x07" not in table.stdout
        assert not any(line.startswith("fake row") for line in table.stdout.splitlines())

    def test_while_the_server_runs_and_the_ledger_is_locked(self, site):
        process = site.serve_socket()
        delivery = workflow_job()
        with site.fastcgi(process) as connection:
            assert connection.post(delivery).status == 202
        site.wait_for_dispatch(delivery)
        with site.locked_ledger():
            assert delivery.id in site.jobs()


def save(site, delivery, name="saved", **changes):
    path = site.directory / f"{name}.json"
    path.write_bytes(delivery.body)
    path.with_suffix(".headers").write_text(
        "".join(f"{key}: {value}\n" for key, value in delivery.headers(**changes).items()))
    return path


class TestExplain:
    def explain(self, site, path, *options, code=0):
        done = site.run("explain", path, *options)
        assert done.code == code, done
        return done

    def test_what_would_be_dispatched(self, make_site):
        jobs = [ParameterizedJob("gpu", payload="required", meta_required=META_KEYS)]
        site = make_site(nomad={"jobs": jobs})
        site.configure("pool gpu", labels="self-hosted, linux, gpu", nomad_job="gpu")
        delivery = workflow_job(labels=["self-hosted", "gpu"], repository="octo/hello")
        done = self.explain(site, save(site, delivery))
        text = done.stdout
        for part in ("octo/hello", str(delivery.id), "gpu", "linux", "REPO_FULL_NAME",
                     str(delivery.job["run_id"])):
            assert part in text, f"{part} is not in the explanation"
        assert re.search(r"signature", text, re.I)
        assert site.github.requests == [] and site.nomad.requests == []
        assert not site.ledger_path.exists(), "explaining made a ledger"

    def test_the_dispatch_body_is_exact(self, site):
        """Key for key what Nomad then gets, but for the token."""
        delivery = workflow_job(name="ビルド", repository="octo/hello")
        explained = json.loads(self.explain(site, save(site, delivery), "--json").stdout)
        process = site.serve_socket()
        with site.fastcgi(process) as connection:
            assert connection.post(delivery).status == 202
        _, child = site.wait_for_dispatch(delivery)
        sent = child.json()
        for name in ("token", "runner_name"):
            sent.pop(name)
        text = json.dumps(explained, ensure_ascii=False)
        payload = _find(explained, lambda value: isinstance(value, dict) and "job_id" in value
                        and "labels" in value and "url" in value)
        assert payload, text
        assert {key: payload.get(key) for key in sent} == sent
        meta = _find(explained, lambda value: isinstance(value, dict) and "WORKFLOW_RUN" in value)
        assert meta == {key: child.meta[key] for key in META_KEYS}

    def test_a_bad_signature(self, site):
        delivery = workflow_job()
        path = save(site, delivery, X_Hub_Signature_256="sha256=" + "0" * 64)
        done = site.run("explain", path)
        assert "signature" in done.output.lower()
        assert "refused" in done.output or "403" in done.output

    def test_headers_named(self, site):
        delivery = workflow_job()
        path = save(site, delivery)
        other = path.with_name("elsewhere.txt")
        path.with_suffix(".headers").rename(other)
        done = self.explain(site, path, "--headers", other)
        assert str(delivery.id) in done.stdout

    def test_why_labels_do_not_match(self, site):
        path = save(site, workflow_job(labels=["self-hosted", "linux", "riscv"]))
        done = site.run("explain", path)
        assert "riscv" in done.output and "linux" in done.output

    def test_a_file_that_is_none(self, site):
        done = site.run("explain", site.directory / "nowhere.json")
        assert done.code == 1
        assert "nowhere.json" in done.output

    @pytest.mark.parametrize("body", [b"", b"\0\0", b"[" * 50_000, b"{}"])
    def test_bodies_that_are_none(self, site, body):
        done = site.run("explain", save(site, Delivery(body)))
        assert done.code in (0, 1), done

    def test_a_stale_job(self, site):
        done = site.run("explain", save(site, workflow_job(created_at=timestamp(48 * 3600))))
        assert "24" in done.output


def _find(value, wanted):
    if wanted(value):
        return value
    for item in (value.values() if isinstance(value, dict) else
                 value if isinstance(value, list) else ()):
        found = _find(item, wanted)
        if found is not None:
            return found
    return None


SAVED = sorted(path.stem for path in DELIVERIES.glob("*.headers"))


def saved_headers(name):
    lines = (DELIVERIES / f"{name}.headers").read_text().splitlines()
    return {key: value for key, _, value in (line.partition(": ") for line in lines)}


def saved_body(name):
    for suffix in (".json", ".form"):
        path = DELIVERIES / (name + suffix)
        if path.exists():
            return path
    raise AssertionError(f"{name}.headers has no body beside it")


@pytest.mark.skipif(not SAVED, reason="no saved deliveries")
class TestSavedDeliveries:
    @pytest.fixture
    def documented_site(self, site):
        site.configure("github", webhook_secret_file=site.secret_file("documented",
                                                                      DOCUMENTED_SECRET))
        return site

    @pytest.mark.parametrize("name", SAVED)
    def test_signed_with_the_documented_secret(self, name):
        body, headers = saved_body(name).read_bytes(), saved_headers(name)
        assert headers["X-Hub-Signature-256"] == sign(body, DOCUMENTED_SECRET)
        assert headers["X-Hub-Signature"] == sign(body, DOCUMENTED_SECRET, "sha1")

    @pytest.mark.parametrize("name", SAVED)
    def test_explain(self, documented_site, name):
        done = documented_site.run("explain", saved_body(name))
        assert done.code == 0, done
        assert "signature" in done.stdout.lower()
        as_json = documented_site.run("explain", saved_body(name), "--json")
        assert as_json.code == 0, as_json
        json.loads(as_json.stdout)
        assert documented_site.github.requests == documented_site.nomad.requests == []

    @pytest.mark.parametrize("name", SAVED)
    def test_post(self, documented_site, name):
        """As it was saved: GitHub has given up on these jobs long ago, so nothing starts but where
        the delivery does not say how old it is."""
        front = documented_site.serve("nginx")
        body, headers = saved_body(name).read_bytes(), saved_headers(name)
        answer = front.client.request("POST", "/github/webhook", body, headers)
        if name == "queued-sparse":
            assert (answer.status, answer.json["status"]) == (202, "accepted"), answer
        else:
            assert answer.status == 200, answer
            assert answer.json["status"] in ("ignored", "pong")
        fresh = workflow_job(secret=DOCUMENTED_SECRET)
        assert front.post(fresh).status == 202
        documented_site.wait_for_dispatch(fresh)
        documented_site.nomad.wait_for_children(2 if name == "queued-sparse" else 1)
        assert len(documented_site.nomad.requests) == (2 if name == "queued-sparse" else 1)


def test_the_project_is_where_the_tests_think():
    assert (Path(PROJECT) / "CMakeLists.txt").exists()
