"""GitHub's side of the world: runs and their jobs over time, and who gets which job. Any idle
runner of the repository may take any waiting job whose labels it covers."""

from standins import GitHub

from .settings import GPU, LABELS_ASKED, LINUX, REPOSITORIES

API_TOKEN = "ghp_0b6c1f7e9a2d4453"
STRANGER = "workshop-1"  # a runner of somebody else
DAY_S = 24 * 3600


class Story:
    """What becomes of one job, beside what GitHub shows of it."""

    def __init__(self, duration_s, conclusion):
        self.duration_s = duration_s
        self.conclusion = conclusion
        self.is_ours = True  # no runner of GitHub's own takes it
        self.has_run = False
        self.is_cancelled = False
        self.was_given_up = False
        self.session = None  # what runs it


class Session:
    """A runner process that asks GitHub for jobs. `ended` is called when its one job is over; a
    runner of somebody else goes on to the next."""

    def __init__(self, registration, ended=None):
        self.registration = registration
        self.ended = ended
        self.is_alive = True
        self.job = None


class Forge:
    def __init__(self, world):
        self.world = world
        self.settings = world.settings
        self.rng = world.rng
        self.timeline = world.timeline
        self.github = GitHub(tokens=[API_TOKEN], repositories=REPOSITORIES,
                             clock=self.timeline.seconds, rng=self.rng, threaded=False)
        self.github.on_delete = self._deletion
        self.actions = self.github.actions
        self.stories = {}  # job id -> Story
        self.sessions = []
        self.pending = set()  # jobs that are not over
        self.is_demand_over = False
        self._planned = 0
        if self.settings.stranger:
            registration = self.actions.add_runner(REPOSITORIES[0], STRANGER, LINUX, False)
            self.sessions.append(Session(registration))

    def is_ours(self, registration):
        return registration.name != STRANGER

    def registrations(self):
        return [runner for runner in self.actions.runners.values() if self.is_ours(runner)]

    # -- demand -------------------------------------------------------------------------------

    def plan(self):
        """Workflow runs over the time of demand, some of them in bursts."""
        while self._planned < self.settings.jobs:
            at_s = self.rng.uniform(0, self.settings.demand_s)
            repository = self.rng.choice(REPOSITORIES)
            for _ in range(self.rng.choice((1, 1, 1, 2, 5))):
                count = self.rng.choice((1, 1, 2, 3, 6))
                self._planned += count
                self.timeline.after(at_s + self.rng.uniform(0, 20), self._start_run, repository,
                                    count)
        self.timeline.after(self.settings.demand_s + 30, self._end_demand)

    def _end_demand(self):
        self.is_demand_over = True

    def _start_run(self, repository, count):
        run = self.actions.add_run(repository)
        if self.rng.random() < 0.05:
            job = self._add_job(run, "hosted", ("ubuntu-latest",))
            self.timeline.after(self.rng.uniform(1, 30), self._begin_hosted, job)
        labels = self.rng.choice(LABELS_ASKED)
        for number in range(count):
            if self.rng.random() < 0.3:
                labels = self.rng.choice(LABELS_ASKED)
            if self.rng.random() < 0.03:
                job = self._add_job(run, f"deploy {number}", labels, "waiting")
                self.timeline.after(self.rng.uniform(10, 900), self._approve, job)
            else:
                self._add_job(run, f"build {number}", labels)

    def _add_job(self, run, name, labels, status="queued"):
        rng = self.rng
        duration_s = rng.choice((rng.uniform(5, 60), rng.uniform(30, 900), rng.uniform(600, 3000)))
        conclusion = rng.choices(("success", "failure", "timed_out"), (85, 10, 5))[0]
        job = self.actions.add_job(run, name, labels, status)
        story = self.stories[job.id] = Story(5400 if conclusion == "timed_out" else duration_s,
                                             conclusion)
        story.is_ours = "self-hosted" in {label.lower() for label in labels}
        self.pending.add(job)
        self.world.say("job %d of %s %s: %s", job.id, job.repository, status, ",".join(labels))
        # An approval that is waited for is announced as queued all the same.
        self.world.courier.send("queued", job)
        if rng.random() < self.settings.cancelled:
            delay_s = rng.choice((rng.uniform(0, 20), rng.uniform(0, 90), rng.uniform(0, 1200)))
            self.timeline.after(delay_s, self._cancel, job)
        self.timeline.after(DAY_S, self._give_up, job)
        self.settle(job.repository)
        return job

    def _approve(self, job):
        if job.status == "waiting":
            job.status = "queued"
            self.world.courier.send("queued", job)
            self.settle(job.repository)

    def _give_up(self, job):
        if job.status == "queued":
            self.stories[job.id].was_given_up = True
            self._complete(job, "cancelled")

    def _cancel(self, job):
        story = self.stories[job.id]
        if job.is_over:
            return
        story.is_cancelled = True
        self.world.say("job %d cancelled while %s", job.id, job.status)
        if job.status != "in_progress":
            self._complete(job, "cancelled")
        elif story.session is not None and story.session.is_alive:
            self.timeline.after(self.rng.uniform(0.5, 15), self._finish, job, "cancelled")
        # else whoever runs it does not hear of it

    def _begin_hosted(self, job):
        if not job.is_over:
            self._begin(job, 9_000_001, "GitHub Actions 7", None)

    # -- who gets which job -------------------------------------------------------------------

    def join(self, session):
        self.sessions.append(session)
        self.settle(session.registration.repository)

    def leave(self, session):
        """Its process is gone. GitHub sees that by and by."""
        session.is_alive = False
        self.sessions.remove(session)
        if session.job is not None:
            self.timeline.after(self.rng.uniform(480, 720), self._notice, session)
        else:
            self.timeline.after(self.rng.uniform(20, 90), self._notice, session)

    def _notice(self, session):
        session.registration.online = False
        if session.job is not None and not session.job.is_over:
            self.world.say("GitHub notices that %s is lost", session.registration.name)
            self._complete(session.job, "failure")

    def settle(self, repository):
        self.timeline.after(self.rng.uniform(0.5, 4), self._match, repository)

    def _match(self, repository):
        waiting = [job for job in self.actions.jobs.values()
                   if job.status == "queued" and job.repository == repository]
        idle = [session for session in self.sessions if session.job is None
                and session.registration.repository == repository
                and session.registration.id in self.actions.runners]
        self.rng.shuffle(waiting)
        for job in waiting:
            fit = [session for session in idle if session.registration.covers(job.labels)]
            if fit:
                session = self.rng.choice(fit)
                idle.remove(session)
                registration = session.registration
                self._begin(job, registration.id, registration.name, session)

    def _begin(self, job, runner_id, runner_name, session):
        story = self.stories[job.id]
        story.has_run = True
        story.session = session
        self.actions.begin(job, runner_id, runner_name)
        self.world.say("job %d runs on %s", job.id, runner_name)
        self.world.courier.send("in_progress", job)
        if session is not None:
            session.job = job
            if session.ended is not None:
                self.world.cluster.begun(session, story.duration_s)
        self.timeline.after(story.duration_s, self._finish, job, story.conclusion)

    def _finish(self, job, conclusion):
        session = self.stories[job.id].session
        if job.is_over or (session is not None and not session.is_alive):
            return
        self._complete(job, conclusion)
        if session is None:
            return
        session.job = None
        if session.ended is None:
            self.settle(job.repository)
            return
        # An ephemeral runner's registration goes with its job.
        self.sessions.remove(session)
        session.is_alive = False
        self.actions.remove_runner(session.registration)
        session.ended()

    def _complete(self, job, conclusion):
        self.actions.complete(job, conclusion)
        self.pending.discard(job)
        self.world.say("job %d over: %s", job.id, conclusion)
        self.world.courier.send("completed", job)
        run = job.run
        if run.status == "completed" and not self.is_demand_over and self.rng.random() < 0.1:
            self.timeline.after(self.rng.uniform(5, 600), self._run_again, run)

    def _run_again(self, run):
        if run.status != "completed":
            return
        run.attempt += 1
        only_failed = self.rng.random() < 0.5
        for job in run.latest_jobs():
            if self.stories[job.id].is_ours and not (only_failed and job.conclusion == "success"):
                self._add_job(run, job.name, job.labels)

    # -- what the program may not do ----------------------------------------------------------

    def _deletion(self, registration):
        self.world.say("GitHub forgets %s (%d)", registration.name, registration.id)
        if not self.is_ours(registration):
            self.world.violation(f"the registration of {registration.name} was deleted, which is "
                                 "somebody else's")
        for session in self.sessions:
            if session.registration is registration and session.job is not None:
                self.world.violation(f"the registration of {registration.name} was deleted while "
                                     f"it runs job {session.job.id}")


assert set(LINUX) <= set(GPU)  # one pool's labels cover the other's
