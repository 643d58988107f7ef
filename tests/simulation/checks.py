"""What has to hold, in the world and in the program's ledger."""

import sqlite3

HOUR_S = 3600


class Ledger:
    """The program's ledger, read from beside it. One that is not there is at rest."""

    def __init__(self, path):
        self.path = path
        self._connection = None

    def close(self):
        if self._connection is not None:
            self._connection.close()

    def rows(self, query):
        if self._connection is None:
            if not self.path.exists():
                return []
            self._connection = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True,
                                               isolation_level=None)
        return self._connection.execute(query).fetchall()

    def unrest(self):
        """What is not over, in words."""
        jobs = self.rows("SELECT id, state, coalesce(runner, '-'), coalesce(last_error, '')"
                         " FROM job WHERE state IN ('queued', 'assigned', 'running')")
        runners = self.rows("SELECT name, state, coalesce(child, '-') FROM runner"
                            " WHERE state <> 'gone'")
        return ([f"the ledger has job {job} {state} (runner {runner}) {error}".rstrip()
                 for job, state, runner, error in jobs]
                + [f"the ledger has runner {name} {state} (child {child})"
                   for name, state, child in runners])

    def is_at_rest(self):
        return not self.unrest()

    def doubled_jobs(self):
        """Jobs that wait with more than one runner made ready for them."""
        rows = self.rows("SELECT r.job_id, group_concat(r.name || ' ' || r.state) FROM runner r"
                         " JOIN job j ON j.id = r.job_id WHERE j.state IN ('queued', 'assigned')"
                         " AND r.state IN ('minting', 'sent', 'live')"
                         " GROUP BY r.job_id HAVING count(*) > 1")
        return [f"job {job} waits with several runners: {runners}" for job, runners in rows]


class Drain:
    """How long supply outlives demand, in each repository: with no job waiting or running there,
    its runners are gone within one audit interval and idle_timeout. A runner's idle time counts
    from when its task started; and a job that was cancelled while it waited for room in its pool,
    with the word of that lost, is given a runner when demand is long over."""

    SLACK_S = 30  # the world's own steps, and what a stopped task takes to end

    def __init__(self, world):
        self.world = world
        audit = world.settings.audit
        self.bound_s = audit["interval"] + audit["idle_timeout"] + self.SLACK_S
        self.longest_s = 0
        self._since_ms = {}  # repository -> when it last had demand, or a runner that started
        self._told = set()
        self._supply = set()  # repositories with runners, at the last look

    def restart(self, repository):
        self._since_ms[repository] = self.world.timeline.now_ms
        self._told.discard(repository)

    def look(self):
        forge = self.world.forge
        for job in forge.pending:
            if job.status != "waiting" and forge.stories[job.id].is_ours:
                self.restart(job.repository)
        supply = {runner.repository for runner in forge.registrations()}
        supply |= {child.meta["REPO_FULL_NAME"] for child in self.world.cluster.living()}
        for repository in sorted(supply):
            if repository not in self._supply:
                self.restart(repository)
            self._judge(repository)
        self._supply = supply
        return not supply

    def _judge(self, repository):
        drain_s = (self.world.timeline.now_ms - self._since_ms[repository]) / 1000
        self.longest_s = max(self.longest_s, drain_s)
        if drain_s > self.bound_s and repository not in self._told:
            self._told.add(repository)
            self.world.violation(f"{repository} has runners {drain_s:.0f} s after its last job's "
                                 f"end, which is more than {self.bound_s} s")


def final_violations(world):
    return [*_jobs(world), *_leftovers(world), *_requests(world), *world.ledger.unrest()]


def _jobs(world):
    for job_id, story in world.forge.stories.items():
        job = world.forge.actions.jobs[job_id]
        if story.was_given_up:
            yield f"GitHub gave job {job_id} up after 24 hours"
        elif not job.is_over:
            yield f"job {job_id} ({job.repository}, {','.join(job.labels)}) is still {job.status}"
        elif not story.has_run and not story.is_cancelled:
            yield f"job {job_id} has not run: {job.conclusion}"


def _leftovers(world):
    for child in world.cluster.living():
        yield f"child {child.id} of {child.json()['runner_name']} is still {child.status}"
    for runner in world.forge.registrations():
        state = "online" if runner.online else "offline"
        yield f"runner {runner.name} ({runner.id}) is still registered, {state}"
    for (_, name), job in world.cluster.nomad.jobs.items():
        if job.stop:
            yield f"the parameterized job {name} was stopped"


def _requests(world):
    """What no correct client is answered."""
    for server in world.servers:
        for text in server.bad_requests:
            yield f"a malformed request: {text}"
        for request in server.requests:
            if request.response is not None and request.response.status in (400, 401, 403, 405,
                                                                            415, 500):
                yield f"{request.method} {request.target} -> {request.response.status}"


def busiest_hour(world):
    """The most requests to GitHub in an hour that counted against its limit."""
    times = [request.at for request in world.forge.github.server.requests
             if request.response is not None and request.response.status != 304]
    start, most = 0, 0
    for end, at in enumerate(times):
        while at - times[start] >= HOUR_S:
            start += 1
        most = max(most, end - start + 1)
    return most


def summary(world):
    """Numbers for who wants to know whether a seed was worth its while."""
    jobs = [(world.forge.actions.jobs[job_id], story)
            for job_id, story in world.forge.stories.items() if story.is_ours]
    return {"jobs": len(jobs),
            "cancelled": sum(story.is_cancelled for _, story in jobs),
            "again": sum(job.attempt > 1 for job, _ in jobs),
            "children": len(world.cluster.nomad.dispatches),
            **{f"children_{key}": value for key, value in world.cluster.counts.items()},
            **{f"deliveries_{key}": value for key, value in world.courier.counts.items()},
            "kills": getattr(world.program, "kills", 0),
            "requests": [len(server.requests) for server in world.servers],
            "busiest_hour": busiest_hour(world), "drain_s": world.drain.longest_s,
            "simulated_h": round(world.timeline.elapsed_s / HOUR_S, 1)}
