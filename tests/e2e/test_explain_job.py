"""runhook explain JOB_ID: the story of one job, what Nomad says of it now, and what comes next."""

import json
import re

import pytest

from standins import alloc_metric
from standins.faults import Answer

from .support.clock import DrivenClock
from .support.deliveries import POOL_LABELS, workflow_job
from .support.load import poster
from .support.waiting import wait_until

DISPATCH = {"method": "POST", "path": "/dispatch$"}
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
NO_MEMORY = alloc_metric(nodes=2, exhausted={"memory": 2})


@pytest.fixture
def slow_site(make_site):
    """What fails is not tried again by itself while a test lasts."""
    site = make_site()
    site.configure("server", retry_initial=600, retry_max=3600)
    return site


@pytest.fixture
def audited_site(make_site):
    site = make_site()
    site.configure("audit", interval=1, interval_max=1, replacements=0)
    return site


def tell(site, delivery, status=202):
    if not site.processes:
        site.serve_socket()
    assert poster(site, site.processes[-1])(delivery).status == status
    return delivery


def dispatched(site, **fields):
    delivery = tell(site, workflow_job(**fields))
    job, child = site.wait_for_dispatch(delivery)
    return delivery, job["runner"], child


def queued_on_github(site):
    """A job that GitHub has, too."""
    run = site.github.actions.add_run("octo-harbor/lighthouse")
    job = site.github.actions.add_job(run, "build", POOL_LABELS)
    return workflow_job(id=job.id, run_id=run.id)


def in_progress(delivery, runner):
    return workflow_job("in_progress", id=delivery.id, runner_name=runner)


def completed(delivery, runner, conclusion="success"):
    return workflow_job("completed", id=delivery.id, runner_name=runner, conclusion=conclusion)


def explain(site, delivery, config=True, env=None):
    """As JSON."""
    done = site.run("explain", str(delivery.id), "--json", config=config, env=env)
    assert (done.code, done.stderr) == (0, ""), done
    story = json.loads(done.stdout)
    assert list(story) == ["job", "history", "runner", "nomad", "next"]
    return story


def told(site, delivery):
    """As text: what stands behind each word at the beginning of a line."""
    done = site.run("explain", str(delivery.id))
    assert (done.code, done.stderr) == (0, ""), done
    lines = {}
    for line in done.stdout.splitlines():
        name = line[:10].strip() or name
        lines.setdefault(name, []).append(line[11:])
    return {name: "\n".join(texts) for name, texts in lines.items()}


def words(story):
    return [event["what"] for event in story["history"]]


class TestStates:
    def test_assigned_and_placed(self, site):
        delivery, runner, child = dispatched(site)
        story = explain(site, delivery)
        assert story["job"] == site.jobs()[delivery.id]
        assert words(story) == ["queued", "dispatched"]
        queued, sent = story["history"]
        assert ISO.fullmatch(queued["at"]) and queued["at"] <= sent["at"]
        assert queued["runner"] is None
        assert "pool linux" in queued["detail"] and delivery.guid in queued["detail"]
        assert (sent["runner"], sent["detail"]) == (runner, child.id)
        assert (story["runner"]["name"], story["runner"]["state"]) == (runner, "live")
        assert story["nomad"] == {**story["nomad"], "asked": True, "status": "running",
                                  "stopped": False, "allocations": 1, "unplaced": None,
                                  "error": None}
        assert ISO.fullmatch(story["nomad"]["started_at"])

        lines = told(site, delivery)
        assert list(lines) == ["job", "link", "labels", "pool", "state", "history", "runner",
                               "child", "nomad", "next"]
        assert lines["job"] == (f'{delivery.id} "build" of octo-harbor/lighthouse, '
                                f'run {delivery.job["run_id"]}')
        assert lines["link"] == delivery.job["html_url"]
        assert lines["labels"] == ", ".join(POOL_LABELS)
        assert lines["pool"] == "linux"
        assert re.fullmatch(r"assigned, since \d+s ago; attempts: 1", lines["state"])
        first, second = lines["history"].splitlines()
        assert re.fullmatch(rf"{ISO.pattern} +queued +for pool linux, by delivery {delivery.guid}",
                            first)
        assert re.fullmatch(rf"{ISO.pattern} \+\d+s +dispatched {runner}: {re.escape(child.id)}",
                            second)
        assert re.match(rf"{runner}: live, since \d+s ago; ", lines["runner"])
        assert lines["child"] == child.id
        assert re.fullmatch(r"running, placed, its task started \d+s ago", lines["nomad"])

    def test_assigned_and_nomad_cannot_place_it(self, make_site):
        site = make_site(nomad={"placement": "never"})
        site.nomad.on_dispatch = lambda child: site.nomad.fail_to_place(child, NO_MEMORY)
        delivery, _, child = dispatched(site)
        story = explain(site, delivery)
        assert story["nomad"] == {"asked": True, "status": "pending", "stopped": False,
                                  "allocations": 0, "started_at": None,
                                  "unplaced": "2 nodes: memory exhausted", "error": None}
        lines = told(site, delivery)
        assert lines["nomad"] == "pending, not placed: 2 nodes: memory exhausted"
        assert "not seen placed" in lines["runner"]
        assert re.search(r"cannot be placed is replaced in \d+[smh]", lines["next"])
        site.nomad.place(child, started=False)
        assert told(site, delivery)["nomad"] == "running, placed, its task not started yet"

    def test_what_an_audit_saw_is_in_the_history(self, make_site):
        site = make_site(nomad={"placement": "never"})
        site.configure("audit", interval=1, interval_max=1)
        site.nomad.on_dispatch = lambda child: site.nomad.fail_to_place(child, NO_MEMORY)
        delivery = tell(site, queued_on_github(site))
        _, child = site.wait_for_dispatch(delivery)
        wait_until(lambda: "seen" in words(explain(site, delivery)), "the audit saw why it waits")
        assert "2 nodes: memory exhausted" in told(site, delivery)["history"]
        site.nomad.place(child)
        wait_until(lambda: "placed" in words(explain(site, delivery)), "the audit saw it placed")
        assert "; seen placed " in told(site, delivery)["runner"]

    def test_running(self, site):
        delivery, runner, _ = dispatched(site)
        tell(site, in_progress(delivery, runner), 200)
        story = explain(site, delivery)
        assert words(story) == ["queued", "dispatched", "running"]
        assert story["runner"]["state"] == "busy"
        assert story["next"].startswith("it runs, until GitHub says that it is over")

    def test_running_on_a_runner_that_is_not_ours(self, slow_site):
        delivery = tell(slow_site, workflow_job())
        slow_site.wait_for_dispatch(delivery)
        tell(slow_site, in_progress(delivery, "some\x1b[1mbody"), 200)
        story = explain(slow_site, delivery)
        assert (story["runner"], story["nomad"]) == (None, None)
        lines = told(slow_site, delivery)
        assert lines["runner"].startswith("some?[1mbody, which is not in the ledger")
        assert "a runner that is not ours" in lines["history"]

    def test_done(self, site):
        delivery, runner, child = dispatched(site)
        tell(site, in_progress(delivery, runner), 200)
        tell(site, completed(delivery, runner, "failure"), 200)
        lines = told(site, delivery)
        assert lines["state"].startswith("done, failure, since ")
        assert lines["history"].splitlines()[-1].endswith(f"{runner}: failure")
        assert f"{runner}: leaving" in lines["runner"]
        assert lines["next"].startswith("nothing: it is over, and its runner is leaving; ")
        site.nomad.finish(child)
        assert told(site, delivery)["nomad"] == "dead"

    def test_done_and_its_runner_gone(self, audited_site):
        delivery = tell(audited_site, queued_on_github(audited_site))
        job, child = audited_site.wait_for_dispatch(delivery)
        tell(audited_site, in_progress(delivery, job["runner"]), 200)
        tell(audited_site, completed(delivery, job["runner"]), 200)
        audited_site.nomad.finish(child)
        wait_until(lambda: explain(audited_site, delivery)["runner"]["state"] == "gone",
                   "its runner is gone")
        audited_site.nomad.collect()
        asked = len(audited_site.nomad.requests)
        story = explain(audited_site, delivery)
        assert (story["nomad"], story["next"]) == (None, "nothing: it is over")
        assert words(story)[-2:] == ["done", "gone"]
        assert len(audited_site.nomad.requests) == asked, "Nomad was asked of what is over"
        assert "nomad" not in told(audited_site, delivery)

    def test_cancelled_before_it_had_a_runner(self, slow_site):
        with slow_site.nomad.faults.during(Answer(500, "odd words"), **DISPATCH):
            delivery = tell(slow_site, workflow_job())
            slow_site.wait_for_event(event="dispatch", job=delivery.id, outcome="retry")
        tell(slow_site, workflow_job("completed", id=delivery.id, conclusion="cancelled",
                                     runner_id=None, runner_name=None), 200)
        assert told(slow_site, delivery)["state"].startswith("done, cancelled, since ")

    def test_a_child_that_was_purged(self, site):
        delivery, _, child = dispatched(site)
        site.nomad.deregister("default", child.id, purge=True)
        assert explain(site, delivery)["nomad"]["status"] == "absent"
        assert told(site, delivery)["nomad"].startswith("it has no such job: ")

    def test_a_child_that_was_stopped(self, site):
        delivery, _, child = dispatched(site)
        site.nomad.deregister("default", child.id)
        assert told(site, delivery)["nomad"] == "dead, stopped"

    def test_failed(self, audited_site):
        delivery = tell(audited_site, queued_on_github(audited_site))
        _, child = audited_site.wait_for_dispatch(delivery)
        audited_site.nomad.finish(child, "failed")
        wait_until(lambda: audited_site.jobs()[delivery.id]["state"] == "failed", "it failed")
        lines = told(audited_site, delivery)
        assert "; runners lost: 1" in lines["state"]
        assert f"nomad alloc logs -job {child.id}" in lines["error"]
        assert lines["runner"] == "none"
        assert lines["next"].endswith(f"what is wrong, then `runhook jobs retry {delivery.id}`")
        assert words(explain(audited_site, delivery))[:3] == ["queued", "dispatched", "failed"]

    def test_expired(self, make_site, tmp_path):
        clock = DrivenClock(tmp_path)
        site = make_site(github={"clock": clock.now})
        site.github.denied.add("octo-harbor/lighthouse")
        site.serve_socket(env=clock.env)
        delivery = tell(site, workflow_job())
        site.wait_for_event(event="dispatch", job=delivery.id, outcome="retry")
        clock.advance(25 * 3600)
        wait_until(lambda: site.jobs()[delivery.id]["state"] == "expired", "it expires")
        assert re.search(rf"GitHub gave up on it.*`runhook jobs retry {delivery.id}`",
                         told(site, delivery)["next"])


class TestWaiting:
    def test_after_a_failure(self, slow_site):
        error = "parameterized job not found"
        slow_site.nomad.faults.add(Answer(500, error), times=1, **DISPATCH)
        delivery = tell(slow_site, workflow_job())
        slow_site.wait_for_event(event="dispatch", job=delivery.id, outcome="retry")
        story = explain(slow_site, delivery)
        assert words(story) == ["queued", "put back"]
        assert error in story["history"][1]["detail"]
        assert re.match(r"it waits, and is tried again in \d+[mh]: ", story["next"])
        assert error in story["next"]
        assert f"`runhook jobs retry {delivery.id}` tries at once" in story["next"]
        assert "left alone" not in story["next"]
        lines = told(slow_site, delivery)
        assert "error" not in lines and lines["next"].startswith("it waits, and is tried again in")

    def test_an_upstream_is_left_alone(self, slow_site):
        slow_site.nomad.faults.add(Answer(401, "no"), times=1, **DISPATCH)
        first = tell(slow_site, workflow_job())
        slow_site.wait_for_event(event="dispatch", job=first.id, outcome="retry")
        second = tell(slow_site, workflow_job())
        wait_until(lambda: second.id in slow_site.jobs(), "it is in the ledger")
        assert re.search(r"; Nomad is left alone, and asked again in \d+[mh]: Nomad does not "
                         r"accept the token", told(slow_site, second)["next"])
        # Whose own failure it was has its words once.
        assert told(slow_site, first)["next"].count("does not accept the token") == 1

    def test_github_is_left_alone(self, slow_site):
        slow_site.github.faults.add(Answer(401, "{}"), times=1, path="registration-token$")
        first = tell(slow_site, workflow_job())
        slow_site.wait_for_event(event="dispatch", job=first.id, outcome="retry")
        second = tell(slow_site, workflow_job(repository="octo/other"))
        assert "; GitHub is left alone, and asked again in " in told(slow_site, second)["next"]

    def test_the_pool_is_full(self, site):
        site.configure("pool linux", max_runners=1)
        dispatched(site)
        delivery = tell(site, workflow_job())
        assert "pool linux is full (runners: 1, max_runners: 1): " in told(site, delivery)["next"]
        assert explain(site, delivery)["runner"] is None

    def test_too_many_wait_for_placement(self, make_site):
        site = make_site(nomad={"placement": "never"})
        site.configure("pool linux", max_pending=1)
        dispatched(site)
        delivery = tell(site, workflow_job())
        assert ("pool linux is held back (waiting for placement in Nomad: 1, max_pending: 1): "
                in told(site, delivery)["next"])

    def test_no_pool_serves_it_any_more(self, site):
        site.github.denied.add("octo-harbor/lighthouse")
        delivery = tell(site, workflow_job())
        site.wait_for_event(event="dispatch", job=delivery.id, outcome="retry")
        site.configure("pool linux", labels="self-hosted, windows")
        site.config["pool windows"] = site.config.pop("pool linux")
        site.write_config()
        assert f"`runhook jobs forget {delivery.id}`" in told(site, delivery)["next"]

    def test_it_is_due_and_nothing_runs(self, slow_site):
        process = slow_site.serve_socket()
        slow_site.nomad.faults.add(Answer(500, "odd words"), times=None, **DISPATCH)
        delivery = tell(slow_site, workflow_job())
        slow_site.wait_for_event(event="dispatch", job=delivery.id, outcome="retry")
        assert process.stop() == 0
        assert slow_site.run("jobs", "retry", str(delivery.id)).code == 0
        outlook = told(slow_site, delivery)["next"]
        assert "`runhook serve`, or the next `runhook dispatch`" in outlook


def without_ms(text):
    return re.sub(r"after \d+ ms", "after some ms", text)


class TestNomadCannotBeAsked:
    def test_it_is_away(self, site):
        delivery, _, _ = dispatched(site)
        with site.nomad.server.refused():
            story = explain(site, delivery)
            lines = told(site, delivery)
        assert (story["nomad"]["asked"], story["nomad"]["status"]) == (True, None)
        # Asked twice: what libcurl says of it has how long each took.
        assert without_ms(lines["nomad"]) == without_ms(f"not known: {story['nomad']['error']}")
        assert "next" in lines

    def test_it_refuses_the_token(self, site):
        delivery, _, _ = dispatched(site)
        site.secret_file("nomad-token", "another-secret")
        assert told(site, delivery)["nomad"].startswith("not known: ")

    def test_it_answers_in_part(self, site):
        delivery, _, _ = dispatched(site)
        with site.nomad.faults.during(Answer(500, "odd"), path="/allocations$"):
            story = explain(site, delivery)
            lines = told(site, delivery)
        assert (story["nomad"]["status"], story["nomad"]["allocations"]) == ("running", None)
        assert lines["nomad"].startswith("running; the rest is not known: ")

    @pytest.mark.parametrize("secret", ["nomad-token", "github-token", "webhook-secret"])
    def test_a_secret_cannot_be_read(self, site, secret):
        delivery, _, _ = dispatched(site)
        path = site.directory / "secrets" / secret
        path.unlink()
        asked = len(site.nomad.requests)
        story = explain(site, delivery)
        assert (story["nomad"]["asked"], story["nomad"]["status"]) == (False, None)
        assert str(path) in story["nomad"]["error"]
        assert told(site, delivery)["nomad"] == f"not asked: {story['nomad']['error']}"
        assert len(site.nomad.requests) == asked

    def test_the_ledger_is_locked(self, site):
        delivery, _, _ = dispatched(site)
        with site.locked_ledger():
            assert explain(site, delivery)["job"]["state"] == "assigned"

    def test_it_is_only_asked(self, site):
        delivery, _, _ = dispatched(site)
        seen, github = len(site.nomad.requests), len(site.github.requests)
        explain(site, delivery)
        assert {request.method for request in site.nomad.requests[seen:]} == {"GET"}
        assert len(site.github.requests) == github


class TestRefuses:
    def test_an_unknown_job(self, site):
        site.serve_socket()
        done = site.run("explain", "4711")
        assert (done.code, done.stdout) == (1, "")
        assert "there is no job 4711 in the ledger" in done.stderr

    @pytest.mark.parametrize("text", ["0", "9007199254740993", "99999999999999999999"])
    def test_what_is_no_id(self, site, text):
        site.serve_socket()
        done = site.run("explain", text)
        assert (done.code, done.stdout) == (1, "")
        assert "a job's id" in done.stderr and f"./{text}" in done.stderr

    def test_no_ledger_is_made(self, site):
        done = site.run("explain", "4711")
        assert done.code == 1 and str(site.ledger_path) in done.stderr
        assert not site.ledger_path.exists()

    def test_a_configuration_that_is_wrong_elsewhere(self, site):
        site.configure("server", threads="many")
        done = site.run("explain", "4711")
        assert (done.code, done.stdout) == (1, "")
        assert done.stderr.count("threads") == 1

    @pytest.mark.parametrize("arguments", [["4711", "--headers", "x"], ["4711", "4712"],
                                           ["4711", "--all"]], ids=" ".join)
    def test_usage(self, site, arguments):
        done = site.run("explain", *arguments)
        assert (done.code, done.stdout) == (2, "")
        assert "usage: runhook [--config FILE] explain JOB_ID" in done.stderr

    def test_a_file_of_digits_is_given_with_its_folder(self, site):
        (site.directory / "4711").write_bytes(workflow_job().body)
        assert "no job 4711" in site.run("explain", "4711").stderr or not site.ledger_path.exists()
        done = site.run("explain", "./4711")
        assert done.code == 0 and done.stdout.startswith("body")


def test_a_name_cannot_drive_the_terminal(site):
    delivery, _, _ = dispatched(site, name="\x1b[2J\x1b]0;owned\x07 clear\r\nnext       fake")
    done = site.run("explain", str(delivery.id))
    assert "\x1b" not in done.stdout and "\x07" not in done.stdout
    assert sum(line.startswith("next ") for line in done.stdout.splitlines()) == 1
    assert "\x1b" not in site.run("explain", str(delivery.id), "--json").stdout
