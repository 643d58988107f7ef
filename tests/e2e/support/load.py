"""Deliveries by the dozen, and what became of them."""

import collections
import concurrent.futures
import os
import random

from .waiting import wait_until

IS_LONG = os.environ.get("RUNHOOK_TEST_LONG") == "1"


def short_or_long(short, long):
    return long if IS_LONG else short


def seeded_random():
    """Random numbers whose seed is printed, and taken from RUNHOOK_TEST_SEED where that is set."""
    seed = int(os.environ.get("RUNHOOK_TEST_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"RUNHOOK_TEST_SEED={seed}")
    return random.Random(seed)


def post_all(front_or_poster, deliveries, clients=8):
    """Posts every delivery once, several at a time; returns the statuses in their order."""
    post = getattr(front_or_poster, "post", front_or_poster)
    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        return [answer.status for answer in pool.map(post, deliveries)]


def poster(site, process):
    """Posts to a runhook without a web server, each delivery on a connection of its own."""
    def post(delivery):
        with site.fastcgi(process) as connection:
            return connection.post(delivery)

    return post


def children_by_job(nomad):
    """How many children Nomad ever made of each job."""
    return collections.Counter(child.json()["job_id"] for child in list(nomad.dispatches))


def wait_until_all_have_children(site, deliveries, timeout_s=30.0):
    """Waits until Nomad has a child of every job, and the ledger knows it; returns the jobs."""
    wanted = {delivery.id for delivery in deliveries}

    def without_child():
        return wanted - set(children_by_job(site.nomad))

    wait_until(lambda: not without_child(), f"{len(wanted)} jobs have their child", timeout_s)

    def recorded():
        jobs = site.jobs()
        return jobs if all(jobs[job]["child"] for job in wanted) else None

    return wait_until(recorded, "every child is in the ledger", timeout_s)


def check_one_child_each(nomad, deliveries, jobs=None):
    """Every job has exactly one child, and the ledger (`jobs`) names it and its runner."""
    counts = children_by_job(nomad)
    wrong = {delivery.id: counts[delivery.id] for delivery in deliveries
             if counts[delivery.id] != 1}
    assert not wrong, f"children by job, where not one: {wrong}"
    if jobs is None:
        return
    made = {child.json()["job_id"]: child for child in list(nomad.dispatches)}
    for delivery in deliveries:
        job, child = jobs[delivery.id], made[delivery.id]
        assert job["child"] == child.id
        assert job["runner"] == child.json()["runner_name"]
