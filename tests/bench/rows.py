"""What a delivery and an audit pass cost with so many rows in the ledger.

    cd tests && /usr/bin/python3 -m bench.rows [--sizes 1000,10000,100000,1000000] [--json FILE]

The rows are jobs that ended, each with its runner and its history, all within the time that the
ledger keeps them. A delivery is one that is accepted, behind nginx, 32 at once; an audit pass looks
at 31 of 500 running jobs.
"""

import argparse
import contextlib
import json
import sqlite3
import statistics
import subprocess
import time
from pathlib import Path

from e2e.support.deliveries import WEBHOOK_SECRET
from e2e.support.fronts import HOOK_PATH, Nginx
from e2e.support.site import META_KEYS, NOMAD_JOB, Site
from standins import ParameterizedJob

from . import audit_pass, measure
from .throughput import CONNECTIONS, JOB_ID, PROGRAMS, body

PROJECT = Path(__file__).resolve().parents[2]
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


def deliveries(site, requests, first_id):
    front = Nginx(site, large_bodies=False)
    front.start()
    try:
        path = site.directory / "body.json"
        path.write_bytes(body(["self-hosted", "linux", "x64"]))
        pids = measure.descendants(front.backend.pid)
        before_s = measure.cpu_s(pids)
        completed = subprocess.run(
            [PROGRAMS / "bench_load", front.address.rpartition(":")[2], HOOK_PATH,
             str(CONNECTIONS), str(requests), path, JOB_ID, str(first_id), WEBHOOK_SECRET,
             "signed"], stdout=subprocess.PIPE, text=True, check=True)
        result = json.loads(completed.stdout)
        assert result["statuses"] == {"202": requests}, result
        result["cpu_s_per_1000"] = (measure.cpu_s(pids) - before_s) / requests * 1000
        return result
    finally:
        front.stop()
        for leftover in site.directory.glob("nginx"):
            leftover.rename(site.directory / f"nginx-{first_id}")


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
        runs = [deliveries(site, requests, FIRST_ID + number * requests)
                for number in range(RUNS)]
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
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1000,10000,100000,1000000",
                        type=lambda text: [int(size) for size in text.split(",")])
    parser.add_argument("--requests", type=int, default=4000)
    parser.add_argument("--runhook", default=PROJECT / "build/release/cgi/runhook")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = run(arguments.runhook, arguments.sizes, arguments.requests)
    print(table(rows))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
