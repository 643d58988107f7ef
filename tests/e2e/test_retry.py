"""What was accepted is dispatched, whatever fails on the way and however often."""

import itertools
import re

import pytest

from standins.faults import Answer, Close, Delay, Garbage, Reset, Stall, Truncated

from .support.deliveries import workflow_job
from .support.site import Site, close_sites
from .support.waiting import wait_until

DISPATCH = {"method": "POST", "path": "/dispatch$"}


def accepted(site, front=None):
    delivery = workflow_job()
    served = site.front or site.serve("nginx")
    assert served.post(delivery).status == 202
    return delivery


def check_retry_line(site, delivery, upstream):
    line = site.wait_for_event(event="dispatch", job=delivery.id, outcome="retry")
    assert line["level"] in ("warning", "error")
    assert line["upstream"] == upstream
    assert re.fullmatch(r"[a-z_]+", line["failure"])
    assert line["error"]
    assert int(line["next_attempt_s"]) >= 1
    assert line["delivery"] == delivery.guid
    return line


NOMAD_FAULTS = [
    Answer(500, "No cluster leader"),
    Answer(502, "<html>bad gateway</html>"),
    Answer(429, "slow down", {"Retry-After": "1"}),
    Answer(403, "Permission denied"),
    Answer(200, ""),
    Answer(200, "{}"),
    Answer(200, '{"DispatchedJobID": 7}'),
    Answer(302, "", {"Location": "http://127.0.0.1:1/v1/job/x/dispatch"}),
    Reset(),
    Close(),
    Truncated(applied=False),
    Garbage(),
    Garbage(body=b"[1,2"),
]
LOST_ANSWERS = [
    Reset(after=20, applied=True),
    Close(applied=True),
    Truncated(),
    Answer(503, "", applied=True),
    Garbage(body=b"oops", applied=True),
]
GITHUB_FAULTS = [
    Answer(500, "oops"),
    Answer(401, '{"message":"Bad credentials"}'),
    Answer(403, '{"message":"API rate limit exceeded"}',
           {"x-ratelimit-remaining": "0", "retry-after": "1"}),
    Answer(404, '{"message":"Not Found"}'),
    Answer(201, ""),
    Answer(201, '{"token":""}'),
    Answer(201, '{"token":7,"expires_at":"2099-01-01T00:00:00Z"}'),
    Answer(200, "null"),
    Reset(),
    Truncated(),
    Garbage(),
]


class TestFailsThenWorks:
    """Each fault strikes one job. One after the other: several at once would be the upstream's own
    trouble, and shut its gate."""

    @pytest.fixture(scope="class")
    def lasting_site(self, runhook_path):
        site = Site(runhook_path)
        try:
            site.serve("nginx")
            yield site
        finally:
            close_sites([site])

    @pytest.fixture
    def strike(self, lasting_site):
        """Makes a job that a fault of an upstream strikes once."""
        def struck(fault, upstream):
            number = next(self.numbers)
            delivery = workflow_job(repository=f"octo/r{number}")
            # libcurl itself repeats a request where a kept connection breaks before any byte.
            times = 2 if type(fault) in (Reset, Close) and not fault.applied else 1
            upstream.faults.add(fault, times=times, where=self.about(delivery))
            assert lasting_site.front.post(delivery).status == 202
            return lasting_site, delivery
        return struck

    numbers = itertools.count()

    @staticmethod
    def about(delivery):
        name = delivery.repository.partition("/")[2]

        def fits(request):
            token = request.query_value("idempotency_token")
            if token is not None:
                return token.startswith(f"{delivery.id}.")
            return f"/{name}/" in request.path

        return fits

    @pytest.mark.parametrize("fault", NOMAD_FAULTS, ids=repr)
    def test_nomad(self, lasting_site, strike, fault):
        site, delivery = strike(fault, lasting_site.nomad)
        check_retry_line(site, delivery, "nomad")
        job, child = site.wait_for_dispatch(delivery)
        assert child.json()["job_id"] == delivery.id
        assert self.children_of(site, delivery) == [child.id]
        assert job["last_error"] is None
        line = site.wait_for_event(event="dispatch", job=delivery.id, outcome="dispatched")
        assert int(line["attempt"]) >= 2

    @pytest.mark.parametrize("fault", LOST_ANSWERS, ids=repr)
    def test_nomad_made_the_child_and_the_answer_was_lost(self, lasting_site, strike, fault):
        """The same idempotency token again: one child, which is found."""
        site, delivery = strike(fault, lasting_site.nomad)
        job, child = site.wait_for_dispatch(delivery)
        assert self.children_of(site, delivery) == [child.id]
        requests = site.dispatches_of(delivery)
        assert len(requests) >= 2
        assert {request.query_value("idempotency_token") for request in requests} == {
            f"{delivery.id}.1"}
        assert job["runner"] == child.json()["runner_name"]

    @pytest.mark.parametrize("fault", GITHUB_FAULTS, ids=repr)
    def test_github(self, lasting_site, strike, fault):
        site, delivery = strike(fault, lasting_site.github)
        check_retry_line(site, delivery, "github")
        _, child = site.wait_for_dispatch(delivery)
        assert site.github.is_registration_token(child.json()["token"], delivery.repository)
        assert self.children_of(site, delivery) == [child.id]
        assert len(site.dispatches_of(delivery)) == 1

    @staticmethod
    def children_of(site, delivery):
        return [child.id for child in site.nomad.dispatches
                if child.json()["job_id"] == delivery.id]


def test_both_down_then_up(site):
    site.serve("nginx")
    with site.nomad.server.refused(), site.github.server.refused():
        deliveries = [accepted(site) for _ in range(5)]
        # Three failures shut the gate: after them one at a time probes, and the rest wait untried.
        site.wait_for_event(3, event="dispatch", outcome="retry", upstream="github")
        for line in site.events(event="dispatch", outcome="retry"):
            check_retry_line(site, next(d for d in deliveries if str(d.id) == line["job"]), "github")
        jobs = site.jobs()
        for delivery in deliveries:
            assert (jobs[delivery.id]["state"], jobs[delivery.id]["child"]) == ("queued", None)
        tried = [job for job in jobs.values() if job["attempts"] > 0]
        assert tried
        for job in tried:
            assert job["last_error"]
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", job["next_attempt_at"])
    children = site.nomad.wait_for_children(5, 15)
    assert {child.json()["job_id"] for child in children} == {
        delivery.id for delivery in deliveries}
    for delivery in deliveries:
        site.wait_for_dispatch(delivery)
    assert len(site.nomad.dispatches) == 5


def test_the_delay_doubles_up_to_its_limit(site):
    site.configure("server", retry_initial=1, retry_max=2)
    with site.nomad.faults.during(Answer(500, "oops"), **DISPATCH):
        delivery = accepted(site)
        site.wait_for_event(3, event="dispatch", job=delivery.id, outcome="retry", timeout_s=20)
    delays = [int(line["next_attempt_s"]) for line in
              site.events(event="dispatch", job=delivery.id, outcome="retry")[:3]]
    assert delays[0] == 1
    assert delays[1:] == [2, 2]
    # Up to a quarter less, so that what failed together does not come again together.
    times = [request.at for request in site.nomad.dispatch_requests()[:3]]
    assert times[1] - times[0] >= 0.7
    assert times[2] - times[1] >= 1.4


def test_a_stalled_upstream_times_out(site):
    site.configure("nomad", timeout=1)
    site.nomad.faults.add(Stall(), **DISPATCH)
    delivery = accepted(site)
    check_retry_line(site, delivery, "nomad")
    site.wait_for_dispatch(delivery)


def test_one_stalled_dispatch_does_not_hold_the_others(site):
    fault = Delay()
    site.nomad.faults.add(fault, **DISPATCH)
    held = accepted(site)
    site.nomad.server.wait_for_arrival(1, **DISPATCH)
    others = [accepted(site) for _ in range(3)]
    for delivery in others:
        site.wait_for_dispatch(delivery)
    assert site.jobs()[held.id]["child"] is None
    fault.release()
    site.wait_for_dispatch(held)
    assert len(site.nomad.dispatches) == 4


@pytest.mark.parametrize("text", [
    "parameterized job not found",
    "Dispatch request included unpermitted metadata keys: [POOL]",
    "Dispatch did not provide required meta keys: [COLOUR]",
    "Payload exceeds maximum size; 16385 > 16384"])
def test_what_needs_an_operator_says_so_and_is_kept(site, text):
    with site.nomad.faults.during(Answer(500, text), **DISPATCH):
        delivery = accepted(site)
        line = check_retry_line(site, delivery, "nomad")
        assert text in line["error"]
        job = wait_until(lambda: site.jobs().get(delivery.id), "the job is listed")
        assert text in job["last_error"]
        assert job["child"] is None


def test_a_registration_token_that_github_forgot(site):
    """A 401 of GitHub on our own token is retried, and works once the token is good again."""
    good = set(site.github.tokens)
    site.github.tokens.clear()
    delivery = accepted(site)
    line = check_retry_line(site, delivery, "github")
    assert "401" in line["error"] or "credentials" in line["error"].lower()
    site.github.tokens |= good
    site.wait_for_dispatch(delivery)


def test_restart_with_a_job_that_waits(site):
    process = site.serve_socket()
    delivery = workflow_job()
    with site.nomad.server.refused():
        with site.fastcgi(process) as connection:
            assert connection.post(delivery).status == 202
        check_retry_line(site, delivery, "nomad")
        assert process.stop() == 0
    assert site.nomad.dispatches == []
    site.serve_socket()
    site.wait_for_dispatch(delivery)
    assert len(site.nomad.dispatches) == 1


def test_a_restart_after_a_token_was_mended_tries_at_once(site):
    site.configure("server", retry_initial=600, retry_max=600)
    process = site.serve_socket()
    site.github.tokens = {"ghp_mended_0123456789"}
    delivery = workflow_job()
    with site.fastcgi(process) as connection:
        assert connection.post(delivery).status == 202
    site.wait_for_event(event="dispatch", job=delivery.id, outcome="retry")
    assert process.stop() == 0
    site.secret_file("github-token", "ghp_mended_0123456789")
    site.serve_socket()
    site.wait_for_dispatch(delivery)


def test_killed_between_the_answer_and_the_dispatch(site):
    process = site.serve_socket()
    fault = Delay(applied=True)
    site.nomad.faults.add(fault, **DISPATCH)
    delivery = workflow_job()
    with site.fastcgi(process) as connection:
        assert connection.post(delivery).status == 202
    site.nomad.server.wait_for_arrival(1, **DISPATCH)
    process.kill()
    fault.release()
    site.serve_socket()
    job, child = site.wait_for_dispatch(delivery)
    assert [made.id for made in site.nomad.dispatches] == [child.id]


def test_the_dispatch_command_takes_what_is_due(site):
    process = site.serve_socket()
    deliveries = [workflow_job() for _ in range(3)]
    with site.nomad.server.refused():
        for delivery in deliveries:
            with site.fastcgi(process) as connection:
                assert connection.post(delivery).status == 202
            check_retry_line(site, delivery, "nomad")
        assert process.stop() == 0

    def all_dispatched():
        done = site.run("dispatch")
        assert done.code == 0, done
        return len(site.nomad.dispatches) == 3

    wait_until(all_dispatched, "runhook dispatch dispatches what is due", 10)
    assert {job["state"] for job in site.jobs().values()} == {"assigned"}
    assert site.run("dispatch").code == 0
    assert len(site.nomad.dispatches) == 3


def test_the_dispatch_command_with_nothing_to_do(site):
    site.serve_socket().stop()
    done = site.run("dispatch")
    assert done.code == 0, done
    assert site.github.requests == site.nomad.requests == []
