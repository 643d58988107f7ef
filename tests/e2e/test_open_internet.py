"""The shipped servers of nginx/ and examples/lighttpd/ behind a proxy that says where requests come
from, with GitHub's addresses fetched: who may deliver, who may look, and what a burst meets."""

import pytest

from .support.deliveries import ping, workflow_job
from .support.edges import (BEHIND_PROXY, GITHUB, GITHUB_IPV6, NAME, STRANGER, STRANGER_IPV6,
                            is_runhooks, post_at_once)
from .support.fronts import HOOK_PATH
from .support.site import Site, close_sites

PAGES = ("healthz", "metrics", "status")

# Whatever leads to a page: runhook takes the last segment of the path as the client wrote it, before
# "?" or "#" and without slashes at its end.
SPELLINGS = [f"{HOOK_PATH}/{page}{rest}" for page in PAGES for rest in (
    "", "/", "///", "?", "?a=b", "/?a=/x", "#x", "%2f", "/.", "/x/..")] + [
    f"{before}/{page}" for page in PAGES for before in (
        f"{HOOK_PATH}/", f"{HOOK_PATH}//", f"/{HOOK_PATH}", f"{HOOK_PATH}/x/..", f"{HOOK_PATH}/x",
        "/github/./webhook", "/x/../github/webhook", "/github%2fwebhook", "/%67ithub/webhook",
        f"{HOOK_PATH}%2f", f"{HOOK_PATH}/%2e", f"{HOOK_PATH}x", "/GitHub/Webhook", "",
        f"http://{NAME}{HOOK_PATH}")] + [
    f"{HOOK_PATH}/{page}" for page in ("%73tatus", "statu%73", "STATUS", "Healthz", "met%72ics",
                                       "status%20", "status;x", "status%00", "status%23", "status%3f")]


@pytest.fixture(scope="module", params=list(BEHIND_PROXY))
def edge(request, runhook_path):
    """Behind a proxy, and GitHub's addresses are known. The jobs wait: nothing is dispatched."""
    site = Site(runhook_path)
    site.configure("pool linux", max_runners=1)
    try:
        yield site.serve(BEHIND_PROXY[request.param])
    finally:
        close_sites([site])


class TestDeliveries:
    @pytest.mark.parametrize("address", [GITHUB, GITHUB_IPV6, "192.30.252.0", "192.30.255.255",
                                         "2a0a:a447:ffff::1", "10.1.2.3", "fd00::1"])
    def test_from_github_and_from_local_addresses(self, edge, address):
        delivery = workflow_job()
        answer = edge.deliver_from(address, delivery)
        assert answer.status == 202, answer
        assert edge.site.wait_for_event(job=delivery.id, event="delivery")["from"] == address

    @pytest.mark.parametrize("address", [STRANGER, STRANGER_IPV6, "192.30.251.255", "192.31.0.0",
                                         "2a0a:a448::1", "2606:50c1::1", "172.32.0.1", "fe00::1"])
    def test_from_nobody_else(self, edge, address):
        """Not even with a good signature, however the path is spelled."""
        for path in (HOOK_PATH, f"{HOOK_PATH}/", f"{HOOK_PATH}?x=1", f"{HOOK_PATH}/status",
                     "/github//webhook", "/github/%77ebhook"):
            answer = edge.deliver_from(address, workflow_job(), path)
            assert answer.status in (403, 404, 413), (path, answer)
            assert not is_runhooks(answer)
        assert edge.site.events(**{"from": address}) == []

    def test_a_wrong_signature_from_github(self, edge):
        answer = edge.deliver_from(GITHUB, workflow_job(secret="wrong"))
        assert (answer.status, answer.json["status"]) == (403, "refused")

    def test_too_large(self, edge):
        delivery = workflow_job()
        delivery.body += b" " * 1048576
        answer = edge.deliver_from(GITHUB, delivery)
        assert answer.status == 413, answer
        assert not is_runhooks(answer)
        delivery = workflow_job(name="x" * 1_000_000)
        assert edge.deliver_from(GITHUB, delivery).status == 202

    @pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
    def test_nothing_but_a_post(self, edge, method):
        for address in (GITHUB, STRANGER):
            answer = edge.seen_from(address, method, HOOK_PATH)
            assert answer.status in (403, 405), answer
            assert not is_runhooks(answer)
        if edge.form == "nginx":
            answer = edge.seen_from(GITHUB, method, HOOK_PATH)
            assert (answer.status, answer.header("Allow")) == (405, "POST")

    def test_a_header_of_another_proxy_is_not_believed(self, edge):
        delivery = workflow_job()
        answer = edge.post(delivery, X_Forwarded_For=GITHUB, X_Real_IP=GITHUB)
        assert answer.status == 202
        assert edge.site.wait_for_event(job=delivery.id)["from"] == "127.0.0.1"

    def test_a_burst_is_answered_to_the_last(self, edge):
        """A matrix, and more, from one address at the same moment."""
        deliveries = [workflow_job() for _ in range(1200)]
        statuses, took_s = post_at_once(edge, GITHUB, deliveries)
        assert statuses == [202] * 1200
        assert took_s < 10  # as long as GitHub waits
        assert {delivery.id for delivery in deliveries} <= set(edge.site.jobs())

    def test_a_flood_from_elsewhere_does_not_reach_runhook(self, edge):
        seen = len(edge.site.events())
        statuses, _ = post_at_once(edge, STRANGER, [ping()] * 300)
        assert statuses == [403] * 300
        assert len(edge.site.events()) == seen


class TestPages:
    @pytest.mark.parametrize("path", SPELLINGS)
    def test_are_not_for_the_outside(self, edge, path):
        """A POST of GitHub's would be a delivery, which needs a signature."""
        for address, methods in ((STRANGER, ("GET", "HEAD", "POST")), (GITHUB, ("GET", "HEAD"))):
            for method in methods:
                answer = edge.asked_from(address, method, path)
                assert answer.status in (400, 403, 404, 405), (method, answer)
                assert not is_runhooks(answer), (method, answer)

    @pytest.mark.parametrize("path", [f"{HOOK_PATH}/healthz{rest}" for rest in ("", "/", "?a=b")])
    def test_are_for_local_addresses(self, edge, path):
        answer = edge.get(path)
        assert (answer.status, answer.json["status"]) == (200, "ok")
        assert edge.client.request("HEAD", path).status == 200

    def test_all_of_them_reach_runhook(self, edge):
        for page in PAGES:
            assert edge.get(f"{HOOK_PATH}/{page}").status != 403

    def test_a_local_address_that_is_no_such_thing(self, edge):
        for address in ("127.0.0.1.example", "10", "::ffff:203.0.113.9", "not-an-address", "-"):
            assert not is_runhooks(edge.seen_from(address, "GET", f"{HOOK_PATH}/status"))
