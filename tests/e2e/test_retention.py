"""Ended jobs are kept for `retention`, so that what comes late finds them."""

import time

from .support.deliveries import workflow_job


def test_a_forgotten_job_stays_forgotten(site):
    """An ended job that was purged at once came back with its redelivery."""
    front = site.serve("nginx")
    with site.nomad.server.refused(), site.github.server.refused():
        delivery = workflow_job()
        assert front.post(delivery).status == 202
        site.wait_for_event(event="dispatch", job=delivery.id, outcome="retry")
        assert site.run("jobs", "forget", str(delivery.id)).code == 0
    # The program looks at what has ended every second: it stays through two of these looks.
    until = time.monotonic() + 2.5
    while time.monotonic() < until:
        assert site.jobs()[delivery.id]["conclusion"] == "forgotten"
    answer = front.post(delivery)
    assert (answer.status, answer.json["status"]) == (200, "duplicate")
    assert site.dispatches_of(delivery) == []


def test_completed_before_queued_starts_no_runner(site):
    front = site.serve("nginx")
    queued = workflow_job()
    completed = workflow_job(id=queued.id, action="completed", status="completed")
    assert front.post(completed).status == 200
    other = workflow_job()
    assert front.post(other).status == 202
    site.wait_for_dispatch(other)
    assert front.post(queued).json["status"] == "duplicate"
    assert site.dispatches_of(queued) == []
