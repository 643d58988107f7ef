"""Nomad's side of the world: nodes with room for so many runners, tasks that take their time to
start, register and end, and nodes that are lost."""

from standins import AclToken, Nomad, ParameterizedJob, RegistrationRefused, alloc_metric

from .forge import Session
from .settings import POOLS

NOMAD_TOKEN = "5c7a3e90-77aa-4b1e-9f5e-0d6f8c2b1a43"
META_KEYS = ("REPO_FULL_NAME", "REPO_SHORT_NAME", "WORKFLOW_RUN")
CAPABILITIES = {"dispatch-job", "read-job", "list-jobs", "submit-job"}
# Where a child may be lost, or fail.
PHASES = ("starting", "idle", "busy", "busy", "crashing", "hanging")


class Task:
    """A runner's process on a node: config.sh, then run.sh for one job."""

    def __init__(self, child, allocation, phase):
        self.child = child
        self.allocation = allocation
        self.phase = phase  # of PHASES, or None for one that goes well
        self.session = None
        self.is_alive = True


class Cluster:
    def __init__(self, world):
        self.world = world
        self.settings = world.settings
        self.rng = world.rng
        self.timeline = world.timeline
        jobs = [ParameterizedJob(name, payload="required", meta_required=META_KEYS)
                for _, name in POOLS.values()]
        self.nomad = Nomad(jobs=jobs, tokens=[AclToken(NOMAD_TOKEN, CAPABILITIES)],
                           placement="never", clock=self.timeline.seconds, rng=self.rng,
                           threaded=False)
        self.nomad.on_dispatch = self._dispatched
        self.nomad.on_stop = self._stopped
        self.waiting = {job.id: [] for job in jobs}  # children, first come first served
        self.used = {job.id: 0 for job in jobs}
        self.tasks = {}  # child id -> its latest Task
        self.phases = {}  # child id -> where it is to be lost
        self.counts = {"lost": 0, "replaced": 0, "refused": 0}

    def living(self):
        """Children that are not dead, or have a task that is not."""
        return [child for child in self.nomad.children if child.status != "dead"
                or any(allocation.is_living for allocation in child.allocations)]

    # -- placement ----------------------------------------------------------------------------

    def _dispatched(self, child):
        self.world.say("Nomad has %s for %s", child.id, child.json()["runner_name"])
        if self.rng.random() < self.settings.children_lost:
            self.phases[child.id] = self.rng.choice(PHASES)
        self._wait(child)

    def _wait(self, child):
        self.waiting[child.parent_id].append(child)
        self.timeline.after(self.rng.uniform(0.2, 3), self._schedule, child.parent_id)

    def _schedule(self, parent):
        waiting = self.waiting[parent]
        while waiting and self.used[parent] < self.settings.capacity[parent]:
            child = waiting.pop(0)
            self.used[parent] += 1
            task = Task(child, self.nomad.place(child, started=False),
                        self.phases.pop(child.id, None))
            self.tasks[child.id] = task
            delay_s = self.rng.choices((self.rng.uniform(0.5, 15), self.rng.uniform(60, 240)),
                                       (95, 5))[0]
            self.timeline.after(delay_s, self._start, task)
        for child in waiting:
            self.nomad.fail_to_place(child, alloc_metric(nodes=2, exhausted={"memory": 2}))

    # -- a task -------------------------------------------------------------------------------

    def _start(self, task):
        if not task.is_alive:
            return
        self.nomad.start(task.allocation)
        self.world.drain.restart(task.child.meta["REPO_FULL_NAME"])
        delay_s = self.rng.uniform(3, 25)
        if task.phase in ("starting", "crashing"):
            self.timeline.after(self.rng.uniform(0, delay_s), self._fail, task)
        if task.phase != "hanging":
            self.timeline.after(delay_s, self._register, task)

    def _fail(self, task):
        if not task.is_alive:
            return
        if task.phase == "crashing":
            self.world.say("%s fails by itself", task.child.id)
            self._end(task, "failed")
        else:
            self._lose(task)

    def _register(self, task):
        if not task.is_alive:
            return
        payload = task.child.json()
        try:
            registration = self.world.forge.github.register_runner(
                payload["url"].removeprefix("https://github.com/"), payload["runner_name"],
                payload["labels"], payload["token"])
        except RegistrationRefused as error:
            self.world.say("GitHub refuses %s", error)
            self.counts["refused"] += 1
            self._end(task, "failed")
            return
        self.world.say("%s registers as %d", registration.name, registration.id)
        task.session = Session(registration, lambda: self._leave(task))
        self.world.forge.join(task.session)
        if task.phase == "idle":
            self.timeline.after(self.rng.uniform(0, 3), self._lose, task)

    def begun(self, session, duration_s):
        """Its job runs now."""
        for task in self.tasks.values():
            if task.session is session and task.phase == "busy":
                self.timeline.after(self.rng.uniform(0, duration_s), self._lose, task)

    def _leave(self, task):
        """Its job is over, and the process ends by and by."""
        self.timeline.after(self.rng.uniform(0.2, 5), self._end, task, "complete")

    def _end(self, task, client_status):
        if not task.is_alive:
            return
        task.is_alive = False
        if task.session is not None and task.session.is_alive:
            self.world.forge.leave(task.session)
        self.nomad.end(task.child, task.allocation, client_status)
        self._free(task)

    def _free(self, task):
        self.used[task.child.parent_id] -= 1
        self._schedule(task.child.parent_id)
        if task.child.status == "dead":
            self._collect_later(task.child)

    def _collect_later(self, child):
        self.timeline.after(self.rng.uniform(3600, 4 * 3600), self.nomad.collect, child)

    # -- losses -------------------------------------------------------------------------------

    def _lose(self, task):
        if not task.is_alive:
            return
        self.world.say("the node of %s is lost", task.child.id)
        self.counts["lost"] += 1
        task.is_alive = False
        if task.session is not None and task.session.is_alive:
            self.world.forge.leave(task.session)
        self.timeline.after(self.rng.uniform(10, 120), self._notice, task)

    def _notice(self, task):
        child = task.child
        self.nomad.end(child, task.allocation, "lost")
        if not child.stop and self.rng.random() < self.settings.replaced:
            self.world.say("Nomad replaces what %s lost", child.id)
            self.counts["replaced"] += 1
            child.status = "pending"
            self._wait(child)
        self._free(task)

    # -- what the program asks for ------------------------------------------------------------

    def _stopped(self, child):
        if child.stop:
            return
        self.world.say("%s is stopped", child.id)
        if child in self.waiting[child.parent_id]:
            self.waiting[child.parent_id].remove(child)
            self._collect_later(child)
        task = self.tasks.get(child.id)
        if task is None or not task.is_alive:
            return
        if task.session is not None and task.session.job is not None:
            self.world.violation(f"{child.id} was stopped while job {task.session.job.id} ran in "
                                 "it")
        self.timeline.after(self.rng.uniform(0.2, 2), self._end, task, "complete")
