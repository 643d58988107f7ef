"""How many runners a pool may have, and how many of them may wait for placement. What waits, waits
on disk."""

import itertools
import threading

import pytest

from standins import ParameterizedJob

from .support.deliveries import POOL_LABELS
from .support.site import META_KEYS, NOMAD_JOB
from .support.traffic import name_of
from .support.waiting import wait_until

LIMITED = {"max_runners": 2}
GPU_LABELS = (*POOL_LABELS, "gpu")


def two_jobs():
    return {"jobs": [ParameterizedJob(name, payload="required", meta_required=META_KEYS)
                     for name in (NOMAD_JOB, "gpu-runner")]}


def gpu(**limits):
    return {"labels": ", ".join(GPU_LABELS), "nomad_job": "gpu-runner", **limits}


def at_rest(traffic, count):
    """So many children were made, and no further one follows."""
    wait_until(lambda: len(traffic.nomad.dispatches) >= count, f"{count} children")
    traffic.pass_time(1)
    traffic.site.run("dispatch", env=traffic.clock.env)
    assert len(traffic.nomad.dispatches) == count
    return list(traffic.nomad.dispatches)


def run_through(traffic, job, child):
    """The child takes its job, ends it, and goes."""
    registration = traffic.register(child)
    traffic.begin(job, registration)
    traffic.complete(job)
    traffic.leave(child, registration)
    traffic.pass_time_until_gone(child, step_s=3)


class TestRunners:
    @pytest.fixture
    def traffic(self, make_traffic):
        return make_traffic(pool_linux=LIMITED)

    def test_the_next_goes_when_one_is_gone(self, traffic):
        jobs = [traffic.queue() for _ in range(4)]
        first, second = at_rest(traffic, 2)
        assert {first.json()["job_id"], second.json()["job_id"]} == {jobs[0].id, jobs[1].id}
        registration = traffic.register(first)
        job = next(job for job in jobs if job.id == first.json()["job_id"])
        traffic.begin(job, registration)
        at_rest(traffic, 2)
        traffic.complete(job)
        at_rest(traffic, 2)  # its child is still there
        traffic.leave(first, registration)
        traffic.pass_time_until_gone(first, step_s=3)
        traffic.dispatched(jobs[2])
        at_rest(traffic, 3)
        assert traffic.job(jobs[3])["state"] == "queued"

    def test_one_that_was_cancelled_makes_room(self, traffic):
        jobs = [traffic.queue() for _ in range(3)]
        at_rest(traffic, 2)
        traffic.register(traffic.dispatched(jobs[0]))
        traffic.cancel(jobs[0])
        traffic.dispatched(jobs[2])
        at_rest(traffic, 3)

    def test_one_that_was_cancelled_while_it_waited_is_never_dispatched(self, traffic):
        jobs = [traffic.queue() for _ in range(4)]
        first, _ = at_rest(traffic, 2)
        traffic.cancel(jobs[2])
        assert traffic.job(jobs[2])["state"] == "done"
        run_through(traffic, jobs[0], traffic.dispatched(jobs[0]))
        traffic.dispatched(jobs[3])
        assert traffic.children_of(jobs[2]) == []

    def test_survives_a_restart(self, traffic):
        jobs = [traffic.queue() for _ in range(3)]
        at_rest(traffic, 2)
        traffic.process.kill()
        traffic.serve("second")
        at_rest(traffic, 2)
        traffic.cancel(jobs[0])
        traffic.pass_time_until_gone(traffic.dispatched(jobs[0]), step_s=60)
        traffic.dispatched(jobs[2])

    def test_a_job_that_is_refused_takes_no_room(self, make_traffic):
        """However many of them there are."""
        traffic = make_traffic(pool_linux=LIMITED, server={"retry_initial": 600, "retry_max": 600},
                               github_options={"denied": {"octo-harbor/cellar"}})
        refused = [traffic.queue(repository="octo-harbor/cellar") for _ in range(4)]
        for job in refused:
            traffic.site.wait_for_event(event="dispatch", job=job.id, outcome="retry")
        jobs = [traffic.queue() for _ in range(3)]
        at_rest(traffic, 2)
        assert {child.json()["job_id"] for child in traffic.nomad.dispatches} == {
            jobs[0].id, jobs[1].id}


class TestPending:
    @pytest.fixture
    def traffic(self, make_traffic):
        return make_traffic(pool_linux={"max_pending": 2}, nomad_options={"placement": "never"})

    def test_the_next_goes_when_one_is_placed(self, traffic):
        jobs = [traffic.queue() for _ in range(5)]
        first, second = at_rest(traffic, 2)
        traffic.nomad.place(first)
        traffic.pass_time(5)  # what waits for placement is looked at every few seconds
        third = next(child for child in at_rest(traffic, 3) if child not in (first, second))
        assert third.json()["job_id"] == jobs[2].id
        traffic.nomad.place(second)
        traffic.nomad.place(third)
        traffic.pass_time(9)
        at_rest(traffic, 5)

    def test_one_that_took_a_job_is_placed(self, traffic):
        jobs = [traffic.queue() for _ in range(3)]
        first, _ = at_rest(traffic, 2)
        traffic.nomad.place(first)
        registration = traffic.register(first)
        traffic.begin(next(job for job in jobs if job.id == first.json()["job_id"]), registration)
        wait_until(lambda: len(traffic.nomad.dispatches) == 3, "the next goes")

    def test_one_that_was_cancelled_makes_room(self, traffic):
        jobs = [traffic.queue() for _ in range(3)]
        at_rest(traffic, 2)
        traffic.cancel(jobs[1])
        traffic.dispatched(jobs[2])

    def test_what_is_placed_is_not_counted(self, make_traffic):
        traffic = make_traffic(pool_linux={"max_pending": 1})
        jobs = [traffic.queue() for _ in range(4)]
        traffic.pass_time_until(lambda: len(traffic.nomad.dispatches) == 4, "all run", step_s=5,
                                steps=6)
        for job in jobs:
            traffic.dispatched(job)


class TestPools:
    def test_a_full_one_does_not_hold_the_other(self, make_traffic):
        traffic = make_traffic(nomad_options=two_jobs(), pool_linux={"max_runners": 1},
                               pool_gpu=gpu(max_runners=2))
        linux = [traffic.queue() for _ in range(3)]
        large = [traffic.queue(labels=GPU_LABELS) for _ in range(3)]
        made = at_rest(traffic, 3)
        assert {child.json()["job_id"] for child in made} == {linux[0].id, large[0].id, large[1].id}
        assert [child.parent_id for child in made].count("gpu-runner") == 2
        run_through(traffic, linux[0], traffic.dispatched(linux[0]))
        traffic.dispatched(linux[1])
        at_rest(traffic, 4)

    def test_what_waits_for_placement_in_one_does_not_hold_the_other(self, make_traffic):
        traffic = make_traffic(nomad_options={**two_jobs(), "placement": "never"},
                               pool_linux={"max_pending": 1}, pool_gpu=gpu())
        linux = [traffic.queue() for _ in range(2)]
        large = [traffic.queue(labels=GPU_LABELS) for _ in range(3)]
        made = at_rest(traffic, 4)
        assert {child.json()["job_id"] for child in made} == {linux[0].id,
                                                              *[job.id for job in large]}


class TestTwoProcesses:
    def test_on_one_ledger(self, make_traffic):
        """At no moment are there more than the pool may have, though both dispatch at once."""
        traffic = make_traffic(pool_linux={"max_runners": 3})
        processes = itertools.cycle([traffic.process, traffic.serve("second")])
        most, lock = [0], threading.Lock()

        def count(_):
            with lock:
                living = [child for child in traffic.nomad.children if child.status != "dead"]
                most[0] = max(most[0], len(living))

        traffic.nomad.on_dispatch = count
        jobs = {}
        for process in itertools.islice(processes, 12):
            job = traffic.queue(told=False)
            jobs[job.id] = job
            traffic.tell("queued", job, process)
        done = set()
        while len(done) < len(jobs):
            wait_until(lambda: len(traffic.nomad.dispatches) > len(done), "the next child")
            child = traffic.nomad.dispatches[len(done)]
            job = jobs[child.json()["job_id"]]
            run_through(traffic, job, traffic.dispatched(job))
            done.add(name_of(child))
        assert most[0] == 3
        assert len(traffic.nomad.dispatches) == 12
        assert {row["state"] for row in traffic.site.jobs().values()} == {"done"}
