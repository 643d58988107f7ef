"""What an audit pass costs: CPU time of the program, and requests to both upstreams.

    cd tests && /usr/bin/python3 -m bench.audit_pass [--history 5000] [--live 500] [--runhook FILE]

A ledger is filled with ended jobs and with running ones, and `runhook dispatch`, which does what is
due and ends, is timed: with nothing due, with those due that are due in a common pass (the looks of
the running ones are spread over interval_max), and with all of them due at once.
"""

import argparse
import contextlib
import json
import os
import resource
import sqlite3
import sys
import time
from pathlib import Path

from e2e.support.site import META_KEYS, NOMAD_JOB, Site
from standins import ParameterizedJob

PROJECT = Path(__file__).resolve().parents[2]
INTERVAL_S = 30
INTERVAL_MAX_S = 480
JOB_COLUMNS = ("id", "repository", "repository_short", "repository_url", "fork", "run_id",
               "run_attempt", "name", "workflow_name", "head_branch", "html_url", "labels",
               "installation_id", "pool", "delivery", "state", "runner", "created_at_ms",
               "received_at_ms", "changed_at_ms")
RUNNER_COLUMNS = ("name", "made_for", "n", "job_id", "pool", "repository", "state", "child",
                  "audit_at_ms", "audits", "created_at_ms", "sent_at_ms", "placed_at_ms",
                  "changed_at_ms")


def insert(connection, table, columns, rows):
    marks = ", ".join("?" * len(columns))
    connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)


def job(number, state, now_ms):
    repository = f"octo/r{number % 20}"
    return (number, repository, repository.split("/")[1], f"https://github.com/{repository}", 0,
            number, 1, "build", "ci", "main", "", '["self-hosted","linux","x64"]', 0, "linux",
            "bench", state, f"runhook-bench-{number}-1", now_ms, now_ms, now_ms)


def runner(number, state, child, now_ms):
    return (f"runhook-bench-{number}-1", number, 1, number, "linux", f"octo/r{number % 20}", state,
            child, 0, 4, now_ms, now_ms, now_ms, now_ms)


def fill(site, history, live):
    """History, and jobs that run on runners whose children live in the stand-in."""
    now_ms = int(time.time() * 1000) - 3600 * 1000
    children = []
    for number in range(1, live + 1):
        status, answer = dispatch(site, number)
        assert status == 200, answer
        children.append(json.loads(answer)["DispatchedJobID"])
    with contextlib.closing(sqlite3.connect(site.ledger_path)) as connection, connection:
        insert(connection, "job", JOB_COLUMNS,
               [job(number, "running", now_ms) for number in range(1, live + 1)]
               + [job(live + number, "done", now_ms) for number in range(1, history + 1)])
        insert(connection, "runner", RUNNER_COLUMNS,
               [runner(number, "busy", child, now_ms) for number, child in enumerate(children, 1)]
               + [runner(live + number, "gone", "c", now_ms) for number in range(1, history + 1)])


def dispatch(site, number):
    import base64
    import urllib.request
    body = json.dumps({"Payload": base64.b64encode(b"{}").decode(),
                       "Meta": {key: "x" for key in META_KEYS}}).encode()
    request = urllib.request.Request(
        f"{site.nomad.url}/v1/job/{NOMAD_JOB}/dispatch?idempotency_token={number}.1", body,
        {"X-Nomad-Token": next(iter(site.nomad.tokens)), "Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return answer.status, answer.read()


def make_due(site, live, due):
    """`due` runners are due now, the others in an hour."""
    now_ms = int(time.time() * 1000)
    with contextlib.closing(sqlite3.connect(site.ledger_path)) as connection, connection:
        connection.execute("UPDATE runner SET audits = 4, audit_at_ms = iif(made_for <= ?1, ?2, ?3)"
                           " WHERE made_for <= ?4", (due, now_ms - 1, now_ms + 3600000, live))


def one_pass(site):
    """CPU milliseconds of one pass, and the requests that it made."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    seen = len(site.nomad.requests), len(site.github.requests)
    done = site.run("dispatch", timeout_s=120)
    assert done.code in (0, 1), done
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
    return cpu_s * 1000, len(site.nomad.requests) - seen[0], len(site.github.requests) - seen[1]


def main():
    parser = argparse.ArgumentParser(prog="python3 -m bench.audit_pass",
                                     description=__doc__.split("\n")[0])
    parser.add_argument("--history", type=int, default=5000)
    parser.add_argument("--live", type=int, default=500)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--runhook", default=PROJECT / "build/release/cgi/runhook")
    arguments = parser.parse_args()
    site = Site(arguments.runhook, nomad={"jobs": [
        ParameterizedJob(NOMAD_JOB, payload="required", meta_required=META_KEYS)]})
    site.configure("audit", interval=INTERVAL_S, interval_max=INTERVAL_MAX_S, idle_timeout=600,
                   register_timeout=300, placement_timeout=3000)
    try:
        site.run("dispatch")  # makes the ledger
        fill(site, arguments.history, arguments.live)
        common = arguments.live * INTERVAL_S // INTERVAL_MAX_S
        for title, due in (("nothing due", 0), ("a common pass", common),
                           ("all due at once", arguments.live)):
            passes = []
            for _ in range(arguments.runs):
                make_due(site, arguments.live, due)
                passes.append(one_pass(site))
            cpu_ms, nomad, github = min(passes)
            print(f"{title}: {due} rows due, {cpu_ms:.1f} ms of CPU, {nomad} requests to Nomad, "
                  f"{github} to GitHub")
    finally:
        problems = site.close()
        site.remove()
    return 1 if problems else 0


if __name__ == "__main__":
    os.chdir(Path(__file__).resolve().parents[1])
    sys.exit(main())
