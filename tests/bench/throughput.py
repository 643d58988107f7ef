"""Deliveries a second behind one nginx, side by side: a bare FastCGI program, runhook at its three
common answers, and Debian's `webhook` with the same HMAC rule.

    cd tests && /usr/bin/python3 -m bench.throughput [--requests N] [--rounds N] [--json FILE]

Each round runs all of them in turn, 32 connections each, with the same signed delivery of 10 KB, so
that what else the machine does strikes all alike; figures are medians over the rounds, and what
counts are their ratios to the bare program's. nginx is set up with the files that the project ships.
"""

import json
import shutil
import statistics
import subprocess

from e2e.support.deliveries import WEBHOOK_SECRET, timestamp
from e2e.support.fronts import HOOK_PATH, Nginx, replaced
from e2e.support.site import Site
from e2e.support.waiting import wait_until

from . import alone, measure
from .alone import PROGRAMS, PROJECT

CONNECTIONS = 32
BODY_LEN = 10 * 1024
JOB_ID = "59871034412"  # of the saved delivery, in whose place each request has its own
BARE_THREADS = 64  # one holds each connection that nginx keeps, and some are left for new ones


def body(labels):
    """The saved `queued` delivery, filled up to 10 KB with topics of its repository."""
    delivery = json.loads((PROJECT / "examples/deliveries/queued.json").read_text())
    delivery["workflow_job"].update(labels=labels, created_at=timestamp())
    topics = delivery["repository"]["topics"] = []

    def encoded():
        return json.dumps(delivery, separators=(",", ":"), ensure_ascii=False).encode()

    while len(encoded()) < BODY_LEN - 16:
        topics.append(f"topic-{len(topics):04}")
    topics[-1] += "x" * (BODY_LEN - len(encoded()))
    assert encoded().count(JOB_ID.encode()) >= 1 and len(encoded()) == BODY_LEN
    return encoded()


def send(front, path, requests, first_id, kind="signed"):
    """What bench_load tells of deliveries with the body of a file, and what they cost the program
    behind the front."""
    pids = measure.descendants(front.backend.pid)
    measure.reset_peak(pids)
    before_s = measure.cpu_s(pids)
    completed = subprocess.run(
        [PROGRAMS / "bench_load", front.address.rpartition(":")[2], HOOK_PATH, str(CONNECTIONS),
         str(requests), path, JOB_ID, str(first_id), WEBHOOK_SECRET, kind],
        stdout=subprocess.PIPE, text=True, check=True)
    result = json.loads(completed.stdout)
    result["cpu_s_per_1000"] = (measure.cpu_s(pids) - before_s) / requests * 1000
    result["peak_kib"] = measure.peak_kib(pids)
    return result


class Measured(Nginx):
    """nginx as it is shipped, but for its bound on floods from one address: all the load comes from
    one."""

    def shipped(self, name):
        text = super().shipped(name)
        if name == "runhook-http.conf":
            text = replaced(text, **{"rate=100r/s": "rate=1000000r/s"})
        return text


class Bare(Measured):
    """In runhook's place, the program that only reads and answers."""

    def start_backend(self):
        path = self.site.directory / "bare.sock"
        process = self.site.start([PROGRAMS / "bench_bare", path, BARE_THREADS], "bare")
        process.address = f"unix:{path}"
        wait_until(path.exists, "the bare program listens")
        return process

    def wait_until_ready(self):
        wait_until(lambda: self.web.is_running and self.client.request(
            "POST", HOOK_PATH, b"x").status == 202, "the bare program answers")


class Webhook(Measured):
    """In runhook's place, Debian's `webhook` behind nginx as an HTTP proxy, with one hook."""

    def start_backend(self):
        hooks = self.site.directory / "hooks.json"
        hooks.write_text(json.dumps([{
            "id": "github",
            "execute-command": "/bin/true",
            "success-http-response-code": 202,
            "trigger-rule": {"match": {
                "type": "payload-hmac-sha256", "secret": WEBHOOK_SECRET,
                "parameter": {"source": "header", "name": "X-Hub-Signature-256"}}},
        }]))
        self.port = free_port()
        process = self.site.start(["webhook", "-hooks", hooks, "-ip", "127.0.0.1", "-port",
                                   str(self.port)], "webhook")
        process.address = f"127.0.0.1:{self.port}"
        return process

    def servers(self, folder):
        return f"""    upstream webhook {{ server {self.backend.address}; keepalive {CONNECTIONS}; }}
    server {{
        listen {self.address};
        location = {HOOK_PATH} {{
            proxy_pass http://webhook/hooks/github;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            client_body_buffer_size 64k;
        }}
    }}"""

    def wait_until_ready(self):
        wait_until(lambda: self.web.is_running and self.client.request(
            "POST", HOOK_PATH, b"{}").status in (200, 500), "webhook answers")


def free_port():
    import socket
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


CASES = {
    "a": ("a bare FastCGI program", "bare", {}),
    "b": ("runhook refuses a forged signature", "runhook", {"kind": "forged", "status": "403"}),
    "c": ("runhook ignores labels that no pool serves", "runhook",
          {"labels": ("self-hosted", "windows"), "status": "200"}),
    "d": ("runhook accepts new jobs, on disk", "runhook", {}),
    # It takes a signature that does not match for an error of its own (500).
    "e": ("webhook refuses a forged signature", "webhook", {"kind": "forged", "status": "500"}),
    "f": ("webhook accepts, and starts /bin/true", "webhook", {}),
}


class Bench:
    """Each front at a site of its own."""

    def __init__(self, runhook, requests):
        kinds = {"bare": Bare, "runhook": Measured}
        if shutil.which("webhook"):
            kinds["webhook"] = Webhook
        self.sites = {name: Site(runhook) for name in kinds}
        # Jobs wait in the ledger: it is the deliveries that are measured, not the stand-ins.
        self.sites["runhook"].configure("pool linux", max_runners=1)
        self.fronts = {name: kind(self.sites[name], large_bodies=False)
                       for name, kind in kinds.items()}
        self.requests = requests
        self.next_id = 60_000_000_000

    def start(self):
        for front in self.fronts.values():
            front.start()

    def run(self, key):
        _, front_name, options = CASES[key]
        front = self.fronts[front_name]
        path = front.site.directory / f"body-{key}.json"
        path.write_bytes(body(list(options.get("labels", ("self-hosted", "linux", "x64")))))
        # What starts a program for each request is given fewer of them.
        requests = self.requests // 8 if key == "f" else self.requests
        result = send(front, path, requests, self.next_id, options.get("kind", "signed"))
        self.next_id += requests
        assert result["statuses"] == {options.get("status", "202"): requests}, result
        measure.wait_until_idle([front.backend.pid])
        return result

    def close(self):
        for front in self.fronts.values():
            front.stop()
        for site in self.sites.values():
            site.close()
            site.remove()


def median(results, field):
    return statistics.median(result[field] for result in results)


def summary(results):
    """Medians over the rounds, and ratios to the bare program's of the same round."""
    rows = []
    for key, rounds in results.items():
        row = {"case": key, "title": CASES[key][0]}
        for field in ("per_second", "p50_ms", "p99_ms", "cpu_s_per_1000", "peak_kib"):
            row[field] = median(rounds, field)
        for field in ("per_second", "p99_ms"):
            row[f"{field}_ratio"] = statistics.median(
                one[field] / bare[field] for one, bare in zip(rounds, results["a"]))
        rows.append(row)
    return rows


def table(rows):
    lines = ["| | | requests/s | of (a) | p50 ms | p99 ms | of (a) | CPU s per 1,000 | peak MiB |",
             "|---|---|---|---|---|---|---|---|---|"]
    for row in rows:
        lines.append(
            f"| ({row['case']}) | {row['title']} | {row['per_second']:.0f} "
            f"| {row['per_second_ratio']:.2f} | {row['p50_ms']:.2f} | {row['p99_ms']:.2f} "
            f"| {row['p99_ms_ratio']:.2f} | {row['cpu_s_per_1000']:.3f} "
            f"| {row['peak_kib'] / 1024:.1f} |")
    return "\n".join(lines)


def run(runhook, requests, rounds):
    bench = Bench(runhook, requests)
    try:
        bench.start()
        keys = [key for key, (_, front, _) in CASES.items() if front in bench.fronts]
        for key in keys:  # once before it counts
            bench.run(key)
        results = {key: [] for key in keys}
        for _ in range(rounds):
            for key in keys:
                results[key].append(bench.run(key))
    finally:
        bench.close()
    return summary(results)


def main():
    alone.main(__doc__, [("--requests", {"type": int, "default": 8000, "help": "of each, a round"}),
                         ("--rounds", {"type": int, "default": 5})],
               lambda given: run(given.runhook, given.requests, given.rounds), table)


if __name__ == "__main__":
    main()
