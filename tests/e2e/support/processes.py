"""Processes that a test starts: their output goes to a file, and every one of them is gone and
reaped when the test ends, those that they started themselves included."""

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from pathlib import Path

from .waiting import SLOWNESS, wait_until

PR_SET_CHILD_SUBREAPER = 36
PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "TMPDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS",
             "LSAN_OPTIONS", "LLVM_PROFILE_FILE")


def environment(extra=None):
    """Nothing of the caller's environment but what a program needs to run: a GITHUB_TOKEN or a
    NOMAD_ADDR of the machine must not reach the program under test."""
    result = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    result.setdefault("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
    result["LC_ALL"] = "C.UTF-8"
    result.update(extra or {})
    return {name: str(value) for name, value in result.items() if value is not None}


def become_subreaper():
    """Orphans of the processes that a test starts (a CGI program whose web server has stopped)
    become children of this process, so that they can be found and reaped."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class Process:
    def __init__(self, command, output_path, *, env=None, stdin=subprocess.DEVNULL, pass_fds=(),
                 cwd=None):
        self.command = [str(part) for part in command]
        self.output_path = Path(output_path)
        with open(self.output_path, "ab") as output:
            self.popen = subprocess.Popen(
                self.command, stdin=stdin, stdout=output, stderr=output,
                env=environment(env), pass_fds=pass_fds, cwd=cwd, restore_signals=True)

    @property
    def pid(self):
        return self.popen.pid

    @property
    def output(self):
        return self.output_path.read_text(errors="replace")

    @property
    def is_running(self):
        return self.popen.poll() is None

    def send(self, number):
        if self.is_running:
            self.popen.send_signal(number)

    def wait(self, timeout_s=10.0):
        """The exit status (negative: a signal's number); fails when it still runs."""
        try:
            return self.popen.wait(timeout_s * SLOWNESS)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.command[0]} still runs after {timeout_s} s") from None

    def stop(self, number=signal.SIGTERM, timeout_s=15.0):
        self.send(number)
        try:
            return self.popen.wait(timeout_s * SLOWNESS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.command[0]} did not stop within {timeout_s} s of "
                                 f"signal {number}") from None

    def kill(self):
        self.send(signal.SIGKILL)
        return self.popen.wait()

    def children(self):
        return children_of(self.pid)


def children_of(pid):
    result = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            result += [int(word) for word in path.read_text().split()]
    return result


def reap_orphans(known, grace_s=25.0):
    """Ends what the stopped processes left behind. `known` are the pids that have an owner. What
    still works may finish first: a CGI program dispatches for up to 20 s after its answer.
    Returns the pids that had to be killed."""
    killed = []
    deadline = time.monotonic() + grace_s * SLOWNESS

    def orphans():
        left = []
        for pid in children_of(os.getpid()):
            if pid in known:
                continue
            with contextlib.suppress(ChildProcessError):
                if os.waitpid(pid, os.WNOHANG)[0] == 0:
                    left.append(pid)
        return left

    while True:
        left = orphans()
        if not left:
            return killed
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)
    for pid in left:
        killed.append(pid)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not orphans(), "orphans reaped after SIGKILL")
    return killed
