"""Starting, stopping, and what is in hand meanwhile."""

import contextlib
import os
import resource
import signal
import socket
import stat
import time

import pytest

from standins.faults import Delay

from .support.deliveries import workflow_job
from .support.fastcgi import params_for
from .support.log import matching
from .support.site import log_events_of, processes_of
from .support.waiting import SLOWNESS, wait_until

DISPATCH = {"method": "POST", "path": "/dispatch$"}
STOP_WITHIN_S = 10


def stop_in_time(process, number=signal.SIGTERM):
    started = time.monotonic()
    process.send(number)
    assert process.wait(STOP_WITHIN_S) == 0
    assert time.monotonic() - started < STOP_WITHIN_S * SLOWNESS


@pytest.fixture(params=["unix", "tcp", "descriptor-0"])
def process(request, site):
    if request.param == "unix":
        return site.serve_socket()
    if request.param == "tcp":
        return site.serve_socket("127.0.0.1:0")
    path = site.directory / "inherited.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(16)
        started = site.start([site.runhook, "serve", "--config", site.config_path], "runhook",
                             stdin=listener.fileno())
    started.address = f"unix:{path}"
    site.wait_for_event(event="listening")
    return started


class TestStop:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_idle(self, process, number):
        stop_in_time(process, number)

    def test_after_work(self, site, process):
        delivery = workflow_job()
        with site.fastcgi(process) as connection:
            assert connection.post(delivery).status == 202
        site.wait_for_dispatch(delivery)
        stop_in_time(process)

    def test_with_kept_connections_idle(self, site, process):
        with contextlib.ExitStack() as stack:
            for _ in range(6):
                connection = stack.enter_context(site.fastcgi(process))
                assert connection.post(workflow_job(), keep=True).status == 202
            stop_in_time(process)

    def test_with_connections_that_have_said_nothing(self, site, process):
        with contextlib.ExitStack() as stack:
            for _ in range(6):
                stack.enter_context(site.fastcgi(process))
            stop_in_time(process)

    def test_a_request_in_hand_is_answered(self, site, process):
        delivery = workflow_job()
        with site.fastcgi(process) as connection:
            connection.begin(params_for(headers=delivery.headers(),
                                        content_length=len(delivery.body)))
            connection.stdin(delivery.body[:1000])
            connection.wait_until_read()
            process.send(signal.SIGTERM)
            wait_until(lambda: site.events(event="stopping") or _no_longer_accepts(process),
                       "the program stops accepting", 5)
            connection.stdin(delivery.body[1000:])
            connection.end_stdin()
            answer = connection.read_answer()
        assert answer.status == 202, answer
        assert process.wait(STOP_WITHIN_S) == 0
        assert delivery.id in site.jobs()

    def test_a_request_that_waits_for_the_ledger_is_answered(self, site, process):
        first, delivery = workflow_job(), workflow_job()
        with site.fastcgi(process) as connection:
            assert connection.post(first).status == 202
        site.wait_for_dispatch(first)
        with site.fastcgi(process) as connection:
            with site.locked_ledger():
                connection.begin(params_for(headers=delivery.headers(),
                                            content_length=len(delivery.body)))
                connection.stdin(delivery.body)
                connection.end_stdin()
                connection.wait_until_read()
                process.send(signal.SIGTERM)
            answer = connection.read_answer()
        assert answer.status == 202, answer
        assert process.wait(STOP_WITHIN_S) == 0
        assert delivery.id in site.jobs()

    def test_a_dispatch_in_hand_is_recorded(self, site, process):
        fault = Delay()
        site.nomad.faults.add(fault, **DISPATCH)
        delivery = workflow_job()
        with site.fastcgi(process) as connection:
            assert connection.post(delivery).status == 202
        site.nomad.server.wait_for_arrival(1, **DISPATCH)
        process.send(signal.SIGTERM)
        fault.release()
        assert process.wait(STOP_WITHIN_S) == 0
        job = site.jobs()[delivery.id]
        if job["child"] is None:
            site.serve_socket()
            job, _ = site.wait_for_dispatch(delivery)
        assert [child.id for child in site.nomad.dispatches] == [job["child"]]

    def test_twice_is_no_harm(self, process):
        process.send(signal.SIGTERM)
        process.send(signal.SIGTERM)
        assert process.wait(STOP_WITHIN_S) == 0


def test_a_client_that_never_ends_does_not_hold_it(site):
    process = site.serve_socket()
    delivery = workflow_job()
    with site.fastcgi(process) as connection:
        connection.begin(params_for(headers=delivery.headers(),
                                    content_length=len(delivery.body)))
        connection.stdin(delivery.body[:10])
        connection.wait_until_read()
        stop_in_time(process)
    assert delivery.id not in site.jobs()


def test_a_dispatch_that_hangs_is_not_lost(site):
    site.configure("nomad", timeout=60)
    process = site.serve_socket()
    site.nomad.faults.add(Delay(), **DISPATCH)
    delivery = workflow_job()
    with site.fastcgi(process) as connection:
        assert connection.post(delivery).status == 202
    site.nomad.server.wait_for_arrival(1, **DISPATCH)
    stop_in_time(process)
    site.nomad.faults.release_all()
    site.serve_socket()
    job, child = site.wait_for_dispatch(delivery)
    assert {request.query_value("idempotency_token") for request in
            site.nomad.dispatch_requests()} == {f"{delivery.id}.1"}
    assert len(site.nomad.dispatches) == 1


def _no_longer_accepts(process):
    """Only for sockets of its own: an inherited one stays open in whoever made it."""
    try:
        if process.address.startswith("unix:"):
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(1)
                client.connect(process.address.removeprefix("unix:"))
        else:
            host, _, port = process.address.rpartition(":")
            socket.create_connection((host, int(port)), 1).close()
    except OSError:
        return True
    return False


class TestStart:
    def test_unix_socket_mode(self, site):
        site.configure("server", socket_mode="0620")
        process = site.serve_socket()
        path = process.address.removeprefix("unix:")
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o620
        process.stop()

    def test_default_mode_is_0660(self, site):
        path = site.serve_socket().address.removeprefix("unix:")
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o660

    def test_listen_from_the_configuration(self, site):
        site.configure("server", listen=f"unix:{site.directory}/configured.sock")
        process = site.serve_socket(listen=False)
        assert process.address == f"unix:{site.directory}/configured.sock"

    def test_a_socket_left_by_a_dead_process_is_replaced(self, site):
        address = f"unix:{site.directory}/left.sock"
        site.serve_socket(address).kill()
        process = site.serve_socket(address)
        delivery = workflow_job()
        with site.fastcgi(process) as connection:
            assert connection.post(delivery).status == 202

    def test_a_socket_that_another_process_listens_on_is_not_taken(self, site):
        address = f"unix:{site.directory}/taken.sock"
        first = site.serve_socket(address)
        done = site.run("serve", "--listen", address)
        assert done.code == 1
        assert "taken.sock" in done.output + str(site.events())
        with site.fastcgi(first) as connection:
            assert connection.post(workflow_job()).status == 202

    def test_a_file_that_is_no_socket_is_not_replaced(self, site):
        path = site.directory / "precious"
        path.write_text("data")
        assert site.run("serve", "--listen", f"unix:{path}").code == 1
        assert path.read_text() == "data"

    def test_a_port_that_is_taken(self, site):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = "127.0.0.1:%d" % taken.getsockname()[1]
            done = site.run("serve", "--listen", address)
        assert done.code == 1
        assert address in done.output + str(site.events())

    def test_nothing_to_listen_on(self, site):
        done = site.run("serve")
        assert done.code in (1, 2)
        assert "listen" in done.output + str(site.events())

    @pytest.mark.parametrize("listen", ["", "nonsense", "unix:", "127.0.0.1:99999", "127.0.0.1:x",
                                        "unix:/" + "x" * 200])
    def test_listen_that_is_none(self, site, listen):
        done = site.run("serve", "--listen", listen)
        assert done.code in (1, 2)
        assert done.output or site.events()

    def test_log_to_standard_error(self, site):
        site.configure("server", log_file=None)
        process = site.serve_socket()
        delivery = workflow_job()
        with site.fastcgi(process) as connection:
            assert connection.post(delivery).status == 202
        wait_until(lambda: matching(log_events_of(process.output), event="delivery",
                                    delivery=delivery.guid), "the log line on standard error")

    def test_the_ledger_folder_is_missing(self, site):
        site.configure("server", ledger=site.directory / "nowhere" / "ledger.db")
        done = site.run("serve", "--listen", f"unix:{site.directory}/s")
        assert done.code == 1
        assert "nowhere" in done.output + str(site.events())

    def test_the_ledger_is_no_database(self, site):
        site.ledger_path.write_text("this is a text file, and long enough to be looked at" * 50)
        done = site.run("serve", "--listen", f"unix:{site.directory}/s")
        assert done.code == 1
        assert "ledger.db" in done.output + str(site.events())
        assert site.ledger_path.read_text().startswith("this is a text file")

    def test_the_ledger_is_not_for_others(self, site):
        site.serve_socket()
        modes = {path.name: oct(stat.S_IMODE(path.stat().st_mode))
                 for path in site.directory.glob("ledger.db*")}
        assert {"ledger.db", "ledger.db-wal"} <= set(modes)
        assert all(mode.endswith("0") for mode in modes.values()), modes


class TestLedgerTrouble:
    def test_a_locked_ledger_is_503_and_healthz_says_so(self, site):
        front = site.serve("nginx")
        delivery = workflow_job()
        with site.locked_ledger():
            started = time.monotonic()
            answer = front.post(delivery)
            took = time.monotonic() - started
            assert (answer.status, answer.json["status"]) == (503, "unavailable"), answer
            assert answer.json["reason"]
            assert took < 10 * SLOWNESS, "GitHub waits for 10 s"
            health = front.get("/github/webhook/healthz")
            assert (health.status, health.json["status"]) == (503, "unavailable")
        assert site.events(event="delivery", delivery=delivery.guid, status=503)
        assert front.get("/github/webhook/healthz").status == 200
        assert front.post(delivery).status == 202
        site.wait_for_dispatch(delivery)

    def test_a_full_disk_is_503_and_nothing_is_lost(self, site):
        """The limit on a file's size fails writes as a full disk does, and can be lifted. The
        signal that comes with it would end any program."""
        process = site.serve_socket(launcher=["env", "--ignore-signal=XFSZ"])
        first = workflow_job()
        with site.fastcgi(process) as connection:
            assert connection.post(first).status == 202
        site.wait_for_dispatch(first)
        unlimited = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
        refused = []
        # The log grows in the same process and must not be what fails.
        wal = site.directory / "ledger.db-wal"
        limit = max(wal.stat().st_size, site.log_path.stat().st_size + 4096)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (limit, unlimited[1]))
        for _ in range(20):
            delivery = workflow_job(name="x" * 1000)
            with site.fastcgi(process) as connection:
                answer = connection.post(delivery)
            if answer.status != 202:
                refused.append((delivery, answer))
                break
        assert refused, "the limit was never met"
        delivery, answer = refused[0]
        assert (answer.status, answer.json["status"]) == (503, "unavailable"), answer
        assert process.is_running
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, unlimited)
        with site.fastcgi(process) as connection:
            assert connection.post(delivery).status == 202
        site.wait_for_dispatch(delivery)


def test_four_processes_of_lighttpd_share_one_ledger(site):
    front = site.serve("lighttpd_fastcgi")
    assert len(processes_of(site)) == 4
    deliveries = [workflow_job() for _ in range(12)]
    connection = front.client.connect()
    for delivery in deliveries:
        assert front.post(delivery, connection=connection).status == 202
    connection.close()
    for delivery in deliveries:
        site.wait_for_dispatch(delivery)
    assert len(site.nomad.dispatches) == 12
    assert len({child.json()["runner_name"] for child in site.nomad.dispatches}) == 12
    assert front.web.stop() == 0
    wait_until(lambda: not processes_of(site), "lighttpd's four processes end with it", 15)
