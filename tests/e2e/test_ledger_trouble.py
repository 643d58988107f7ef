"""When the ledger itself fails: 503 with a reason, or a refusal to start, never a 202 and never a
crash; healthz says so, and it goes on by itself once the trouble is over. What is old is purged,
and never starts a runner again."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from .support.clock import DrivenClock
from .support.deliveries import timestamp, workflow_job
from .support.fastcgi import params_for
from .support.load import check_one_child_each, poster, post_all, wait_until_all_have_children
from .support.waiting import SLOWNESS, wait_until

NOBODY = 65534
DAY_S = 24 * 3600


def healthz(site, process):
    with site.fastcgi(process) as connection:
        return connection.request(params_for("GET", "/github/webhook/healthz"))


def check_refused(answer, words):
    assert (answer.status, answer.json["status"]) == (503, "unavailable"), answer
    assert words in answer.json["reason"], answer


def check_does_not_start(site, words, **options):
    done = site.run("serve", "--listen", f"unix:{site.directory}/refused.sock", **options)
    assert done.code == 1, done
    assert words in done.stderr and str(site.config["server"]["ledger"]) in done.stderr, done
    assert "Sanitizer" not in done.stderr


class TestFullDisk:
    @pytest.fixture
    def small_disk(self, make_site):
        """A site whose ledger is on a disk of its own, with little room."""
        site = make_site()
        folder = site.directory / "disk"
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "runhook-test", str(folder)]
        if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
            pytest.skip("needs to mount a small disk")
        site.configure("server", ledger=folder / "ledger.db")
        yield site
        for process in site.processes:
            if process.is_running:
                process.stop()
        subprocess.run(["umount", "--lazy", str(folder)], check=True)

    def test_runtime(self, small_disk):
        site = small_disk
        process = site.serve_socket()
        post = poster(site, process)
        first = workflow_job()
        assert post(first).status == 202
        site.wait_for_dispatch(first)
        filler = site.directory / "disk" / "filler"
        with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
            while file.write(b"x" * 4096):
                pass
        taken, refused = [], []
        # What room the log of writes still has is used up first.
        for _ in range(400):
            delivery = workflow_job(name="n" * 1000)
            answer = post(delivery)
            (taken if answer.status == 202 else refused).append(delivery)
            if answer.status != 202:
                check_refused(answer, "full")
                if len(refused) == 3:
                    break
        assert refused, "the disk never was full"
        check_refused(healthz(site, process), "full")
        assert process.is_running
        line = site.wait_for_event(event="delivery", delivery=refused[0].guid)
        assert (line["level"], line["status"]) == ("error", "503")
        filler.unlink()
        wait_until(lambda: healthz(site, process).status == 200, "there is room again")
        for delivery in refused:
            assert post(delivery).status == 202
        jobs = wait_until_all_have_children(site, [*taken, *refused])
        check_one_child_each(site.nomad, [first, *taken, *refused], jobs)

    def test_start(self, small_disk):
        site = small_disk
        filler = site.directory / "disk" / "filler"
        with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
            while file.write(b"x" * 4096):
                pass
        check_does_not_start(site, "full")
        filler.unlink()
        process = site.serve_socket()
        delivery = workflow_job()
        assert poster(site, process)(delivery).status == 202
        site.wait_for_dispatch(delivery)


class TestReadOnly:
    """The program runs as nobody: root may write what it likes."""

    @pytest.fixture
    def launcher(self, site):
        if os.geteuid() != 0:
            return []
        for path in [site.directory, *site.directory.rglob("*")]:
            os.chown(path, NOBODY, NOBODY)
        return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]

    def refuses(self, site, launcher, words):
        process = site.start([*launcher, site.runhook, "serve", "--config", site.config_path,
                              "--listen", f"unix:{site.directory}/refused.sock"], "refused")
        assert process.wait() == 1, process.output
        assert words in process.output
        assert not (site.directory / "refused.sock").exists()

    @pytest.fixture
    def with_ledger(self, site, launcher):
        """A ledger that has been in use."""
        if launcher and subprocess.run([*launcher, "test", "-x", site.runhook]).returncode != 0:
            pytest.skip(f"nobody may not run {site.runhook}")
        process = site.serve_socket(launcher=launcher)
        delivery = workflow_job()
        assert poster(site, process)(delivery).status == 202
        site.wait_for_dispatch(delivery)
        assert process.stop() == 0
        for path in site.directory.glob("ledger.db*"):
            if os.geteuid() == 0:
                os.chown(path, NOBODY, NOBODY)
        return delivery

    def test_the_file(self, site, launcher, with_ledger):
        site.ledger_path.chmod(0o440)
        self.refuses(site, launcher, "may not be written")
        for path in site.directory.glob("ledger.db*"):  # SQLite gives its other files the same mode
            path.chmod(0o640)
        process = site.serve_socket(launcher=launcher)
        answer = poster(site, process)(with_ledger)
        assert (answer.status, answer.json["status"]) == (200, "duplicate")

    def test_the_folder(self, site, launcher, with_ledger):
        for path in site.directory.glob("ledger.db-*"):
            path.unlink()
        (site.directory / "ledger.db.owners").unlink()
        site.directory.chmod(0o555)
        try:
            self.refuses(site, launcher, "")
        finally:
            site.directory.chmod(0o755)
        assert site.serve_socket(launcher=launcher).is_running


class TestLocked:
    @contextlib.contextmanager
    def locked(self, site, how="EXCLUSIVE"):
        with contextlib.closing(sqlite3.connect(site.ledger_path, isolation_level=None,
                                                timeout=10)) as connection:
            connection.execute(f"BEGIN {how}")
            yield
            connection.execute("ROLLBACK")

    def test_deliveries_together_are_refused_in_time(self, site):
        """Of many that wait for the lock, none waits longer than GitHub would."""
        process = site.serve_socket()
        post = poster(site, process)
        deliveries = [workflow_job() for _ in range(6)]
        with self.locked(site):
            started = time.monotonic()
            assert post_all(post, deliveries, 6) == [503] * 6
            assert time.monotonic() - started < 10 * SLOWNESS
        assert healthz(site, process).status == 200
        assert post_all(post, deliveries, 6) == [202] * 6
        jobs = wait_until_all_have_children(site, deliveries)
        check_one_child_each(site.nomad, deliveries, jobs)

    def test_a_lock_for_a_moment_is_waited_for(self, site):
        process = site.serve_socket()
        delivery = workflow_job()
        with site.fastcgi(process) as connection:
            with self.locked(site, "IMMEDIATE"):
                connection.begin(params_for(headers=delivery.headers(),
                                            content_length=len(delivery.body)))
                connection.stdin(delivery.body)
                connection.end_stdin()
                time.sleep(0.5)
            assert connection.read_answer().status == 202
        site.wait_for_dispatch(delivery)

    def test_a_dispatch_that_cannot_be_recorded(self, site):
        """Nomad made the child while the ledger was locked: it is found again afterwards."""
        from standins.faults import Delay

        process = site.serve_socket()
        fault = Delay(applied=True)
        site.nomad.faults.add(fault, method="POST", path="/dispatch$")
        delivery = workflow_job()
        assert poster(site, process)(delivery).status == 202
        site.nomad.server.wait_for_arrival(1, path="/dispatch$")
        with self.locked(site):
            fault.release()
            site.wait_for_event(event="ledger", level="error")
        assert process.stop() == 0  # or in time, with the lease
        site.serve_socket()
        job, _ = site.wait_for_dispatch(delivery)
        check_one_child_each(site.nomad, [delivery], {delivery.id: job})


class TestDamaged:
    @pytest.fixture
    def used(self, site):
        """The site of a ledger with jobs in it, not in use."""
        process = site.serve_socket()
        deliveries = [workflow_job() for _ in range(20)]
        assert post_all(poster(site, process), deliveries) == [202] * 20
        wait_until_all_have_children(site, deliveries)
        assert process.stop() == 0
        return site

    def replace(self, site, change):
        for suffix in ("-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{site.ledger_path}{suffix}")
        data = bytearray(site.ledger_path.read_bytes())
        site.ledger_path.write_bytes(change(data))

    @pytest.mark.parametrize("change", [
        lambda data: b"\x15\xff" * (len(data) // 2),
        lambda data: data[:16] + os.urandom(len(data) - 16),
        lambda data: b"not SQLite format" + data[17:],
        lambda data: data[:4096] + b"\xa5" * (len(data) - 4096),
    ], ids=["noise", "noise after the magic", "another magic", "every page but the first"])
    def test_it_does_not_start(self, used, change):
        self.replace(used, change)
        before = used.ledger_path.read_bytes()
        check_does_not_start(used, "damaged")
        assert used.ledger_path.read_bytes() == before

    def test_cut_off(self, used):
        """Half a file: refused at the start, or as soon as the missing half is needed."""
        self.replace(used, lambda data: data[:len(data) // 2 // 4096 * 4096])
        self.check_never_202(used)

    def test_one_table(self, used):
        """The pages of jobs are noise and all others are whole."""
        with contextlib.closing(sqlite3.connect(used.ledger_path)) as connection:
            (root,) = connection.execute(
                "SELECT rootpage FROM sqlite_master WHERE name = 'job'").fetchone()
            (size,) = connection.execute("PRAGMA page_size").fetchone()
        start = (root - 1) * size
        self.replace(used, lambda data: data[:start] + b"\xa5" * size + data[start + size:])
        self.check_never_202(used)

    @staticmethod
    def check_never_202(site):
        done = site.start([site.runhook, "serve", "--config", site.config_path, "--listen",
                           f"unix:{site.directory}/damaged.sock"], "damaged")
        path = site.directory / "damaged.sock"
        wait_until(lambda: path.exists() or not done.is_running, "it listens or ends")
        if not done.is_running:
            assert done.wait() == 1 and "damaged" in done.output
            return
        done.address = f"unix:{path}"
        for _ in range(5):
            check_refused(poster(site, done)(workflow_job()), "damaged")
        assert done.is_running
        assert done.stop() == 0

    def test_moved_away_it_starts_anew(self, used):
        self.replace(used, lambda data: b"\x15\xff" * (len(data) // 2))
        check_does_not_start(used, "damaged")
        shutil.move(used.ledger_path, used.directory / "damaged.db")
        process = used.serve_socket()
        delivery = workflow_job()
        assert poster(used, process)(delivery).status == 202
        used.wait_for_dispatch(delivery)


class TestNewerSchema:
    @pytest.fixture
    def newer(self, site):
        assert site.serve_socket().stop() == 0
        with contextlib.closing(sqlite3.connect(site.ledger_path)) as connection:
            connection.execute("PRAGMA user_version = 99")
        return site

    def test_serve_refuses(self, newer):
        check_does_not_start(newer, "upgrade runhook")
        with contextlib.closing(sqlite3.connect(newer.ledger_path)) as connection:
            assert connection.execute("PRAGMA user_version").fetchone() == (99,)

    @pytest.mark.parametrize("command", [["jobs"], ["jobs", "retry", "1"], ["dispatch"]], ids=repr)
    def test_commands_refuse(self, newer, command):
        done = newer.run(*command)
        assert done.code == 1 and "upgrade runhook" in done.stderr, done

    def test_plain_cgi_answers_503(self, newer):
        delivery = workflow_job()
        done = newer.run("serve", stdin=delivery.body, env=params_for(
            headers=delivery.headers(), content_length=len(delivery.body)))
        assert done.stdout.startswith("Status: 503") and '"unavailable"' in done.stdout, done
        assert "upgrade runhook" in done.stderr


class TestRetention:
    @pytest.fixture
    def clock(self, tmp_path):
        return DrivenClock(tmp_path)

    @pytest.fixture
    def site(self, make_site, clock):
        site = make_site(github={"clock": clock.now})
        site.configure("server", retention=2)
        return site

    @pytest.fixture
    def post(self, site, clock):
        return poster(site, site.serve_socket(env=clock.env))

    def done_job(self, site, post, **fields):
        delivery = workflow_job(**fields)
        assert post(delivery).status == 202
        job, _ = site.wait_for_dispatch(delivery)
        assert post(workflow_job("completed", id=delivery.id, run_id=delivery.job["run_id"],
                                 runner_name=job["runner"])).status == 200
        return delivery

    def test_what_is_done_is_kept_and_then_purged(self, site, clock, post):
        delivery = self.done_job(site, post)
        clock.advance(1.9 * DAY_S)
        time.sleep(1.5)  # two looks at the ledger
        assert site.jobs()[delivery.id]["state"] == "done"
        clock.advance(0.2 * DAY_S)
        wait_until(lambda: site.jobs() == {}, "it is purged", 10)
        assert site.events(event="upkeep")[-1]["purged"] == "1"
        # Its runner was seen gone later than its job was over, and is kept as long from then.
        site.wait_for_event(event="audit", outcome="gone")
        with contextlib.closing(sqlite3.connect(site.ledger_path)) as connection:
            def runners():
                return connection.execute("SELECT count(*) FROM runner").fetchone()[0]

            assert runners() == 1
            clock.advance(2.1 * DAY_S)
            wait_until(lambda: runners() == 0, "its runner is purged", 10)

    def test_a_replay_within_the_day_is_a_duplicate(self, site, clock, post):
        """The signature of an old delivery is good for ever: only the ledger knows it was served."""
        delivery = self.done_job(site, post)
        clock.advance(0.9 * DAY_S)
        time.sleep(1.5)
        answer = post(delivery)
        assert (answer.status, answer.json["status"]) == (200, "duplicate"), answer
        time.sleep(0.5)
        assert len(site.nomad.dispatches) == 1

    def test_a_replay_after_the_purge_starts_nothing(self, site, clock, post):
        delivery = self.done_job(site, post)
        clock.advance(2.1 * DAY_S)
        wait_until(lambda: site.jobs() == {}, "it is purged", 10)
        answer = post(delivery)
        assert (answer.status, answer.json["status"]) == (200, "ignored"), answer
        assert "24 hours" in answer.json["reason"]
        assert len(site.nomad.dispatches) == 1 and site.jobs() == {}

    def test_completed_that_overtook_its_queued(self, site, clock, post):
        """It is remembered, so that the queued that comes later starts nothing."""
        delivery = workflow_job()
        assert post(workflow_job("completed", id=delivery.id)).status == 200
        time.sleep(1.5)  # looks at the ledger, which must not forget it
        answer = post(delivery)
        assert (answer.status, answer.json["status"]) == (200, "duplicate"), answer
        time.sleep(0.5)
        assert site.nomad.dispatches == []

    @pytest.mark.parametrize("age_s, status", [(DAY_S - 60, 202), (DAY_S + 60, 200),
                                               (400 * DAY_S, 200)])
    def test_age_is_the_jobs_own(self, site, post, age_s, status):
        delivery = workflow_job(created_at=timestamp(age_s))
        answer = post(delivery)
        assert answer.status == status, answer
        if status == 202:
            site.wait_for_dispatch(delivery)
        else:
            assert answer.json["status"] == "ignored" and site.jobs() == {}

    def test_what_waits_or_runs_is_never_purged(self, site, clock, post):
        running = workflow_job()
        assert post(running).status == 202
        job, _ = site.wait_for_dispatch(running)
        assert post(workflow_job("in_progress", id=running.id,
                                 runner_name=job["runner"])).status == 200
        clock.advance(5 * DAY_S)
        time.sleep(1.5)
        assert site.jobs()[running.id]["state"] == "running"

    def test_less_than_two_days_is_refused(self, site):
        """A job's own day has to be over before its row may go."""
        site.configure("server", retention=1)
        done = site.run("serve", "--listen", f"unix:{Path(site.directory)}/x.sock")
        assert done.code == 1 and "retention" in done.stderr
