"""Waiting by asking, with a deadline. RUNHOOK_TEST_SLOWNESS multiplies every deadline, for runs
under Valgrind or a sanitizer."""

import os
import time

SLOWNESS = float(os.environ.get("RUNHOOK_TEST_SLOWNESS", "1"))


def wait_until(ask, what, timeout_s=10.0):
    """Asks until the answer is true, and returns it; fails with `what` and the last answer."""
    deadline = time.monotonic() + timeout_s * SLOWNESS
    pause = 0.002
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s * SLOWNESS:g} s: {what} "
                                 f"(last answer: {answer!r})")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
