"""runhook jobs: what it tells of what waits, and what an operator may ask of single jobs."""

import json
import re

import pytest

from standins.faults import Answer

from .support.deliveries import workflow_job
from .support.load import check_one_child_each, poster
from .support.waiting import wait_until

DISPATCH = {"method": "POST", "path": "/dispatch$"}
UNKNOWN_META = "Dispatch request included unpermitted metadata keys: [COLOUR]"
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


@pytest.fixture
def slow_site(make_site):
    """What fails is not tried again by itself while a test lasts."""
    site = make_site()
    site.configure("server", retry_initial=600, retry_max=3600)
    return site


def post(site, **fields):
    if not site.processes:
        site.serve_socket()
    delivery = workflow_job(**fields)
    assert poster(site, site.processes[-1])(delivery).status == 202
    return delivery


def failed_job(site, answer=None, count=1):
    """A job that waits after a failure."""
    rule = site.nomad.faults.add(answer or Answer(500, UNKNOWN_META), times=count, **DISPATCH)
    delivery = post(site)
    site.wait_for_event(event="dispatch", job=delivery.id, outcome="retry")
    site.nomad.faults.remove(rule)
    return delivery


def upstreams(site):
    done = site.run("jobs", "--json")
    assert done.code == 0
    return {item["name"]: item for item in json.loads(done.stdout)["upstreams"]}


class TestShows:
    def test_a_job_that_waits(self, slow_site):
        delivery = failed_job(slow_site)
        job = slow_site.jobs()[delivery.id]
        assert (job["state"], job["attempts"], job["child"]) == ("queued", 1, None)
        assert ISO.fullmatch(job["next_attempt_at"])
        assert UNKNOWN_META in job["last_error"]
        text = slow_site.run("jobs").stdout
        (line,) = [line for line in text.splitlines() if str(delivery.id) in line]
        assert "queued" in line and "octo-harbor/lighthouse" in line
        assert re.search(r"again in \d+[smh]: Nomad's job github-runner does not take", line)

    def test_attempts_are_counted(self, site):
        site.configure("server", retry_initial=1, retry_max=1)
        with site.nomad.faults.during(Answer(500, "odd words"), **DISPATCH):
            delivery = post(site)
            site.wait_for_event(3, event="dispatch", job=delivery.id, outcome="retry")
            assert site.jobs()[delivery.id]["attempts"] >= 3
        job, _ = site.wait_for_dispatch(delivery)
        assert job["attempts"] >= 4 and job["last_error"] is None
        assert job["next_attempt_at"] is None

    def test_gates(self, slow_site):
        slow_site.serve_socket()
        assert {name: (item["state"], item["failures"], item["error"])
                for name, item in upstreams(slow_site).items()} == {
            "github": ("open", 0, None), "nomad": ("open", 0, None)}
        assert "left alone" not in slow_site.run("jobs").stdout
        failed_job(slow_site, Answer(401, "no"))
        shut = upstreams(slow_site)
        assert shut["github"]["state"] == "open"
        assert (shut["nomad"]["state"], shut["nomad"]["failures"]) == ("shut", 1)
        assert ISO.fullmatch(shut["nomad"]["next_probe_at"])
        assert "token" in shut["nomad"]["error"]
        assert re.search(r"^nomad is left alone, and asked again in \d+[smh]: Nomad does not accept "
                         r"the token", slow_site.run("jobs").stdout, re.MULTILINE)

    def test_what_an_operator_has_to_do(self, slow_site):
        slow_site.github.denied.add("octo-harbor/lighthouse")
        delivery = post(slow_site)
        slow_site.wait_for_event(event="dispatch", job=delivery.id, outcome="retry")
        assert "administration (write)" in slow_site.jobs()[delivery.id]["last_error"]


class TestRetry:
    def test_a_job_that_waits_goes_at_once(self, slow_site):
        delivery = failed_job(slow_site)
        done = slow_site.run("jobs", "retry", str(delivery.id))
        assert (done.code, done.stderr) == (0, "")
        assert done.stdout == f"job {delivery.id} is due at once\n"
        job, _ = slow_site.wait_for_dispatch(delivery)
        assert job["attempts"] == 1  # counted anew
        check_one_child_each(slow_site.nomad, [delivery], {delivery.id: job})

    def test_it_opens_a_shut_gate(self, slow_site):
        delivery = failed_job(slow_site, Answer(401, "no"))
        assert upstreams(slow_site)["nomad"]["state"] == "shut"
        assert slow_site.run("jobs", "retry", str(delivery.id)).code == 0
        slow_site.wait_for_dispatch(delivery)
        assert upstreams(slow_site)["nomad"]["state"] == "open"

    def test_one_job_s_retry_frees_what_waited_for_the_same_upstream(self, slow_site):
        delivery = failed_job(slow_site, Answer(401, "no"))
        others = [post(slow_site) for _ in range(3)]
        assert slow_site.run("jobs", "retry", str(delivery.id)).code == 0
        for other in [delivery, *others]:
            slow_site.wait_for_dispatch(other)
        check_one_child_each(slow_site.nomad, [delivery, *others], slow_site.jobs())

    def test_several_ids_of_which_one_is_unknown(self, slow_site):
        first, second = failed_job(slow_site), failed_job(slow_site)
        done = slow_site.run("jobs", "retry", str(first.id), "4711", str(second.id))
        assert done.code == 1
        assert "there is no job 4711" in done.stderr
        assert done.stdout.count("is due at once") == 2
        for delivery in (first, second):
            slow_site.wait_for_dispatch(delivery)

    def test_without_a_server_it_is_due_when_one_starts(self, slow_site):
        delivery = failed_job(slow_site)
        assert slow_site.processes[-1].stop() == 0
        assert slow_site.run("jobs", "retry", str(delivery.id)).code == 0
        slow_site.serve_socket()
        slow_site.wait_for_dispatch(delivery)

    def test_a_forgotten_job_cannot_be_retried(self, slow_site):
        delivery = failed_job(slow_site)
        assert slow_site.run("jobs", "forget", str(delivery.id)).code == 0
        done = slow_site.run("jobs", "retry", str(delivery.id))
        assert done.code == 1


class TestForget:
    def test_a_job_that_waits_gets_no_runner(self, slow_site):
        delivery = failed_job(slow_site)
        done = slow_site.run("jobs", "forget", str(delivery.id))
        assert (done.code, done.stderr) == (0, "")
        assert done.stdout == f"job {delivery.id} is forgotten, and gets no runner\n"
        # The same delivery again starts nothing: it is known.
        answer = poster(slow_site, slow_site.processes[-1])(delivery)
        assert (answer.status, answer.json["status"]) == (200, "duplicate")
        other = post(slow_site)
        slow_site.wait_for_dispatch(other)
        assert [child.json()["job_id"] for child in slow_site.nomad.dispatches] == [other.id]

    def test_it_leaves_the_gates_as_they_are(self, slow_site):
        delivery = failed_job(slow_site, Answer(401, "no"))
        assert slow_site.run("jobs", "forget", str(delivery.id)).code == 0
        assert upstreams(slow_site)["nomad"]["state"] == "shut"


class TestRefuses:
    @pytest.mark.parametrize("verb", ["retry", "forget"])
    def test_unknown(self, slow_site, verb):
        slow_site.serve_socket()
        done = slow_site.run("jobs", verb, "4711")
        assert (done.code, done.stdout) == (1, "")
        assert "there is no job 4711 in the ledger" in done.stderr

    @pytest.mark.parametrize("verb", ["retry", "forget"])
    def test_a_job_that_has_its_runner(self, slow_site, verb):
        delivery = post(slow_site)
        job, _ = slow_site.wait_for_dispatch(delivery)
        done = slow_site.run("jobs", verb, str(delivery.id))
        assert (done.code, done.stdout) == (1, "")
        assert f"job {delivery.id} is assigned" in done.stderr
        assert slow_site.jobs()[delivery.id] == job
        assert len(slow_site.nomad.dispatches) == 1

    @pytest.mark.parametrize("verb", ["retry", "forget"])
    def test_a_job_that_runs(self, slow_site, verb):
        delivery = post(slow_site)
        job, _ = slow_site.wait_for_dispatch(delivery)
        running = workflow_job("in_progress", id=delivery.id, runner_name=job["runner"])
        assert poster(slow_site, slow_site.processes[-1])(running).status == 200
        wait_until(lambda: slow_site.jobs()[delivery.id]["state"] == "running", "it runs")
        done = slow_site.run("jobs", verb, str(delivery.id))
        assert done.code == 1
        assert f"job {delivery.id} is running" in done.stderr

    @pytest.mark.parametrize("verb", ["retry", "forget"])
    @pytest.mark.parametrize("text", ["x", "", "-1", "0", "1.5", "12x", " 12", "0x1f",
                                      "9007199254740993", "99999999999999999999"])
    def test_what_is_no_id(self, slow_site, verb, text):
        delivery = failed_job(slow_site)
        done = slow_site.run("jobs", verb, text)
        assert (done.code, done.stdout) == (1, ""), done
        assert "a job's id" in done.stderr
        assert slow_site.jobs()[delivery.id]["state"] == "queued"

    @pytest.mark.parametrize("arguments", [["retry"], ["forget"], ["retry-all", "1"], ["1"],
                                           ["--json", "retry", "1"]])
    def test_usage(self, slow_site, arguments):
        done = slow_site.run("jobs", *arguments)
        assert (done.code, done.stdout) == (2, "")
        assert "jobs" in done.stderr

    @pytest.mark.parametrize("verb", ["retry", "forget"])
    def test_no_ledger_is_made(self, slow_site, verb):
        done = slow_site.run("jobs", verb, "1")
        assert done.code == 1 and done.stderr
        assert not slow_site.ledger_path.exists()

    def test_a_ledger_that_is_locked(self, slow_site):
        delivery = failed_job(slow_site)
        with slow_site.locked_ledger():
            done = slow_site.run("jobs", "retry", str(delivery.id))
        assert (done.code, done.stdout) == (1, "")
        assert "locked" in done.stderr
