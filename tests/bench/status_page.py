"""What the status page costs: its milliseconds on the socket, and its size.

    cd tests && /usr/bin/python3 -m bench.status_page [--history 10000] [--runs 50] [--runhook FILE]

The ledger has so many ended jobs, over the last week and then over the last day, each with its
runner and its story, and some that wait and run; the page is asked for over FastCGI again and again.
"""

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

from e2e.support.fastcgi import params_for
from e2e.support.past import HOUR_MS, Past
from e2e.support.site import Site

PROJECT = Path(__file__).resolve().parents[2]
PATH = "/github/webhook/status"


def measure(runhook, title, history, span_ms, live, runs):
    site = Site(runhook)
    site.configure("pool linux", max_runners=live)
    try:
        process = site.serve_socket()
        past = Past(int(time.time() * 1000))
        past.add_ended(history, span_ms)
        for i in range(live):
            past.add("running", 600_000 + i * 1000, 500_000 + i * 1000)
        for i in range(live):
            past.add("assigned", 60_000 + i * 1000)
        past.write(site.ledger_path)
        times = []
        for _ in range(runs):
            with site.fastcgi(process) as connection:
                begun = time.perf_counter()
                answer = connection.request(params_for("GET", PATH))
                times.append((time.perf_counter() - begun) * 1000)
            assert answer.status == 200, answer
        print(f"{title}: median {statistics.median(times):.1f} ms, worst {max(times):.1f} ms of "
              f"{runs} requests; {len(answer.body) / 1024:.1f} KiB")
    finally:
        problems = site.close()
        site.remove()
    return problems


def main():
    parser = argparse.ArgumentParser(prog="python3 -m bench.status_page",
                                     description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--history", type=int, default=10000)
    parser.add_argument("--live", type=int, default=30)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--runhook", default=PROJECT / "build/release/cgi/runhook")
    arguments = parser.parse_args()
    problems = []
    for title, span_ms in (("over a week", 7 * 24 * HOUR_MS - HOUR_MS), ("over a day", 23 * HOUR_MS)):
        problems += measure(arguments.runhook, f"{arguments.history} ended {title}",
                            arguments.history, span_ms, arguments.live, arguments.runs)
    return 1 if problems else 0


if __name__ == "__main__":
    os.chdir(Path(__file__).resolve().parents[1])
    sys.exit(main())
