"""Who may see the pages: clients in [server] pages_from, and nobody whose request came through a
proxy, unless the web server is trusted to name the client. Whatever the web server lets through."""

import pytest

from .support.deliveries import ping
from .support.fastcgi import params_for
from .test_cgi import CgiProcess

METRICS = "/github/webhook/metrics"
PROXY_HEADERS = {"Forwarded": "for=8.8.8.8", "X-Forwarded-For": "8.8.8.8", "X-Real-IP": "8.8.8.8",
                 "CF-Connecting-IP": "8.8.8.8", "True-Client-IP": "8.8.8.8"}


@pytest.fixture
def open_site(site):
    """One whose guard is as it is by itself, and its process."""
    return site, site.serve_socket()


def ask(site, process, path=METRICS, method="GET", **params):
    with site.fastcgi(process) as connection:
        return connection.request(params_for(method, path, **params))


def check_refused(answer, *words):
    assert answer.status == 403
    assert answer.header("content-type") == "application/json"
    assert answer.json["status"] == "refused"
    assert all(word in answer.json["reason"] for word in words), answer
    assert b"runhook_" not in answer.body


LOCAL = (
    "127.0.0.1", "127.8.9.1", "::1", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.3.4",
    "169.254.1.1", "fd12::1", "fe80::1", "::ffff:10.0.0.1", "unix:")
ELSEWHERE = (
    "8.8.8.8", "172.32.0.1", "2001:db8::1", "::ffff:8.8.8.8", "localhost", "127.0.0.1, 8.8.8.8",
    "127.0.0.1:80", "unix:/run/x.sock", "127.1", "0x7f000001", "a" * 5000)


def test_local_clients_see_them_and_others_do_not(open_site):
    for address in LOCAL:
        assert ask(*open_site, REMOTE_ADDR=address).status == 200, address
    for address in ELSEWHERE:
        check_refused(ask(*open_site, REMOTE_ADDR=address), address[:64], "[server] pages_from")
    for address in (None, ""):
        check_refused(ask(*open_site, REMOTE_ADDR=address), "a client without an address")


def test_what_came_through_a_proxy_is_not_local(open_site):
    for header, value in PROXY_HEADERS.items():
        variable = "HTTP_" + header.upper().replace("-", "_")
        for address in ("127.0.0.1", "unix:"):
            check_refused(ask(*open_site, REMOTE_ADDR=address, headers={header: value}), variable,
                          "pages_via_proxy = yes")
        assert ask(*open_site, headers={header: ""}).status == 200


def test_only_the_page_is_guarded(open_site):
    elsewhere = {"REMOTE_ADDR": "8.8.8.8", "headers": {"X-Forwarded-For": "8.8.8.8"}}
    assert ask(*open_site, "/github/webhook/healthz", **elsewhere).status == 200
    assert ask(*open_site, "/github/webhook", **elsewhere).status == 405
    assert ask(*open_site, "/metricsz", **elsewhere).status == 405
    for path in ("/metrics", "/metrics/", "/any/path/metrics", "/metrics?x=healthz"):
        check_refused(ask(*open_site, path, **elsewhere), "pages_from")


def test_head_is_the_same_without_the_body(open_site):
    got, head = ask(*open_site), ask(*open_site, method="HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.header("content-type") == got.header("content-type")
    assert int(head.header("content-length")) > 1000


def test_a_delivery_to_the_path_of_a_page_is_a_delivery(open_site):
    site, process = open_site
    with site.fastcgi(process) as connection:
        assert connection.post(ping(), path=METRICS).json["status"] == "pong"
    with site.fastcgi(process) as connection:
        assert connection.post(ping(secret="a stranger's"), path=METRICS).status == 403


def test_as_it_is_configured_and_reloaded(site):
    site.configure("server", pages_from="192.0.2.0/24, 2001:db8::/32")
    process = site.serve_socket()
    check_refused(ask(site, process, REMOTE_ADDR="127.0.0.1"), "127.0.0.1 is not in")
    assert ask(site, process, REMOTE_ADDR="192.0.2.7").status == 200
    assert ask(site, process, REMOTE_ADDR="2001:db8::7").status == 200
    assert ask(site, process, REMOTE_ADDR="unix:").status == 200

    site.configure("server", pages_from="0.0.0.0/0, ::/0")
    site.reload(process)
    for address in ("8.8.8.8", "2600::1", "127.0.0.1"):
        assert ask(site, process, REMOTE_ADDR=address).status == 200
    check_refused(ask(site, process, headers=PROXY_HEADERS), "pages_via_proxy")

    site.configure("server", pages_from="10.0.0.0/8", pages_via_proxy="yes")
    site.reload(process)
    assert ask(site, process, REMOTE_ADDR="10.0.0.1", headers=PROXY_HEADERS).status == 200
    check_refused(ask(site, process, REMOTE_ADDR="8.8.8.8", headers=PROXY_HEADERS), "8.8.8.8")


def test_over_plain_cgi(site):
    def got(**variables):
        process = CgiProcess(site, ping(), method="GET", path=METRICS, variables=variables)
        answer = process.answer()
        assert process.wait() == 0
        return answer

    assert got().status == 200
    check_refused(got(REMOTE_ADDR="8.8.8.8"), "8.8.8.8 is not in [server] pages_from")
    check_refused(got(HTTP_X_FORWARDED_FOR="10.0.0.1"), "HTTP_X_FORWARDED_FOR")
    site.configure("server", pages_via_proxy="yes")
    assert got(HTTP_X_FORWARDED_FOR="10.0.0.1").status == 200
