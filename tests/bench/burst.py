"""How long a burst of jobs takes to be dispatched, against the least that its requests take.

    cd tests && /usr/bin/python3 -m bench.burst [--jobs 1000] [--json FILE]

GitHub takes 100 ms for a runner's credential, Nomad 20 ms for a dispatch. With registration tokens
there is one request to GitHub for all jobs of the repository, with just-in-time configurations one a
job. The least time is that of all requests, shared among the dispatchers without a gap; before the
first token there is nothing to share.
"""

import signal
import subprocess
import time

from e2e.support.site import Site

from . import alone
from .alone import PROGRAMS
from .throughput import Measured, body, send

GITHUB_MS, NOMAD_MS = 100, 20
FIRST_ID = 80_000_000_000


class Upstream:
    def __init__(self):
        self.process = subprocess.Popen(
            [PROGRAMS / "bench_upstream", str(GITHUB_MS), str(NOMAD_MS)], stdout=subprocess.PIPE,
            text=True)
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}"

    def dispatches(self):
        """How many were answered, and when the last was, in ms of the monotonic clock."""
        self.process.send_signal(signal.SIGUSR1)
        count, last_ms = self.process.stdout.readline().split()
        return int(count), float(last_ms)

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def least_ms(jobs, dispatchers, credential):
    if credential == "jit":
        return jobs * (GITHUB_MS + NOMAD_MS) / dispatchers
    return GITHUB_MS + jobs * NOMAD_MS / dispatchers


def burst(runhook, jobs, dispatchers, credential):
    """Milliseconds from the first delivery to the last dispatch's answer."""
    upstream = Upstream()
    site = Site(runhook)
    front = Measured(site, large_bodies=False)
    path = site.directory / "body.json"
    path.write_bytes(body(["self-hosted", "linux", "x64"]))
    try:
        site.configure("server", dispatchers=dispatchers)
        site.configure("github", api_url=upstream.url, content_per_minute=100000)
        site.configure("nomad", address=upstream.url)
        site.configure("pool linux", credential=credential)
        front.start()
        began_ms = time.monotonic() * 1000
        sent = send(front, path, jobs, FIRST_ID)
        assert sent["statuses"] == {"202": jobs}, sent
        while (state := upstream.dispatches())[0] < jobs:
            assert time.monotonic() * 1000 < began_ms + 300_000, state
            time.sleep(0.05)
        return state[1] - began_ms
    finally:
        front.stop()
        site.close()
        site.remove()
        upstream.close()


def run(runhook, jobs):
    rows = []
    for credential in ("registration-token", "jit"):
        for dispatchers in (4, 16):
            took_ms = burst(runhook, jobs, dispatchers, credential)
            least = least_ms(jobs, dispatchers, credential)
            rows.append({"credential": credential, "dispatchers": dispatchers, "jobs": jobs,
                         "took_ms": took_ms, "least_ms": least, "ratio": took_ms / least})
    return rows


def table(rows):
    lines = ["| credential | dispatchers | seconds for all | the least | ratio |",
             "|---|---|---|---|---|"]
    lines += [f"| {row['credential']} | {row['dispatchers']} | {row['took_ms'] / 1000:.2f} "
              f"| {row['least_ms'] / 1000:.2f} | {row['ratio']:.2f} |" for row in rows]
    return "\n".join(lines)


def main():
    alone.main(__doc__, [("--jobs", {"type": int, "default": 1000})],
               lambda given: run(given.runhook, given.jobs), table)


if __name__ == "__main__":
    main()
