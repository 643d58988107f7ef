"""What hangs, holds back or shouts outside must neither stop the program nor keep it from ending."""

import fcntl
import os
import subprocess
import threading
import time

import pytest

from standins.faults import Stall
from standins.nomad import META_REQUIRED, ParameterizedJob

from .support.deliveries import ping, workflow_job
from .support.fastcgi import params_for
from .support.processes import environment
from .support.waiting import wait_until

from .test_cgi import CgiProcess
from .test_lifecycle import stop_in_time

F_SETPIPE_SZ = 1031


@pytest.mark.parametrize("drips", [False, True], ids=["silent", "dripping"])
def test_half_sent_requests_do_not_hold_up_a_stop(site, drips):
    """Three times as many as there are threads: what waits behind the first is no better."""
    process = site.serve_socket()
    connections = [site.fastcgi(process) for _ in range(12)]
    ended = threading.Event()

    def drip():
        while not ended.wait(0.5):
            for connection in connections:
                try:
                    connection.stdin(b"x")
                except OSError:
                    pass

    dripping = threading.Thread(target=drip)
    try:
        for connection in connections:
            connection.begin(params_for(headers={}, content_length=100))
            connection.stdin(b"{")
        if drips:
            dripping.start()
        stop_in_time(process)
    finally:
        ended.set()
        if drips:
            dripping.join()
        for connection in connections:
            connection.close()


def test_a_ledger_that_is_held_does_not_hold_up_a_stop(site):
    process = site.serve_socket()
    holder = subprocess.Popen(["sqlite3", str(site.ledger_path)], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True)
    try:
        holder.stdin.write("BEGIN IMMEDIATE;\nSELECT 'held';\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == "held\n"
        delivery = workflow_job()
        connections = [site.fastcgi(process) for _ in range(6)]
        for connection in connections:
            connection.begin(params_for(headers=delivery.headers(),
                                        content_length=len(delivery.body)))
            connection.stdin(delivery.body)
            connection.end_stdin()
        stop_in_time(process)
        for connection in connections:
            connection.close()
    finally:
        holder.stdin.close()
        holder.wait()
        holder.stdout.close()


def test_a_log_that_nobody_reads(site):
    """The pipe is full after a few lines; what it cannot take is dropped, and answers go on."""
    site.configure("server", log_file=None)
    reader, writer = os.pipe()
    fcntl.fcntl(writer, F_SETPIPE_SZ, 4096)
    socket_path = site.directory / "runhook.sock"
    program = subprocess.Popen(
        [str(site.runhook), "serve", "--config", str(site.config_path), "--listen",
         f"unix:{socket_path}"], stderr=writer, env=environment())
    os.close(writer)
    program.address = f"unix:{socket_path}"
    try:
        wait_until(socket_path.exists, "the program listens")
        for _ in range(60):
            with site.fastcgi(program) as connection:
                assert connection.post(ping()).status == 200
        started = time.monotonic()
        program.terminate()
        assert program.wait(10) == 0
        assert time.monotonic() - started < 10
    finally:
        if program.poll() is None:
            program.kill()
            program.wait()
        os.close(reader)


@pytest.mark.parametrize("what", ["healthz", "unsigned", "another method"])
def test_cgi_strangers_set_nothing_going(site, what):
    """A job that waits goes out with the next delivery, or by the timer; not because anyone asks."""
    waiting = workflow_job()
    with site.nomad.server.refused():
        process = CgiProcess(site, waiting)
        assert process.answer().status == 202
        assert process.wait() == 0
    time.sleep(1.2)  # its delay passes
    if what == "healthz":
        process = CgiProcess(site, ping(), method="GET", path="/github/webhook/healthz")
    elif what == "unsigned":
        process = CgiProcess(site, workflow_job(secret="a stranger's"))
    else:
        process = CgiProcess(site, ping(), method="PUT")
    process.answer()
    assert process.wait() == 0
    assert site.nomad.dispatches == []
    process = CgiProcess(site, ping())
    assert process.answer().status == 200
    assert process.wait() == 0
    assert [child.json()["job_id"] for child in site.nomad.dispatches] == [waiting.id]


def test_who_waits_for_a_token_shares_the_failure(site):
    """One after the other they would hold all dispatchers for eight time-outs, and press GitHub."""
    site.configure("server", dispatchers=8, retry_initial=600, retry_max=600)
    site.configure("github", timeout=1)
    process = site.serve_socket()
    deliveries = [workflow_job() for _ in range(8)]
    with site.github.faults.during(Stall()):
        for delivery in deliveries:
            with site.fastcgi(process) as connection:
                assert connection.post(delivery).status == 202
        site.wait_for_event(8, event="dispatch", outcome="retry", failure="timeout", timeout_s=6)
        assert len(site.github.requests) <= 3


def test_a_delivery_id_that_is_none_costs_no_job_its_runner(make_site):
    """The header is not signed, and goes into the ledger and to Nomad."""
    site = make_site(nomad={"jobs": [ParameterizedJob(
        "github-runner", meta_required=META_REQUIRED, meta_optional=("DELIVERY_ID",))]})
    site.configure("pool linux", meta="DELIVERY_ID")
    process = site.serve_socket()
    delivery = workflow_job()
    with site.fastcgi(process) as connection:
        headers = {**delivery.headers(), "X-GitHub-Delivery": "\xff\x80 x"}
        assert connection.post(delivery, headers=headers).status == 202
    job, child = site.wait_for_dispatch(delivery)
    assert job["delivery"] == ""
    assert child.meta["DELIVERY_ID"] == ""
