"""What is believed is compared with Nomad and GitHub now and then, and brought in line with them:
with every event lost, and within the number of requests that is allowed."""

import contextlib
import json
import re
import sqlite3

import pytest

from standins import ParameterizedJob, alloc_metric
from standins.faults import Answer

from .support.deliveries import POOL_LABELS
from .support.site import META_KEYS
from .support.traffic import name_of
from .support.waiting import wait_until

GPU_LABELS = (*POOL_LABELS, "gpu")


def registered(traffic, **options):
    job = traffic.queue(**options)
    child = traffic.dispatched(job)
    return job, child, traffic.register(child)


def running(traffic, **options):
    job, child, registration = registered(traffic, **options)
    traffic.begin(job, registration)
    traffic.wait_for_runner(child, "busy")
    return job, child, registration


def audit_lines(traffic, **pairs):
    return traffic.site.events(event="audit", **pairs)


class TestLostEvents:
    def test_in_progress(self, traffic):
        job, child, registration = registered(traffic)
        traffic.begin(job, registration, told=False)
        traffic.pass_time(31)
        row = traffic.job(job)
        assert (row["state"], row["runner"]) == ("running", name_of(child))
        row = traffic.runner(child)
        assert (row["state"], row["github_id"]) == ("busy", registration.id)

    def test_completed_of_a_runner_that_left(self, traffic):
        job, child, registration = running(traffic)
        traffic.complete(job, "failure", told=False)
        traffic.leave(child, registration)
        traffic.pass_time_until_gone(child)
        row = traffic.job(job)
        assert (row["state"], row["conclusion"]) == ("done", "failure")
        assert traffic.stops() == traffic.deletions() == []

    def test_completed_of_a_runner_that_lives_on(self, traffic):
        """Nomad replaced the allocation, say: it idles, and is taken away."""
        job, child, _ = running(traffic)
        traffic.complete(job, told=False)
        traffic.pass_time_until(lambda: traffic.job(job)["state"] == "done", "the job is done",
                                step_s=100)
        traffic.settle()
        assert traffic.stops() == []
        traffic.pass_time_until_gone(child, step_s=61, steps=4)
        asked = traffic.supply_requests(child)
        assert [re.sub(r"\d+", "N", what) for what in asked[-3:]] == ["delete N", "stop", "lookup"]

    def test_completed_was_told_and_the_runner_lives_on(self, traffic):
        job, child, registration = running(traffic)
        traffic.complete(job)
        traffic.wait_for_runner(child, "leaving")
        traffic.pass_time(55)
        assert traffic.supply_requests(child) == []
        traffic.pass_time(31)
        assert len(traffic.stops(child)) == 1
        traffic.pass_time_until_gone(child)
        assert traffic.supply_requests(child) == [f"delete {registration.id}", "stop", "lookup"]

    def test_both(self, traffic):
        job, child, registration = registered(traffic)
        traffic.begin(job, registration, told=False)
        traffic.complete(job, told=False)
        traffic.leave(child, registration)
        traffic.pass_time_until_gone(child)
        row = traffic.job(job)
        assert (row["state"], row["conclusion"], row["runner"]) == ("done", "success",
                                                                    name_of(child))
        assert len(traffic.nomad.dispatches) == 1

    @pytest.mark.parametrize("where", ["waiting for placement", "not registered", "idle"])
    def test_cancelled(self, traffic, where):
        if where == "waiting for placement":
            traffic.nomad.placement = "never"
        job = traffic.queue()
        child = traffic.dispatched(job)
        if where == "idle":
            traffic.register(child)
        traffic.cancel(job, told=False)
        traffic.pass_time(31)
        row = traffic.job(job)
        assert (row["state"], row["conclusion"]) == ("done", "cancelled")
        traffic.pass_time_until_gone(child)
        assert child.stop
        assert traffic.actions.runners == {}

    def test_what_was_deleted_with_its_run(self, traffic):
        """GitHub does not know the job any more. A runner that may just be about to run it is not
        taken away for that."""
        job, child, _ = registered(traffic)
        with traffic.github.changing():
            del traffic.actions.jobs[job.id]
        traffic.pass_time(31)
        assert traffic.job(job)["state"] == "assigned"
        traffic.pass_time_until_gone(child, step_s=200, steps=8)
        row = traffic.job(job)
        assert (row["state"], row["conclusion"]) == ("done", "deleted")

    def test_of_a_job_that_runs_elsewhere(self, traffic):
        job, child, registration = registered(traffic)
        traffic.begin_elsewhere(job, told=False)
        traffic.pass_time(31)
        row = traffic.job(job)
        assert (row["state"], row["runner"]) == ("running", "workshop-1")
        traffic.pass_time_until_gone(child)
        assert registration.id not in traffic.actions.runners


class TestRunnerOfSomebodyElse:
    def test_ours_is_surplus(self, traffic):
        job, child, registration = registered(traffic)
        traffic.begin_elsewhere(job)
        traffic.pass_time_until_gone(child, step_s=2)
        assert f"delete {registration.id}" in traffic.supply_requests(child)
        assert traffic.job(job)["state"] == "running"

    def test_the_end_is_seen_though_it_was_not_told(self, traffic):
        job, child, _ = registered(traffic)
        traffic.begin_elsewhere(job)
        traffic.pass_time_until_gone(child, step_s=2)
        traffic.complete(job, "failure", told=False)
        traffic.clock.advance(31)
        row = traffic.wait_for_job(job, "done")
        assert row["conclusion"] == "failure"


class TestLostRunner:
    @pytest.fixture
    def traffic(self, make_traffic):
        return make_traffic(audit={"replacements": 2})

    def check_lost(self, traffic, job, outcome, text):
        """Of three children the third was one too many."""
        row = traffic.wait_for_job(job, "failed")
        assert row["lost"] == 3
        assert re.search(text, row["last_error"])
        lines = audit_lines(traffic, job=job.id, outcome=outcome)
        assert [line["level"] for line in lines] == ["warning", "warning", "error"]
        assert lines[-1]["reason"] == row["last_error"]
        children = traffic.children_of(job)
        assert [child.idempotency_token for child in children] == [
            f"{job.id}.{n}" for n in (1, 2, 3)]
        assert len({name_of(child) for child in children}) == 3
        for child in children:
            traffic.pass_time_until_gone(child)
        traffic.pass_time(7200)
        assert len(traffic.children_of(job)) == 3
        assert traffic.job(job)["state"] == "failed"

    def next_child(self, traffic, job, n):
        return traffic.pass_time_until(
            lambda: traffic.dispatched(job, n) if len(traffic.children_of(job)) >= n else None,
            f"child {n} of job {job.id}", step_s=5)

    def test_ends_before_it_registers(self, traffic):
        job = traffic.queue()
        for n in (1, 2, 3):
            child = self.next_child(traffic, job, n)
            traffic.nomad.finish(child, "failed")
            traffic.pass_time(31)
            assert traffic.runner(child)["state"] in ("gone", "retiring")
        self.check_lost(traffic, job, "ended", rf"{re.escape(child.id)} ended before .*alloc logs")
        assert traffic.stops() == []

    def test_is_collected_before_it_registers(self, traffic):
        job = traffic.queue()
        traffic.nomad.finish(traffic.dispatched(job), "lost")
        traffic.nomad.collect()
        traffic.pass_time(31)
        self.next_child(traffic, job, 2)

    def test_never_registers(self, traffic):
        job = traffic.queue()
        for n in (1, 2, 3):
            child = self.next_child(traffic, job, n)
            traffic.pass_time(31)
            traffic.pass_time(240)
            assert traffic.runner(child)["state"] == "live"
            traffic.pass_time(60)
            traffic.pass_time_until_gone(child)
            assert child.stop
        self.check_lost(traffic, job, "not_registered", r"300 s \(register_timeout\)")
        assert traffic.deletions() == []

    def test_gets_no_job(self, traffic):
        """GitHub's choice, which is no fault of a runner: however often, the job gets another,
        until GitHub gives it up."""
        job = traffic.queue()
        for n in (1, 2, 3, 4):
            child = self.next_child(traffic, job, n)
            registration = traffic.register(child)
            traffic.pass_time(31)
            traffic.pass_time(500)
            assert traffic.runner(child)["state"] == "live"
            traffic.pass_time(100)
            traffic.pass_time_until_gone(child)
            asked = traffic.supply_requests(child)
            assert asked[-3:] == [f"delete {registration.id}", "stop", "lookup"]
        lines = audit_lines(traffic, job=job.id, outcome="idle")
        assert [line["level"] for line in lines] == ["warning"] * 4
        assert "600 s (idle_timeout)" in lines[-1]["reason"]
        traffic.cancel(job, told=False)
        traffic.pass_time_until(lambda: traffic.job(job)["state"] == "done", "the job is done")

    def test_idle_time_begins_with_the_task(self, traffic):
        traffic.nomad.placement = "never"
        job = traffic.queue()
        child = traffic.dispatched(job)
        traffic.pass_time(1200)
        traffic.nomad.place(child)
        traffic.register(child)
        traffic.pass_time(300)
        traffic.pass_time(240)
        assert traffic.runner(child)["state"] == "live"
        assert traffic.deletions() == []
        traffic.pass_time(120)
        self.next_child(traffic, job, 2)

    def test_a_job_that_ends_well_after_losses(self, traffic):
        job = traffic.queue()
        traffic.nomad.finish(traffic.dispatched(job), "failed")
        traffic.pass_time(31)
        child = self.next_child(traffic, job, 2)
        registration = traffic.register(child)
        traffic.begin(job, registration)
        traffic.complete(job)
        traffic.leave(child, registration)
        traffic.pass_time_until_gone(child)
        row = traffic.job(job)
        assert (row["state"], row["lost"]) == ("done", 1)

    def test_a_job_whose_runner_died_over_it_is_githubs_to_end(self, traffic):
        job, child, _ = running(traffic)
        traffic.nomad.finish(child, "lost")
        for _ in range(3):
            traffic.pass_time(500)
        assert traffic.job(job)["state"] == "running"
        assert len(traffic.nomad.dispatches) == 1
        traffic.complete(job, "failure", told=False)
        traffic.pass_time_until_gone(child, step_s=500)
        assert traffic.job(job)["conclusion"] == "failure"


class TestStolen:
    """GitHub gives any waiting job to any idle runner whose labels cover it."""

    @pytest.fixture
    def traffic(self, make_traffic):
        """Two pools, one of which covers the other's jobs."""
        jobs = [ParameterizedJob(name, payload="required", meta_required=META_KEYS)
                for name in ("github-runner", "gpu-runner")]
        return make_traffic(nomad_options={"jobs": jobs},
                            pool_gpu={"labels": ", ".join(GPU_LABELS), "nomad_job": "gpu-runner"})

    def test_swapped(self, traffic):
        first, first_child, first_registration = registered(traffic)
        second, second_child, second_registration = registered(traffic)
        traffic.begin(second, first_registration)
        assert traffic.wait_for_job(first, "assigned")["runner"] == name_of(second_child)
        assert traffic.job(second)["runner"] == name_of(first_child)
        traffic.begin(first, second_registration)
        for job, child, registration in ((first, second_child, second_registration),
                                         (second, first_child, first_registration)):
            traffic.complete(job)
            traffic.leave(child, registration)
            traffic.pass_time_until_gone(child)
        assert len(traffic.nomad.dispatches) == 2
        assert traffic.stops() == traffic.deletions() == []

    def test_what_the_other_has_does_not_do(self, traffic):
        """The runner of the larger pool took the smaller job: the smaller runner is of no use to
        the larger job."""
        large, large_child, large_registration = registered(traffic, labels=GPU_LABELS)
        small, small_child, small_registration = registered(traffic)
        traffic.begin(small, large_registration)
        traffic.pass_time_until_gone(small_child, step_s=2)
        assert f"delete {small_registration.id}" in traffic.supply_requests(small_child)
        traffic.dispatched(large, 2)
        row = traffic.wait_for_job(large, "assigned")
        assert (row["pool"], row["lost"]) == ("gpu", 0)
        assert traffic.runner(large_child)["job_id"] == small.id

    def test_by_a_job_that_was_never_heard_of(self, traffic):
        job, child, registration = registered(traffic)
        other = traffic.queue(told=False)
        traffic.begin(other, registration)
        traffic.dispatched(job, 2)
        assert traffic.runner(child)["job_id"] == other.id
        assert traffic.job(other)["state"] == "running"
        assert len(traffic.nomad.dispatches) == 2

    def test_unseen(self, traffic):
        """With its event lost: afterwards either job has one runner, and no third one lives."""
        first, _, first_registration = registered(traffic)
        second, _, _ = registered(traffic)
        traffic.begin(second, first_registration, told=False)

        def is_right():
            waiting, runs = traffic.job(first), traffic.job(second)
            living = {row["name"]: row["job_id"] for row in traffic.runners().values()
                      if row["state"] != "gone"}
            return (waiting["state"] == "assigned" and runs["state"] == "running"
                    and runs["runner"] == first_registration.name
                    and living == {waiting["runner"]: first.id, runs["runner"]: second.id})

        traffic.pass_time_until(is_right, "either job has its one runner")
        assert traffic.job(first)["lost"] == 0, "no fault of a runner"

    def test_unseen_by_a_job_that_was_never_heard_of(self, traffic):
        job, child, registration = registered(traffic)
        other = traffic.queue(told=False)
        traffic.begin(other, registration, told=False)
        traffic.pass_time(31)
        assert traffic.runner(child)["state"] == "busy"
        new = traffic.dispatched(job, 2)
        assert traffic.job(job)["runner"] == name_of(new)
        traffic.complete(other, told=False)
        traffic.leave(child, registration)
        traffic.pass_time_until_gone(child, step_s=100)
        assert traffic.stops(child) == []


def test_what_cannot_be_placed(make_traffic):
    """Nomad's own reason is told; a credential that has become too old is replaced with its child,
    and that is no fault of a runner."""
    traffic = make_traffic(audit={"replacements": 0}, nomad_options={"placement": "never"})
    job = traffic.queue()
    child = traffic.dispatched(job)
    traffic.nomad.fail_to_place(child, alloc_metric(nodes=2, exhausted={"memory": 2}))
    traffic.pass_time(31)
    note = traffic.runner(child)["note"]
    assert "2 nodes" in note and "memory" in note
    for _ in range(6):
        traffic.pass_time(480)
    assert traffic.job(job)["runner"] == name_of(child)
    traffic.pass_time(120)
    new = traffic.dispatched(job, 2)
    traffic.pass_time_until_gone(child)
    assert child.stop and not new.stop
    row = traffic.job(job)
    assert (row["state"], row["lost"]) == ("assigned", 0)
    line, = audit_lines(traffic, job=job.id, outcome="not_placed")
    assert "memory" in line["reason"] and "3000 s (placement_timeout)" in line["reason"]


class TestRequests:
    def test_githubs_budget(self, make_traffic):
        """What only confirms what is believed comes by and by; what must be known is asked all the
        same."""
        traffic = make_traffic(audit={"github_calls": 1800, "register_timeout": 86400,
                                      "idle_timeout": 86400})
        jobs = [traffic.queue() for _ in range(45)]
        children = [traffic.dispatched(job) for job in jobs]
        for child in children:
            traffic.register(child)
        before = len(traffic.github.requests)
        traffic.pass_time(31)
        asked = len(traffic.github.requests) - before
        # 30 a minute. A look that has begun ends, so each thread may go over by its own requests.
        assert 30 <= asked <= 30 + 8 * 2
        traffic.cancel(jobs[0])
        traffic.pass_time_until_gone(children[0], step_s=2)
        traffic.pass_time_until(
            lambda: all(row["github_id"] for row in traffic.runners().values()
                        if row["state"] != "gone"), "each was confirmed", step_s=300)

    def test_none_while_github_limits_the_rate(self, traffic):
        jobs = [registered(traffic)[0] for _ in range(3)]
        reset_at = int(traffic.clock.now()) + 900
        limited = traffic.github.faults.add(
            Answer(403, json.dumps({"message": "API rate limit exceeded for user ID 1."}),
                   {"Content-Type": "application/json", "x-ratelimit-remaining": "0",
                    "x-ratelimit-reset": str(reset_at)}), times=None)
        before = len(traffic.github.requests)
        traffic.clock.advance(31)
        wait_until(lambda: limited.struck, "GitHub is asked")
        for _ in range(5):
            traffic.clock.advance(150)
            assert traffic.site.run("dispatch", env=traffic.clock.env).code == 0
        # Those under way when the first was refused are over.
        assert len(traffic.github.requests) - before <= 3
        traffic.github.faults.clear()
        traffic.cancel(jobs[0], told=False)
        traffic.pass_time(200)
        traffic.pass_time_until(lambda: traffic.job(jobs[0])["state"] == "done", "it is audited")

    def test_few_while_nomad_is_down(self, traffic):
        jobs = [registered(traffic)[0] for _ in range(12)]
        with traffic.nomad.server.refused():
            traffic.clock.advance(31)
            traffic.site.wait_for_event(3, event="audit", outcome="retry", upstream="nomad")
            asked = len(traffic.github.requests)
            for _ in range(3):
                traffic.clock.advance(31)
                traffic.site.run("dispatch", env=traffic.clock.env)
            assert len(audit_lines(traffic, outcome="retry")) < 12
            assert len(traffic.github.requests) == asked
        traffic.cancel(jobs[0], told=False)
        traffic.clock.advance(600)
        traffic.wait_for_job(jobs[0], "done")

    def test_500_live_rows_of_which_50_are_due(self, traffic):
        """A pass takes no more requests of Nomad than rows are due, and none of GitHub about a job
        whose child lives."""
        _, child, _ = running(traffic)
        assert traffic.process.stop() == 0
        due = self.multiply(traffic, child, 499, due=lambda number: number % 10 == 0)
        assert len(due) == 50
        before = {name: row["next_look_at"] for name, row in traffic.runners().items()}
        traffic.nomad.server.requests.clear()
        traffic.github.server.requests.clear()
        traffic.serve("second")
        traffic.settle()
        assert traffic.github.requests == []
        assert 1 <= len(traffic.nomad.requests) <= 50
        moved = {row["child"] for name, row in traffic.runners().items()
                 if row["next_look_at"] != before[name]}
        assert moved == due
        assert {row["state"] for row in traffic.runners().values()} == {"busy"}

    def test_an_end_among_500(self, traffic):
        """Many at once are asked for in a list, and those that ended are looked into."""
        job, child, registration = running(traffic)
        assert traffic.process.stop() == 0
        self.multiply(traffic, child, 499, due=lambda _: True)
        with contextlib.closing(sqlite3.connect(traffic.site.ledger_path)) as ledger:
            ledger.execute("UPDATE runner SET audit_at_ms = 1")
            ledger.commit()
        traffic.complete(job, told=False)
        traffic.leave(child, registration)
        traffic.nomad.server.requests.clear()
        traffic.serve("second")
        traffic.settle()
        assert len(traffic.nomad.requests) <= 500
        assert traffic.job(job)["state"] == "done"
        states = [row["state"] for row in traffic.runners().values()]
        assert states.count("busy") == 499
        traffic.pass_time_until_gone(child, step_s=5)

    @staticmethod
    def multiply(traffic, child, count, due):
        """Copies a busy runner's rows, its job's and its child; returns the children of those that
        are due."""
        nomad, now_ms = traffic.nomad, int(traffic.clock.now() * 1000)
        chosen = set()
        with contextlib.closing(sqlite3.connect(traffic.site.ledger_path)) as ledger:
            ledger.row_factory = sqlite3.Row

            def copy(table, row, **changes):
                row = {**dict(row), **changes}
                columns = [info["name"] for info in ledger.execute(f"PRAGMA table_info({table})")
                           if info["name"] in row]
                ledger.execute(f"INSERT INTO {table} ({', '.join(columns)}) VALUES "
                               f"({', '.join('?' * len(columns))})",
                               [row[column] for column in columns])

            job = ledger.execute("SELECT * FROM job").fetchone()
            runner = ledger.execute("SELECT * FROM runner").fetchone()
            later_ms = now_ms + 3600_000
            ledger.execute("UPDATE runner SET audit_at_ms = ?", (later_ms,))
            for number in range(count):
                other, _ = nomad.dispatch("default", "github-runner", child.payload, child.meta,
                                          f"copy-{number}")
                name = f"{runner['name']}-{number}"
                copy("job", job, id=job["id"] + 1 + number, runner=name)
                copy("runner", runner, name=name, child=other.id, job_id=job["id"] + 1 + number,
                     made_for=job["id"] + 1 + number,
                     audit_at_ms=now_ms if due(number) else later_ms)
                if due(number):
                    chosen.add(other.id)
            ledger.commit()
        return chosen
