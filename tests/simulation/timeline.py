"""Simulated time: what is to happen when, and a clock that the program reads from a file."""

import heapq
import mmap
import struct

BEGINNING_MS = 1_772_352_000_000  # 2026-03-01T08:00:00Z: any will do, as long as it is the same


class Timeline:
    def __init__(self, path):
        self.path = path
        path.write_bytes(bytes(8))
        with open(path, "r+b") as file:
            self._clock = mmap.mmap(file.fileno(), 8)
        self._events = []
        self._count = 0  # among events of one moment, the order in which they were planned
        self._set(BEGINNING_MS)

    def close(self):
        self._clock.close()

    def _set(self, now_ms):
        self.now_ms = now_ms
        struct.pack_into("=q", self._clock, 0, now_ms)

    def seconds(self):
        """For the stand-ins, which count as time.time() does."""
        return self.now_ms / 1000

    @property
    def elapsed_s(self):
        return (self.now_ms - BEGINNING_MS) / 1000

    def after(self, delay_s, action, *arguments):
        self._count += 1
        at_ms = self.now_ms + max(0, round(delay_s * 1000))
        heapq.heappush(self._events, (at_ms, self._count, action, arguments))

    @property
    def next_ms(self):
        return self._events[0][0] if self._events else None

    def advance(self, delay_s):
        self.run_until(self.now_ms + round(delay_s * 1000))

    def run_until(self, at_ms):
        """Lets happen what is planned up to that moment, each at its own."""
        while self._events and self._events[0][0] <= at_ms:
            due_ms, _, action, arguments = heapq.heappop(self._events)
            self._set(max(due_ms, self.now_ms))
            action(*arguments)
        self._set(max(at_ms, self.now_ms))
