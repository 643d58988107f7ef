"""Many connections, few threads: none of them starves."""

import concurrent.futures
import contextlib
import time

import pytest

from .support.deliveries import ping, workflow_job
from .support.waiting import SLOWNESS

THREADS = 4
CONNECTIONS = 20


@pytest.fixture
def process(site):
    site.configure("server", threads=THREADS)
    return site.serve_socket()


def test_kept_connections_idle_do_not_starve_a_new_one(site, process):
    with contextlib.ExitStack() as stack:
        for _ in range(CONNECTIONS):
            connection = stack.enter_context(site.fastcgi(process))
            assert connection.post(ping(), keep=True).status == 200
        started = time.monotonic()
        with site.fastcgi(process) as connection:
            assert connection.post(workflow_job()).status == 202
        assert time.monotonic() - started < 1.5 * SLOWNESS


def test_connections_that_say_nothing_do_not_starve_one_that_does(site, process):
    with contextlib.ExitStack() as stack:
        for _ in range(CONNECTIONS):
            stack.enter_context(site.fastcgi(process))
        started = time.monotonic()
        with site.fastcgi(process) as connection:
            assert connection.post(workflow_job()).status == 202
        assert time.monotonic() - started < 1.5 * SLOWNESS


def test_more_kept_connections_than_threads_are_all_answered(site, process):
    """All open at once, all asking at once, twice; a connection that was closed after an answer,
    which the protocol allows, is opened again, as nginx does."""
    def one(connection):
        answer = connection.post(ping(), keep=True)
        if not answer.ended:
            connection.close()
            connection.__init__(process.address)
            answer = connection.post(ping(), keep=True)
        return answer

    with contextlib.ExitStack() as stack, concurrent.futures.ThreadPoolExecutor(
            CONNECTIONS) as pool:
        connections = [stack.enter_context(site.fastcgi(process)) for _ in range(CONNECTIONS)]
        for _ in range(2):
            started = time.monotonic()
            answers = list(pool.map(one, connections))
            assert [answer.status for answer in answers] == [200] * CONNECTIONS
            assert time.monotonic() - started < 5 * SLOWNESS


def test_a_kept_connection_carries_many_requests(site, process):
    """The program may close it after an answer, but not while it alone is open."""
    answered = 0
    with site.fastcgi(process) as connection:
        for _ in range(50):
            answer = connection.post(ping(), keep=True)
            if not answer.ended:
                break
            assert answer.status == 200
            answered += 1
    assert answered == 50


def test_without_keep_the_connection_is_closed(site, process):
    with site.fastcgi(process) as connection:
        assert connection.post(ping(), keep=False).ended
        assert connection.read_record() is None


@pytest.mark.parametrize("front", ["nginx", "nginx_closing", "nginx_tcp", "lighttpd_fastcgi"])
def test_twenty_clients_through_a_web_server(site, front):
    site.configure("server", threads=THREADS)
    served = site.serve(front)
    deliveries = [[workflow_job(repository=f"octo/r{n % 3}") for _ in range(4)]
                  for n in range(CONNECTIONS)]

    def client(own):
        slowest = 0
        with contextlib.closing(served.client.connect()) as connection:
            for delivery in own:
                started = time.monotonic()
                answer = served.post(delivery, connection=connection)
                slowest = max(slowest, time.monotonic() - started)
                assert answer.status == 202, answer
        return slowest

    with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as pool:
        slowest = max(pool.map(client, deliveries))
    assert slowest < 5 * SLOWNESS
    children = site.nomad.wait_for_children(CONNECTIONS * 4, 30)
    assert {child.json()["job_id"] for child in children} == {
        delivery.id for own in deliveries for delivery in own}
    assert len(site.nomad.dispatches) == CONNECTIONS * 4
    assert len(site.github.requests) <= 3 * (4 if front == "lighttpd_fastcgi" else 1)


def test_slow_senders_do_not_hold_the_others(site):
    """nginx reads the whole body before runhook hears of it."""
    site.configure("server", threads=THREADS)
    served = site.serve("nginx")
    with contextlib.ExitStack() as stack:
        for _ in range(CONNECTIONS):
            connection = stack.enter_context(contextlib.closing(served.client.connect()))
            delivery = workflow_job()
            connection.putrequest("POST", "/github/webhook")
            for name, value in delivery.headers().items():
                connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(delivery.body)))
            connection.endheaders(delivery.body[:50])
        started = time.monotonic()
        assert served.post(workflow_job()).status == 202
        assert time.monotonic() - started < 1.5 * SLOWNESS
