"""How long from the start of the program to its first answer, and what memory it takes at rest.

    cd tests && /usr/bin/python3 -m bench.start [--runs N] [--json FILE]
"""

import contextlib
import statistics
import time

from e2e.support.fastcgi import FastCgiConnection, params_for
from e2e.support.site import Site

from . import alone, measure

SETTLE_S = 2


def one(site, number):
    """Milliseconds to the first answer, and KiB at rest, of a program that was just started."""
    path = site.directory / f"start-{number}.sock"
    began = time.monotonic()
    process = site.start([site.runhook, "serve", "--config", site.config_path, "--listen",
                          f"unix:{path}"], "runhook")
    answer = None
    while answer is None:
        with contextlib.suppress(OSError):
            with FastCgiConnection(f"unix:{path}") as connection:
                answer = connection.request(params_for("GET", "/healthz"))
    took_ms = (time.monotonic() - began) * 1000
    assert answer.status == 200
    time.sleep(SETTLE_S)  # what is measured is rest
    resident_kib = measure.resident_kib([process.pid])
    unique_kib = measure.unique_kib([process.pid])
    process.stop()
    return took_ms, resident_kib, unique_kib


def run(runhook, runs):
    site = Site(runhook)
    try:
        figures = [one(site, number) for number in range(runs + 1)][1:]
    finally:
        site.close()
        site.remove()
    took_ms, resident_kib, unique_kib = (statistics.median(column) for column in zip(*figures))
    return [{"first_answer_ms": took_ms, "resident_kib": resident_kib, "unique_kib": unique_kib}]


def table(rows):
    (row,) = rows
    return ("| start to first answer ms | resident at rest MiB | of that its own MiB |\n"
            "|---|---|---|\n"
            f"| {row['first_answer_ms']:.0f} | {row['resident_kib'] / 1024:.1f} "
            f"| {row['unique_kib'] / 1024:.1f} |")


def main():
    alone.main(__doc__, [("--runs", {"type": int, "default": 5})],
               lambda given: run(given.runhook, given.runs), table)


if __name__ == "__main__":
    main()
