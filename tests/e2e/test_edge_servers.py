"""The shipped servers of nginx/ and examples/lighttpd/ as they are set up: with TLS, before GitHub's
addresses were fetched, behind a proxy that they were not told of, over a restart of runhook."""

import concurrent.futures
import contextlib
import signal
import subprocess
from pathlib import Path

import pytest

from standins.certificates import Certificates

from .support.deliveries import ping, workflow_job
from .support.edges import (BEHIND_BALANCER, BEHIND_PROXY, BEHIND_REVERSE_PROXY, GITHUB, NAME,
                            REAL_ADDRESS, STRANGER, STRANGER_IPV6, WITH_TLS,
                            LighttpdCgiBehindProxy, LighttpdServiceBehindProxy, NginxBehindProxy,
                            is_runhooks, post_at_once)
from .support.fastcgi_server import Restarted
from .support.fronts import HOOK_PATH
from .support.processes import children_of
from .support.waiting import wait_until


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


    def test_nginx_limits_bodies_that_never_end(self, serve):
        edge = serve(NginxBehindProxy, addresses=False, changes={
            "runhook.conf": {"limit_conn runhook_in_hand 1000": "limit_conn runhook_in_hand 3"}})
        with contextlib.ExitStack() as stack:
            for _ in range(3):
                begin(edge, stack, STRANGER)
            wait_until(lambda: edge.deliver_from(STRANGER, ping()).status == 429, "the limit")
            assert edge.deliver_from(STRANGER_IPV6, ping()).status == 200
            # GitHub's, once they are known, and local ones are not counted.
            edge.fetch_addresses()
            edge.web.send(signal.SIGHUP)
            wait_until(lambda: takes_nothing_new(edge), "the workers of before are ending")
            assert edge.deliver_from(STRANGER, ping()).status == 403
            for address in (GITHUB, "127.0.0.1"):
                for _ in range(5):
                    begin(edge, stack, address)
                assert edge.deliver_from(address, ping()).status == 200


def takes_nothing_new(edge):
    """Whether an nginx that was told to reload has its new workers, and the old ones, which have
    connections still, take no more."""
    titles = [Path(f"/proc/{worker}/cmdline").read_bytes() for worker in children_of(edge.web.pid)]
    return len(titles) == 2 and any(b"shutting down" in title for title in titles)


def begin(edge, stack, address):
    """A delivery of which only the first byte comes."""
    connection = stack.enter_context(contextlib.closing(edge.client.connect()))
    connection.putrequest("POST", HOOK_PATH)
    for name, value in ((REAL_ADDRESS, address), ("Content-Length", "100")):
        connection.putheader(name, value)
    connection.endheaders(b"{")


@pytest.mark.parametrize("kind", [LighttpdCgiBehindProxy, LighttpdServiceBehindProxy])
def test_the_other_ways_to_start_runhook_have_the_same_rules(serve, kind):
    edge = serve(kind)
    for address, deliveries, pages in ((GITHUB, 202, 403), (STRANGER, 403, 403),
                                       ("127.0.0.1", 202, 403)):
        assert edge.deliver_from(address, workflow_job()).status == deliveries
        for page in ("healthz", "status", "/x/status"):
            answer = edge.asked_from(address, "GET", f"{HOOK_PATH}/{page}")
            assert answer.status == pages and not is_runhooks(answer)
    assert edge.get(f"{HOOK_PATH}/healthz").status == 200


def test_plain_cgi_finds_no_other_file_beside_the_program(serve):
    assert serve(LighttpdCgiBehindProxy).get(f"{HOOK_PATH}x/healthz").status in (403, 404)


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


CONNECTING, CONNECTED = "02", "03"  # as the kernel has them


def connections(edge, state):
    """How many connections of runhook's socket are in this state."""
    path = f" {edge.site.directory}/runhook.sock"
    return sum(line.endswith(path) and line.split()[5] == state
               for line in Path("/proc/net/unix").read_text().splitlines())


def test_a_burst_while_runhook_stands_still(serve):
    """A disk that is busy, say. What waits on runhook's socket is refused nowhere."""
    edge = serve(NginxBehindProxy)
    edge.backend.send(signal.SIGSTOP)
    try:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            posted = pool.submit(post_at_once, edge, GITHUB, [ping()] * 1500)
            wait_until(lambda: connections(edge, CONNECTING) >= 1450, "the burst waits")
            edge.backend.send(signal.SIGCONT)
            assert posted.result()[0] == [200] * 1500
    finally:
        edge.backend.send(signal.SIGCONT)


class TestKeptConnections:
    def test_are_kept(self, serve):
        edge = serve(NginxBehindProxy)
        for _ in range(5):
            assert edge.deliver_from(GITHUB, ping()).status == 200
        assert connections(edge, CONNECTED) == 1

    def test_a_restart_of_runhook_loses_nothing(self, serve):
        edge = serve(NginxBehindProxy)
        assert edge.deliver_from(GITHUB, workflow_job()).status == 202
        edge.backend.stop()
        edge.backend = edge.start_backend()
        for _ in range(4):
            assert edge.deliver_from(GITHUB, workflow_job()).status == 202

    def test_one_that_is_closed_as_nginx_sends_on_it(self, serve):
        """nginx sends the delivery again on another."""
        class Closing(NginxBehindProxy):
            def start_backend(self):
                self.restarted = Restarted(f"{self.site.directory}/closing.sock")
                return self.restarted

        edge = serve(Closing)  # which has made a request on the connection that is kept
        delivery = workflow_job()
        assert edge.deliver_from(GITHUB, delivery).status == 200
        assert edge.restarted.bodies == [b"", delivery.body, delivery.body]


class TestAlternatives:
    """What the files have in comments, for other proxies."""

    @pytest.mark.parametrize("kind", list(BEHIND_REVERSE_PROXY))
    def test_a_reverse_proxy(self, serve, kind):
        edge = serve(BEHIND_REVERSE_PROXY[kind])
        for address, status in ((GITHUB, 200), (STRANGER, 403)):
            # What the client made up stands before what the proxy knows.
            answer = edge.post(ping(), X_Forwarded_For=f"140.82.112.1, {address}")
            assert answer.status == status
        assert edge.site.events(event="delivery")[-1]["from"] == GITHUB

    @pytest.mark.parametrize("kind", list(BEHIND_BALANCER))
    def test_the_proxy_protocol(self, serve, kind):
        edge = serve(BEHIND_BALANCER[kind])
        for address, status in ((GITHUB, 200), (STRANGER, 403)):
            edge.client.says = address
            assert edge.post(ping()).status == status
            assert edge.get(f"{HOOK_PATH}/healthz").status == 403
        assert edge.site.events(event="delivery")[-1]["from"] == GITHUB
