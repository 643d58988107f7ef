"""Input that no well-meaning sender makes. Each gets its answer, and the same process then takes a
good delivery as if nothing had been."""

import os

import pytest

from .support.deliveries import Delivery, sign, workflow_job
from .support.fastcgi import (ABORT_REQUEST, GET_VALUES, STDIN, FastCgiConnection,
                              name_value_pairs, params_for, record)
from .support.site import Site, close_sites


def body_with(**fields):
    return workflow_job(**fields)


def text(replace, by):
    """A signed delivery whose JSON text was changed before it was signed."""
    delivery = workflow_job()
    body = delivery.body.replace(replace, by, 1)
    assert body != delivery.body
    return Delivery(body)


def deep(depth, opening, closing):
    return Delivery(opening * depth + closing * depth)


INVALID = {
    "empty": lambda: Delivery(b""),
    "one-byte": lambda: Delivery(b"{"),
    "nul-bytes": lambda: Delivery(b"\0" * 100),
    "nul-after-json": lambda: Delivery(workflow_job().body + b"\0"),
    "nul-in-a-string": lambda: text(b'"build"', b'"bui\0ld"'),
    "escaped-nul-in-the-repository": lambda: text(b'"full_name":"octo-harbor/',
                                                  b'"full_name":"octo-harbor\\u0000/'),
    "invalid-utf-8": lambda: text(b'"build"', b'"b\xff\xfe"'),
    "overlong-utf-8": lambda: text(b'"build"', b'"\xc0\xaf"'),
    "surrogate-utf-8": lambda: text(b'"build"', b'"\xed\xa0\x80"'),
    "nested-arrays": lambda: deep(10_000, b"[", b"]"),
    "nested-objects": lambda: Delivery(b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
    "nested-and-unclosed": lambda: Delivery(b"[" * 100_000),
    "two-values": lambda: Delivery(workflow_job().body * 2),
    "trailing-text": lambda: Delivery(workflow_job().body + b"x"),
    "an-array": lambda: Delivery(b"[]"),
    "a-string": lambda: Delivery(b'"queued"'),
    "null": lambda: Delivery(b"null"),
    "byte-order-mark": lambda: Delivery(b"\xef\xbb\xbf" + b"{}x"),
    "id-0": lambda: body_with(id=0),
    "id-negative": lambda: body_with(id=-1),
    "id-2^53": lambda: body_with(id=2**53),
    "id-fraction": lambda: text(b'"id":59', b'"id":1.5e0,"x":59'),
    "id-huge": lambda: body_with(id=10**400),
    "id-string": lambda: body_with(id="59000000001"),
    "id-null": lambda: text(b'"id":59', b'"id":null,"x":59'),
    "run-id-0": lambda: body_with(run_id=0),
    "run-id-2^53": lambda: body_with(run_id=2**53),
    "labels-a-string": lambda: body_with(labels="self-hosted"),
    "labels-of-numbers": lambda: body_with(labels=[1, 2]),
    "labels-of-arrays": lambda: body_with(labels=[["self-hosted"]]),
    "status-a-number": lambda: body_with(status=1),
    "job-an-array": lambda: Delivery({"action": "queued", "workflow_job": [],
                                      "repository": {"full_name": "a/b"}}),
    "no-repository": lambda: Delivery({"action": "queued",
                                       "workflow_job": workflow_job().job}),
    "dots-in-the-repository": lambda: body_with(repository="octo/../admin"),
    "dots-as-the-name": lambda: body_with(repository="octo/.."),
    "dots-as-the-owner": lambda: body_with(repository="../octo"),
    "dot-as-the-name": lambda: body_with(repository="octo/."),
    "three-parts": lambda: body_with(repository="octo/a/b"),
    "no-slash": lambda: body_with(repository="octo"),
    "empty-name": lambda: body_with(repository="octo/"),
    "empty-repository": lambda: body_with(repository=""),
    "query-in-the-repository": lambda: body_with(repository="octo/a?b=c"),
    "escape-in-the-repository": lambda: body_with(repository="octo/%2e%2e"),
    "line-break-in-the-repository": lambda: body_with(repository="octo/a\r\nX-Evil: 1"),
    "letters-outside-ascii": lambda: body_with(repository="octo/ümlaut"),
    "very-long-repository": lambda: body_with(repository="octo/" + "x" * 5000),
}


@pytest.fixture(scope="module")
def served(runhook_path):
    """One nginx and one runhook for all of this module: surviving is part of the test."""
    site = Site(runhook_path)
    try:
        yield site.serve("nginx")
    finally:
        close_sites([site])


def good_delivery_still_works(front):
    delivery = workflow_job()
    assert front.post(delivery).status == 202
    front.site.wait_for_dispatch(delivery)
    assert front.backend.is_running


@pytest.mark.parametrize("name", INVALID)
def test_invalid_is_400(served, name):
    delivery = INVALID[name]()
    before = len(served.site.nomad.requests), len(served.site.github.requests)
    known = set(served.site.jobs())
    answer = served.post(delivery)
    assert (answer.status, answer.json["status"]) == (400, "invalid"), answer
    assert answer.json["reason"]
    assert set(served.site.jobs()) == known
    assert (len(served.site.nomad.requests), len(served.site.github.requests)) == before
    line = served.site.wait_for_event(event="delivery", delivery=delivery.guid)
    assert (line["status"], line["outcome"]) == ("400", "invalid")
    good_delivery_still_works(served)


@pytest.mark.parametrize("name, delivery", [
    ("ten-thousand-labels", workflow_job(labels=[f"l{n}" for n in range(10_000)])),
    ("long-label", workflow_job(labels=["self-hosted", "x" * 100_000])),
    ("empty-label", workflow_job(labels=["self-hosted", ""])),
    ("label-with-controls", workflow_job(labels=["self-hosted", "a\nb"])),
], ids=lambda value: value if isinstance(value, str) else "")
def test_labels_that_nobody_has(served, name, delivery):
    answer = served.post(delivery)
    assert answer.status in (200, 400), answer
    assert answer.json["status"] in ("ignored", "invalid")
    assert delivery.id not in served.site.jobs()
    good_delivery_still_works(served)


def test_two_mebibytes(served):
    delivery = Delivery(b" " * (2 * 1024 * 1024))
    answer = served.post(delivery)
    assert (answer.status, answer.json["status"]) == (413, "invalid")
    good_delivery_still_works(served)


@pytest.mark.parametrize("headers", [
    {"X_GitHub_Delivery": "x" * 4000},
    {"X_GitHub_Delivery": 'a" event=fake outcome=accepted'},
    {"X_GitHub_Delivery": "a\tb\\c"},
    {"X_GitHub_Event": "ä" * 50},
    {"X_GitHub_Delivery": None, "X_GitHub_Event": None},
    {"X_GitHub_Delivery": "", "X_GitHub_Event": ""},
    {"User_Agent": None},
], ids=["long", "quotes", "controls", "latin-1", "missing", "empty", "no-user-agent"])
def test_headers_that_are_not_signed(served, headers):
    """They decide nothing, and they cannot write log lines of their own: the log is parsed
    strictly at the end of the module."""
    delivery = workflow_job()
    answer = served.post(delivery, **headers)
    assert answer.status == 202, answer
    served.site.wait_for_dispatch(delivery)
    assert not served.site.events(event="fake")


def test_paths(served):
    """Any path is the webhook; it is never a file."""
    delivery = workflow_job()
    answer = served.client.request("POST", "/github/webhook?x=%00&y=../../etc/passwd",
                                   delivery.body, delivery.headers())
    assert answer.status == 202
    served.site.wait_for_dispatch(delivery)


def socket_of(front):
    return FastCgiConnection(front.backend.address)


class TestFastCgi:
    """Said straight to the socket, since a web server would not pass it on."""

    @pytest.mark.parametrize("length", ["abc", "-1", "1e3", "0x10", "12 ", " 12", "+5",
                                        "99999999999999999999", "4294967296"])
    def test_content_length_that_is_none(self, served, length):
        delivery = workflow_job()
        with socket_of(served) as connection:
            answer = connection.post(delivery, CONTENT_LENGTH=length)
        assert 400 <= answer.status < 500, answer
        assert delivery.id not in served.site.jobs()
        good_delivery_still_works(served)

    @pytest.mark.parametrize("length", ["", None])
    def test_content_length_that_is_missing(self, served, length):
        """The body is what came, and its signature holds for that."""
        delivery = workflow_job()
        with socket_of(served) as connection:
            answer = connection.post(delivery, CONTENT_LENGTH=length)
        assert answer.status == 202 or 400 <= answer.status < 500, answer
        assert (delivery.id in served.site.jobs()) == (answer.status == 202)
        good_delivery_still_works(served)

    @pytest.mark.parametrize("difference", [1, 1000, -1, -1000, None])
    def test_content_length_that_is_wrong(self, served, difference):
        """Either the length is believed, and the signature does not hold for so many bytes, or what
        came is: never something between."""
        delivery = workflow_job()
        length = 0 if difference is None else len(delivery.body) + difference
        with socket_of(served) as connection:
            answer = connection.post(delivery, CONTENT_LENGTH=str(length))
        assert answer.status in (202, 400, 403), answer
        assert (delivery.id in served.site.jobs()) == (answer.status == 202)
        good_delivery_still_works(served)

    def test_a_body_that_stops_short(self, served):
        delivery = workflow_job()
        with socket_of(served) as connection:
            answer = connection.request(params_for(headers=delivery.headers(),
                                                   content_length=len(delivery.body)),
                                        delivery.body[:-1])
        assert answer.status in (400, 403), answer
        assert delivery.id not in served.site.jobs()
        good_delivery_still_works(served)

    def test_a_client_that_goes_away(self, served):
        delivery = workflow_job()
        for sent in (0, 1, len(delivery.body) // 2, len(delivery.body)):
            with socket_of(served) as connection:
                connection.begin(params_for(headers=delivery.headers(),
                                            content_length=len(delivery.body)))
                connection.stdin(delivery.body[:sent])
        good_delivery_still_works(served)
        # Nothing was signed but the whole of it.
        assert served.site.jobs().get(delivery.id, {}).get("state") in (
            None, "queued", "assigned")

    def test_a_client_that_aborts(self, served):
        delivery = workflow_job()
        with socket_of(served) as connection:
            connection.begin(params_for(headers=delivery.headers(),
                                        content_length=len(delivery.body)))
            connection.stdin(delivery.body[:100])
            connection.send(record(ABORT_REQUEST, b""))
        good_delivery_still_works(served)

    @pytest.mark.parametrize("data", [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        bytes(64),
        b"\xff" * 64,
        b"\x01\x01\x00\x01\xff\xff\x00\x00",
        record(STDIN, b"without a beginning"),
        os.urandom(256),
    ], ids=["http", "zeros", "ones", "cut-off", "stdin-first", "random"])
    def test_what_is_no_fastcgi(self, served, data):
        with socket_of(served) as connection:
            connection.send(data)
        good_delivery_still_works(served)

    def test_get_values(self, served):
        with socket_of(served) as connection:
            connection.send(record(GET_VALUES, name_value_pairs(
                {"FCGI_MAX_CONNS": "", "FCGI_MPXS_CONNS": ""}), request_id=0))
            connection.wait_until_read()
        good_delivery_still_works(served)

    def test_a_name_that_repeats_and_parameters_without_end(self, served):
        delivery = workflow_job()
        params = params_for(headers=delivery.headers(), content_length=len(delivery.body))
        params.update({f"HTTP_X_{n}": "v" * 200 for n in range(500)})
        with socket_of(served) as connection:
            answer = connection.request(params, delivery.body)
        assert answer.status == 202, answer
        served.site.wait_for_dispatch(delivery)

    def test_the_body_in_single_bytes(self, served):
        delivery = workflow_job()
        with socket_of(served) as connection:
            connection.begin(params_for(headers=delivery.headers(),
                                        content_length=len(delivery.body)))
            for start in range(len(delivery.body)):
                connection.stdin(delivery.body[start:start + 1])
            connection.end_stdin()
            answer = connection.read_answer()
        assert answer.status == 202, answer
        assert answer.ended and answer.app_status == 0
        served.site.wait_for_dispatch(delivery)

    def test_request_ids_are_kept(self, served):
        delivery = workflow_job()
        with socket_of(served) as connection:
            answer = connection.post(delivery, request_id=300)
        assert answer.status == 202
        served.site.wait_for_dispatch(delivery)

    def test_signature_header_twice(self, served):
        """A web server joins repeated headers with a comma; runhook does not pick one."""
        delivery = workflow_job()
        joined = f"{sign(delivery.body)}, {sign(delivery.body)}"
        with socket_of(served) as connection:
            answer = connection.post(delivery, headers=delivery.headers(
                X_Hub_Signature_256=joined))
        assert answer.status == 403
