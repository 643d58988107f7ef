"""What a process cost: its CPU time and its memory, as the kernel counts them."""

import os
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def cpu_s(pids):
    """User and system time of processes, and of those of their children that have ended."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += sum(int(field) for field in fields[11:15])
    return total / TICKS


def reset_peak(pids):
    for pid in pids:
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def _status_kib(pid, field):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    raise KeyError(field)


def peak_kib(pids):
    """The most resident memory since reset_peak, shared pages included."""
    return sum(_status_kib(pid, "VmHWM") for pid in pids)


def resident_kib(pids):
    return sum(_status_kib(pid, "VmRSS") for pid in pids)


def descendants(pid):
    """The process and all below it."""
    found, waiting = [], [pid]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        for task in Path(f"/proc/{pid}/task").iterdir():
            waiting += [int(child) for child in (task / "children").read_text().split()]
    return found


def unique_kib(pids):
    """What would be free without them: their private pages."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith(("Private_Clean:", "Private_Dirty:")):
                total += int(line.split()[1])
    return total


def wait_until_idle(pids, idle_s=0.3, at_most_s=30):
    """Waits until what an answer left to do is done, so that it is not counted against the next."""
    until = time.monotonic() + at_most_s
    before_s = None
    while (now_s := cpu_s(pids)) != before_s and time.monotonic() < until:
        before_s = now_s
        time.sleep(idle_s)
