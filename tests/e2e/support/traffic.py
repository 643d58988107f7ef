"""GitHub's and Nomad's side of jobs and runners, which a test moves step by step: jobs are queued,
children placed, runners registered, jobs taken. Each step is told to the program by its webhook,
or the event is lost. And how the program's ledger follows.

Time is a driven clock: nothing comes due by itself before the test lets the time pass.
"""

import datetime
import json
import re

from . import deliveries
from .waiting import wait_until

REPOSITORY = "octo-harbor/lighthouse"
TIMES = {
    "interval": 30,
    "interval_max": 480,
    "idle_timeout": 600,
    "register_timeout": 300,
    "placement_timeout": 3000,
    "leave_timeout": 60,
}


class Traffic:
    def __init__(self, site, clock):
        self.site = site
        self.clock = clock
        self.github = site.github
        self.nomad = site.nomad
        self.actions = site.github.actions
        self.process = None
        self.at_stop = None  # called with a child that is about to end since it was stopped
        self.ends_at_stop = True  # else its task takes its time, until the test ends it
        self._wrong = []
        self.github.on_delete = self._deleted
        self.nomad.on_stop = self._stopped

    def serve(self, name="runhook"):
        """(Re)starts the program; returns its process."""
        self.process = self.site.serve_socket(f"unix:{self.site.directory}/{name}.sock",
                                              env=self.clock.env)
        return self.process

    # -- what happens, and whether the program hears of it -------------------------------------

    def run(self, repository=REPOSITORY):
        with self.github.changing():
            return self.actions.add_run(repository)

    def queue(self, *, repository=REPOSITORY, labels=deliveries.POOL_LABELS, run=None, told=True,
              status="queued", name="build"):
        run = run or self.run(repository)
        with self.github.changing():
            job = self.actions.add_job(run, name, labels, status)
        if told:
            self.tell("queued", job)
        return job

    def register(self, child):
        """What the runner in the child does first; returns its registration."""
        payload = child.json()
        return self.github.register_runner(payload["url"].removeprefix("https://github.com/"),
                                           payload["runner_name"], payload["labels"],
                                           payload["token"])

    def begin(self, job, registration, told=True):
        with self.github.changing():
            self.actions.begin(job, registration.id, registration.name)
        if told:
            self.tell("in_progress", job)

    def begin_elsewhere(self, job, told=True):
        """On a runner that is not ours."""
        with self.github.changing():
            self.actions.begin(job, 4711, "workshop-1")
        if told:
            self.tell("in_progress", job)

    def complete(self, job, conclusion="success", told=True):
        with self.github.changing():
            self.actions.complete(job, conclusion)
        if told:
            self.tell("completed", job)

    def cancel(self, job, told=True):
        self.complete(job, "cancelled", told)

    def leave(self, child, registration):
        """The end of a runner whose one job is over."""
        with self.github.changing():
            self.actions.remove_runner(registration)
        self.nomad.finish(child)

    def tell(self, action, job, process=None):
        delivery = deliveries.workflow_job(action, repository=job.repository, **job.json())
        with self.site.fastcgi(process or self.process) as connection:
            answer = connection.post(delivery)
        assert 200 <= answer.status <= 299, answer
        return answer

    # -- the program's ledger -----------------------------------------------------------------

    def job(self, job):
        return self.site.jobs().get(job.id)

    def runners(self):
        """Those of every state, by name."""
        done = self.site.run("runners", "--all", "--json")
        assert done.code == 0, done
        return {row["name"]: row for row in json.loads(done.stdout)["runners"]}

    def runner(self, child):
        return self.runners().get(name_of(child))

    def wait_for_job(self, job, *states):
        def asked():
            row = self.job(job)
            return row if row and row["state"] in states else None

        return wait_until(asked, f"job {job.id} is {' or '.join(states)}")

    def wait_for_runner(self, child, *states):
        def asked():
            row = self.runner(child)
            return row if row and row["state"] in states else None

        return wait_until(asked, f"runner {name_of(child)} is {' or '.join(states)}")

    def dispatched(self, job, n=1):
        """Waits for the job's n-th child, and until the ledger knows it."""
        def made():
            return next((child for child in list(self.nomad.dispatches)
                         if child.idempotency_token == f"{job.id}.{n}"), None)

        child = wait_until(made, f"child {n} of job {job.id}")
        wait_until(lambda: (self.runner(child) or {"child": None})["child"] == child.id,
                   f"the ledger knows {child.id}")
        return child

    def children_of(self, job):
        return [child for child in list(self.nomad.dispatches)
                if child.json()["job_id"] == job.id]

    def pass_time(self, seconds, *, hurries=True):
        """Then waits until no look at a runner is due. The program looks at the time once a second:
        to save most of that second, `runhook dispatch` does its share of what is due beside it."""
        self.clock.advance(seconds)
        if hurries:
            self.site.run("dispatch", env=self.clock.env)
        self.settle()

    def settle(self):
        def is_quiet():
            now = self.clock.now()
            looks = [row["next_look_at"] for row in self.runners().values()]
            return all(look is None or _seconds(look) > now for look in looks)

        wait_until(is_quiet, "no look at a runner is due")

    def pass_time_until(self, ask, what, *, step_s=31, steps=40):
        for _ in range(steps):
            if answer := ask():
                return answer
            self.pass_time(step_s)
        raise AssertionError(f"not within {steps} times {step_s} s: {what}")

    def pass_time_until_gone(self, child, **options):
        return self.pass_time_until(lambda: self.runner(child)["state"] == "gone",
                                    f"{name_of(child)} is gone", **options)

    # -- requests -----------------------------------------------------------------------------

    def supply_requests(self, child=None):
        """What was asked about registrations, and which stops, in the order in which it came:
        "lookup", "delete 21" (registrations), "stop"; of one child and its name, or of all."""
        asked = []
        for request in self.github.requests:
            if request.method == "GET" and request.path.endswith("/actions/runners"):
                if child is None or request.query_value("name") == name_of(child):
                    asked.append((request.at, "lookup"))
            elif request.method == "DELETE":
                asked.append((request.at, f"delete {request.segments[-1]}"))
        for request in self.stops(child):
            asked.append((request.at, "stop"))
        return [what for _, what in sorted(asked, key=lambda entry: entry[0])]

    def stops(self, child=None):
        wanted = "" if child is None else f"{child.id}$"
        return [request for request in self.nomad.server.seen(method="DELETE")
                if re.search(wanted, "/".join(request.segments))]

    def deletions(self):
        return self.github.server.seen(method="DELETE")

    def lookups_answered(self):
        return len(self.github.server.seen(method="GET", path="/actions/runners$"))

    # -- the end ------------------------------------------------------------------------------

    # Over every test: no registration is deleted but those of runners that were made here, no job
    # of Nomad is stopped but our children, and none while it runs a job.

    def _deleted(self, registration):
        if registration.name not in {name_of(child) for child in self.nomad.dispatches}:
            self._wrong.append(f"the registration of {registration.name} was deleted")

    def _stopped(self, child):
        if any(runner.name == name_of(child) and runner.busy
               for runner in list(self.actions.runners.values())) and child.status != "dead":
            self._wrong.append(f"{child.id} was stopped while it ran a job")
        if self.at_stop is not None:
            self.at_stop(child)
        for allocation in child.allocations:
            if allocation.is_living and self.ends_at_stop:
                self.nomad.end(child, allocation)

    def check(self):
        made = {child.id for child in self.nomad.dispatches}
        stopped = ["/".join(request.segments[2:]) for request in self.stops()]
        wrong = self._wrong + [f"{job} was stopped" for job in stopped if job not in made]
        assert not wrong, wrong


def name_of(child):
    return child.json()["runner_name"]


def _seconds(text):
    moment = datetime.datetime.strptime(text.removesuffix("Z").partition(".")[0],
                                        "%Y-%m-%dT%H:%M:%S")
    fraction = text.removesuffix("Z").partition(".")[2]
    return (moment.replace(tzinfo=datetime.timezone.utc).timestamp()
            + (float(f"0.{fraction}") if fraction else 0))
