"""A past that is written into a site's ledger: many jobs that ended, some that wait and run, and the
story of each."""

import contextlib
import sqlite3

JOB_COLUMNS = ("id", "repository", "repository_short", "repository_url", "fork", "run_id",
               "run_attempt", "name", "workflow_name", "head_branch", "html_url", "labels",
               "installation_id", "pool", "delivery", "state", "conclusion", "runner",
               "created_at_ms", "received_at_ms", "started_at_ms", "changed_at_ms", "last_error")
RUNNER_COLUMNS = ("name", "made_for", "n", "job_id", "pool", "repository", "place", "state", "child",
                  "audit_at_ms", "created_at_ms", "sent_at_ms", "placed_at_ms", "ended_at_ms",
                  "changed_at_ms")
FIRST_ID = 70_000_000_001  # beyond those of deliveries.next_id
GUID = "6f1c2a90-5b1e-11f0-8f0e-3a6d1d3c9b7e"
HOUR_MS = 3600 * 1000


class Past:
    """Rows that are written together by `write`. Nothing in it is due within half an hour."""

    def __init__(self, now_ms):
        self.now_ms = now_ms
        self.jobs = []
        self.runners = []
        self.history = []
        self._next = FIRST_ID

    def add(self, state, received_ms, started_ms=0, changed_ms=0, *, name="build", pool="linux",
            repository="octo-harbor/lighthouse", workflow="Build and test", branch="main",
            url=None, conclusion=None, last_error=None):
        """A job; times are in ms before now, a start of 0 says that it did not. Returns its id."""
        number = self._next
        self._next += 1
        runner = f"runhook-0a1b2c3d-{number}-1" if started_ms or state == "assigned" else None
        received, changed = self.now_ms - received_ms, self.now_ms - changed_ms
        started = self.now_ms - started_ms if started_ms else 0
        if conclusion is None:
            conclusion = "success" if state == "done" else ""
        if url is None:
            url = f"https://github.com/{repository}/actions/runs/{number}/job/{number}"
        self.jobs.append((number, repository, repository.split("/")[1],
                          f"https://github.com/{repository}", 0, number, 1, name, workflow, branch,
                          url, '["self-hosted","linux","x64"]', 0, pool, GUID, state, conclusion,
                          runner, received, received, started, changed, last_error))
        self.note(number, received, "queued", detail=f"for pool {pool}, by delivery {GUID}")
        if runner:
            over = state not in ("assigned", "running")
            child = f"github-runner/dispatch-1769903999-{number % 0xffffffff:08x}"
            self.runners.append((runner, number, 1, number, pool, repository, f"repos/{repository}",
                                 "gone" if over else "busy" if started else "live", child,
                                 self.now_ms + HOUR_MS // 2, received, received, received,
                                 changed if over else 0, changed))
            self.note(number, received + 900, "dispatched", runner, child)
        if started:
            self.note(number, started, "running", runner)
        if state in ("done", "failed", "expired", "refused"):
            self.note(number, changed, state, runner, conclusion or last_error)
        if runner and state == "done":
            self.note(number, changed + 1500, "gone", runner)
        return number

    def note(self, number, at_ms, what, runner=None, detail=None):
        self.history.append((number, at_ms, what, runner, detail))

    def add_ended(self, count, span_ms):
        """`count` jobs that ended, evenly over the last `span_ms`."""
        for i in range(count):
            end = span_ms * (i + 1) // (count + 1)
            ran = 20_000 + i * 7919 % 600_000
            waited = 3_000 + i * 104729 % 45_000
            self.add("done", end + ran + waited, end + ran, end,
                     name=f"test (ubuntu, {i % 12})", repository=f"octo-harbor/boat-{i % 20}",
                     conclusion="success" if i % 7 else "failure")

    def write(self, ledger_path):
        with contextlib.closing(sqlite3.connect(ledger_path, timeout=10)) as connection, connection:
            _insert(connection, "job", JOB_COLUMNS, self.jobs)
            _insert(connection, "runner", RUNNER_COLUMNS, self.runners)
            _insert(connection, "history", ("job_id", "at_ms", "what", "runner", "detail"),
                    self.history)


def _insert(connection, table, columns, rows):
    marks = ", ".join("?" * len(columns))
    connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)
