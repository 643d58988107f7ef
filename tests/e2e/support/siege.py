"""What holds while somebody attacks, and afterwards: good deliveries are answered at once, and then
memory, descriptors and threads are what they were, and the log is short and can be read.

    with Siege(front.site, front.post, "slow bodies", note) as siege:
        ...  # the attack, as long as it lasts

Posts a good delivery ten times a second meanwhile. The figures go to `note`."""

import contextlib
import dataclasses
import functools
import json
import os
import re
import resource
import statistics
import threading
import time
from pathlib import Path

from .deliveries import workflow_job
from .site import processes_of
from .waiting import SLOWNESS, wait_until

ANSWERED_WITHIN_S = 1.0
MEMORY_BACK_KIB = 8 * 1024  # of the resident memory, how much more than before may stay
LINES_A_DELIVERY = 4        # in the log: the delivery, its dispatch, what follows
LINES_BESIDE = 20           # what the program says by itself meanwhile
LINE_MAX = 4096
PAUSE_S = 0.1


@functools.cache
def is_sanitized(program):
    """Built with AddressSanitizer, which keeps what is freed: its memory says nothing."""
    return b"__asan_init" in Path(program).read_bytes()


@dataclasses.dataclass
class Usage:
    """What the program's processes have of the machine, together. `descriptors` is None where that
    may not be asked: they are not dumpable, so that only root may."""

    rss_kib: int
    threads: int
    descriptors: int | None

    @classmethod
    def of(cls, pids):
        texts = [Path(f"/proc/{pid}/status").read_text() for pid in pids]

        def total(name):
            return sum(int(re.search(rf"^{name}:\s+(\d+)", text, re.M).group(1)) for text in texts)

        try:
            descriptors = sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids)
        except PermissionError:
            descriptors = None
        return cls(total("VmRSS"), total("Threads"), descriptors)


class Siege:
    def __init__(self, site, post, name, note, *, lines=0, memory_back_kib=MEMORY_BACK_KIB,
                 within_s=ANSWERED_WITHIN_S, kept=0):
        """`lines`: so many log lines may the attack itself cause. `kept`: so many descriptors may be
        more afterwards, as of connections that a web server keeps."""
        self.site, self.post, self.name, self.note = site, post, name, note
        self.lines, self.memory_back_kib = lines, memory_back_kib
        self.within_s, self.kept = within_s, kept
        self.times = []
        self.problems = []
        self.peak_kib = 0
        self.more = {}  # figures of the attack's own
        self._stop = threading.Event()

    def __enter__(self):
        # What grows once, such as a thread's buffers, is there before.
        for _ in range(20):
            self._post_one()
        self.times.clear()
        self.pids = processes_of(self.site)
        self.before = self._usage_at_rest()
        self.log_len = len(self.site.log_path.read_bytes())
        self.began = time.monotonic()
        self.thread = threading.Thread(target=self._work)
        self.thread.start()
        return self

    def _usage_at_rest(self):
        """What they have once that stays: a dispatcher that has its first job opens connections."""
        looks = []

        def is_at_rest():
            time.sleep(PAUSE_S)
            looks.append(Usage.of(self.pids))
            last = [(look.descriptors, look.threads) for look in looks[-4:]]
            return len(last) == 4 and len(set(last)) == 1

        with contextlib.suppress(AssertionError):
            wait_until(is_at_rest, "it is at rest", 5)
        return looks[-1]

    def _post_one(self):
        began = time.monotonic()
        try:
            answer = self.post(workflow_job())
            self.times.append(time.monotonic() - began)
            if answer.status != 202:
                self.problems.append(f"a good delivery was answered {answer}")
        except OSError as error:
            self.problems.append(f"a good delivery, after {time.monotonic() - began:.1f} s: {error!r}")

    def _work(self):
        while not self._stop.wait(PAUSE_S):
            self._post_one()
            with contextlib.suppress(OSError):
                self.peak_kib = max(self.peak_kib, Usage.of(self.pids).rss_kib)

    def last(self, count=10):
        """Goes on until so many more good deliveries were answered."""
        wanted = len(self.times) + len(self.problems) + count
        wait_until(lambda: len(self.times) + len(self.problems) >= wanted,
                   f"{count} good deliveries", 5 * count)

    def __exit__(self, kind, *_):
        try:
            if kind is None and not self.times:
                self.last(1)
        finally:
            self._stop.set()
            self.thread.join()
        self.lasted_s = time.monotonic() - self.began
        if kind is not None:
            return
        during = len(self.times)
        for _ in range(5):
            self._post_one()
        after = self._settle()
        new = self.site.log_path.read_bytes()[self.log_len:].decode()
        self._report(after, during, new)
        assert processes_of(self.site) == self.pids, "a process has ended"
        assert not self.problems, f"{len(self.problems)}, the first: {self.problems[0]}"
        assert max(self.times) <= self.within_s * SLOWNESS, self.figures
        assert self._is_back(after), self.figures
        self._check_log(new, len(self.times))

    def check_peak(self, more_kib):
        """That the program has had at most so much more than before, so far."""
        if not is_sanitized(self.site.runhook):
            assert self.peak_kib < self.before.rss_kib + more_kib, self.name

    def _is_back(self, usage):
        return ((usage.rss_kib <= self.before.rss_kib + self.memory_back_kib
                 or is_sanitized(self.site.runhook))
                and usage.threads <= self.before.threads
                and (usage.descriptors is None
                     or usage.descriptors <= self.before.descriptors + self.kept))

    def _settle(self):
        """The program has a while to give back what it took; returns what it has then."""
        with contextlib.suppress(AssertionError):
            wait_until(lambda: self._is_back(Usage.of(self.pids)), "all is back", 5)
        return Usage.of(self.pids)

    def _check_log(self, new, delivered):
        whole = new[:new.rfind("\n") + 1]
        lines = whole.splitlines()
        assert max(map(len, lines)) <= LINE_MAX
        self.site.events()  # each line is key=value, or this fails
        allowed = self.lines + LINES_A_DELIVERY * delivered + LINES_BESIDE
        assert len(lines) <= allowed, f"{len(lines)} log lines, at most {allowed}: {lines[:50]}"

    def _report(self, after, during, new):
        self.figures = {
            "attack": self.name, "lasted_s": round(self.lasted_s, 2), "answered": during,
            "median_ms": round(statistics.median(self.times) * 1000, 1),
            "slowest_ms": round(max(self.times) * 1000, 1),
            "rss_kib": [self.before.rss_kib, self.peak_kib, after.rss_kib],
            "descriptors": [self.before.descriptors, after.descriptors],
            "threads": [self.before.threads, after.threads],
            "log_lines": new.count("\n"), **self.more,
        }
        self.note(json.dumps(self.figures))


def descriptors_for(connections):
    """Raises this process's limit, which the servers that it starts inherit. Returns how many
    connections the machine lets a test have: at most as many as it wants."""
    wanted = connections + 1000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return min(connections, limit - 1000)


def hold(connect, count):
    """As many connections as can be had, up to `count`; they are a list, to be closed with
    `close_all`. Not all in one moment: this process also measures how long others are answered."""
    held = []
    for number in range(count):
        _pause_after(number)
        try:
            held.append(connect())
        except OSError:
            break
    return held


def _pause_after(number):
    if number % 50 == 49:
        time.sleep(0.005)


def close_all(held):
    for number, one in enumerate(held):
        _pause_after(number)
        with contextlib.suppress(OSError):
            one.close()


@contextlib.contextmanager
def held(connect, count):
    connections = hold(connect, count)
    try:
        yield connections
    finally:
        close_all(connections)
