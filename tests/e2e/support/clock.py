"""A clock that the test drives: the program adds to its own what stands in a file, and the
stand-ins are given `now`."""

import os
import time
from pathlib import Path


class DrivenClock:
    """`env` goes to the program, `now` to a stand-in; both then live in the same moment."""

    def __init__(self, directory):
        self.path = Path(directory) / "clock-offset"
        self.offset_s = 0.0
        self._write()

    @property
    def env(self):
        return {"RUNHOOK_CLOCK_OFFSET": self.path}

    def now(self):
        return time.time() + self.offset_s

    def advance(self, seconds):
        self.offset_s += seconds
        self._write()

    def _write(self):
        # The program may read at any moment: never half a number.
        new = self.path.with_suffix(".new")
        new.write_text(f"{round(self.offset_s * 1000)}\n")
        os.replace(new, self.path)
