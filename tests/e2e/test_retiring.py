"""A runner that nothing needs any more is taken away: its registration on GitHub first, its child
in Nomad second, and a runner that has a job never."""

import json

import pytest

from standins.faults import Answer, Close, Reset, Stall

from .support.traffic import REPOSITORY, name_of
from .support.waiting import wait_until

DISPATCH = {"method": "POST", "path": "/dispatch$"}
STOP = {"method": "DELETE"}


def registered(traffic):
    """A job, its child that runs, and its registration: idle."""
    job = traffic.queue()
    child = traffic.dispatched(job)
    return job, child, traffic.register(child)


def test_cancelled_before_placement(traffic):
    traffic.nomad.placement = "never"
    job = traffic.queue()
    child = traffic.dispatched(job)
    traffic.cancel(job)
    traffic.pass_time_until_gone(child, step_s=2)
    assert traffic.supply_requests(child) == ["lookup", "stop", "lookup"]
    assert child.stop
    assert traffic.job(job)["state"] == "done"
    assert len(traffic.nomad.dispatches) == 1


def test_cancelled_while_idle(traffic):
    job, child, registration = registered(traffic)
    traffic.cancel(job)
    traffic.pass_time_until_gone(child, step_s=2)
    assert traffic.supply_requests(child) == ["lookup", f"delete {registration.id}", "stop",
                                              "lookup"]
    assert traffic.actions.runners == {}


def test_cancelled_while_idle_on_a_server_that_does_not_find_names(make_traffic):
    """Others on two pages before it."""
    traffic = make_traffic(github_options={"finds_names": False})
    for number in range(130):
        traffic.actions.add_runner(REPOSITORY, f"workshop-{number}", ["self-hosted"], False)
    job, child, registration = registered(traffic)
    traffic.cancel(job)
    traffic.pass_time_until_gone(child, step_s=2)
    assert [request.path.rpartition("/")[2] for request in traffic.deletions()] == [
        str(registration.id)]
    assert len(traffic.actions.runners) == 130


def test_by_the_id_that_an_audit_learned(traffic):
    job, child, registration = registered(traffic)
    traffic.pass_time(31)
    assert traffic.runner(child)["github_id"] == registration.id
    looked_up = len(traffic.supply_requests(child))
    traffic.cancel(job)
    traffic.pass_time_until_gone(child, step_s=2)
    assert traffic.supply_requests(child)[looked_up:] == [f"delete {registration.id}", "stop",
                                                          "lookup"]


def test_by_an_id_that_is_not_its_any_more(traffic):
    """Nomad replaced the allocation, and the runner registered again under its name."""
    job, child, old = registered(traffic)
    traffic.pass_time(31)
    new = traffic.register(child)
    looked_up = len(traffic.supply_requests(child))
    traffic.cancel(job)
    traffic.pass_time_until_gone(child, step_s=2)
    assert traffic.supply_requests(child)[looked_up:] == [
        f"delete {old.id}", "lookup", f"delete {new.id}", "stop", "lookup"]
    assert traffic.actions.runners == {}


@pytest.mark.parametrize("is_told", [False, True], ids=["unheard-of", "told-later"])
def test_one_that_took_another_job_is_left_to_it(traffic, is_told):
    job, child, registration = registered(traffic)
    other = traffic.queue(told=False)
    traffic.begin(other, registration, told=False)
    traffic.cancel(job)
    traffic.wait_for_runner(child, "busy")
    for _ in range(3):
        traffic.pass_time(500)
        assert (child.status, child.stop) == ("running", False)
    if is_told:
        traffic.tell("in_progress", other)
        row = traffic.runner(child)
        assert (row["state"], row["job_id"]) == ("busy", other.id)
    assert f"delete {registration.id}" in traffic.supply_requests(child)
    traffic.complete(other, told=is_told)
    traffic.leave(child, registration)
    traffic.pass_time_until_gone(child, step_s=500)
    assert traffic.stops() == []
    assert len(traffic.nomad.dispatches) == 1


def test_registered_in_between(traffic):
    """Placed, and not registered when it is looked up: it may be about to."""
    job = traffic.queue()
    child = traffic.dispatched(job)
    traffic.cancel(job)
    wait_until(lambda: "lookup" in traffic.supply_requests(child), "the name is looked up")
    traffic.settle()
    registration = traffic.register(child)
    traffic.pass_time_until_gone(child, step_s=5)
    asked = traffic.supply_requests(child)
    assert set(asked[:-4]) == {"lookup"}
    assert asked[-4:] == ["lookup", f"delete {registration.id}", "stop", "lookup"]


def test_never_registers(traffic):
    """It has register_timeout from the start of its task, not from its placement or dispatch."""
    traffic.nomad.placement = "never"
    job = traffic.queue()
    child = traffic.dispatched(job)
    traffic.pass_time(31)
    allocation = traffic.nomad.place(child, started=False)
    traffic.cancel(job)
    traffic.wait_for_runner(child, "retiring")
    traffic.pass_time(31)
    traffic.pass_time(250)
    traffic.nomad.start(allocation)
    traffic.pass_time(31)
    traffic.pass_time(250)
    assert traffic.stops() == []
    traffic.pass_time_until(lambda: traffic.stops(child), "it is stopped", step_s=10, steps=5)
    traffic.pass_time_until_gone(child)
    assert len(traffic.stops(child)) == 1
    assert traffic.deletions() == []


def test_one_that_may_run_a_job_under_a_name_of_its_own(traffic):
    """Its task is not to choose another name than the payload's. While a job runs on a runner that
    nobody here made, a child without a registration is left alone."""
    other = traffic.queue(told=False)
    job = traffic.queue()
    child = traffic.dispatched(job)
    traffic.tell("queued", other)
    traffic.begin_elsewhere(other)
    traffic.cancel(job)
    for _ in range(4):
        traffic.pass_time(300)
    assert traffic.stops(child) == []
    assert "workshop-1" in traffic.runner(child)["note"]
    traffic.complete(other)
    traffic.pass_time_until_gone(child, step_s=100)
    assert len(traffic.stops(child)) == 1


def test_a_task_that_takes_its_time_to_end(traffic):
    """Nomad calls a child dead once it is stopped. Its name is looked up when its task is over."""
    traffic.ends_at_stop = False
    job = traffic.queue()
    child = traffic.dispatched(job)
    traffic.cancel(job)
    traffic.pass_time_until(lambda: traffic.stops(child), "it is stopped", step_s=31)
    for _ in range(3):
        traffic.pass_time(31)
    assert child.status == "dead"
    assert traffic.runner(child)["state"] == "retiring"
    registration = traffic.register(child)
    traffic.nomad.end(child, child.allocations[0])
    traffic.pass_time_until_gone(child)
    assert traffic.supply_requests(child)[-3:] == ["stop", "lookup",
                                                   f"delete {registration.id}"]
    assert traffic.actions.runners == {}


def test_a_registration_that_came_with_the_stop_is_deleted(traffic):
    registrations = []
    traffic.at_stop = lambda child: registrations.append(traffic.register(child))
    traffic.nomad.placement = "never"
    job = traffic.queue()
    child = traffic.dispatched(job)
    traffic.cancel(job)
    traffic.pass_time_until_gone(child, step_s=2)
    assert traffic.supply_requests(child) == ["lookup", "stop", "lookup",
                                              f"delete {registrations[0].id}"]
    assert traffic.actions.runners == {}


def test_one_that_died_over_its_job(traffic):
    """GitHub believes in it for a while, and refuses."""
    job, child, registration = registered(traffic)
    traffic.begin(job, registration)
    traffic.wait_for_runner(child, "busy")
    traffic.nomad.finish(child, "failed")
    traffic.pass_time(31)
    assert traffic.runner(child)["state"] == "busy"
    traffic.complete(job, "failure")
    registration.busy = True
    traffic.wait_for_runner(child, "leaving")
    for _ in range(3):
        traffic.pass_time(500)
        assert traffic.runner(child)["state"] == "leaving"
    registration.busy = False
    refusal = traffic.github.faults.add(Answer(422, json.dumps(
        {"message": f'Runner "{registration.name}" is currently running a job and cannot be '
         "deleted."})), **STOP)
    traffic.pass_time_until_gone(child, step_s=500)
    assert refusal.struck == 1
    assert len(traffic.deletions()) == 2
    assert traffic.actions.runners == {}
    assert traffic.stops() == []


def test_a_child_that_was_collected(traffic):
    job, child, registration = registered(traffic)
    traffic.leave(child, registration)
    traffic.nomad.collect()
    traffic.cancel(job)
    traffic.pass_time_until_gone(child, step_s=2)
    assert traffic.supply_requests(child) == ["lookup"]


def test_others_are_left_alone(traffic):
    """Whatever they are called, and whatever they do: idle, offline, of the same Nomad job."""
    for number, name in enumerate(("workshop-1", "runhook-workshop-2", "runhook", "RUNHOOK-3")):
        other = traffic.actions.add_runner(REPOSITORY, name, ["self-hosted", "linux", "x64"], False)
        other.online = number % 2 == 0
    meta = {"REPO_FULL_NAME": REPOSITORY, "REPO_SHORT_NAME": "lighthouse", "WORKFLOW_RUN": "1"}
    payload = json.dumps({"runner_name": "by-hand-1", "job_id": 0}).encode()
    theirs, _ = traffic.nomad.dispatch("default", "github-runner", payload, meta, "by-hand")
    jobs = [registered(traffic) for _ in range(3)]
    traffic.cancel(jobs[0][0])
    traffic.begin(jobs[1][0], jobs[1][2])
    traffic.complete(jobs[1][0])
    traffic.leave(jobs[1][1], jobs[1][2])
    traffic.cancel(jobs[2][0], told=False)
    for _, child, _ in jobs:
        traffic.pass_time_until_gone(child)
    traffic.pass_time(24 * 3600)
    assert len(traffic.actions.runners) == 4
    assert (theirs.status, theirs.stop) == ("running", False)
    ours = {str(registration.id) for _, _, registration in jobs}
    assert {request.segments[-1] for request in traffic.deletions()} <= ours
    children = {child.id for _, child, _ in jobs}
    assert {"/".join(request.segments[2:]) for request in traffic.stops()} <= children


def adopted(traffic, prefix):
    """A job whose child another receiver has made, of runners with this prefix."""
    traffic.nomad.placement = "never"
    job = traffic.queue(told=False)
    name = f"{prefix}-0a1b2c3d-{job.id}-1"
    payload = {"repo": REPOSITORY, "url": f"https://github.com/{REPOSITORY}", "job_id": job.id,
               "labels": ["self-hosted", "linux", "x64"], "runner_name": name,
               "token": "of another"}
    meta = {"REPO_FULL_NAME": REPOSITORY, "REPO_SHORT_NAME": "lighthouse", "WORKFLOW_RUN": "1"}
    child, _ = traffic.nomad.dispatch("default", "github-runner", json.dumps(payload).encode(),
                                      meta, f"{job.id}.1")
    traffic.nomad.place(child)
    registration = traffic.actions.add_runner(REPOSITORY, name, payload["labels"])
    traffic.tell("queued", job)
    traffic.dispatched(job)
    return job, child, registration


def test_one_of_another_prefix_is_not_ours_to_take_away(traffic):
    job, child, registration = adopted(traffic, "otherhook")
    traffic.cancel(job)
    line = traffic.site.wait_for_event(event="audit", runner=name_of(child), outcome="retry")
    assert line["level"] == "error"
    assert "prefix" in line["error"]
    traffic.pass_time(600)
    assert traffic.deletions() == traffic.stops() == []
    assert registration.id in traffic.actions.runners
    traffic.leave(child, registration)  # whoever made it has taken it away
    traffic.pass_time_until_gone(child, step_s=500)
    assert traffic.deletions() == traffic.stops() == []


def test_one_that_another_receiver_of_our_prefix_made(traffic):
    job, child, registration = adopted(traffic, "runhook")
    traffic.settle()  # what was there already is looked at as soon as it is adopted
    assert traffic.supply_requests(child) == ["lookup"]
    traffic.cancel(job)
    traffic.pass_time_until_gone(child, step_s=2)
    assert traffic.supply_requests(child) == ["lookup", f"delete {registration.id}", "stop",
                                              "lookup"]


class TestDispatchWhoseAnswerWasLost:
    @pytest.fixture
    def traffic(self, make_traffic):
        traffic = make_traffic(server={"retry_initial": 600, "retry_max": 600},
                               nomad={"timeout": 20}, nomad_options={"placement": "never"})
        # Another's children of the same Nomad job, among which ours is to be found.
        meta = {"REPO_FULL_NAME": REPOSITORY, "REPO_SHORT_NAME": "lighthouse", "WORKFLOW_RUN": "1"}
        for number in range(3):
            traffic.nomad.dispatch("default", "github-runner", json.dumps(
                {"runner_name": f"by-hand-{number}", "job_id": 0}).encode(), meta, f"{number}.1")
        return traffic

    def test_the_child_is_found_and_stopped(self, traffic):
        traffic.nomad.faults.add(Reset(after=20, applied=True), **DISPATCH)
        job = traffic.queue()
        traffic.site.wait_for_event(event="dispatch", job=job.id, outcome="retry")
        child, = traffic.children_of(job)
        traffic.cancel(job)
        traffic.pass_time_until_gone(child, step_s=2)
        assert traffic.supply_requests(child) == ["lookup", "stop", "lookup"]
        assert traffic.runner(child)["child"] == child.id
        assert len(traffic.nomad.dispatch_requests()) == 1

    def test_there_is_no_child(self, traffic):
        """That is believed only when the dispatch cannot be under way any more."""
        with traffic.nomad.faults.during(Close(), **DISPATCH):
            job = traffic.queue()
            traffic.site.wait_for_event(event="dispatch", job=job.id, outcome="retry")
        traffic.cancel(job)
        name, row = next(iter(traffic.runners().items()))
        assert row["job_id"] is None
        traffic.pass_time(60)
        assert traffic.runners()[name]["state"] == "retiring"
        traffic.pass_time_until(lambda: traffic.runners()[name]["state"] == "gone", "it is gone",
                                step_s=10)
        assert set(traffic.supply_requests()) == {"lookup"}
        assert traffic.children_of(job) == []


class TestBetweenThePermissionAndTheStop:
    """GitHub has said 204, and the child lives on. Whether it has registered once more is not
    known any longer, so that is asked anew."""

    def end(self, traffic, child):
        traffic.pass_time_until_gone(child, step_s=31, steps=20)
        assert child.stop
        assert traffic.supply_requests(child)[-2:] == ["stop", "lookup"]
        assert traffic.actions.runners == {}

    def test_nomad_is_down(self, traffic):
        job, child, registration = registered(traffic)
        refused = traffic.nomad.server.refused()
        traffic.github.on_delete = lambda _: refused.__enter__()
        traffic.cancel(job)
        line = traffic.site.wait_for_event(event="audit", runner=name_of(child), outcome="retry")
        assert line["upstream"] == "nomad"
        assert not child.stop
        assert registration.id not in traffic.actions.runners
        refused.__exit__(None, None, None)
        self.end(traffic, child)

    def test_killed(self, traffic):
        job, child, registration = registered(traffic)
        traffic.nomad.faults.add(Stall(), **STOP)
        traffic.cancel(job)
        traffic.nomad.server.wait_for_arrival(1, **STOP)
        traffic.process.kill()
        assert registration.id not in traffic.actions.runners
        traffic.serve("second")
        self.end(traffic, child)

    def test_killed_and_registered_again(self, traffic):
        job, child, _ = registered(traffic)
        traffic.nomad.faults.add(Stall(), **STOP)
        traffic.cancel(job)
        traffic.nomad.server.wait_for_arrival(1, **STOP)
        traffic.process.kill()
        new = traffic.register(child)
        before = len(traffic.supply_requests(child))
        traffic.serve("second")
        traffic.pass_time_until_gone(child)
        assert traffic.supply_requests(child)[before:] == ["lookup", f"delete {new.id}", "stop",
                                                           "lookup"]

    def test_killed_and_given_another_job(self, traffic):
        """The permission of a moment ago is none for now."""
        job, child, _ = registered(traffic)
        traffic.nomad.faults.add(Stall(), **STOP)
        traffic.cancel(job)
        traffic.nomad.server.wait_for_arrival(1, **STOP)
        traffic.process.kill()
        new = traffic.register(child)
        other = traffic.queue(told=False)
        traffic.begin(other, new, told=False)
        traffic.serve("second")
        traffic.wait_for_runner(child, "busy")
        traffic.pass_time(3600)
        assert len(traffic.stops(child)) == 1  # the one that never came to pass
        assert child.status == "running"
        traffic.complete(other, told=False)
        traffic.leave(child, new)
        traffic.pass_time_until_gone(child, step_s=500)
