"""Attacks on runhook's own socket, without a web server between. Who can write to it is trusted
with much (docs/security.md), but not with the answers that others wait for.

A libfcgi program reads a request in a thread that waits for every byte, and believes its lengths:
a handful of half-sent requests held all threads for 10 s each, and a name of nearly 2^31 bytes
ended the process."""

import itertools
import resource
import socket
import struct
import threading
import time

import pytest

from .support.deliveries import ping, workflow_job
from .support.fastcgi import (ABORT_REQUEST, BEGIN_REQUEST, END_REQUEST, GET_VALUES,
                              GET_VALUES_RESULT, PARAMS, STDIN, STDOUT, UNKNOWN_TYPE,
                              FastCgiConnection, name_value_pairs, params_for, record, stream)
from .support.load import poster, seeded_random, short_or_long
from .support.siege import Siege, descriptors_for, held
from .support.site import Site, close_sites
from .support.waiting import SLOWNESS, wait_until

THREADS = 4
CONNECTIONS_MAX = 512  # of ROSTER_MAX
HUNDREDS = 400

RESPONDER = struct.pack("!HB5x", 1, 0)
KEPT = struct.pack("!HB5x", 1, 1)
BEGIN = record(BEGIN_REQUEST, RESPONDER)
VARIABLES = stream(PARAMS, name_value_pairs(params_for(headers=ping().headers(), content_length=100)))
NO_MORE_VARIABLES = record(PARAMS, b"")


@pytest.fixture(scope="module")
def besieged(runhook_path):
    """One process for all of this module: what an attack leaves behind, the next one meets."""
    site = Site(runhook_path)
    site.configure("server", threads=THREADS)
    site.configure("pool linux", max_runners=1)
    try:
        site.process = site.serve_socket()
        yield site
    finally:
        close_sites([site])


@pytest.fixture
def lay_siege(besieged, note):
    def lay(name, **options):
        return Siege(besieged, poster(besieged, besieged.process), f"socket: {name}", note, **options)

    return lay


def connect(site, data=b""):
    connection = site.fastcgi(site.process)
    if data:
        connection.send(data)
    return connection


HALVES = {
    "nothing": b"",
    "half a header": BEGIN[:5],
    "a beginning": BEGIN,
    "half of the variables": BEGIN + VARIABLES[:len(VARIABLES) // 2],
    "all variables": BEGIN + VARIABLES + NO_MORE_VARIABLES,
    "half a body": BEGIN + VARIABLES + NO_MORE_VARIABLES + record(STDIN, b"x" * 50),
    "all but the end": BEGIN + VARIABLES + NO_MORE_VARIABLES + record(STDIN, b"x" * 100),
}


class TestHeldConnections:
    def test_half_sent_requests_of_hundreds(self, besieged, lay_siege):
        """Each kind in turn, and all at once; fewer than there is room for are not broken."""
        kinds = itertools.cycle(HALVES.values())
        with lay_siege("half-sent requests of hundreds") as siege:
            with held(lambda: connect(besieged, next(kinds)), HUNDREDS) as connections:
                assert len(connections) == HUNDREDS
                siege.last(15)
                assert not any(one.is_closed_by_peer for one in connections)

    def test_the_oldest_make_room(self, besieged, lay_siege):
        with lay_siege("twice as many as there is room for") as siege:
            with held(lambda: connect(besieged, HALVES["half a body"]),
                      2 * CONNECTIONS_MAX) as connections:
                assert len(connections) == 2 * CONNECTIONS_MAX
                siege.last()
                old, new = connections[:CONNECTIONS_MAX - 50], connections[-50:]
                wait_until(lambda: all(one.is_closed_by_peer for one in old), "the oldest are gone")
                assert not any(one.is_closed_by_peer for one in new)

    def test_ten_thousand_connections(self, besieged, lay_siege, note):
        wanted = 10_000
        allowed = descriptors_for(wanted)
        with lay_siege("ten thousand connections") as siege:
            with held(lambda: connect(besieged), allowed) as connections:
                siege.more = {"connections": len(connections), "wanted": wanted}
                if len(connections) < wanted:
                    note(f"this machine allows only {len(connections)} connections of {wanted}")
                assert len(connections) == allowed
                siege.last()

    def test_kept_ones_of_strangers_do_not_take_the_room(self, besieged, lay_siege):
        """Answered, and then kept without a word."""
        request = (record(BEGIN_REQUEST, KEPT)
                   + stream(PARAMS, name_value_pairs(params_for("PUT", content_length=0)))
                   + NO_MORE_VARIABLES + record(STDIN, b""))
        with lay_siege("kept connections") as siege:
            with held(lambda: connect(besieged, request), 600):
                siege.last()

    def test_dripping_requests(self, besieged, lay_siege):
        """A byte each now and then, so that none is ever silent."""
        whole = HALVES["all but the end"]
        with lay_siege("dripping requests") as siege:
            with held(lambda: connect(besieged, whole[:3]), HUNDREDS) as connections:
                for at in range(3, short_or_long(25, 150)):
                    for one in connections:
                        one.send(whole[at:at + 1])
                    time.sleep(0.02)
                siege.last(3)

    def test_who_does_not_take_the_answers(self, besieged, lay_siege):
        """Pages are larger than answers; nobody reads them, on any of the connections."""
        page = params_for("GET", "/github/webhook/metrics")
        request = (record(BEGIN_REQUEST, RESPONDER) + stream(PARAMS, name_value_pairs(page))
                   + NO_MORE_VARIABLES + record(STDIN, b""))

        def ask():
            connection = FastCgiConnection.__new__(FastCgiConnection)
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            connection.sock.connect(besieged.process.address.removeprefix("unix:"))
            connection.send(request)
            return connection

        with lay_siege("answers that nobody takes") as siege:
            with held(ask, 100):
                siege.last()

    def test_clients_that_vanish(self, besieged, lay_siege):
        """Before the end, at it, and before the answer, with an end and with a reset."""
        pieces = [*HALVES.values(), HALVES["all but the end"] + record(STDIN, b"")]
        count = short_or_long(300, 3000)
        with lay_siege("clients that vanish", lines=count) as siege:
            for data, reset in itertools.islice(itertools.cycle(
                    itertools.product(pieces, (False, True))), count):
                connection = connect(besieged, data)
                if reset:
                    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                               struct.pack("ii", 1, 0))
                connection.close()
            siege.last(3)

    def test_half_closed(self, besieged, lay_siege):
        """Who says that no more comes has a whole request answered, and half of one ended."""
        with lay_siege("half-closed connections", lines=1):
            with connect(besieged) as connection:
                delivery = ping()
                connection.begin(params_for(headers=delivery.headers(),
                                            content_length=len(delivery.body)))
                connection.stdin(delivery.body)
                connection.end_stdin()
                connection.sock.shutdown(socket.SHUT_WR)
                assert connection.read_answer().status == 200
            with held(lambda: connect(besieged, HALVES["half a body"]), 100) as connections:
                for one in connections:
                    one.sock.shutdown(socket.SHUT_WR)
                wait_until(lambda: all(one.is_closed_by_peer for one in connections), "all end")

    def test_few_descriptors(self, besieged, lay_siege):
        """None is left long before there are too many connections."""
        pid = besieged.process.pid
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        told = len(besieged.events(event="accept"))
        with lay_siege("few descriptors") as siege:
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (128, limits[1]))
            try:
                with held(lambda: connect(besieged), 600):
                    siege.last()
            finally:
                resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        assert len(besieged.events(event="accept")) <= told + 1


def big_params(size):
    return stream(PARAMS, name_value_pairs({f"HTTP_X_{n}": "v" * 1000 for n in range(size // 1000)}))


def lengths(name, value):
    return struct.pack("!II", name | 0x80000000, value | 0x80000000)


def opened(*records):
    return BEGIN + b"".join(records)


BROKEN = {
    "another version": b"\x02" + BEGIN[1:],
    "http": b"POST /github/webhook HTTP/1.1\r\nHost: x\r\n\r\n",
    "tls": bytes.fromhex("16030100c8010000c403030000000000"),
    "zeros": bytes(4096),
    "ones": b"\xff" * 4096,
    "a beginning of request 0": record(BEGIN_REQUEST, RESPONDER, 0),
    "a beginning without content": record(BEGIN_REQUEST, b""),
    "a beginning of 65535 bytes": record(BEGIN_REQUEST, bytes(65535)),
    "two beginnings": BEGIN + BEGIN,
    "an unknown type": opened(record(77, b"x")),
    "an answer's records": opened(record(STDOUT, b"x")),
    "an end": opened(record(END_REQUEST, bytes(8))),
    "body before variables": opened(record(STDIN, b"x")),
    "variables after their end": opened(NO_MORE_VARIABLES, record(PARAMS, b"\1\1ab")),
    "lengths of nearly 2^31": opened(record(PARAMS, lengths(0x7fffffff, 0x7fffffff) + b"A" * 60000),
                                     record(PARAMS, b"A" * 60000), NO_MORE_VARIABLES),
    # libfcgi 2.4.2+deb12u1 has an assertion there, earlier ones write beyond their memory.
    "lengths whose sum is 2^31": opened(record(PARAMS, lengths(0x7ffffff0, 0x10) + b"A" * 60000),
                                        NO_MORE_VARIABLES),
    "a name of a gigabyte": opened(record(PARAMS, lengths(1 << 30, 1) + b"A" * 60000),
                                   NO_MORE_VARIABLES),
    "a name beyond the record": opened(record(PARAMS, b"\x20\x01abc"), NO_MORE_VARIABLES),
    "a value beyond the record": opened(record(PARAMS, b"\x01\x20abc"), NO_MORE_VARIABLES),
    "a length that is cut off": opened(record(PARAMS, b"\x80\x00\x00"), NO_MORE_VARIABLES),
    "a NUL in a name": opened(record(PARAMS, b"\x03\x01a\0bc"), NO_MORE_VARIABLES),
    "a thousand empty variables and more": opened(record(PARAMS, bytes(2 * 1025)),
                                                  NO_MORE_VARIABLES),
    "variables without end": opened(big_params(400_000)),
    "values asked for without end": record(GET_VALUES, b"\x0f\x00FCGI_MPXS_CONNS", 0) * 1000,
    "values asked for in one record": (record(GET_VALUES, b"\x0f\x00FCGI_MPXS_CONNS" * 3000, 0)
                                       + b"\x02" + bytes(7)),
    "multiplexed requests without end": BEGIN + b"".join(
        record(BEGIN_REQUEST, RESPONDER, n) for n in range(2, 500)),
}

# None of these ends a request: the connection waits, as a half-sent one does.
WAITING = {
    "more content than comes": struct.pack("!BBHHBx", 1, BEGIN_REQUEST, 1, 8, 255) + RESPONDER,
    "a record of 65535 bytes that does not come": opened(struct.pack("!BBHHBx", 1, PARAMS, 1, 65535, 0)),
    "a body that is shorter than its length": HALVES["half a body"],
    "records of nobody's request": record(STDIN, b"x" * 65535, 7) * 3,
    "padding that does not come": opened(struct.pack("!BBHHBx", 1, PARAMS, 1, 0, 255)),
}


class TestLies:
    @pytest.mark.parametrize("name", BROKEN)
    def test_no_request_of_a_web_server(self, besieged, name):
        """The connection is closed, at once, and nothing else happens."""
        before = len(besieged.log_path.read_text().splitlines())
        for _ in range(10):
            with connect(besieged) as connection:
                try:
                    connection.send(BROKEN[name])
                except (BrokenPipeError, ConnectionResetError):
                    pass
                began = time.monotonic()
                while connection.read_record() is not None:
                    pass
                assert time.monotonic() - began < 1 * SLOWNESS
        good(besieged)
        assert len(besieged.log_path.read_text().splitlines()) - before <= 10

    def test_all_of_them_by_the_hundred(self, besieged, lay_siege):
        kinds = itertools.cycle([*BROKEN.values(), *WAITING.values()])
        with lay_siege("records that lie") as siege:
            for _ in range(short_or_long(10, 100)):
                with held(lambda: connect_and_send(besieged, next(kinds)), 100):
                    pass
            siege.last(3)
        losses = besieged.events(event="connections")
        assert losses and int(losses[0]["invalid"]) + int(losses[0]["crowded"]) > 0

    def test_what_is_not_whole_waits_and_holds_nobody(self, besieged, lay_siege):
        kinds = itertools.cycle(WAITING.values())
        with lay_siege("records that do not end") as siege:
            with held(lambda: connect(besieged, next(kinds)), 100) as connections:
                siege.last(5)
                assert not any(one.is_closed_by_peer for one in connections)

    def test_random_bytes(self, besieged, lay_siege):
        """Bytes, and good requests with some bytes changed. Whatever happens to those, none is
        taken that was not signed."""
        chance = seeded_random()
        delivery = workflow_job(secret="wrong")
        good_bytes = (BEGIN + stream(PARAMS, name_value_pairs(params_for(
            headers=delivery.headers(), content_length=len(delivery.body)))) + NO_MORE_VARIABLES
            + stream(STDIN, delivery.body) + record(STDIN, b""))
        count = short_or_long(600, 20_000)
        with lay_siege("random bytes", lines=count) as siege:
            for number in range(count):
                if number % 2:
                    data = chance.randbytes(chance.randrange(1, 2000))
                else:
                    data = bytearray(good_bytes)
                    for _ in range(chance.randrange(1, 8)):
                        data[chance.randrange(len(data) if number % 4 else 80)] = chance.randrange(256)
                connect_and_send(besieged, bytes(data)).close()
            siege.last(3)
        assert delivery.id not in besieged.jobs()

    def test_floods_of_variables_and_bodies(self, besieged, lay_siege):
        """As fast as the socket takes them: variables without end, bodies without end, bodies far
        over max_body. None is kept."""
        for name, head, piece in (
                ("a body without end", HALVES["all variables"], record(STDIN, b"x" * 65535)),
                ("records of nobody's without end", BEGIN, record(STDIN, b"x" * 65535, 9)),
                ("bytes of one each without end", HALVES["all variables"], record(STDIN, b"x") * 500)):
            with lay_siege(name) as siege:
                ends = threading.Event()
                threads = [threading.Thread(target=flood_again, args=(besieged, head, piece, ends))
                           for _ in range(2)]
                for thread in threads:
                    thread.start()
                time.sleep(short_or_long(1.5, 10))
                ends.set()
                for thread in threads:
                    thread.join()
                siege.last(2)
                siege.check_peak(64 * 1024)

    def test_what_they_hold_together_has_a_bound(self, besieged, lay_siege):
        """Nearly a whole body each: 300 MB in all."""
        data = HALVES["all variables"] + stream(STDIN, b"x" * 1_000_000)
        with lay_siege("bodies that lack their end", memory_back_kib=16 * 1024) as siege:
            with held(lambda: connect_and_send(besieged, data), short_or_long(300, 500)):
                siege.last(3)
        siege.check_peak(160 * 1024)


def flood_again(site, head, piece, ends):
    """One connection after the other, until the end."""
    while not ends.is_set():
        with connect(site, head) as connection:
            try:
                while not ends.is_set():
                    connection.send(piece)
            except OSError:
                pass


def connect_and_send(site, data):
    """The program may close it before all is sent."""
    connection = connect(site)
    try:
        connection.send(data)
    except (BrokenPipeError, ConnectionResetError):
        pass
    return connection


def good(site):
    with site.fastcgi(site.process) as connection:
        assert connection.post(workflow_job()).status == 202


class TestLengths:
    """CONTENT_LENGTH only hints: the signature covers the bytes that came."""

    @pytest.mark.parametrize("declared, status", [
        (0, 200), (1, 200), (10**6, 200), (10**7, 413), (2**63, 413), (2**64 - 1, 413),
        (2**64, 400), (-1, 400), ("1e3", 400), ("0x10", 400), ("12 ", 400), ("", 200), (None, 200),
    ])
    def test_of_a_body_that_is_signed(self, besieged, declared, status):
        delivery = ping()
        with connect(besieged) as connection:
            answer = connection.post(delivery, content_length=declared)
        assert answer.status == status, answer

    def test_many_that_declare_much(self, besieged, lay_siege):
        """Memory is not taken for what does not come."""
        head = BEGIN + stream(PARAMS, name_value_pairs(params_for(content_length=1_000_000)))
        with lay_siege("declared lengths") as siege:
            with held(lambda: connect(besieged, head + NO_MORE_VARIABLES), 400):
                siege.last(5)
        siege.check_peak(16 * 1024)


class TestProtocol:
    def test_values_are_told(self, besieged):
        with connect(besieged, record(GET_VALUES, name_value_pairs(
                {"FCGI_MPXS_CONNS": "", "FCGI_MAX_CONNS": ""}), 0)) as connection:
            assert connection.read_record() == (GET_VALUES_RESULT, 0,
                                                name_value_pairs({"FCGI_MPXS_CONNS": "0"}))
            assert connection.post(ping(), keep=True).status == 200

    def test_an_unknown_record_of_the_connection(self, besieged):
        with connect(besieged, record(99, b"x", 0)) as connection:
            assert connection.read_record() == (UNKNOWN_TYPE, 0, bytes([99]) + bytes(7))
            assert connection.post(ping()).status == 200

    def test_an_abort_is_ended(self, besieged):
        with connect(besieged, HALVES["half a body"] + record(ABORT_REQUEST, b"")) as connection:
            kind, request_id, _ = connection.read_record()
            assert (kind, request_id) == (END_REQUEST, 1)
            assert connection.read_record() is None

    def test_another_request_within_one_is_refused(self, besieged):
        delivery = ping()
        with connect(besieged) as connection:
            connection.begin(params_for(headers=delivery.headers()))
            connection.begin(params_for(headers=delivery.headers()), request_id=2)
            kind, request_id, content = connection.read_record()
            assert (kind, request_id, content[4]) == (END_REQUEST, 2, 1)  # CANT_MPX_CONN
            connection.stdin(b"{", request_id=2)
            connection.end_stdin(request_id=2)
            connection.stdin(delivery.body)
            connection.end_stdin()
            assert connection.read_answer().status == 200

    def test_an_authorizer_is_refused(self, besieged):
        with connect(besieged, record(BEGIN_REQUEST, struct.pack("!HB5x", 2, 0))) as connection:
            kind, _, content = connection.read_record()
            assert (kind, content[4]) == (END_REQUEST, 3)  # UNKNOWN_ROLE

    def test_a_second_request_before_the_answer(self, besieged):
        """Which no web server sends: the first is answered, and the connection closed."""
        delivery = ping()
        whole = (record(BEGIN_REQUEST, KEPT) + stream(PARAMS, name_value_pairs(params_for(
            headers=delivery.headers()))) + NO_MORE_VARIABLES + record(STDIN, delivery.body)
            + record(STDIN, b""))
        with connect(besieged, whole * 2) as connection:
            assert connection.read_answer().status == 200
            assert connection.read_record() is None


@pytest.mark.long
def test_what_is_late_is_broken(besieged, lay_siege):
    """After half a minute, whether it drips or not; what was answered and is kept stays."""
    with connect(besieged) as kept, lay_siege("half a minute") as siege:
        assert kept.post(ping(), keep=True).status == 200
        with held(lambda: connect(besieged, HALVES["half a body"]), 20) as connections:
            began = time.monotonic()
            while not all(one.is_closed_by_peer for one in connections):
                assert time.monotonic() - began < 35 * SLOWNESS
                for one in connections[:10]:
                    try:
                        one.stdin(b"x")
                    except OSError:
                        pass
                time.sleep(0.5)
            assert time.monotonic() - began > 25
        siege.last(2)
        assert kept.post(ping(), keep=True).status == 200
