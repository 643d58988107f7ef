"""The whole way, from deliveries and faults to SIGTERM, under ThreadSanitizer and under Valgrind;
and what a commit costs, under strace. Long: see tests/run --long."""

import os
import re
import resource
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from standins.faults import Answer, Close, Drip, Garbage, Oversized, Reset, Truncated

from .support.deliveries import ping, workflow_job
from .support.load import (check_one_child_each, poster, post_all,
                           wait_until_all_have_children)

PROJECT = Path(__file__).resolve().parents[2]
DISPATCH = {"method": "POST", "path": "/dispatch$"}
TSAN_FAILED = 66

pytestmark = pytest.mark.long


def whole_way(site, launcher=(), env=None):
    """Returns the exit status of a program that has seen a bit of everything."""
    site.configure("server", threads=8, dispatchers=4)
    site.configure("nomad", timeout=10)
    site.configure("github", timeout=10)
    rules = [site.nomad.faults.add(fault, skip=2 + 4 * n, **DISPATCH) for n, fault in enumerate((
        Answer(500, "No cluster leader"), Reset(after=20, applied=True), Close(applied=True),
        Truncated(), Garbage(body=b"[1,", applied=True), Oversized(3_000_000), Answer(401, "no"),
        Answer(500, "Payload exceeds maximum size; 2 > 1"), Answer(429, "", {"Retry-After": "1"})))]
    rules += [site.github.faults.add(fault, skip=2 * n) for n, fault in enumerate((
        Answer(503, ""), Reset(), Answer(403, "rate limit", {"Retry-After": "1"}), Drip(0.001),
        Garbage()))]
    process = site.serve_socket(launcher=launcher, env=env)
    post = poster(site, process)
    deliveries = [workflow_job(repository=f"octo/r{n % 6}") for n in range(36)]

    def reload_and_post(delivery):
        process.send(signal.SIGHUP)
        return post(delivery)

    assert set(post_all(reload_and_post, deliveries)) == {202}
    site.wait_for_event(event="reload", outcome="reloaded")
    assert set(post_all(post, deliveries[:8])) == {200}
    assert post(ping()).status == 200
    assert post(workflow_job(secret="another")).status == 403
    assert post(workflow_job(labels=["ubuntu-latest"])).status == 200
    with site.fastcgi(process) as kept:
        for delivery in deliveries[:4]:
            assert kept.post(workflow_job("in_progress", id=delivery.id), keep=True).status == 200
    jobs = wait_until_all_have_children(site, deliveries[4:], 120)
    check_one_child_each(site.nomad, deliveries[4:], {
        job: row for job, row in jobs.items() if row["child"]})
    assert sum(rule.struck for rule in rules) >= 8
    # Stopped with work in hand: connections at rest, and a dispatch that takes long.
    with site.fastcgi(process), site.fastcgi(process) as half:
        half.send(b"\x01\x01")
        with site.nomad.server.refused():
            assert set(post_all(post, [workflow_job() for _ in range(8)])) == {202}
            return process.stop(timeout_s=60)


@pytest.fixture(scope="module")
def tsan_program():
    """RUNHOOK_TSAN_BIN, else build/tsan, brought up to date."""
    given = os.environ.get("RUNHOOK_TSAN_BIN")
    if given is not None:
        return Path(given)
    for command in (["cmake", "--preset", "tsan"],
                    ["cmake", "--build", "--preset", "tsan", "--target", "runhook", "-j2"]):
        subprocess.run(command, cwd=PROJECT, check=True, capture_output=True)
    return PROJECT / "build/tsan/cgi/runhook"


def test_thread_sanitizer(make_site, tsan_program):
    site = make_site()
    site.runhook = tsan_program
    # Without address randomization, which ThreadSanitizer cannot bear in large amounts.
    launcher = ["setarch", "--addr-no-randomize"]
    status = whole_way(site, launcher, {"TSAN_OPTIONS": f"exitcode={TSAN_FAILED}"})
    output = "".join(process.output for process in site.processes)
    assert "ThreadSanitizer" not in output, output
    assert status == 0


def test_valgrind(make_site):
    site = make_site()
    report = site.directory / "valgrind.txt"
    status = whole_way(site, ["valgrind", "--error-exitcode=99", "--leak-check=full",
                              "--num-callers=30", f"--log-file={report}"])
    text = report.read_text()
    assert "ERROR SUMMARY: 0 errors" in text, text
    assert not re.search(r"definitely lost: [1-9]", text), text
    assert status == 0


class TestGroupCommit:
    """Writers that come together share one fsync. strace counts them, and makes each one slow."""

    SLOW_S = 0.02

    def traced(self, site, slow_s):
        self.trace = site.directory / "strace.txt"
        assert shutil.which("strace")
        return site.serve_socket(launcher=[
            "strace", "-D", "-f", "-o", self.trace, "-e", "trace=fsync,fdatasync", "-e",
            f"inject=fsync,fdatasync:delay_enter={int(slow_s * 1e6)}"])

    def syncs(self):
        return len(re.findall(r"\bf(?:data)?sync\(", self.trace.read_text()))

    def test_many_share_one(self, site):
        site.configure("server", threads=16, dispatchers=1)
        process = self.traced(site, self.SLOW_S)
        deliveries = [workflow_job(repository=f"octo/r{n % 4}") for n in range(320)]
        with site.nomad.server.refused(), site.github.server.refused():
            before = self.syncs()
            assert before > 0  # of the start: the trace works
            assert set(post_all(poster(site, process), deliveries, 16)) == {202}
            syncs = self.syncs() - before
            print(f"{len(deliveries)} deliveries, {syncs} fsyncs")
            assert syncs <= len(deliveries) / 4
            assert process.stop(timeout_s=30) == 0

    def test_none_is_answered_before_its_own(self, site):
        site.configure("server", threads=4)
        process = self.traced(site, 0.5)
        with site.nomad.server.refused(), site.github.server.refused():
            for _ in range(3):
                started = time.monotonic()
                assert poster(site, process)(workflow_job()).status == 202
                assert time.monotonic() - started >= 0.5
            process.kill()


def test_memory_stays_bounded_under_a_hundred_mebibyte_reply(site):
    """An upstream that sends without end is cut off, and not kept in memory."""
    process = site.serve_socket()
    resource.prlimit(process.pid, resource.RLIMIT_AS, (1 << 30, 1 << 30))
    delivery = workflow_job()
    rules = [site.nomad.faults.add(Oversized(declared=False), times=2, **DISPATCH),
             site.github.faults.add(Oversized(status=201), times=2)]
    assert poster(site, process)(delivery).status == 202
    site.wait_for_dispatch(delivery, 30)
    assert [rule.struck for rule in rules] == [2, 2]
    status = Path(f"/proc/{process.pid}/status").read_text()
    assert int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) < 64 * 1024
