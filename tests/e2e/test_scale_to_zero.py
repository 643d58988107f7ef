"""Supply follows demand in real time: every job runs once, and when none waits or runs, no runner
of ours is left with GitHub or with Nomad."""

import json
import time

import pytest

from .support.deliveries import POOL_LABELS
from .support.load import seeded_random
from .support.waiting import SLOWNESS, wait_until
from .support.yard import Yard

REPOSITORIES = ("octo-harbor/lighthouse", "octo-harbor/tide-tables")
INTERVAL_S, IDLE_TIMEOUT_S = 1, 2
LABELS_ASKED = (POOL_LABELS, ("self-hosted",), ("Self-Hosted", "linux"))


@pytest.fixture
def site(site):
    site.configure("audit", interval=INTERVAL_S, interval_max=2, idle_timeout=IDLE_TIMEOUT_S,
                   register_timeout=2, placement_timeout=60, leave_timeout=1,
                   discover_interval=1, replacements=20, github_calls=360000)
    site.configure("pool linux", max_runners=4)
    return site


def wait_for_the_end(site, yard, jobs):
    wait_until(lambda: all(job.is_over for job in jobs), "every job is over", 30)
    wait_until(lambda: yard.living() == ([], []), "no runner is left", 30)
    took = time.monotonic() - yard.last_end
    assert yard.errors == []
    return took


def check_rows(site, jobs):
    def all_at_rest():
        rows = site.jobs()
        done = site.run("runners", "--json")
        return (json.loads(done.stdout)["runners"] == []
                and {row["state"] for row in rows.values()} == {"done"}) and rows

    rows = wait_until(all_at_rest, "the ledger is at rest", 15)
    assert set(rows) <= {job.id for job in jobs}
    return rows


@pytest.mark.parametrize("lost", [0, 0.3, 1], ids=["all-told", "some-lost", "all-lost"])
def test_every_job_runs_and_nothing_is_left(site, lost):
    rng = seeded_random()
    if lost == 1:  # then nothing else tells of them
        site.configure("github", repositories=", ".join(REPOSITORIES))
    known = set()

    def delivers(action, job):
        """A repository of which nothing was ever heard is one that nobody can ask about."""
        first, _ = job.repository not in known, known.add(job.repository)
        return (first and lost < 1) or rng.random() >= lost

    process = site.serve_socket()
    with Yard(site, process, rng, delivers=delivers) as yard:
        jobs = []
        for number in range(10):
            jobs.append(yard.queue(REPOSITORIES[number % 2], rng.choice(LABELS_ASKED)))
            if number in (4, 7):
                time.sleep(0.15)
                # One of those that wait, with a runner or in line for one.
                waiting = [job for job in jobs if job.status == "queued"]
                cancelled = next((job for job in reversed(waiting) if yard.cancel(job)), None)
        took = wait_for_the_end(site, yard, jobs)
        ran = {job.id for job in jobs if job.conclusion == "success"}
        assert ran == set(yard.ran_on)
        assert len(ran) >= 8 and cancelled.conclusion == "cancelled"
        assert len(set(yard.ran_on.values())) == len(ran), "a runner runs one job"
        # One more second for what is under way, and for the last look at the name.
        assert took <= (INTERVAL_S + IDLE_TIMEOUT_S + 1) * SLOWNESS
        check_rows(site, jobs)


@pytest.mark.parametrize("is_told", [True, False], ids=["told", "unseen"])
def test_stolen(site, is_told):
    """The second job's runner is slow, and the first's takes the second: each runs all the same,
    with no runner too many for longer than it takes to see that."""
    process = site.serve_socket()
    with Yard(site, process, seeded_random(),
              delivers=lambda action, _: is_told or action == "queued") as yard:
        first = yard.queue(REPOSITORIES[0], POOL_LABELS)
        second = yard.queue(REPOSITORIES[0], POOL_LABELS)
        wait_until(lambda: len(site.nomad.dispatches) == 2, "two children")
        for child in list(site.nomad.dispatches):
            mine = child.json()["job_id"] == first.id
            yard.takes[child.json()["runner_name"]] = second if mine else first
        took = wait_for_the_end(site, yard, [first, second])
        assert took <= (INTERVAL_S + IDLE_TIMEOUT_S + 1) * SLOWNESS
        assert first.conclusion == second.conclusion == "success"
        rows = check_rows(site, [first, second])
        for job in (first, second):
            assert rows[job.id]["runner"] == yard.ran_on[job.id]


def test_the_program_was_not_there(site):
    """It stops while jobs run and wait, and all events of that time are lost."""
    process = site.serve_socket()
    with Yard(site, process, seeded_random(),
              delivers=lambda *_: process.is_running) as yard:
        jobs = [yard.queue(REPOSITORIES[0], POOL_LABELS) for _ in range(4)]
        wait_until(lambda: len(site.nomad.dispatches) >= 3, "children")
        process.kill()
        jobs += [yard.queue(REPOSITORIES[0], POOL_LABELS) for _ in range(2)]
        cancelled = yard.cancel(jobs[-1])
        assert cancelled
        time.sleep(0.5)
        site.serve_socket(f"unix:{site.directory}/second.sock")
        wait_for_the_end(site, yard, jobs)
        assert {job.conclusion for job in jobs[:-1]} == {"success"}
        check_rows(site, jobs)
