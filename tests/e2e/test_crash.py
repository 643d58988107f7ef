"""kill -9 at any instant: a restart alone, or another process on the same ledger, brings everything
that was accepted to its one runner."""

import os
import queue
import signal
import threading
import time

import pytest

from standins.faults import Close, Delay, Reset, Stall

from .support.clock import DrivenClock
from .support.deliveries import workflow_job
from .support.load import (check_one_child_each, children_by_job, poster, seeded_random,
                           short_or_long, wait_until_all_have_children)
from .support.waiting import SLOWNESS, wait_until

DISPATCH = {"method": "POST", "path": "/dispatch$"}
CLIENTS = 6


class Senders:
    """Clients that post what is queued, across restarts of the program. GitHub does not repeat a
    delivery whose answer was lost, but an operator may: every other such one is posted again."""

    def __init__(self, site, rng):
        self.site = site
        self.process = None
        self.redelivers = {}
        self.rng = rng
        self.accepted = []
        self.other_answers = []
        self._work = queue.Queue()
        self._threads = [threading.Thread(target=self._send, daemon=True) for _ in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def queue(self, deliveries):
        for delivery in deliveries:
            self.redelivers[delivery.id] = self.rng.random() < 0.5
            self._work.put(delivery)

    def finish(self):
        for _ in self._threads:
            self._work.put(None)
        for thread in self._threads:
            thread.join(60 * SLOWNESS)
            assert not thread.is_alive()

    def _send(self):
        while (delivery := self._work.get()) is not None:
            while not self._post(delivery):
                time.sleep(0.01)

    def _post(self, delivery):
        """Whether the delivery is done with."""
        try:
            connection = self.site.fastcgi(self.process)
        except OSError:
            return False  # nobody there: it was never sent
        with connection:
            try:
                answer = connection.post(delivery)
            except OSError:
                return not self.redelivers[delivery.id]
        if answer.status in (202, 200):
            self.accepted.append(delivery)
        elif answer.status != 0:
            self.other_answers.append(answer)
        return answer.status != 0 or not self.redelivers[delivery.id]


def test_killed_at_random_moments_under_load(site):
    count, kills = short_or_long((40, 8), (200, 50))
    rng = seeded_random()
    deliveries = [workflow_job(repository=f"octo/r{n % 5}") for n in range(count)]
    # So that a kill may fall into a dispatch: some answers are slow, and some are lost.
    for fault, share in ((Delay(0.05), 0.3), (Delay(0.05, applied=True), 0.3),
                         (Reset(after=20, applied=True), 0.05), (Close(applied=True), 0.05)):
        site.nomad.faults.add(fault, times=None, where=lambda _, share=share: rng.random() < share,
                              **DISPATCH)
    site.github.faults.add(Delay(0.03), times=None, where=lambda _: rng.random() < 0.5)

    process = site.serve_socket()
    senders = Senders(site, rng)
    senders.process = process
    for number in range(kills):
        senders.queue(deliveries[count * number // kills:count * (number + 1) // kills])
        time.sleep(rng.uniform(0, 0.15))
        process.kill()
        process = senders.process = site.serve_socket()
    senders.finish()
    assert senders.other_answers == []
    assert len(senders.accepted) >= count / 4, "so few accepted prove little"
    site.nomad.faults.clear()
    site.github.faults.clear()

    jobs = wait_until_all_have_children(site, senders.accepted, 60)
    # What was stored and not answered gets its runner as well.
    wait_until(lambda: all(job["child"] for job in site.jobs().values()), "nothing waits", 30)
    jobs = site.jobs()
    check_one_child_each(site.nomad, [d for d in deliveries if d.id in jobs], jobs)
    assert set(children_by_job(site.nomad)) == set(jobs)


@pytest.mark.parametrize("fault", [Stall(), Stall(applied=True), Delay(), Delay(applied=True)],
                         ids=repr)
def test_killed_between_sent_and_the_answer(site, fault):
    process = site.serve_socket()
    site.nomad.faults.add(fault, **DISPATCH)
    delivery = workflow_job()
    assert poster(site, process)(delivery).status == 202
    site.nomad.server.wait_for_arrival(1, **DISPATCH)
    process.kill()
    fault.release()
    site.serve_socket()
    job, child = site.wait_for_dispatch(delivery)
    check_one_child_each(site.nomad, [delivery], {delivery.id: job})
    tokens = [request.query_value("idempotency_token") for request in site.dispatches_of(delivery)]
    assert tokens == [f"{delivery.id}.1"] * 2
    names = {request.json()["Payload"] for request in site.dispatches_of(delivery)}
    assert len(names) <= 2 and child.json()["runner_name"].endswith(f"-{delivery.id}-1")


def test_killed_while_github_is_asked(site):
    process = site.serve_socket()
    site.github.faults.add(Stall())
    delivery = workflow_job()
    assert poster(site, process)(delivery).status == 202
    site.github.server.wait_for_arrival(1)
    process.kill()
    site.serve_socket()
    job, child = site.wait_for_dispatch(delivery)
    assert [made.id for made in site.nomad.dispatches] == [child.id]
    assert job["runner"].endswith(f"-{delivery.id}-1")


def test_another_process_takes_over_within_seconds(site):
    """A process's leases end with it, on the same machine at once, and not when they run out."""
    first = site.serve_socket(f"unix:{site.directory}/first.sock")
    stalled = site.nomad.faults.add(Stall(), times=4, **DISPATCH)
    deliveries = [workflow_job() for _ in range(4)]
    for delivery in deliveries:
        assert poster(site, first)(delivery).status == 202
    site.nomad.server.wait_for_arrival(4, **DISPATCH)
    site.serve_socket(f"unix:{site.directory}/second.sock")
    # Longer than the second one's look at the ledger takes: what is leased stays leased.
    time.sleep(1.5)
    assert len(site.nomad.dispatch_requests()) == stalled.struck == 4
    first.kill()
    killed_at = time.monotonic()
    wait_until_all_have_children(site, deliveries, 10)
    assert time.monotonic() - killed_at < 3 * SLOWNESS + 1
    assert site.events(event="upkeep")[0]["recovered"] == "4"
    check_one_child_each(site.nomad, deliveries, site.jobs())


def test_a_process_that_comes_to_after_its_lease(make_site, tmp_path):
    """Stopped, not dead: its lock holds, but its lease ends. Both send the same token."""
    clock = DrivenClock(tmp_path)
    site = make_site(github={"clock": clock.now})
    first = site.serve_socket(f"unix:{site.directory}/first.sock", env=clock.env)
    fault = Delay(applied=True)
    site.nomad.faults.add(fault, **DISPATCH)
    delivery = workflow_job()
    assert poster(site, first)(delivery).status == 202
    site.nomad.server.wait_for_arrival(1, **DISPATCH)
    os.kill(first.pid, signal.SIGSTOP)
    site.serve_socket(f"unix:{site.directory}/second.sock", env=clock.env)
    clock.advance(3600)
    site.nomad.server.wait_for_arrival(2, **DISPATCH)
    _, child = site.wait_for_dispatch(delivery)
    fault.release()
    os.kill(first.pid, signal.SIGCONT)
    site.wait_for_event(event="dispatch", job=delivery.id, outcome="dispatched")
    later = workflow_job()
    assert poster(site, first)(later).status == 202
    site.wait_for_dispatch(later)
    check_one_child_each(site.nomad, [delivery, later], site.jobs())
    assert site.jobs()[delivery.id]["child"] == child.id


def test_killed_again_and_again_the_same_runner_is_named(site):
    """Attempts that died leave no second name behind, however many they were."""
    delivery = workflow_job()
    with site.nomad.faults.during(Stall(), **DISPATCH):
        for number in range(4):
            process = site.serve_socket()
            if number == 0:
                assert poster(site, process)(delivery).status == 202
            site.nomad.server.wait_for_arrival(number + 1, **DISPATCH)
            process.kill()
    site.serve_socket()
    job, _ = site.wait_for_dispatch(delivery)
    assert {request.query_value("idempotency_token")
            for request in site.dispatches_of(delivery)} == {f"{delivery.id}.1"}
    check_one_child_each(site.nomad, [delivery], {delivery.id: job})
