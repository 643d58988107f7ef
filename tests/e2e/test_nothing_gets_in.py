"""Nothing reaches GitHub or Nomad but what a pool serves under a good signature.

Each delivery here is followed by a good one to the same processes. When that one has been
dispatched, its requests must be the only ones, and its job the only one in the ledger.
"""

import json

import pytest

from .support.deliveries import (DOCUMENTED_SECRET, Delivery, ping, push, sign, timestamp,
                                 workflow_job)

FRONT = "nginx"


def forged():
    delivery = workflow_job()
    return delivery, {"X_Hub_Signature_256": sign(delivery.body, "guessed")}, None


def unsigned():
    return workflow_job(), {"X_Hub_Signature_256": None, "X_Hub_Signature": None}, None


def signed_with_sha1_alone():
    return workflow_job(), {"X_Hub_Signature_256": None}, None


def sha1_under_the_sha256_name():
    delivery = workflow_job()
    return delivery, {"X_Hub_Signature_256": sign(delivery.body, algorithm="sha1")}, None


def sha1_digits_with_sha256_prefix():
    delivery = workflow_job()
    digits = sign(delivery.body, algorithm="sha1").partition("=")[2]
    return delivery, {"X_Hub_Signature_256": f"sha256={digits:0<64}"}, None


def truncated():
    delivery = workflow_job()
    return delivery, {}, delivery.body[:-1]


def altered():
    delivery = workflow_job(labels=["self-hosted", "nobody"])
    return delivery, {}, delivery.body.replace(b"nobody", b"linux\x20")


def extended():
    delivery = workflow_job()
    return delivery, {}, delivery.body + b"\n"


def signature_of_another_body():
    delivery = workflow_job()
    return delivery, {"X_Hub_Signature_256": sign(workflow_job().body)}, None


def signature_of_nothing():
    return workflow_job(), {"X_Hub_Signature_256": sign(b"")}, None


def signature_cut_short():
    delivery = workflow_job()
    return delivery, {"X_Hub_Signature_256": sign(delivery.body)[:-1]}, None


def signature_with_more_behind():
    delivery = workflow_job()
    return delivery, {"X_Hub_Signature_256": sign(delivery.body) + "00"}, None


def two_signatures_in_one():
    delivery = workflow_job()
    value = f"{sign(delivery.body, 'guessed')}, {sign(delivery.body)}"
    return delivery, {"X_Hub_Signature_256": value}, None


def documented_secret():
    delivery = workflow_job()
    return delivery, {"X_Hub_Signature_256": sign(delivery.body, DOCUMENTED_SECRET)}, None


def empty_secret():
    delivery = workflow_job()
    return delivery, {"X_Hub_Signature_256": sign(delivery.body, "")}, None


def form_signed_over_the_json():
    delivery = workflow_job()
    form = delivery.as_form()
    return form, {"X_Hub_Signature_256": sign(delivery.body)}, None


@pytest.mark.parametrize("make", [
    forged, unsigned, signed_with_sha1_alone, sha1_under_the_sha256_name,
    sha1_digits_with_sha256_prefix, truncated, altered, extended, signature_of_another_body,
    signature_of_nothing, signature_cut_short, signature_with_more_behind, two_signatures_in_one,
    documented_secret, empty_secret, form_signed_over_the_json], ids=lambda make: make.__name__)
def test_refused(site, make):
    delivery, headers, body = make()
    front = site.serve(FRONT)
    answer = front.post(delivery, body=body, **headers)
    assert (answer.status, answer.json["status"]) == (403, "refused"), answer
    assert answer.json["reason"]
    only_a_good_delivery_arrives(site, delivery, 403, "refused")


IGNORED = {
    "in_progress": lambda: workflow_job("in_progress"),
    "completed": lambda: workflow_job("completed"),
    "cancelled": lambda: workflow_job("completed", conclusion="cancelled", runner_id=0,
                                      runner_name=""),
    "waiting": lambda: workflow_job("waiting"),
    "queued-but-waiting": lambda: workflow_job("queued", status="waiting"),
    "queued-but-in-progress": lambda: workflow_job("queued", status="in_progress"),
    "queued-but-completed": lambda: workflow_job("queued", status="completed"),
    "label-not-offered": lambda: workflow_job(labels=["self-hosted", "linux", "arm64"]),
    "one-label-in-common": lambda: workflow_job(labels=["linux", "windows"]),
    "hosted-by-github": lambda: workflow_job(labels=["ubuntu-latest"]),
    "without-self-hosted": lambda: workflow_job(labels=["linux", "x64"]),
    "no-labels": lambda: workflow_job(labels=[]),
    "ten-thousand-labels": lambda: workflow_job(
        labels=["self-hosted"] + [f"label-{n}" for n in range(10_000)]),
    "stale": lambda: workflow_job(created_at=timestamp(24 * 3600 + 60)),
    "push": push,
    "ping": ping,
}


@pytest.mark.parametrize("name", IGNORED)
def test_ignored(site, name):
    delivery = IGNORED[name]()
    front = site.serve(FRONT)
    answer = front.post(delivery)
    assert answer.status == 200, answer
    outcome = answer.json["status"]
    assert outcome == ("pong" if name == "ping" else "ignored"), answer
    only_a_good_delivery_arrives(site, delivery, 200, outcome)


def test_the_event_header_decides_nothing(site):
    """Only the body is signed: a queued job is one whatever the header says, and what is none does
    not become one."""
    front = site.serve(FRONT)
    job = workflow_job()
    assert front.post(job, X_GitHub_Event="push").status == 202
    site.wait_for_dispatch(job)
    assert front.post(push(), X_GitHub_Event="workflow_job").status in (200, 400)
    assert front.post(workflow_job("completed"), X_GitHub_Event="ping").json["status"] != "pong"
    last = workflow_job()
    assert front.post(last).status == 202
    site.wait_for_dispatch(last)
    assert len(site.nomad.requests) == 2


def test_a_key_twice_in_the_body(site):
    """cJSON takes the first, others the last; either way one job of the two at most."""
    good = workflow_job(labels=["self-hosted", "nobody"])
    text = good.body.decode().replace('"labels":', '"labels":["self-hosted","linux"],"labels":')
    front = site.serve(FRONT)
    answer = front.post(Delivery(text.encode()))
    assert answer.status in (200, 202, 400), answer


def test_all_at_once_on_all_fronts(front):
    """The same, on every web server, for the cases that a web server could get wrong."""
    site = front.site
    bad = [forged(), unsigned(), truncated(), altered(), signed_with_sha1_alone()]
    for delivery, headers, body in bad:
        answer = front.post(delivery, body=body, **headers)
        assert (answer.status, answer.json["status"]) == (403, "refused"), answer
    good = workflow_job()
    assert front.post(good).status == 202
    site.wait_for_dispatch(good)
    assert [request.query_value("idempotency_token") for request in site.nomad.requests] == [
        f"{good.id}.1"]
    assert set(site.jobs()) == {good.id}


def only_a_good_delivery_arrives(site, bad, status, outcome):
    good = workflow_job(repository="octo/good")
    assert site.front.post(good).status == 202
    site.wait_for_dispatch(good)

    assert [request.path for request in site.github.requests] == [
        "/repos/octo/good/actions/runners/registration-token"]
    assert [request.query_value("idempotency_token") for request in site.nomad.requests] == [
        f"{good.id}.1"]
    assert [child.meta["REPO_FULL_NAME"] for child in site.nomad.dispatches] == ["octo/good"]

    waiting = {job_id: job for job_id, job in site.jobs().items() if job_id != good.id}
    assert all(job["state"] == "done" or job["state"] == "running" for job in waiting.values())
    if status == 403:
        assert waiting == {}

    (line,) = site.events(event="delivery", delivery=bad.guid)
    assert (line["status"], line["outcome"]) == (str(status), outcome)
    if outcome != "pong":
        assert line["reason"]
    raw = site.ledger_path.read_bytes() + b"".join(
        path.read_bytes() for path in site.directory.glob("ledger.db-*"))
    if status == 403:
        assert bad.guid.encode() not in raw
        if bad.job:
            assert json.dumps(bad.id).encode() not in raw
