"""Runners that live by themselves, over the stand-ins and in real time: each child that Nomad has
registers with GitHub, is given some waiting job whose labels it covers, runs it, and ends. Whether
a webhook arrives is for the test to say."""

import threading
import time

from standins import RegistrationRefused

from .deliveries import workflow_job

STEP_S = 0.05


class Yard:
    """`delivers(action, job)` says whether the event arrives; `pause_s` is how long each stage of a
    runner's life takes."""

    def __init__(self, site, process, rng, *, delivers=lambda action, job: True, pause_s=0.1):
        self.site = site
        self.process = process
        self.rng = rng
        self.delivers = delivers
        self.pause_s = pause_s
        self.actions = site.github.actions
        self.takes = {}  # runner's name -> the job that it shall be given, where a test says so
        self.ran_on = {}  # job id -> runner's name
        self.last_end = None  # when the last job ended, by time.monotonic()
        self.errors = []
        self._stopped = set()  # children that shall end
        self._ending = threading.Event()
        self._threads = []
        site.nomad.on_dispatch = self._dispatched
        site.nomad.on_stop = lambda child: self._stopped.add(child.id)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._ending.set()
        for thread in self._threads:
            thread.join(10)

    # -- demand -------------------------------------------------------------------------------

    def queue(self, repository, labels):
        with self.site.github.changing():
            job = self.actions.add_job(self.actions.add_run(repository), "build", labels)
        self._tell("queued", job)
        return job

    def cancel(self, job):
        """False where it runs, or is over."""
        with self.site.github.changing():
            if job.status != "queued":
                return False
            self._complete(job, "cancelled")
        self._tell("completed", job)
        return True

    def _complete(self, job, conclusion):
        self.actions.complete(job, conclusion)
        self.last_end = time.monotonic()

    def _tell(self, action, job):
        if not self.delivers(action, job):
            return
        delivery = workflow_job(action, repository=job.repository, **job.json())
        try:
            with self.site.fastcgi(self.process) as connection:
                answer = connection.post(delivery)
        except OSError:
            return  # nobody there any more: lost
        if not 200 <= answer.status <= 299:
            self.errors.append(answer)

    # -- supply -------------------------------------------------------------------------------

    def living(self):
        """Names of the runners that are on GitHub, and ids of the children that are not dead."""
        with self.site.github.changing():
            registered = [runner.name for runner in self.actions.runners.values()]
        return registered, [child.id for child in list(self.site.nomad.children)
                            if child.status != "dead"
                            or any(allocation.is_living for allocation in child.allocations)]

    def _dispatched(self, child):
        thread = threading.Thread(target=self._live, args=(child,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _rest(self, child, seconds):
        """False where the child shall end."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if child.id in self._stopped or self._ending.wait(STEP_S / 5):
                return False
        return child.id not in self._stopped

    def _live(self, child):
        payload = child.json()
        repository = payload["url"].removeprefix("https://github.com/")
        registration = None
        try:
            if self._rest(child, self.pause_s):
                registration = self.site.github.register_runner(
                    repository, payload["runner_name"], payload["labels"], payload["token"])
                self._work(child, registration)
        except RegistrationRefused as error:
            self.errors.append(error)
        finally:
            # The process ends; an idle one's registration stays behind for whoever deletes it.
            self.site.nomad.finish(child)

    def _work(self, child, registration):
        job = None
        while job is None:
            # GitHub drops the session of a runner whose registration was deleted.
            if not self._rest(child, STEP_S):
                return
            job = self._take(registration)
        self._tell("in_progress", job)
        if not self._rest(child, self.pause_s):
            self.errors.append(f"{child.id} was stopped while it ran job {job.id}")
        with self.site.github.changing():
            self._complete(job, "success")
            self.actions.remove_runner(registration)
        self._tell("completed", job)

    def _take(self, registration):
        """GitHub's choice: any waiting job that the runner's labels cover."""
        with self.site.github.changing():
            if registration.id not in self.actions.runners:
                return None
            meant = self.takes.get(registration.name)
            waiting = [job for job in self.actions.jobs.values()
                       if job.status == "queued" and job.repository == registration.repository
                       and registration.covers(job.labels) and meant in (None, job)]
            if not waiting:
                return None
            job = self.rng.choice(waiting)
            self.actions.begin(job, registration.id, registration.name)
            self.ran_on[job.id] = registration.name
            return job
