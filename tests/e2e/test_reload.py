"""SIGHUP: the configuration and its secrets are read again. A wrong one changes nothing, and nothing
that is in hand is broken off."""

import contextlib
import itertools
import os
import re
import signal
import stat
import threading
from pathlib import Path

import pytest

from standins.faults import Delay

from .support.deliveries import WEBHOOK_SECRET, ping, workflow_job
from .support.fastcgi import params_for
from .support.load import (check_one_child_each, poster, short_or_long,
                           wait_until_all_have_children)
from .support.site import NOMAD_JOB, processes_of
from .support.waiting import wait_until

DISPATCH = {"method": "POST", "path": "/dispatch$"}
NEW_SECRET = "webhook-secret-of-next-month"
GPU = {"labels": "self-hosted, gpu", "nomad_job": NOMAD_JOB}


def line_of(text, needle):
    return next(number for number, line in enumerate(text.splitlines(), 1) if needle in line)


@contextlib.contextmanager
def background_posts(front, make, clients=4):
    """Posts deliveries as fast as they are answered until the block ends; gives the list of
    (delivery, status)."""
    posted, stop = [], threading.Event()

    def work():
        while not stop.is_set():
            delivery = make()
            posted.append((delivery, front.post(delivery).status))

    threads = [threading.Thread(target=work) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: len(posted) >= clients, "the posts have begun")
        yield posted
    finally:
        stop.set()
        for thread in threads:
            thread.join()


class TestWhatFollows:
    def test_a_new_pool(self, site):
        front = site.serve("nginx")
        before, after = (workflow_job(labels=["self-hosted", "gpu"]) for _ in range(2))
        assert front.post(before).json["status"] == "ignored"
        site.configure("pool gpu", **GPU)
        line = site.reload()
        assert (line["level"], line["pools"]) == ("info", "2")
        answer = front.post(after)
        assert (answer.status, answer.json["pool"]) == (202, "gpu")
        _, child = site.wait_for_dispatch(after)
        assert child.json()["labels"] == ["self-hosted", "gpu"]

    def test_a_new_webhook_secret(self, site):
        front = site.serve("nginx")
        site.secret_file("webhook-secret", NEW_SECRET)
        assert front.post(ping(NEW_SECRET)).status == 403
        site.reload()
        assert front.post(ping(NEW_SECRET)).status == 200
        assert front.post(ping(WEBHOOK_SECRET)).status == 403

    def test_limits_of_a_delivery(self, site):
        front = site.serve("nginx")
        site.configure("server", max_body=1024)
        site.reload()
        assert front.post(workflow_job()).status == 413

    def test_upstreams_and_their_tokens(self, site):
        """Another address and another token, of which the workers hear while they rest."""
        address = site.nomad.url
        site.configure("nomad", address="http://127.0.0.1:1")
        front = site.serve("nginx")
        site.github.tokens = {"ghp_reloaded_0123456789"}
        site.secret_file("github-token", "ghp_reloaded_0123456789")
        site.configure("nomad", address=address)
        site.reload()
        delivery = workflow_job()
        assert front.post(delivery).status == 202
        job, _ = site.wait_for_dispatch(delivery)
        assert job["attempts"] == 1
        assert [request.response.status for request in site.github.requests] == [201]

    def test_the_environment_still_overrides(self, site):
        site.configure("nomad", address="http://127.0.0.1:1")
        front = site.serve("nginx", env={"NOMAD_ADDR": site.nomad.url})
        site.configure("nomad", address="http://127.0.0.1:2")
        site.reload()
        delivery = workflow_job()
        assert front.post(delivery).status == 202
        site.wait_for_dispatch(delivery)

    def test_every_process_that_gets_the_signal(self, site):
        front = site.serve("lighttpd_fastcgi")
        site.secret_file("webhook-secret", NEW_SECRET)
        pids = processes_of(site)
        assert len(pids) == front.process_count
        for pid in pids:
            os.kill(pid, signal.SIGHUP)
        site.wait_for_event(len(pids), event="reload", outcome="reloaded")
        assert {answer.status for answer in
                (front.post(ping(NEW_SECRET)) for _ in range(40))} == {200}


class TestWhatWaits:
    """Jobs in the ledger, under the new configuration: workers are woken, nobody has to come."""

    def test_a_higher_limit(self, site):
        site.configure("pool linux", max_runners=1)
        front = site.serve("nginx")
        first, second = workflow_job(), workflow_job()
        assert front.post(first).status == 202
        site.wait_for_dispatch(first)
        assert front.post(second).status == 202
        site.configure("pool linux", max_runners=2)
        site.reload()
        site.wait_for_dispatch(second)

    def test_a_pool_under_another_name(self, site):
        front = site.serve("nginx")
        delivery = workflow_job()
        with site.nomad.server.refused():
            assert front.post(delivery).status == 202
            site.wait_for_event(event="dispatch", job=delivery.id, outcome="retry")
            site.config["pool renamed"] = site.config.pop("pool linux")
            site.write_config()
            site.reload()
            wait_until(lambda: site.jobs()[delivery.id]["pool"] == "renamed",
                       "the ledger is in line with the configuration")
        site.wait_for_dispatch(delivery)

    def test_an_upstream_that_was_left_alone_is_asked_anew(self, site):
        """Who mends a token and says so waits no ten minutes for the next attempt."""
        site.configure("server", retry_initial=600, retry_max=600)
        front = site.serve("nginx")
        site.github.tokens = {"ghp_mended_0123456789"}
        delivery = workflow_job()
        assert front.post(delivery).status == 202
        site.wait_for_event(event="dispatch", job=delivery.id, outcome="retry")
        site.secret_file("github-token", "ghp_mended_0123456789")
        site.reload()
        site.wait_for_dispatch(delivery)

    def test_a_dispatch_under_way_ends_as_it_began(self, site):
        front = site.serve("nginx")
        fault = Delay()
        site.nomad.faults.add(fault, **DISPATCH)
        first, second = workflow_job(), workflow_job()
        assert front.post(first).status == 202
        site.nomad.server.wait_for_arrival(1, **DISPATCH)
        site.config["pool renamed"] = site.config.pop("pool linux")
        site.write_config()
        site.reload()
        assert front.post(second).json["pool"] == "renamed"
        site.wait_for_dispatch(second)  # others do not wait for it
        fault.release()
        job, _ = site.wait_for_dispatch(first)
        assert job["attempts"] == 1
        jobs = wait_until_all_have_children(site, [first, second])
        check_one_child_each(site.nomad, [first, second], jobs)
        assert not site.events(event="dispatch", outcome="retry")


def test_a_request_in_hand_ends_as_it_began(site):
    """Under the secret and the pools that were there when it had come."""
    process = site.serve_socket()
    site.wait_until_ledger_rests()  # else it would wait for the lock with what a start brings
    delivery = workflow_job()
    with site.fastcgi(process) as connection:
        with site.locked_ledger():  # for which its answer waits
            connection.begin(
                params_for(headers=delivery.headers(), content_length=len(delivery.body)))
            connection.stdin(delivery.body)
            connection.end_stdin()
            connection.wait_until_read()
            for _ in range(20):  # while these come and go it has come to the ledger
                assert poster(site, process)(ping()).status == 200
            site.secret_file("webhook-secret", NEW_SECRET)
            site.config["pool renamed"] = site.config.pop("pool linux")
            site.write_config()
            site.reload(process)
        answer = connection.read_answer()
    assert (answer.status, answer.json["pool"]) == (202, "linux")
    assert poster(site, process)(ping(WEBHOOK_SECRET)).status == 403
    site.wait_for_dispatch(delivery)


class TestUnderTraffic:
    def test_no_answer_is_lost(self, site):
        """Pools, secrets and tokens change while deliveries come."""
        site.configure("github", webhook_secret_previous_file=site.secret_file(
            "previous-secret", NEW_SECRET))
        front = site.serve("nginx")
        secrets = itertools.cycle([WEBHOOK_SECRET, NEW_SECRET])
        with background_posts(front, lambda: workflow_job(
                repository="octo/r", secret=next(secrets))) as posted:
            for n in range(short_or_long(12, 100)):
                site.secret_file("webhook-secret", [NEW_SECRET, WEBHOOK_SECRET][n % 2])
                site.secret_file("previous-secret", [WEBHOOK_SECRET, NEW_SECRET][n % 2])
                site.configure("pool gpu", **GPU) if n % 2 == 0 else site.config.pop("pool gpu")
                site.write_config()
                site.reload()
                before = len(posted)
                wait_until(lambda: len(posted) > before, "the answers go on")
        assert {status for _, status in posted} == {202}
        deliveries = [delivery for delivery, _ in posted]
        check_one_child_each(site.nomad, deliveries,
                             wait_until_all_have_children(site, deliveries, 60))

    def test_many_signals(self, site):
        """They come faster than a configuration is read."""
        front = site.serve("nginx")
        with background_posts(front, workflow_job) as posted:
            for _ in range(short_or_long(400, 4000)):
                front.backend.send(signal.SIGHUP)
            site.reload()
        assert {status for _, status in posted} == {202}
        assert front.backend.is_running
        assert not site.events(event="reload", outcome="kept")
        deliveries = [delivery for delivery, _ in posted]
        check_one_child_each(site.nomad, deliveries,
                             wait_until_all_have_children(site, deliveries, 60))


class TestAWrongOne:
    def test_every_problem_is_said_and_the_old_one_goes_on(self, site):
        front = site.serve("nginx")
        site.configure("pool gpu", **GPU)
        text = site.configure("server", thread=4, max_body="lots")
        site.reload(outcome="kept")
        for key in ("thread = 4", "max_body = lots"):
            place = f"{site.config_path}:{line_of(text, key)}: "
            line = next(line for line in site.events(event="reload", outcome="kept")
                        if line["reason"].startswith(place))
            assert line["level"] == "error"
        assert not site.events(event="reload", outcome="reloaded")
        assert front.post(workflow_job(labels=["self-hosted", "gpu"])).json["status"] == "ignored"
        delivery = workflow_job()
        assert front.post(delivery).status == 202
        site.wait_for_event(event="dispatch", job=delivery.id, outcome="dispatched")
        site.configure("server", thread=None, max_body=None)
        assert site.reload()["pools"] == "2"

    @pytest.mark.parametrize("spoil", [
        lambda site: site.config_path.unlink(),
        lambda site: (site.directory / "secrets" / "webhook-secret").unlink(),
        lambda site: (site.directory / "secrets" / "github-token").chmod(0o644),
        lambda site: (site.directory / "secrets" / "nomad-token").write_text("two\nlines\n"),
    ], ids=["no-file", "no-secret", "an-open-secret", "a-secret-of-two-lines"])
    def test_what_cannot_be_read(self, site, spoil):
        front = site.serve("nginx")
        spoil(site)
        assert site.reload(outcome="kept")["level"] == "error"
        delivery = workflow_job()
        assert front.post(delivery).status == 202
        site.wait_for_event(event="dispatch", job=delivery.id, outcome="dispatched")

    def test_a_warning_is_one(self, site):
        site.serve("nginx")
        site.configure("nomad", tls_server_name="server.global.nomad")
        site.reload()
        line = site.events(event="reload", level="warning")[-1]
        assert "TLS keys" in line["reason"] and "outcome" not in line


class TestWhatNeedsARestart:
    @pytest.mark.parametrize("key, value", [
        ("ledger", "/nowhere/ledger.db"), ("listen", "unix:/nowhere/socket"),
        ("socket_mode", "0600"), ("socket_group", "nobody-we-know"), ("threads", "7"),
        ("dispatchers", "7")])
    def test_is_said_and_the_rest_follows(self, site, key, value):
        front = site.serve("nginx")
        site.configure("server", **{key: value})
        site.configure("pool gpu", **GPU)
        assert site.reload()["pools"] == "2"
        lines = site.events(event="reload", level="warning")
        assert [line["key"] for line in lines] == [f"[server] {key}"]
        assert "needs a restart" in lines[0]["message"]
        delivery = workflow_job(labels=["self-hosted", "gpu"])
        assert front.post(delivery).status == 202
        site.configure("server", **{key: None if key != "ledger" else site.ledger_path})
        site.wait_for_dispatch(delivery)

    def test_is_said_each_time_and_not_when_it_is_put_back(self, site):
        site.serve("nginx")
        site.configure("server", threads=7)
        site.reload()
        site.reload()
        assert len(site.events(event="reload", key="[server] threads")) == 2
        site.configure("server", threads=None)
        site.reload()
        assert len(site.events(event="reload", key="[server] threads")) == 2


class TestLog:
    def rotated(self, site):
        old = site.log_path.with_suffix(".1")
        site.log_path.rename(old)
        return old

    @pytest.mark.parametrize("outcome", ["reloaded", "kept"])
    def test_a_file_that_was_moved_away_is_made_anew(self, site, outcome):
        """Also with a wrong configuration: the log must not grow on in a file that is to go."""
        front = site.serve("nginx")
        if outcome == "kept":
            site.configure("server", thread=4)
        old = self.rotated(site)
        size = old.stat().st_size
        site.reload(outcome=outcome)
        assert stat.S_IMODE(site.log_path.stat().st_mode) == 0o640
        delivery = workflow_job()
        assert front.post(delivery).status == 202
        site.wait_for_event(event="delivery", delivery=delivery.guid)
        assert old.stat().st_size == size

    def test_another_file(self, site):
        front = site.serve("nginx")
        old, size = site.log_path, site.log_path.stat().st_size
        site.log_path = site.directory / "other.log"
        site.configure("server", log_file=site.log_path)
        site.reload()
        assert front.post(ping()).status == 200
        site.wait_for_event(event="delivery")
        assert old.stat().st_size == size

    def test_one_that_cannot_be_opened(self, site):
        front = site.serve("nginx")
        site.configure("server", log_file=site.directory / "nowhere" / "log")
        site.configure("pool gpu", **GPU)
        assert site.reload()["pools"] == "2"
        line = site.events(event="reload", level="error")[-1]
        assert "log_file" in line["key"] and "nowhere" in line["path"]
        assert "No such file" in line["error"]
        delivery = workflow_job()
        assert front.post(delivery).status == 202
        site.wait_for_event(event="delivery", delivery=delivery.guid)


class TestTheSignalEndsNothing:
    def is_blocked(self, process):
        text = Path(f"/proc/{process.pid}/status").read_text()
        blocked = int(re.search(r"SigBlk:\s+(\w+)", text).group(1), 16)
        return blocked >> (signal.SIGHUP - 1) & 1

    def test_while_it_starts(self, site):
        """It is taken up once the program has started."""
        assert site.serve_socket().stop() == 0
        seen = len(site.events(event="listening"))
        address = f"unix:{site.directory}/second.sock"
        with site.locked_ledger():
            process = site.start([site.runhook, "serve", "--config", site.config_path,
                                  "--listen", address], "runhook")
            wait_until(lambda: self.is_blocked(process), "the signal is blocked")
            process.send(signal.SIGHUP)
        site.wait_for_event(seen + 1, event="listening")
        site.wait_for_event(event="reload", outcome="reloaded")
        process.address = address
        assert poster(site, process)(ping()).status == 200

    def test_while_it_stops(self, site):
        process = site.serve_socket()
        fault = Delay()
        site.nomad.faults.add(fault, **DISPATCH)
        assert poster(site, process)(workflow_job()).status == 202
        site.nomad.server.wait_for_arrival(1, **DISPATCH)
        process.send(signal.SIGTERM)
        site.wait_for_event(event="stopping")
        for _ in range(20):
            process.send(signal.SIGHUP)
        fault.release()
        assert process.wait() == 0
        assert site.events(event="stopped")
        assert not site.events(event="reload")

    def test_with_a_ledger_that_is_locked(self, site):
        """The answers follow the new configuration at once, the ledger when it can."""
        site.configure("pool linux", max_runners=1)
        front = site.serve("nginx")
        site.secret_file("webhook-secret", NEW_SECRET)
        site.configure("pool linux", labels="self-hosted, linux, x64, big")
        with site.locked_ledger():
            site.reload()
            assert front.post(ping(NEW_SECRET)).status == 200
        delivery = workflow_job(labels=["self-hosted", "big"], secret=NEW_SECRET)
        assert front.post(delivery).status == 202
        site.wait_for_dispatch(delivery)
