"""The shipped servers of nginx/ and examples/lighttpd/ as they are set up: with TLS, before GitHub's
addresses were fetched, behind a proxy that they were not told of, over a restart of runhook."""

import subprocess

import pytest

from standins.certificates import Certificates

from .support.deliveries import ping, workflow_job
from .support.edges import (BEHIND_PROXY, GITHUB, NAME, STRANGER, STRANGER_IPV6, WITH_TLS,
                            NginxBehindProxy, is_runhooks, post_at_once)
from .support.fronts import HOOK_PATH


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("tls"), [NAME])


@pytest.fixture
def serve(make_site):
    def serve_edge(kind, **options):
        site = make_site()
        site.configure("pool linux", max_runners=1)
        return site.serve(kind, **options)

    return serve_edge


class TestForgotten:
    """Behind a proxy of which the web server was not told: every request looks local."""

    @pytest.fixture(params=list(BEHIND_PROXY))
    def forgetful(self, request, serve, certificates):
        return serve(WITH_TLS[request.param], certificates=certificates)

    def test_real_address(self, forgetful):
        for header in ("CF-Connecting-IP", "X-Forwarded-For", "Forwarded", "X-Real-IP", "CF-Ray",
                       "True-Client-IP", "Via"):
            answer = forgetful.get(f"{HOOK_PATH}/healthz", headers={header: "10.0.0.1"})
            assert answer.status == 403, header
        assert forgetful.get(f"{HOOK_PATH}/healthz").status == 200
        # Deliveries are left to the signature rather than lost.
        delivery = workflow_job()
        assert forgetful.post(delivery, X_Forwarded_For=GITHUB).status == 202
        assert forgetful.site.wait_for_event(job=delivery.id)["from"] == "127.0.0.1"


class TestBeforeTheAddressesAreKnown:
    @pytest.mark.parametrize("kind", list(BEHIND_PROXY))
    def test_the_signature_decides(self, serve, kind):
        edge = serve(BEHIND_PROXY[kind], addresses=False)
        assert edge.deliver_from(STRANGER, workflow_job()).status == 202
        assert edge.deliver_from(STRANGER, workflow_job(secret="wrong")).json["status"] == "refused"
        assert edge.seen_from(STRANGER, "GET", f"{HOOK_PATH}/healthz").status in (403, 405)

    def test_nginx_limits_a_flood(self, serve):
        """With a smaller burst than the shipped one, to be quick."""
        edge = serve(NginxBehindProxy, addresses=False, changes={
            "runhook.conf": {"burst=5000": "burst=100"},
            "runhook-http.conf": {"rate=100r/s": "rate=1r/m"}})
        flood, _ = post_at_once(edge, STRANGER, [ping()] * 150)
        assert sorted(flood) == [200] * 101 + [429] * 49
        assert edge.deliver_from(STRANGER_IPV6, ping()).status == 200
        assert edge.deliver_from(STRANGER, ping()).status == 429


class TestTls:
    @pytest.fixture(params=list(WITH_TLS))
    def edge(self, request, serve, certificates):
        return serve(WITH_TLS[request.param], certificates=certificates)

    def test_the_whole_server(self, edge):
        assert edge.post(workflow_job()).status == 202
        for path in ("/", "/index.html", "/github", "/.env"):
            answer = edge.get(path)
            assert answer.status in (403, 404)
            assert not is_runhooks(answer)
        self.port_80(edge)
        self.versions(edge)

    def port_80(self, edge):
        """Is for the certificate authority alone."""
        delivery = workflow_job()
        answers = [edge.plain.request("POST", HOOK_PATH, delivery.body, delivery.headers())]
        answers += [edge.plain.request("GET", path) for path in (f"{HOOK_PATH}/healthz", "/")]
        for answer in answers:
            assert answer.status in (403, 404), answer
            assert not is_runhooks(answer)
        acme = edge.site.directory / ("acme" if edge.form == "nginx" else "www")
        challenge = acme / ".well-known/acme-challenge/To-ken_1"
        challenge.parent.mkdir(parents=True)
        challenge.write_text("the answer")
        answer = edge.plain.request("GET", "/.well-known/acme-challenge/To-ken_1")
        assert (answer.status, answer.body) == (200, b"the answer")
        assert edge.plain.request("GET", "/.well-known/acme-challenge/../../x").status in (400, 403, 404)

    def versions(self, edge):
        """Asked by a program that would speak the old ones."""
        for version, works in (("1_1", False), ("1_2", True), ("1_3", True)):
            done = subprocess.run(
                ["openssl", "s_client", "-connect", edge.address, f"-tls{version}", "-cipher",
                 "ALL:@SECLEVEL=0", "-servername", NAME, "-verify_return_error", "-CAfile",
                 edge.certificates.ca], stdin=subprocess.DEVNULL, capture_output=True)
            assert (done.returncode == 0) == works, (version, done.stderr)


class TestKeptConnections:
    def test_a_restart_of_runhook_loses_nothing(self, serve):
        """nginx finds the connections that it kept closed, and opens another."""
        edge = serve(NginxBehindProxy)
        deliveries = [workflow_job() for _ in range(40)]
        for delivery in deliveries:
            assert edge.deliver_from(GITHUB, delivery).status == 202
        edge.backend.stop()
        edge.backend = edge.start_backend()
        for _ in range(8):
            assert edge.deliver_from(GITHUB, workflow_job()).status == 202

    def test_are_kept(self, serve):
        edge = serve(NginxBehindProxy)
        for _ in range(5):
            assert edge.deliver_from(GITHUB, ping()).status == 200
        fds = subprocess.run(["ss", "-xH", "state", "connected"], capture_output=True, text=True)
        kept = [line for line in fds.stdout.splitlines()
                if f"{edge.site.directory}/runhook.sock" in line]
        assert len(kept) == 1, kept
