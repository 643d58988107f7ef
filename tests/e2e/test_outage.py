"""Upstreams that are down for hours, by a clock that the test drives: nothing is lost, nobody is
hammered, and when they are back what waited goes out at once, in its order."""

import contextlib
import random
import re
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from standins.faults import Answer, Fault

from .support.clock import DrivenClock
from .support.deliveries import timestamp, workflow_job
from .support.load import (check_one_child_each, children_by_job, poster, post_all, seeded_random,
                           short_or_long, wait_until_all_have_children)
from .support.waiting import SLOWNESS, wait_until

DISPATCH = {"method": "POST", "path": "/dispatch$"}
REPOSITORIES = 5
PROBE_MAX_S = 30
# With one delivery in memory at a time, what waits on disk costs the program next to nothing.
GROWTH_MAX_KB = 12 * 1024


@pytest.fixture
def clock(tmp_path):
    return DrivenClock(tmp_path)


@pytest.fixture
def site(make_site, clock):
    site = make_site(github={"clock": clock.now}, nomad={"clock": clock.now})
    site.configure("server", retry_initial=None, retry_max=None)  # the defaults: 2 s, 300 s
    return site


def peak_memory_kb(process):
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1))


def waiting_jobs(count, rng):
    """Deliveries of several repositories in no order; `age_s` of the oldest is the largest."""
    deliveries = []
    for n in range(count):
        delivery = workflow_job(repository=f"octo/r{n % REPOSITORIES}",
                                created_at=timestamp(count - n))
        deliveries.append(delivery)
    shuffled = deliveries[:]
    rng.shuffle(shuffled)
    return deliveries, shuffled


def tries(site):
    return len(site.events(event="dispatch", outcome="retry"))


def wait_through(site, clock, hours, step_s=3600):
    """Lets the time pass, a probe at each step."""
    for _ in range(int(hours * 3600 / step_s)):
        seen = tries(site)
        clock.advance(step_s)
        wait_until(lambda: tries(site) > seen, "an upstream that is down is asked again", 10)


def check_order(nomad, deliveries):
    """Oldest first within a repository, and repositories in turn while each has one waiting."""
    ids = {delivery.id: n for n, delivery in enumerate(deliveries)}
    made = [child.json() for child in nomad.dispatches]
    by_repository = defaultdict(list)
    for payload in made:
        by_repository[payload["repo"]].append(ids[payload["job_id"]])
    for repository, order in by_repository.items():
        assert order == sorted(order), f"{repository} is not oldest first: {order}"
    repositories = [payload["repo"] for payload in made]
    for start in range(len(repositories) - REPOSITORIES + 1):
        window = repositories[start:start + REPOSITORIES]
        assert len(set(window)) == REPOSITORIES, f"not in turn at {start}: {window}"


@pytest.mark.parametrize("dispatchers", [1, 4])
def test_six_hours(site, clock, dispatchers):
    site.configure("server", dispatchers=dispatchers)
    rng = seeded_random()
    process = site.serve_socket(env=clock.env)
    first = workflow_job(repository="octo/first")
    assert poster(site, process)(first).status == 202
    site.wait_for_dispatch(first)
    memory_before_kb = peak_memory_kb(process)

    deliveries, shuffled = waiting_jobs(short_or_long(100, 1000), rng)
    asked_before = len(site.github.requests)
    with site.github.server.refused(), site.nomad.server.refused():
        assert set(post_all(poster(site, process), shuffled)) == {202}
        wait_until(lambda: tries(site) >= 3, "the upstreams are found to be down", 10)
        steps = short_or_long(2, 12)
        wait_through(site, clock, 6, 6 * 3600 / steps)
        # Three failures, those that were under way with them, and about one probe a step.
        assert tries(site) <= 3 + dispatchers + steps * 3
    clock.advance(600)  # so that every job is due by its own time as well
    back_at = time.monotonic()
    jobs = wait_until_all_have_children(site, deliveries, short_or_long(30, 90))
    print(f"{len(deliveries)} jobs dispatched within {time.monotonic() - back_at:.1f} s")

    check_one_child_each(site.nomad, [first, *deliveries], jobs)
    if dispatchers == 1:
        site.nomad.dispatches.remove(site.nomad.dispatches[0])  # that of before
        check_order(site.nomad, deliveries)
    asked = Counter(request.path for request in site.github.requests[asked_before:]
                    if request.path.endswith("/registration-token"))
    assert len(asked) == REPOSITORIES and set(asked.values()) == {1}
    assert all(job["last_error"] is None for job in jobs.values())
    if SLOWNESS == 1:
        assert peak_memory_kb(process) - memory_before_kb < GROWTH_MAX_KB


def test_what_waits_goes_at_once_when_a_probe_comes_through(site, clock):
    """Not each at the end of its own delay, which may be minutes."""
    process = site.serve_socket(env=clock.env)
    deliveries, shuffled = waiting_jobs(40, random.Random(7))
    with site.nomad.server.refused():
        assert set(post_all(poster(site, process), shuffled)) == {202}
        wait_until(lambda: tries(site) >= 3, "Nomad is found to be down", 10)
        wait_through(site, clock, hours=0.5, step_s=600)
    later = max(job["next_attempt_at"] or "" for job in site.jobs().values())
    clock.advance(PROBE_MAX_S)
    back_at = time.monotonic()
    wait_until_all_have_children(site, deliveries, 15)
    assert time.monotonic() - back_at < 6 * SLOWNESS
    assert later > time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(clock.now() - 300))
    check_one_child_each(site.nomad, deliveries, site.jobs())
    # One token a repository, of before: none was asked for again.
    assert len(site.github.tokens_issued()) <= REPOSITORIES * 2


class Slow503(Fault):
    """An upstream that takes its time to say that it is not well; counts how many ask at once."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.at = []
        self._lock = threading.Lock()
        self._now = 0
        self.most = 0

    def reset(self):
        with self._lock:
            self.at, self.most = [], self._now

    def play(self, wire):
        with self._lock:
            self.at.append(time.monotonic())
            self._now += 1
            self.most = max(self.most, self._now)
        wire.wait(self.seconds)
        with self._lock:
            self._now -= 1
        with contextlib.suppress(OSError):
            wire.send(b"HTTP/1.1 503 Fault\r\nContent-Length: 0\r\n\r\n")
        return True


@pytest.mark.parametrize("upstream", short_or_long(["nomad"], ["github", "nomad"]))
def test_one_probe_at_a_time_and_none_too_soon(make_site, upstream):
    """Two processes, twenty jobs, four dispatchers each, and one careful question now and then."""
    site = make_site()
    site.configure("server", retry_initial=1, retry_max=2)
    fault = Slow503(0.3)
    standin = getattr(site, upstream)
    standin.faults.add(fault, times=None, **({} if upstream == "github" else DISPATCH))
    processes = [site.serve_socket(f"unix:{site.directory}/{name}.sock") for name in "ab"]
    deliveries = [workflow_job(repository=f"octo/r{n % 4}") for n in range(20)]
    for n, delivery in enumerate(deliveries):
        assert poster(site, processes[n % 2])(delivery).status == 202
    site.wait_for_event(3, event="dispatch", outcome="retry")
    time.sleep(0.7)  # those that were under way when the gate shut
    assert len(fault.at) <= 3 + 8
    fault.reset()
    time.sleep(4)
    asked = fault.at[:]
    assert fault.most == 1
    # Each answer takes 0.3 s, and after it the gate stays shut for 0.75 to 2 s.
    assert 1 <= len(asked) <= 4, asked
    assert all(later - sooner >= 0.3 + 0.75 - 0.1 for sooner, later in zip(asked, asked[1:]))
    standin.faults.clear()
    wait_until_all_have_children(site, deliveries, 20)
    check_one_child_each(site.nomad, deliveries, site.jobs())


def test_a_probe_that_hangs_is_the_only_one(make_site):
    """While a probe waits for its time-out, the gate lets no other through."""
    site = make_site()
    site.configure("nomad", timeout=4)
    process = site.serve_socket()
    deliveries = [workflow_job(repository=f"octo/r{n}") for n in range(8)]
    with site.nomad.server.refused():
        assert set(post_all(poster(site, process), deliveries)) == {202}
        site.wait_for_event(3, event="dispatch", outcome="retry", upstream="nomad")
        time.sleep(0.4)  # those that were under way when the gate shut
        fault = Slow503(2)
        site.nomad.faults.add(fault, times=None, **DISPATCH)
    wait_until(lambda: fault.at, "a probe")
    time.sleep(1.5)
    assert fault.most == len(fault.at) == 1
    site.nomad.faults.clear()
    wait_until_all_have_children(site, deliveries, 20)
    check_one_child_each(site.nomad, deliveries, site.jobs())


def test_a_probe_that_dies_with_its_process(make_site):
    """kill -9 of the process that probes does not leave the gate shut for ever."""
    site = make_site()
    first = site.serve_socket(f"unix:{site.directory}/a.sock")
    deliveries = [workflow_job() for _ in range(5)]
    with site.nomad.server.refused():
        assert set(post_all(poster(site, first), deliveries)) == {202}
        site.wait_for_event(3, event="dispatch", outcome="retry", upstream="nomad")
        fault = Slow503(60)
        site.nomad.faults.add(fault, times=None, **DISPATCH)
    wait_until(lambda: fault.at, "a probe")
    site.serve_socket(f"unix:{site.directory}/b.sock")
    site.nomad.faults.clear()
    first.kill()
    wait_until_all_have_children(site, deliveries, 10)
    check_one_child_each(site.nomad, deliveries, site.jobs())


def test_github_is_down_and_tokens_are_at_hand(site, clock):
    """Jobs of a repository whose token still lives need nothing of GitHub, and go on."""
    process = site.serve_socket(env=clock.env)
    known = workflow_job(repository="octo/known")
    assert poster(site, process)(known).status == 202
    site.wait_for_dispatch(known)
    with site.github.server.refused():
        strangers = [workflow_job(repository="octo/strange") for _ in range(4)]
        for delivery in strangers:
            assert poster(site, process)(delivery).status == 202
        wait_until(lambda: tries(site) >= 3, "GitHub is found to be down", 10)
        others = [workflow_job(repository="octo/known") for _ in range(3)]
        for delivery in others:
            assert poster(site, process)(delivery).status == 202
        for delivery in others:
            site.wait_for_dispatch(delivery)
        assert children_by_job(site.nomad).keys().isdisjoint({d.id for d in strangers})
    clock.advance(PROBE_MAX_S)
    wait_until_all_have_children(site, strangers, 15)
    check_one_child_each(site.nomad, [known, *others, *strangers], site.jobs())


def test_one_job_of_ill_fortune_does_not_shut_the_gate(make_site):
    """A repository that the token does not cover fails for ever, and nobody else waits for it."""
    site = make_site(github={"denied": ["octo/denied"]})
    process = site.serve_socket()
    denied = [workflow_job(repository="octo/denied") for _ in range(5)]
    for delivery in denied:
        assert poster(site, process)(delivery).status == 202
    site.wait_for_event(5, event="dispatch", outcome="retry", failure="forbidden")
    with site.nomad.faults.during(Answer(500, "unpermitted metadata keys: [A]"),
                                  where=lambda r: b"b2N0by9vZGQ" in r.body, **DISPATCH):
        allowed = [workflow_job() for _ in range(5)]
        for delivery in allowed:
            assert poster(site, process)(delivery).status == 202
        wait_until_all_have_children(site, allowed, 10)
    check_one_child_each(site.nomad, allowed, site.jobs())
    assert {site.jobs()[delivery.id]["state"] for delivery in denied} <= {"queued", "assigned"}


def test_a_day_is_the_end(site, clock):
    """GitHub cancels a job that waited for 24 hours: it expires here too, and starts nothing."""
    process = site.serve_socket(env=clock.env)
    delivery = workflow_job()
    with site.nomad.server.refused():
        assert poster(site, process)(delivery).status == 202
        site.wait_for_event(event="dispatch", job=delivery.id, outcome="retry")
        clock.advance(23.9 * 3600)
        seen = tries(site)
        wait_until(lambda: tries(site) > seen, "it is still tried", 10)
        clock.advance(0.2 * 3600)
        wait_until(lambda: site.jobs()[delivery.id]["state"] == "expired", "it expires", 10)
    clock.advance(600)
    time.sleep(1.5)
    assert site.nomad.dispatches == []
    assert "24 hours" in site.jobs()[delivery.id]["last_error"]
    assert site.events(event="upkeep")[-1]["expired"] == "1"
