"""What a supply that is followed must survive besides lost events: other receivers, other names,
wrong clocks, tasks that never start, repositories that are renamed."""

import json
import time

from standins.faults import Answer, Close

from .support.traffic import REPOSITORY, name_of
from .support.waiting import wait_until

DISPATCH = {"method": "POST", "path": "/dispatch$"}
INTERVAL_S = 31
LABELS = ["self-hosted", "linux", "x64"]


def work(traffic, seconds):
    """Lets time pass where a look may stay due: what is asked of is away."""
    traffic.clock.advance(seconds)
    traffic.site.run("dispatch", env=traffic.clock.env)


def test_the_child_of_another_receiver_is_not_stopped(traffic):
    """Our dispatch got no answer, the other receiver's made the child under the same token, and the
    runner in it took the job."""
    traffic.nomad.faults.add(Close(), **DISPATCH, times=None)
    job = traffic.queue()
    wait_until(lambda: (traffic.job(job) or {}).get("last_error"), "our dispatch failed")
    payload = {"repo": REPOSITORY, "fork": False, "job": "build", "run_id": 1, "job_id": job.id,
               "labels": LABELS, "url": f"https://github.com/{REPOSITORY}",
               "runner_name": f"runhook-aaaaaaaa-{job.id}-1", "token": "x"}
    child, _ = traffic.nomad.dispatch(
        "default", "github-runner", json.dumps(payload).encode(),
        {"REPO_FULL_NAME": REPOSITORY, "REPO_SHORT_NAME": "x", "WORKFLOW_RUN": "1"}, f"{job.id}.1")
    with traffic.github.changing():
        registration = traffic.actions.add_runner(REPOSITORY, name_of(child), LABELS, True)
    traffic.begin(job, registration)
    for _ in range(15):
        traffic.pass_time(INTERVAL_S)
    assert not child.stop
    assert [row["state"] for row in traffic.runners().values()] == ["gone"]


def test_a_task_that_registers_under_a_name_of_its_own_keeps_its_job(traffic):
    """As Nomad jobs of before do, which name their runners as they like."""
    job = traffic.queue()
    child = traffic.dispatched(job)
    payload = child.json()
    registration = traffic.github.register_runner(REPOSITORY, "alloc-1234", payload["labels"],
                                                  payload["token"])
    traffic.begin(job, registration)
    for _ in range(15):
        traffic.pass_time(INTERVAL_S)
    assert not child.stop
    assert "alloc-1234, which may be this child" in traffic.runner(child)["note"]
    traffic.complete(job)
    traffic.leave(child, registration)
    traffic.pass_time_until_gone(child)


def test_a_node_whose_clock_is_behind(traffic):
    job = traffic.queue()
    child = traffic.dispatched(job)
    child.allocations[0].started_at = traffic.clock.now() - 4000
    traffic.pass_time(INTERVAL_S)
    assert traffic.job(job)["last_error"] is None
    assert not child.stop


def test_a_runner_that_cannot_be_buried_takes_no_place(make_traffic):
    """Its repository is gone, so nobody can say that its registration is."""
    traffic = make_traffic(pool_linux={"max_runners": 1})
    job = traffic.queue()
    child = traffic.dispatched(job)
    registration = traffic.register(child)
    traffic.begin(job, registration)
    traffic.complete(job)
    traffic.leave(child, registration)
    traffic.github.faults.add(Answer(404, '{"message": "Not Found"}'), path=f"{REPOSITORY}/",
                              times=None)
    work(traffic, INTERVAL_S)
    other = traffic.queue(repository="octo-harbor/tide-tables")
    traffic.dispatched(other)


def test_a_task_that_never_starts_is_given_up(traffic):
    traffic.nomad.placement = "never"
    job = traffic.queue()
    child = traffic.dispatched(job)
    traffic.nomad.place(child, started=False)
    traffic.pass_time_until(lambda: len(traffic.children_of(job)) > 1, "there is another child",
                            step_s=481, steps=12)
    assert traffic.job(job)["state"] != "failed"


def test_the_child_of_the_first_of_many_dispatches_is_found(traffic):
    """Its answer was lost, and so were all later dispatches; then the job was cancelled."""
    traffic.nomad.placement = "never"
    traffic.nomad.faults.add(Close(applied=True), **DISPATCH, times=1)
    traffic.nomad.faults.add(Close(), **DISPATCH, times=None)
    job = traffic.queue()
    wait_until(lambda: (traffic.job(job) or {}).get("last_error"), "the first dispatch failed")
    for _ in range(8):
        work(traffic, 301)
    (child,) = traffic.children_of(job)
    traffic.cancel(job)
    traffic.pass_time_until(lambda: child.stop, "the child is stopped")


def test_a_clock_that_was_set_back(traffic):
    """The machine started with a wrong one, and what was put off lies a day ahead."""
    traffic.clock.advance(86400)
    traffic.nomad.faults.add(Answer(500, "odd"), **DISPATCH, times=1)
    job = traffic.queue()
    wait_until(lambda: (traffic.job(job) or {}).get("last_error"), "the dispatch failed")
    traffic.clock.advance(-86400)
    traffic.dispatched(job)
    assert int(traffic.site.events(event="upkeep")[-1]["clock_set_back"]) >= 1


def test_github_gives_no_job_for_an_hour(traffic):
    """Runners idle and are retired, and the job still waits when GitHub is back."""
    job = traffic.queue()
    for n in range(1, 8):
        child = traffic.dispatched(job, n)
        traffic.register(child)
        traffic.pass_time_until(lambda: child.stop, f"runner {n} idled long enough", step_s=301)
    assert traffic.job(job)["state"] in ("queued", "assigned")


def test_a_repository_that_was_renamed(traffic):
    """Its waiting jobs go on under the new name as soon as one event tells of it."""
    traffic.nomad.faults.add(Answer(500, "odd"), **DISPATCH, times=1)
    job = traffic.queue()
    wait_until(lambda: (traffic.job(job) or {}).get("last_error"), "the dispatch failed")
    job.repository = job.run.repository = "octo-harbor/beacon"
    traffic.tell("queued", job)
    assert traffic.job(job)["repository"] == "octo-harbor/beacon"
    work(traffic, INTERVAL_S)
    child = traffic.dispatched(job)
    assert child.json()["repo"] == "octo-harbor/beacon"


def test_a_clock_that_is_behind_githubs(make_traffic):
    """What GitHub says of a token's end is by its own clock: none is used for longer than an hour."""
    made = []
    traffic = make_traffic(github_options={
        "clock": lambda: (made[0].clock.now() if made else time.time()) + 2 * 3600})
    made.append(traffic)
    traffic.dispatched(traffic.queue())
    traffic.dispatched(traffic.queue())
    assert len(traffic.github.tokens_issued()) == 1
    work(traffic, 56 * 60)
    traffic.dispatched(traffic.queue())
    assert len(traffic.github.tokens_issued()) == 2
