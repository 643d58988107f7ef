"""Attacks through the complete servers that the project ships, nginx's and lighttpd's: slow, broken
and endless HTTP. A good delivery of GitHub's gets through at once meanwhile."""

import contextlib
import itertools
import re
import socket
import struct
import time

import pytest

from .support.deliveries import ping, sign, workflow_job
from .support.edges import GITHUB, NAME, REAL_ADDRESS, LighttpdBehindProxy, NginxBehindProxy
from .support.fronts import HOOK_PATH
from .support.load import short_or_long
from .support.siege import Siege, descriptors_for, held
from .support.site import Site, close_sites
from .support.waiting import SLOWNESS

HUNDREDS = 600
TEN_THOUSAND = 10_000

# Each request of an attack is another local machine's: what nginx lets one address have is another
# test's matter, and must not be used up for GitHub.
ATTACKERS = (f"10.66.{n // 256 % 16}.{n % 256}" for n in itertools.count())


class NginxWithRoom(NginxBehindProxy):
    worker_connections = TEN_THOUSAND + 1000


EDGES = {"nginx": NginxWithRoom, "lighttpd": LighttpdBehindProxy}


@pytest.fixture(scope="module", params=list(EDGES))
def edge(request, runhook_path):
    descriptors_for(TEN_THOUSAND)
    site = Site(runhook_path)
    site.configure("pool linux", max_runners=1)
    try:
        edge = site.serve(EDGES[request.param])
        # One of them answers before all of lighttpd's have their threads.
        site.wait_for_event(getattr(edge, "process_count", 1), event="listening")
        yield edge
    finally:
        close_sites([site])


@pytest.fixture
def lay_siege(edge, note):
    def lay(name, **options):
        # nginx keeps 32 connections to runhook, lighttpd some to each of its four processes.
        return Siege(edge.site, lambda delivery: edge.deliver_from(GITHUB, delivery),
                     f"{edge.form}: {name}", note, kept=32, **options)

    return lay


def connect(edge, data=b""):
    host, port = edge.address.split(":")
    connection = socket.create_connection((host, int(port)), 20 * SLOWNESS)
    if data:
        connection.sendall(data)
    return connection


def request(delivery, *, method="POST", more=(), length=True, body=None, leave_out=(), close=True):
    """A delivery as bytes; `more` are header lines as they are."""
    body = delivery.body if body is None else body
    lines = [f"{method} {HOOK_PATH} HTTP/1.1", f"Host: {NAME}", f"{REAL_ADDRESS}: {next(ATTACKERS)}"]
    lines += [f"{name}: {value}" for name, value in delivery.headers().items()
              if name not in leave_out]
    lines += [f"Content-Length: {len(body)}"] if length else []
    lines += [*more, *(["Connection: close"] if close else [])]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chunked(body, size=100, end=True):
    pieces = [body[at:at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + (
        b"0\r\n\r\n" if end else b"")


def read_all(connection):
    """What comes until the end."""
    answer = b""
    with contextlib.suppress(ConnectionError):
        while data := connection.recv(65536):
            answer += data
    return answer


def statuses(answer):
    return [int(status) for status in re.findall(rb"^HTTP/1\.[01] (\d{3}) ", answer, re.M)]


def exchange(edge, data):
    """The statuses of the answers to these bytes, after which the client half-closes nothing."""
    with connect(edge) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(data)
        return statuses(read_all(connection))


def halves():
    delivery = ping()
    whole = request(delivery)
    head = whole[:whole.index(b"\r\n\r\n") + 4]
    return [b"", whole[:3], head[:100], head[:-2], head, whole[:-1],
            request(delivery, length=False, more=["Transfer-Encoding: chunked"],
                    body=chunked(delivery.body, end=False))]


class TestHeld:
    def test_half_sent_requests_of_hundreds(self, edge, lay_siege):
        """Nothing, half a line, half the headers, half a body, half the chunks: held, and dripping."""
        kinds = itertools.cycle(halves())
        with lay_siege("half-sent requests of hundreds") as siege:
            with held(lambda: connect(edge, next(kinds)), HUNDREDS) as connections:
                assert len(connections) == HUNDREDS
                siege.last(10)
                for _ in range(short_or_long(10, 100)):
                    for one in connections:
                        with contextlib.suppress(OSError):
                            one.send(b"x")
                    time.sleep(0.05)
                siege.last(3)

    def test_ten_thousand_connections(self, edge, lay_siege, note):
        """Of a server that has room for them; lighttpd's as it is shipped has room for 2048."""
        wanted = TEN_THOUSAND if edge.form == "nginx" else 1900
        allowed = descriptors_for(wanted)
        kinds = itertools.cycle(halves())
        with lay_siege(f"{wanted} connections") as siege:
            with held(lambda: connect(edge, next(kinds)), allowed) as connections:
                siege.more = {"connections": len(connections), "wanted": wanted}
                if len(connections) < wanted:
                    note(f"this machine allows only {len(connections)} connections of {wanted}")
                assert len(connections) == allowed
                siege.last()

    def test_clients_that_vanish(self, edge, lay_siege):
        """At every point of a request, and before its answer."""
        pieces = [*halves(), request(ping())]
        count = short_or_long(400, 4000)
        with lay_siege("clients that vanish", lines=count) as siege:
            for data, reset in itertools.islice(itertools.cycle(
                    itertools.product(pieces, (False, True))), count):
                with connect(edge, data) as connection:
                    if reset:
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                              struct.pack("ii", 1, 0))
            siege.last(3)

    def test_half_closed(self, edge, lay_siege):
        """Whether the server answers who says that no more comes is its own affair."""
        whole = request(ping())
        with lay_siege("half-closed connections", lines=200) as siege:
            for data in [whole, *halves()] * short_or_long(10, 100):
                with connect(edge, data) as connection:
                    connection.shutdown(socket.SHUT_WR)
                    assert set(statuses(read_all(connection))) <= {200, 400, 408}
            siege.last(3)


class TestHeaders:
    FLOODS = {
        "many headers": lambda: request(ping(), more=[f"X-{n}: {n}" for n in range(20_000)]),
        "a huge header": lambda: request(ping(), more=["X-Huge: " + "x" * 1_000_000]),
        "a huge signature": lambda: request(ping(), leave_out=["X-Hub-Signature-256"], more=[
            "X-Hub-Signature-256: sha256=" + "0" * 100_000]),
        "a huge path": lambda: request(ping()).replace(HOOK_PATH.encode(), b"/" + b"x" * 1_000_000),
        "headers without end": lambda: request(ping())[:200] + b"X-A: b\r\n" * 50_000,
        "a header without end": lambda: request(ping())[:200] + b"X" * 500_000,
    }

    def test_floods(self, edge, lay_siege):
        kinds = itertools.cycle(self.FLOODS.values())
        with lay_siege("header floods") as siege:
            for _ in range(short_or_long(60, 600)):
                for status in exchange(edge, next(kinds)()):
                    assert status in (400, 413, 414, 431), status
            siege.last(3)

    def test_as_many_as_a_server_takes(self, edge):
        """The most headers that are passed on are borne by runhook."""
        for count in (50, 100, 200, 300):
            answers = exchange(edge, request(ping(), more=[f"X-{n}: {'v' * 10}" for n in range(count)]))
            assert answers and set(answers) <= {200, 400, 431}, (count, answers)

    def test_two_signatures(self, edge):
        delivery = workflow_job()
        good, bad = sign(delivery.body), sign(delivery.body, "guessed")
        for first, second, taken in ((bad, bad, False), (bad, good, False), (good, bad, None)):
            answers = exchange(edge, request(delivery, leave_out=["X-Hub-Signature-256"], more=[
                f"X-Hub-Signature-256: {first}", f"X-Hub-Signature-256: {second}"]))
            assert answers in ([[403], [400]] if taken is False else [[403], [400], [202]]), answers


class TestBodies:
    def test_chunked(self, edge):
        """GitHub does not, but may."""
        delivery = workflow_job()
        for size in (1, 7, 100_000):
            answers = exchange(edge, request(
                delivery, length=False, more=["Transfer-Encoding: chunked"],
                body=chunked(delivery.body, size)))
            assert answers in ([202], [200]), answers
        assert delivery.id in edge.site.jobs()

    LIES = {
        "two lengths": lambda body: (["Content-Length: 5"], body),
        "a negative length": lambda body: (["Content-Length: -1"], body),
        "a length in words": lambda body: (["Content-Length: ten"], body),
        "a length of 2^64": lambda body: ([f"Content-Length: {2**64}"], body),
        "a length and chunks": lambda body: ([f"Content-Length: {len(body)}",
                                              "Transfer-Encoding: chunked"], chunked(body)[:-1]),
        "another coding": lambda body: (["Transfer-Encoding: gzip, chunked"], chunked(body)),
        "a chunk of 2^64": lambda body: (["Transfer-Encoding: chunked"],
                                         b"1" + b"0" * 16 + b"\r\n" + body),
        "a negative chunk": lambda body: (["Transfer-Encoding: chunked"], b"-5\r\n" + body),
        "chunks without their ends": lambda body: (["Transfer-Encoding: chunked"],
                                                   b"5\r\n" + body),
    }

    @pytest.mark.parametrize("lie", LIES)
    def test_lengths_that_lie(self, edge, lie):
        """Nothing is taken, since the signature covers what was sent."""
        delivery = workflow_job()
        lines, body = self.LIES[lie](delivery.body)
        with connect(edge) as connection:
            with contextlib.suppress(ConnectionError):
                connection.sendall(request(delivery, length=lie == "two lengths", more=lines,
                                           body=body))
                connection.shutdown(socket.SHUT_WR)
            answers = statuses(read_all(connection))
        assert not set(answers) & {200, 202}, answers
        assert delivery.id not in edge.site.jobs()

    def test_less_than_was_said(self, edge, lay_siege):
        delivery = workflow_job()
        with lay_siege("bodies that are shorter than was said") as siege:
            for _ in range(50):
                with connect(edge, request(delivery)[:-5]) as connection:
                    connection.shutdown(socket.SHUT_WR)
                    assert not set(statuses(read_all(connection))) & {200, 202}
            siege.last(2)
        assert delivery.id not in edge.site.jobs()

    def test_more_than_was_said(self, edge):
        """What is too much is the next request, or nothing. A signature for the part is needed."""
        smuggled, delivery = workflow_job(secret="wrong"), workflow_job()
        inner = request(smuggled)
        answers = exchange(edge, request(delivery, close=False) + inner)
        assert answers == [202, 403]
        answers = exchange(edge, request(workflow_job(secret="wrong"), body=b"", close=False) + inner)
        assert set(answers) == {403}
        assert smuggled.id not in edge.site.jobs()

    def test_far_over_the_limit(self, edge, lay_siege):
        """Refused by the web server, which reads no more than it must."""
        head = request(ping(), length=False, more=[f"Content-Length: {10**9}"], body=b"")
        with lay_siege("bodies of a gigabyte") as siege:
            with held(lambda: connect(edge, head + b"x" * 100_000), 100) as connections:
                for one in connections:
                    with contextlib.suppress(ConnectionError):
                        assert statuses(one.recv(65536)) in ([413], [])
                siege.last(2)


def test_pipelined_requests(edge, lay_siege):
    """All of them are answered, in their order."""
    data = b"".join(request(ping(), close=False) for _ in range(20)) + request(ping())
    count = short_or_long(10, 200)
    with lay_siege("pipelined requests", lines=21 * count) as siege:
        for _ in range(count):
            assert exchange(edge, data) == [200] * 21
        siege.last(2)


def test_nonsense(edge, lay_siege):
    """Which is no HTTP at all."""
    kinds = itertools.cycle([
        bytes(1000), b"\xff" * 1000, b"GET\r\n\r\n", b"POST /github/webhook\r\n\r\n",
        b"POST /github/webhook HTTP/9.9\r\n\r\n", bytes.fromhex("16030100c8010000c4030300"),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(100), b"\r\n" * 1000,
        b"POST /github/webhook HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"POST /github/webhook HTTP/1.1\r\nHost: x\r\nX-A\x00: b\r\n\r\n",
        b"POST /github/webhook HTTP/1.1\r\nHost: x\r\n X-Folded: b\r\n\r\n"])
    with lay_siege("nonsense") as siege:
        for _ in range(short_or_long(220, 2200)):
            with connect(edge) as connection:
                with contextlib.suppress(ConnectionError):
                    connection.sendall(next(kinds))
                    connection.shutdown(socket.SHUT_WR)
                answer = read_all(connection)
                assert not is_runhooks_own(answer), answer
        siege.last(2)


def is_runhooks_own(answer):
    return b'{"status"' in answer
