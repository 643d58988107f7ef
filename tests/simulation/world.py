"""One simulated time with a GitHub, a Nomad and the program in it, all determined by a seed.

The world steps from event to event; after each step the program gets the deliveries that have
arrived and does what is due. A request of the program takes simulated time too, in which things
happen. When demand has ended, the world runs on until all is quiet, or for QUIET_WITHIN_S.
"""

import random
import shutil
import tempfile
from pathlib import Path

from e2e.support import deliveries

from .checks import Drain, Ledger, final_violations
from .cluster import NOMAD_TOKEN, Cluster
from .courier import Courier
from .forge import API_TOKEN, Forge
from .program import Program
from .settings import POOLS, REPOSITORIES, Settings
from .timeline import Timeline

QUIET_WITHIN_S = 8 * 3600
STEP_S = (1, 15)
QUIET_STEP_S = 60
CHECK_EVERY_S = 30


class World:
    def __init__(self, seed, driver=None, tell=None, settings=None):
        """`driver` is the program's path, or a function of the world that gives what is to stand
        in its place; `tell` is called with each line of the tale."""
        self.settings = settings or Settings(seed)
        self.rng = random.Random(f"world {seed}")
        self.violations = []
        self.is_told = tell is not None
        self._tell = tell
        # A disk that is none: the program waits for it at every commit.
        memory = Path("/dev/shm")
        self.directory = Path(tempfile.mkdtemp(prefix="runhook-simulation-",
                                               dir=memory if memory.is_dir() else None))
        self.timeline = Timeline(self.directory / "clock")
        self.drain = Drain(self)
        self.courier = Courier(self)
        self.forge = Forge(self)
        self.cluster = Cluster(self)
        self.servers = [self.forge.github.server, self.cluster.nomad.server]
        for server in self.servers:
            server.start()
        self.ledger = Ledger(self.directory / "ledger.db")
        if callable(driver):
            self.program = driver(self)
        else:
            self.program = Program(self, driver, self._configure(), self.directory / "log")
            for server in self.servers:
                server.handler = self._served_by(server.handler)
        self._checked_ms = 0
        self.is_cleared = False  # there is neither a child nor a registration of ours

    def _served_by(self, standin):
        return lambda request: self.program.serve(standin, request)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.program.close()
        for server in self.servers:
            server.stop()
        self.ledger.close()
        self.timeline.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _configure(self):
        settings = self.settings
        sections = {
            "server": {"ledger": self.directory / "ledger.db", "log_file": self.directory / "log"},
            "github": {"api_url": self.forge.github.url, "token": API_TOKEN,
                       "webhook_secret": deliveries.WEBHOOK_SECRET},
            "nomad": {"address": self.cluster.nomad.url, "token": NOMAD_TOKEN},
            "audit": settings.audit,
        }
        if settings.names_repositories:
            sections["github"]["repositories"] = ", ".join(REPOSITORIES)
        for name, (labels, job) in POOLS.items():
            sections[f"pool {name}"] = {
                "labels": ", ".join(labels), "nomad_job": job,
                "max_runners": settings.max_runners[name], "max_pending": settings.max_pending}
        path = self.directory / "runhook.conf"
        path.write_text("".join(
            f"[{section}]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items()) + "\n"
            for section, keys in sections.items()))
        path.chmod(0o600)
        return path

    # -- the tale -----------------------------------------------------------------------------

    def say(self, text, *values):
        if self.is_told:
            self._tell(f"{self.timeline.elapsed_s:10.3f}  {text % values if values else text}")

    def violation(self, text):
        self.say("VIOLATION: %s", text)
        self.violations.append(f"after {self.timeline.elapsed_s:.3f} s: {text}")

    # -- time ---------------------------------------------------------------------------------

    def run(self):
        """Returns the violations."""
        self.forge.plan()
        end_s = self.settings.demand_s + QUIET_WITHIN_S
        while self.timeline.elapsed_s < end_s:
            self._step()
            if self.forge.is_demand_over and self.is_quiet and self.ledger.is_at_rest():
                break
        self.violations += final_violations(self)
        for text in self.violations:
            self.say("VIOLATION: %s", text)
        return self.violations

    def _step(self):
        timeline = self.timeline
        step_s = self.rng.uniform(*STEP_S) if self._is_lively() else QUIET_STEP_S
        target_ms = timeline.now_ms + round(step_s * 1000)
        if timeline.next_ms is not None:
            target_ms = min(target_ms, max(timeline.next_ms, timeline.now_ms + 1000))
        timeline.run_until(target_ms)
        self.courier.hand_over(self.program)
        self.program.work()
        if timeline.now_ms - self._checked_ms >= CHECK_EVERY_S * 1000:
            self._checked_ms = timeline.now_ms
            for text in self.ledger.doubled_jobs():
                self.violation(text)
        self.is_cleared = self.drain.look()

    def _is_lively(self):
        return bool(self.forge.pending or not self.is_cleared)

    @property
    def is_quiet(self):
        return (not self.forge.pending and not self.courier.on_their_way
                and self.is_cleared)
