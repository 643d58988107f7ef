"""Plain CGI: the answer first, then the dispatch, in a process that ends by itself."""

import subprocess
import time

import pytest

from standins.faults import Answer, Delay

from .support.deliveries import ping, workflow_job
from .support.fastcgi import FastCgiAnswer, params_for
from .support.processes import environment
from .support.waiting import wait_until

DISPATCH = {"method": "POST", "path": "/dispatch$"}


class CgiProcess:
    """runhook as a web server starts it for one request."""

    def __init__(self, site, delivery, arguments=(), method="POST", path="/github/webhook",
                 close_stdin=True, variables=None):
        """`variables` are further ones of the request, or others."""
        variables = {**params_for(method, path, delivery.headers(),
                                  content_length=len(delivery.body)), **(variables or {})}
        variables["RUNHOOK_CONFIG"] = str(site.config_path)
        self.popen = subprocess.Popen(
            [site.runhook, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=environment(variables), cwd=site.directory)
        self.popen.stdin.write(delivery.body)
        self.popen.stdin.flush()
        if close_stdin:
            self.popen.stdin.close()

    def answer(self):
        """What it wrote, up to where it closed its output."""
        return FastCgiAnswer(self.popen.stdout.read(), b"", 0, 0, True)

    def wait(self, timeout_s=15):
        code = self.popen.wait(timeout_s)
        self.popen.stdout.close()
        self.stderr = self.popen.stderr.read()
        self.popen.stderr.close()
        return code


@pytest.mark.parametrize("arguments", [[], ["serve"]], ids=["no-command", "serve"])
def test_answers_and_closes_before_the_upstream_does(site, arguments):
    fault = Delay()
    site.nomad.faults.add(fault, **DISPATCH)
    delivery = workflow_job()
    process = CgiProcess(site, delivery, arguments)
    answer = process.answer()
    assert (answer.status, answer.json["status"]) == (202, "accepted")
    site.nomad.server.wait_for_arrival(1, **DISPATCH)
    assert process.popen.poll() is None
    assert site.nomad.dispatches == []
    fault.release()
    assert process.wait() == 0
    assert [child.json()["job_id"] for child in site.nomad.dispatches] == [delivery.id]
    assert site.jobs()[delivery.id]["state"] == "assigned"


def test_the_ledger_has_it_before_the_answer(site):
    with site.github.server.refused(), site.nomad.server.refused():
        process = CgiProcess(site, workflow_job())
        assert process.answer().status == 202
        assert len(site.jobs()) == 1
        process.wait(30)


def test_what_is_left_is_taken_by_the_next_request(site):
    first, second = workflow_job(), workflow_job()
    with site.nomad.faults.during(Answer(500, "No cluster leader"), **DISPATCH):
        process = CgiProcess(site, first)
        assert process.answer().status == 202
        site.wait_for_event(event="dispatch", job=first.id, outcome="retry")
        # It may try again within its 20 s; the outage outlasts it.
        process.popen.terminate()
        process.wait(30)
    assert site.nomad.dispatches == []

    def both():
        process = CgiProcess(site, second)
        assert process.answer().status in (200, 202)
        assert process.wait(30) == 0
        return len(site.nomad.dispatches) == 2

    wait_until(both, "a later request dispatches what an earlier one left", 20)
    assert {child.json()["job_id"] for child in site.nomad.dispatches} == {first.id, second.id}


def test_gives_up_dispatching_in_time(site):
    """20 s at most: a web server's process table is no place to wait in."""
    with site.nomad.faults.during(Delay(), **DISPATCH):
        site.configure("nomad", timeout=60)
        started = time.monotonic()
        process = CgiProcess(site, workflow_job())
        assert process.answer().status == 202
        assert time.monotonic() - started < 5
        process.wait(30)
        assert time.monotonic() - started < 25


@pytest.mark.parametrize("method, path, status", [
    ("GET", "/github/webhook/healthz", 200),
    ("GET", "/github/webhook", 405),
    ("PUT", "/github/webhook", 405)])
def test_other_methods(site, method, path, status):
    process = CgiProcess(site, ping(), method=method, path=path)
    assert process.answer().status == status
    assert process.wait() == 0


def test_the_body_ends_where_its_length_says(site):
    """RFC 3875, 4.2: a web server need not close the program's input, and nothing after the body is
    the program's to read."""
    delivery = workflow_job()
    process = CgiProcess(site, delivery, close_stdin=False)
    try:
        answer = process.answer()
        assert answer.status == 202
    finally:
        process.popen.stdin.close()
    assert process.wait(30) == 0


def test_headers_are_cgi_headers(site):
    process = CgiProcess(site, ping())
    raw = process.popen.stdout.read()
    assert process.wait() == 0
    head = raw.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    assert head[0].startswith("Status: 200")
    assert all(": " in line for line in head)


def test_through_lighttpd(site):
    front = site.serve("lighttpd_cgi")
    fault = Delay()
    site.nomad.faults.add(fault, **DISPATCH)
    delivery = workflow_job()
    started = time.monotonic()
    answer = front.post(delivery)
    assert answer.status == 202
    assert time.monotonic() - started < 5
    site.nomad.server.wait_for_arrival(1, **DISPATCH)
    assert site.nomad.dispatches == []
    fault.release()
    site.wait_for_dispatch(delivery)
    assert len(site.nomad.dispatches) == 1


def test_a_burst_through_lighttpd(site):
    front = site.serve("lighttpd_cgi")
    deliveries = [workflow_job() for _ in range(6)]
    for delivery in deliveries:
        assert front.post(delivery).status == 202
    for delivery in deliveries:
        site.wait_for_dispatch(delivery)
    assert len(site.nomad.dispatches) == 6


def test_a_configuration_error_is_an_answer_too(site):
    """A web server shows nothing but a 500 for a CGI program that writes no header."""
    site.write_config("[server]\nledgre = x\n")
    process = CgiProcess(site, workflow_job())
    answer = process.answer()
    code = process.wait()
    assert answer.status in (500, 503), (answer, code, process.stderr)
    assert b"ledgre" in process.stderr or "ledgre" in str(site.events())
    assert b"ledgre" not in answer.body, "the answer goes to the internet"


def test_no_command_outside_a_web_server(site):
    done = site.run(config=False, env={"GATEWAY_INTERFACE": None})
    assert done.code == 2
    assert "runhook help" in done.stderr
