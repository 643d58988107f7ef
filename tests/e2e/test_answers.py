"""What is answered to what, through every web server: the rows of the answer table."""

import pytest

from .support.deliveries import Delivery, ping, push, sign, timestamp, workflow_job
from .support.fronts import HEALTH_PATH, HOOK_PATH


def check(front, answer, status, outcome, delivery=None):
    """The answer, and the log line that goes with it."""
    assert answer.status == status, answer
    assert answer.header("content-type").split(";")[0] == "application/json"
    assert answer.json["status"] == outcome, answer
    if delivery is not None:
        event = front.site.wait_for_event(event="delivery", delivery=delivery.guid)
        assert event["status"] == str(status)
        assert event["outcome"] == outcome
    return answer


class TestServed:
    @pytest.mark.parametrize("form", [False, True], ids=["json", "form"])
    @pytest.mark.parametrize("client", ["curl", "http.client"])
    def test_queued_is_accepted_and_dispatched(self, front, client, form):
        delivery = workflow_job()
        if form:
            delivery = delivery.as_form()
        if client == "curl":
            answer = front.client.curl(HOOK_PATH, delivery.body, delivery.headers())
        else:
            answer = front.post(delivery)
        check(front, answer, 202, "accepted", delivery)
        assert answer.json["job_id"] == delivery.id
        assert answer.json["pool"] == "linux"

        job, child = front.site.wait_for_dispatch(delivery)
        assert (job["repository"], job["run_id"], job["name"], job["pool"]) == (
            delivery.repository, delivery.job["run_id"], "build", "linux")
        assert job["state"] == "assigned"
        assert child.json()["job_id"] == delivery.id
        assert child.json()["runner_name"] == job["runner"]
        assert len(front.site.dispatches_of(delivery)) == 1

        line = front.site.wait_for_event(event="delivery", delivery=delivery.guid)
        assert {key: line[key] for key in ("level", "github_event", "action", "repository", "job",
                                           "pool")} == {
            "level": "info", "github_event": "workflow_job", "action": "queued",
            "repository": delivery.repository, "job": str(delivery.id), "pool": "linux"}
        line = front.site.wait_for_event(event="dispatch", job=delivery.id)
        assert {key: line[key] for key in ("delivery", "repository", "pool", "runner", "attempt",
                                           "outcome", "child")} == {
            "delivery": delivery.guid, "repository": delivery.repository, "pool": "linux",
            "runner": job["runner"], "attempt": "1", "outcome": "dispatched", "child": child.id}
        assert int(line["duration_ms"]) >= 0

    def test_the_same_job_again_is_a_duplicate(self, front):
        first = workflow_job()
        assert front.post(first).status == 202
        front.site.wait_for_dispatch(first)
        # Redelivered by hand, and sent by the organization's webhook as well: another guid.
        again = workflow_job(id=first.id, run_id=first.job["run_id"])
        for delivery in (first, again):
            answer = front.post(delivery)
            assert (answer.status, answer.json["status"]) == (200, "duplicate")
            assert (answer.json["job_id"], answer.json["pool"]) == (first.id, "linux")
        last = workflow_job()
        assert front.post(last).status == 202
        front.site.wait_for_dispatch(last)
        assert len(front.site.dispatches_of(first)) == 1

    def test_ping(self, front):
        delivery = ping()
        check(front, front.post(delivery), 200, "pong", delivery)

    def test_healthz(self, front):
        answer = front.get(HEALTH_PATH)
        assert (answer.status, answer.json["status"]) == (200, "ok")
        assert answer.header("content-type").split(";")[0] == "application/json"


class TestIgnored:
    """200: GitHub's list of deliveries shows red only for what needs a redelivery."""

    @pytest.mark.parametrize("delivery, in_reason", [
        (workflow_job(labels=["self-hosted", "linux", "gpu"]), "gpu"),
        (workflow_job(labels=["linux"]), "self-hosted"),
        (workflow_job(labels=[]), "label"),
        (workflow_job("waiting"), "approval"),
        (workflow_job("queued", status="waiting"), "waiting"),
        (workflow_job(created_at=timestamp(25 * 3600)), "24"),
        (workflow_job("brand_new_action"), "brand_new_action"),
        (push(), "workflow_job"),
    ], ids=["label-not-offered", "not-self-hosted", "no-labels", "waiting", "queued-but-waiting",
            "stale", "unknown-action", "another-event"])
    def test_with_the_reason(self, front, delivery, in_reason):
        answer = front.post(delivery)
        check(front, answer, 200, "ignored", delivery)
        assert in_reason in answer.json["reason"]

    @pytest.mark.parametrize("action", ["in_progress", "completed"])
    def test_events_of_jobs_never_seen_queued(self, front, action):
        delivery = workflow_job(action)
        answer = front.post(delivery)
        assert answer.status == 200, answer
        assert delivery.id not in front.site.jobs() or (
            front.site.jobs()[delivery.id]["child"] is None)


class TestRefused:
    @pytest.mark.parametrize("signature", [
        None,
        "",
        "sha256=",
        "sha256=" + "0" * 64,
        "sha256=" + "g" * 64,
        "0" * 64,
        "sha1=" + "0" * 40,
    ], ids=["missing", "empty", "no-digits", "wrong", "not-hex", "no-algorithm", "sha1"])
    def test_without_a_good_signature(self, front, signature):
        delivery = workflow_job()
        answer = front.post(delivery, X_Hub_Signature_256=signature)
        check(front, answer, 403, "refused", delivery)

    def test_nothing_is_told_about_what_was_refused(self, front):
        delivery = workflow_job(labels=["self-hosted", "nobody-has-this"])
        answer = front.post(delivery, X_Hub_Signature_256="sha256=" + "0" * 64)
        check(front, answer, 403, "refused")
        line = front.site.wait_for_event(event="delivery", delivery=delivery.guid)
        for key in ("repository", "job", "pool", "action"):
            assert key not in line, f"{key} was read from a body whose signature does not hold"


class TestUnreadable:
    @pytest.mark.parametrize("body, in_reason", [
        (b"this is no JSON", "JSON"),
        (b'{"action": "queued", ', "JSON"),
        (b'{"action": "queued"}', "workflow_job"),
        (b'{"action": "queued", "workflow_job": {}}', ""),
    ], ids=["text", "cut-off", "no-job", "empty-job"])
    def test_400_says_what_is_missing(self, front, body, in_reason):
        delivery = Delivery(body)
        answer = front.post(delivery)
        check(front, answer, 400, "invalid", delivery)
        assert in_reason in answer.json["reason"]

    @pytest.mark.parametrize("field", ["id", "run_id", "labels", "status"])
    def test_400_names_the_field(self, front, field):
        answer = front.post(workflow_job(drop=[field]))
        check(front, answer, 400, "invalid")
        assert field in answer.json["reason"]

    @pytest.mark.parametrize("content_type", [
        "text/plain", "application/xml", "multipart/form-data", "application/jsonp"])
    def test_415(self, front, content_type):
        delivery = workflow_job()
        answer = front.post(delivery, Content_Type=content_type)
        check(front, answer, 415, "invalid", delivery)
        assert "application/json" in answer.json["reason"]

    @pytest.mark.parametrize("content_type", [
        "application/json; charset=utf-8", "Application/JSON"])
    def test_content_type_has_parameters_and_no_case(self, front, content_type):
        assert front.post(ping(), Content_Type=content_type).status == 200

    def test_413(self, front):
        delivery = workflow_job(name="x" * (2 * 1024 * 1024))
        answer = front.post(delivery)
        check(front, answer, 413, "invalid")
        assert "1048576" in answer.json["reason"]

    def test_the_limit_itself_is_taken(self, front):
        delivery = workflow_job(name="")
        delivery = workflow_job(name="x" * (1048576 - len(delivery.body)))
        assert len(delivery.body) <= 1048576
        body = delivery.body + b" " * (1048576 - len(delivery.body))
        answer = front.post(delivery, body=body, X_Hub_Signature_256=sign(body))
        assert answer.status == 202, answer
        front.site.wait_for_dispatch(delivery)

    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
    def test_405_with_allow(self, front, method):
        delivery = workflow_job()
        body = delivery.body if method in ("PUT", "PATCH") else None
        answer = front.client.request(method, HOOK_PATH, body, delivery.headers())
        assert answer.status == 405, answer
        assert answer.header("allow") == "POST"
        assert delivery.id not in front.site.jobs()
