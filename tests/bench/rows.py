"""What a delivery and an audit pass cost with so many rows in the ledger.

    cd tests && /usr/bin/python3 -m bench.rows [--sizes 1000,10000,100000,1000000] [--json FILE]

The rows are jobs that ended, each with its runner and its history, all within the time that the
ledger keeps them. A delivery is one that is accepted, behind nginx, 32 at once; an audit pass looks
at 31 of 500 running jobs.
"""

import contextlib
import sqlite3
import statistics
import time

from e2e.support.site import META_KEYS, NOMAD_JOB, Site
from standins import ParameterizedJob

from . import alone, audit_pass
from .throughput import Measured, body, send

LIVE = 500
RUNS = 3
FIRST_ID = 70_000_000_000


def tell_stories(site, first, count):
    """Four events for each of the jobs that ended."""
    now_ms = int(time.time() * 1000) - 3600 * 1000
    words = ("queued", "dispatched", "running", "done")
    with contextlib.closing(sqlite3.connect(site.ledger_path)) as connection, connection:
        connection.executemany(
            "INSERT INTO history (job_id, at_ms, what, runner, detail) VALUES (?, ?, ?, ?, ?)",
            ((first + number, now_ms, word, "runhook-bench", "as it went")
             for number in range(count) for word in words))


def deliveries(site, requests):
    """What new jobs cost, in each of some runs."""
    front = Measured(site, large_bodies=False)
    path = site.directory / "body.json"
    path.write_bytes(body(["self-hosted", "linux", "x64"]))
    front.start()
    try:
        runs = [send(front, path, requests, FIRST_ID + number * requests)
                for number in range(RUNS)]
    finally:
        front.stop()
    assert all(run["statuses"] == {"202": requests} for run in runs), runs
    return runs


def one_size(runhook, size, requests):
    site = Site(runhook, nomad={"jobs": [
        ParameterizedJob(NOMAD_JOB, payload="required", meta_required=META_KEYS)]})
    site.configure("audit", interval=audit_pass.INTERVAL_S,
                   interval_max=audit_pass.INTERVAL_MAX_S, idle_timeout=600, register_timeout=300,
                   placement_timeout=3000)
    site.configure("pool linux", max_runners=1)
    try:
        site.run("dispatch")  # makes the ledger
        audit_pass.fill(site, size, LIVE)
        tell_stories(site, LIVE + 1, size)
        passes = []
        for _ in range(RUNS):
            audit_pass.make_due(site, LIVE, LIVE * audit_pass.INTERVAL_S
                                // audit_pass.INTERVAL_MAX_S)
            passes.append(audit_pass.one_pass(site)[0])
        audit_pass.make_due(site, LIVE, 0)
        runs = deliveries(site, requests)
        return {
            "rows": size,
            "per_second": statistics.median(run["per_second"] for run in runs),
            "p99_ms": statistics.median(run["p99_ms"] for run in runs),
            "delivery_cpu_ms": statistics.median(run["cpu_s_per_1000"] for run in runs),
            "audit_cpu_ms": statistics.median(passes),
        }
    finally:
        site.close()
        site.remove()


def run(runhook, sizes, requests):
    return [one_size(runhook, size, requests) for size in sizes]


def table(rows):
    first = rows[0]
    lines = ["| ended jobs | deliveries/s | p99 ms | CPU ms a delivery | of the first "
             "| CPU ms an audit pass | of the first |",
             "|---|---|---|---|---|---|---|"]
    lines += [f"| {row['rows']:,} | {row['per_second']:.0f} | {row['p99_ms']:.1f} "
              f"| {row['delivery_cpu_ms']:.3f} "
              f"| {row['delivery_cpu_ms'] / first['delivery_cpu_ms']:.2f} "
              f"| {row['audit_cpu_ms']:.0f} | {row['audit_cpu_ms'] / first['audit_cpu_ms']:.2f} |"
              for row in rows]
    return "\n".join(lines)


def main():
    alone.main(__doc__, [("--sizes", {"default": [1000, 10000, 100000, 1000000],
                                      "type": lambda text: [int(size)
                                                            for size in text.split(",")]}),
                         ("--requests", {"type": int, "default": 4000})],
               lambda given: run(given.runhook, given.sizes, given.requests), table)


if __name__ == "__main__":
    main()
