"""A job whose `queued` was lost leaves nothing in the ledger, so GitHub is asked for what waits:
now and then, and cheaply."""

import pytest

from .support.traffic import REPOSITORY
from .support.waiting import wait_until

QUIET, BUSY, DENIED = "octo-harbor/tide-tables", "octo-harbor/lighthouse", "octo-harbor/cellar"
RUNS = {"method": "GET", "path": "/actions/runs$"}
JOBS = {"method": "GET", "path": "/actions/runs/[0-9]+/jobs$"}


@pytest.fixture
def make_town(make_traffic):
    def make(**options):
        audit = {"discover_interval": 300, **options.pop("audit", {})}
        return make_traffic(audit=audit, **options)

    return make


@pytest.fixture
def traffic(make_town):
    return make_town()


def seen_before(traffic, repository=REPOSITORY):
    """The program has heard of the repository by a job that is over."""
    job = traffic.queue(repository=repository)
    child = traffic.dispatched(job)
    registration = traffic.register(child)
    traffic.begin(job, registration)
    traffic.complete(job)
    traffic.leave(child, registration)
    traffic.pass_time_until_gone(child, step_s=5)


def looks(traffic, repository=REPOSITORY):
    """How often the repository was asked for its queued runs, first pages alone."""
    return len(traffic.github.server.seen(
        **RUNS, where=lambda request: request.path.startswith(f"/repos/{repository}/")
        and request.query_value("status") == "queued" and request.query_value("page") == "1"))


def pass_time_until_looked(traffic, repository=REPOSITORY, steps=40):
    before = looks(traffic, repository)
    traffic.pass_time_until(lambda: looks(traffic, repository) > before,
                            f"{repository} is asked", step_s=100, steps=steps)
    entry = traffic.github.server.seen(**RUNS)
    wait_until(lambda: all(request.answered.is_set() for request in entry), "the answers")


def entered(traffic, job):
    return traffic.site.events(event="discovery", job=job.id, outcome="entered")


class TestFound:
    def test_within_the_interval(self, traffic):
        seen_before(traffic)
        job = traffic.queue(told=False)
        traffic.pass_time(301)
        child = traffic.dispatched(job)
        payload = child.json()
        assert (payload["job_id"], payload["repo"], payload["run_id"]) == (job.id, REPOSITORY,
                                                                           job.run.id)
        assert payload["url"] == f"https://github.com/{REPOSITORY}"
        line, = entered(traffic, job)
        assert line["level"] == "warning"
        assert line["pool"] == "linux"
        assert traffic.job(job)["name"] == "build"

    def test_not_before_the_interval_is_over(self, traffic):
        seen_before(traffic)
        traffic.queue(told=False)
        traffic.pass_time(250)
        assert looks(traffic) == 0

    def test_in_a_run_that_is_in_progress(self, traffic):
        """One job of it runs; the event of the other was lost."""
        first = traffic.queue(name="build")
        child = traffic.dispatched(first)
        traffic.begin(first, traffic.register(child))
        second = traffic.queue(run=first.run, told=False, name="test")
        assert first.run.status == "in_progress"
        traffic.pass_time(301)
        traffic.dispatched(second)
        assert len(traffic.children_of(first)) == 1
        assert entered(traffic, first) == []

    def test_its_event_comes_later_after_all(self, traffic):
        seen_before(traffic)
        job = traffic.queue(told=False)
        traffic.pass_time(301)
        traffic.dispatched(job)
        assert traffic.tell("queued", job).status == 200
        traffic.pass_time(31)
        assert len(traffic.children_of(job)) == 1

    def test_in_a_repository_that_only_the_configuration_names(self, make_town):
        traffic = make_town(serve=False, github={"repositories": f"{QUIET}, {REPOSITORY}"})
        job = traffic.queue(told=False)
        traffic.serve()
        traffic.dispatched(job)
        assert looks(traffic, QUIET) == 1

    def test_again_after_a_restart(self, traffic):
        seen_before(traffic)
        assert traffic.process.stop() == 0
        job = traffic.queue(told=False)
        traffic.clock.advance(400)
        traffic.serve("second")
        traffic.dispatched(job)

    def test_once_it_is_approved(self, traffic):
        seen_before(traffic)
        job = traffic.queue(told=False, status="waiting")
        pass_time_until_looked(traffic)
        assert traffic.job(job) is None
        job.status = "queued"
        pass_time_until_looked(traffic)
        traffic.dispatched(job)

    def test_cancelled_before_it_was_found(self, traffic):
        seen_before(traffic)
        job = traffic.queue(told=False)
        keeps_run_open = traffic.queue(told=False, run=job.run, labels=("ubuntu-latest",),
                                       name="hosted")
        traffic.cancel(job, told=False)
        pass_time_until_looked(traffic)
        traffic.pass_time(31)
        assert traffic.job(job) is None and traffic.job(keeps_run_open) is None
        assert traffic.children_of(job) == []

    def test_in_progress_and_completed_of_known_jobs(self, make_town):
        """What a list tells of them is as good as their events."""
        traffic = make_town(audit={"interval": 86400, "interval_max": 86400})
        first = traffic.queue(name="one")
        second = traffic.queue(name="two", run=first.run)
        children = [traffic.dispatched(job) for job in (first, second)]
        registrations = [traffic.register(child) for child in children]
        traffic.begin(first, registrations[0], told=False)
        traffic.begin(second, registrations[1], told=False)
        traffic.complete(second, told=False)
        traffic.pass_time(301)
        assert traffic.wait_for_job(first, "running")["runner"] == registrations[0].name
        assert traffic.wait_for_job(second, "done")["conclusion"] == "success"

    def test_what_no_pool_serves_does_not_enter(self, traffic):
        seen_before(traffic)
        others = [traffic.queue(labels=labels, told=False)
                  for labels in (("ubuntu-latest",), ("self-hosted", "windows"), ("linux", "x64"),
                                 ())]
        job = traffic.queue(told=False)
        traffic.pass_time(301)
        traffic.dispatched(job)
        for other in others:
            assert traffic.job(other) is None
            assert traffic.children_of(other) == []

    def test_what_a_new_pool_serves(self, traffic):
        """A list that has not changed is looked at anew where the pools have."""
        seen_before(traffic)
        job = traffic.queue(labels=("self-hosted", "windows"), told=False)
        pass_time_until_looked(traffic)
        assert traffic.process.stop() == 0
        traffic.site.configure("pool windows", labels="self-hosted, windows",
                               nomad_job="github-runner")
        traffic.serve("second")
        pass_time_until_looked(traffic)
        assert traffic.dispatched(job).json()["labels"] == ["self-hosted", "windows"]


class TestPages:
    def test_of_runs(self, traffic):
        """The oldest is on the last page."""
        seen_before(traffic)
        job = traffic.queue(told=False)
        for _ in range(100):
            traffic.queue(labels=("ubuntu-latest",), told=False)
        traffic.pass_time(301)
        traffic.dispatched(job)
        pages = [request.query_value("page") for request in traffic.github.server.seen(
            **RUNS, where=lambda request: request.query_value("status") == "queued")]
        assert pages == ["1", "2"]

    def test_of_jobs(self, traffic):
        seen_before(traffic)
        run = traffic.run()
        for number in range(120):
            traffic.queue(run=run, labels=("ubuntu-latest",), told=False, name=f"hosted {number}")
        job = traffic.queue(run=run, told=False)
        traffic.pass_time(301)
        traffic.dispatched(job)
        pages = [request.query_value("page") for request in traffic.github.server.seen(**JOBS)]
        assert pages == ["1", "2"]


class TestCheap:
    def test_what_is_unchanged_costs_nothing(self, traffic):
        seen_before(traffic)
        traffic.queue(labels=("ubuntu-latest",), told=False)
        pass_time_until_looked(traffic)
        first = traffic.github.server.seen(**RUNS) + traffic.github.server.seen(**JOBS)
        assert [request.headers.get("If-None-Match") for request in first] == [None] * 3
        remaining = traffic.github.rate.remaining
        pass_time_until_looked(traffic)
        wait_until(lambda: len(traffic.github.server.seen(**JOBS)) == 2, "the run's jobs")
        again = [request for request in
                 traffic.github.server.seen(**RUNS) + traffic.github.server.seen(**JOBS)
                 if request not in first]
        assert len(again) == 3
        for request in again:
            assert request.headers.get("If-None-Match")
            assert request.response.status == 304
        assert traffic.github.rate.remaining == remaining

    def test_a_change_is_seen_all_the_same(self, traffic):
        seen_before(traffic)
        run = traffic.queue(labels=("ubuntu-latest",), told=False).run
        pass_time_until_looked(traffic)
        job = traffic.queue(run=run, told=False, name="second")
        pass_time_until_looked(traffic)
        traffic.dispatched(job)

    def test_one_that_is_busy_by_events_is_asked_less(self, traffic):
        for repository in (QUIET, BUSY):
            seen_before(traffic, repository)
        for _ in range(12):
            traffic.queue(repository=BUSY, labels=("self-hosted",))
            traffic.pass_time(301)
        assert 8 <= looks(traffic, QUIET) <= 12
        assert 3 <= looks(traffic, BUSY) <= 5

    def test_one_of_which_nothing_was_heard_for_long_is_not_asked(self, make_town):
        traffic = make_town(audit={"discover_window": 3600})
        seen_before(traffic)
        for _ in range(11):
            traffic.pass_time(310)
        asked = looks(traffic)
        assert asked >= 10
        for _ in range(5):
            traffic.pass_time(310)
        assert looks(traffic) - asked <= 1

    def test_off(self, make_town):
        traffic = make_town(audit={"discover_interval": 0}, serve=False,
                            github={"repositories": QUIET})
        traffic.serve()
        seen_before(traffic)
        traffic.queue(told=False)
        for _ in range(10):
            traffic.pass_time(8640)
        assert traffic.github.server.seen(**RUNS) == []

    def test_githubs_budget(self, make_town):
        """60 an hour is one a minute, which one repository's look takes up."""
        names = [f"octo/r{number}" for number in range(16)]
        traffic = make_town(audit={"github_calls": 60}, serve=False,
                            github={"repositories": ", ".join(names)})
        for name in names:
            traffic.queue(repository=name, labels=("ubuntu-latest",), told=False)
        traffic.serve()
        for _ in range(5):
            traffic.pass_time(1)
        # Three a look: a look that has begun ends, in each thread.
        assert 3 <= len(traffic.github.requests) <= 8 * 3
        for _ in range(20):
            traffic.pass_time(61)
        asked = {request.segments[2] for request in traffic.github.server.seen(**RUNS)}
        assert len(asked) == 16, "each has its turn"


class TestRefused:
    def test_is_told_once_and_left_alone(self, make_town):
        traffic = make_town(github_options={"unreadable": {DENIED}}, serve=False,
                            github={"repositories": f"{DENIED}, {QUIET}"})
        job = traffic.queue(repository=QUIET, told=False)
        traffic.serve()
        traffic.dispatched(job)
        traffic.site.wait_for_event(event="discovery", repository=DENIED, outcome="retry")
        for _ in range(10):
            traffic.pass_time(301)
        line, = traffic.site.events(event="discovery", outcome="retry")
        assert (line["level"], line["repository"]) == ("error", DENIED)
        assert line["status"] == "403"
        assert "actions" in line["error"].lower()
        assert looks(traffic, DENIED) == 1
        assert looks(traffic, QUIET) >= 3
        later = traffic.queue(repository=DENIED, told=False)
        with traffic.github.changing():
            traffic.github.unreadable.clear()
        traffic.pass_time_until(lambda: traffic.children_of(later), "it is asked again",
                                step_s=301, steps=5)

    def test_a_run_that_was_deleted_meanwhile(self, traffic):
        seen_before(traffic)
        doomed = traffic.queue(told=False)
        job = traffic.queue(told=False)
        traffic.github.faults.add(Gone(traffic, doomed.run), **JOBS)
        traffic.pass_time(301)
        traffic.dispatched(job)
        assert traffic.site.events(event="discovery", outcome="retry") == []


class Gone:
    """Answers as the run does not exist any more, whichever was asked for first."""

    applied = False

    def __init__(self, traffic, run):
        self.traffic = traffic
        self.run = run

    def play(self, wire):
        with self.traffic.github.changing():
            self.traffic.actions.runs.pop(self.run.id, None)
        wire.send(wire.answer().bytes())
        return True

    def release(self):
        pass
