"""One installation of runhook in a folder of its own: configuration, secret files, ledger, log, the
two stand-ins, and every process that a test starts in it."""

import contextlib
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from standins import GitHub, Nomad, ParameterizedJob

from . import deliveries, log
from .fastcgi import FastCgiConnection
from .fronts import FRONTS
from .processes import Process, children_of, environment, reap_orphans
from .waiting import SLOWNESS, wait_until

GITHUB_TOKEN = "ghp_0b6c1f7e9a2d4453"
NOMAD_TOKEN = "5c7a3e90-77aa-4b1e-9f5e-0d6f8c2b1a43"
CF_ACCESS_ID = "cf-id-2f6e8d1c.access"
CF_ACCESS_SECRET = "cf-secret-91ab04c7d2"
PREVIOUS_WEBHOOK_SECRET = "webhook-secret-of-last-month"
NOMAD_JOB = "github-runner"
META_KEYS = ("REPO_FULL_NAME", "REPO_SHORT_NAME", "WORKFLOW_RUN")
PROJECT = Path(__file__).resolve().parents[3]


open_sites = []  # those that a failure's report can tell of


class Completed:
    """A command that ended."""

    def __init__(self, code, stdout, stderr):
        self.code = code
        self.stdout = stdout
        self.stderr = stderr

    @property
    def output(self):
        return self.stdout + self.stderr

    def __repr__(self):
        return f"<exit {self.code} stdout={self.stdout[-2000:]!r} stderr={self.stderr[-2000:]!r}>"


class Site:
    def __init__(self, runhook, *, github=None, nomad=None):
        """`github` and `nomad` are keyword arguments for the stand-ins."""
        self.runhook = Path(runhook)
        # Not pytest's folders: a unix socket's path has room for 107 bytes.
        self.directory = Path(tempfile.mkdtemp(prefix="runhook-"))
        self.config_path = self.directory / "runhook.conf"
        self.ledger_path = self.directory / "ledger.db"
        self.log_path = self.directory / "runhook.log"
        self.github = GitHub(**{"tokens": [GITHUB_TOKEN], **(github or {})})
        job = ParameterizedJob(NOMAD_JOB, payload="required", meta_required=META_KEYS)
        self.nomad = Nomad(**{"tokens": [NOMAD_TOKEN], "jobs": [job], **(nomad or {})})
        self.secrets = set()
        self.processes = []
        self.front = None
        self.transcript = []  # what commands printed, for failures and for the search for secrets
        self._counter = 0
        self._lock = threading.Lock()
        self.github.server.start()
        self.nomad.server.start()
        self.config = {
            "server": {
                "ledger": self.ledger_path,
                "log_file": self.log_path,
                "retry_initial": 1,
                "retry_max": 2,
            },
            "github": {
                "api_url": self.github.url,
                "webhook_secret_file": self.secret_file("webhook-secret",
                                                        deliveries.WEBHOOK_SECRET),
                "token_file": self.secret_file("github-token", GITHUB_TOKEN),
            },
            "nomad": {
                "address": self.nomad.url,
                "token_file": self.secret_file("nomad-token", NOMAD_TOKEN),
            },
            # Tests of what follows a dispatch shorten these; the others must not be asked about jobs
            # that the GitHub stand-in has not.
            "audit": {
                "interval": 3600,
                "interval_max": 3600,
                "idle_timeout": 86400,
                "register_timeout": 86400,
                "placement_timeout": 86400,
                "discover_interval": 0,
                "redeliver_interval": 0,
            },
            "pool linux": {
                "labels": ", ".join(deliveries.POOL_LABELS),
                "nomad_job": NOMAD_JOB,
                "max_runners": 100000,
            },
        }
        self.write_config()
        open_sites.append(self)

    # -- files --------------------------------------------------------------------------------

    def secret_file(self, name, value, mode=0o600):
        folder = self.directory / "secrets"
        folder.mkdir(exist_ok=True)
        path = folder / name
        path.write_text(value + "\n")
        path.chmod(mode)
        self.secrets.add(value)
        return path

    def write_config(self, text=None):
        if text is None:
            text = "".join(
                f"[{section}]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items()
                                           if value is not None) + "\n"
                for section, keys in self.config.items())
        self.config_path.write_text(text)
        return text

    def configure(self, section, **keys):
        """Changes keys of a section (None removes one) and writes the file."""
        self.config.setdefault(section, {}).update(keys)
        return self.write_config()

    # -- processes ----------------------------------------------------------------------------

    def start(self, command, name, **options):
        """A process in the background, whose output goes to NAME.out."""
        with self._lock:
            self._counter += 1
            output = self.directory / f"{name}-{self._counter}.out"
        process = Process(command, output, cwd=self.directory, **options)
        self.processes.append(process)
        return process

    def run(self, *arguments, env=None, config=True, stdin=b"", timeout_s=30.0):
        """A runhook command, to its end. `config=True` names the site's file."""
        command = [self.runhook, *arguments]
        if config:
            command += ["--config", self.config_path]
        command = [str(part) for part in command]
        done = subprocess.run(command, input=stdin, capture_output=True, env=environment(env),
                              cwd=self.directory, timeout=timeout_s * SLOWNESS)
        result = Completed(done.returncode, done.stdout.decode(errors="replace"),
                           done.stderr.decode(errors="replace"))
        self.transcript.append((command, result))
        return result

    def serve(self, front="nginx", **options):
        """Puts a web server of this kind, a name or a class, in front, with runhook behind it."""
        assert self.front is None, "one front a site"
        self.front = (FRONTS[front] if isinstance(front, str) else front)(self, **options)
        try:
            self.front.start()
        except Exception:
            # A fixture that fails has removed its site before pytest asks for a report.
            for title, text in self.report():
                print(f"--- {title}\n{text}")
            raise
        return self.front

    def serve_socket(self, listen=None, env=None, launcher=()):
        """`runhook serve` alone, started by the command `launcher` where there is one; returns the
        process, whose `address` is the one that it logs."""
        seen = len(log.matching(self.events(), event="listening"))
        command = [*launcher, self.runhook, "serve", "--config", self.config_path]
        if listen is None:
            listen = f"unix:{self.directory}/runhook.sock"
        if listen:
            command += ["--listen", listen]
        process = self.start(command, "runhook", env=env)

        def address():
            if not process.is_running:
                raise AssertionError(f"runhook serve ended with {process.wait()}: {process.output}")
            found = log.matching(self.events() + log_events_of(process.output), event="listening")
            return found[seen]["address"] if len(found) > seen else None

        process.address = wait_until(address, "runhook serve logs event=listening")
        return process

    def fastcgi(self, process, **options):
        return FastCgiConnection(process.address, **options)

    def reload(self, process=None, outcome="reloaded"):
        """Has runhook read its configuration again, and waits for the log line that says how that
        ended; returns it."""
        seen = len(self.events(event="reload", outcome=outcome))
        (process or self.front.backend).send(signal.SIGHUP)
        return self.wait_for_event(seen + 1, event="reload", outcome=outcome)

    def wait_until_ledger_rests(self, rest_s=0.3):
        """Until nothing has been written for a while, as when what a start brings is over."""
        log = Path(f"{self.ledger_path}-wal")
        wait_until(lambda: time.time() - log.stat().st_mtime > rest_s, "the ledger rests")

    # -- what there is to see -----------------------------------------------------------------

    def events(self, **pairs):
        if not self.log_path.exists():
            return []
        return log.matching(log.parse(self.log_path.read_text(errors="strict")), **pairs)

    def wait_for_event(self, count=1, timeout_s=10.0, **pairs):
        """Waits for the log lines that have these pairs; returns the last of `count`."""
        def found():
            events = self.events(**pairs)
            return events if len(events) >= count else None

        return wait_until(found, f"{count} log lines with {pairs}", timeout_s)[count - 1]

    def jobs(self):
        """The ledger as `runhook jobs --json` shows it, by job id."""
        done = self.run("jobs", "--json")
        assert done.code == 0, done
        jobs = json.loads(done.stdout)["jobs"]
        result = {job["job_id"]: job for job in jobs}
        assert len(result) == len(jobs), "a job is listed twice"
        return result

    def wait_for_dispatch(self, delivery, timeout_s=15.0):
        """Waits until the delivery's job has its child; returns (job as listed, child)."""
        def assigned():
            job = self.jobs().get(delivery.id)
            return job if job and job["child"] else None

        job = wait_until(assigned, f"job {delivery.id} is dispatched", timeout_s)
        return job, self.nomad.child(job["child"])

    def dispatches_of(self, delivery):
        """The dispatch requests that reached Nomad for this job, by their idempotency token."""
        return [request for request in self.nomad.dispatch_requests()
                if request.query_value("idempotency_token", "").split(".")[0] == str(delivery.id)]

    @contextlib.contextmanager
    def locked_ledger(self):
        """Another process holds the ledger's write lock for the time of the block."""
        with contextlib.closing(sqlite3.connect(self.ledger_path, isolation_level=None,
                                                timeout=10)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            finally:
                connection.execute("ROLLBACK")

    # -- the end ------------------------------------------------------------------------------

    def close(self):
        """Stops everything and checks what has to hold after every test: nothing was left running,
        every log line can be parsed, and no secret was written anywhere."""
        problems = []
        try:
            if self.front is not None:
                problems += _attempt(self.front.stop)
            for process in reversed(self.processes):
                if process.is_running:
                    problems += _attempt(process.stop)
            killed = reap_orphans({process.pid for process in self.processes
                                   if process.is_running})
            if killed:
                problems.append(f"left running and killed: {killed}")
        finally:
            for process in self.processes:
                if process.is_running:
                    process.kill()
            self.github.server.stop()
            self.nomad.server.stop()
        problems += _attempt(self.events)
        problems += self.leaked_secrets()
        problems += self.sanitizer_reports()
        for server in (self.github.server, self.nomad.server):
            if server.bad_requests:
                problems.append(f"malformed upstream requests: {server.bad_requests}")
        return problems

    def remove(self):
        open_sites.remove(self)
        shutil.rmtree(self.directory, ignore_errors=True)

    def written_files(self):
        """Every file that was written here, but the secret files themselves (in folders of that
        name), the configuration
        (a test may put a secret there) and a web server's copies of request bodies."""
        for path in sorted(self.directory.rglob("*")):
            if (path.is_file() and not path.is_symlink()
                    and "secrets" not in path.relative_to(self.directory).parent.parts
                    and path != self.config_path):
                yield path

    def leaked_secrets(self):
        secrets = {secret: secret for secret in self.secrets}
        secrets.update({token: "a registration token" for token in self.github.tokens_issued()})
        found = []
        for path in self.written_files():
            data = path.read_bytes()
            found += [f"{label} is in {path.name}" for secret, label in secrets.items()
                      if secret.encode() in data]
        for command, done in self.transcript:
            found += [f"{label} was printed by {' '.join(command[1:])}"
                      for secret, label in secrets.items() if secret in done.output]
        return sorted(set(found))

    def sanitizer_reports(self):
        pattern = re.compile(r"(ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:).*")
        found = []
        for path in self.directory.glob("*.out"):
            text = path.read_text(errors="replace")
            found += [match.group(0) for match in pattern.finditer(text)]
        return found

    def report(self):
        """(title, text) pairs that tell a reader of a failed test what went on."""
        sections = []
        for path in sorted([*self.directory.glob("*.out"), *self.directory.glob("*.log"),
                            *self.directory.glob("*.conf")]):
            text = path.read_text(errors="replace")
            if text:
                sections.append((path.name, text[-12000:]))
        for command, done in self.transcript[-6:]:
            sections.append((" ".join(command[1:]), repr(done)[:4000]))
        for name, standin in (("GitHub", self.github), ("Nomad", self.nomad)):
            lines = [repr(request) for request in standin.requests[-40:]]
            lines += [f"bad request: {text}" for text in standin.server.bad_requests]
            lines += [f"TLS: {text}" for text in standin.server.tls_errors]
            sections.append((f"requests to {name}", "\n".join(lines) or "none"))
        return sections


def close_sites(sites):
    problems = [problem for site in sites for problem in site.close()]
    for site in sites:
        site.remove()
    assert not problems, "\n".join(problems)


def log_events_of(output):
    """The log lines among a process's output, which may hold other lines as well."""
    return log.parse("".join(line + "\n" for line in output.splitlines()
                             if line.startswith("time=")))


def _attempt(action):
    try:
        action()
        return []
    except Exception as error:  # one that does not stop must not keep the others running
        return [f"{type(error).__name__}: {error}"]


def processes_of(site):
    """The pids of this site's program, whoever started them."""
    result, todo = [], [os.getpid()]
    while todo:
        for child in children_of(todo.pop()):
            result.append(child)
            todo.append(child)
    return [pid for pid in result if _program(pid) == str(site.runhook)]


def _program(pid):
    # Not /proc/PID/exe: that of a process which may not be dumped is for root alone.
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode()
    except OSError:
        return None
