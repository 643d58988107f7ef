"""The state of GitHub Actions, as far as its API and its webhooks show it: workflow runs, their
jobs, and the registrations of self-hosted runners. What happens when is for the caller to say."""

import datetime
import itertools


class RegistrationRefused(Exception):
    """The credential that a runner registers with is not good, or no longer."""


def target_of(repository):
    """Where a repository's runners are, in the form that organizations (`orgs/O`) and enterprises
    (`enterprises/E`) have as well."""
    return f"repos/{repository}"


def repository_of(target):
    """The repository of a target, or None where it is an organization or an enterprise."""
    kind, _, name = target.partition("/")
    return name if kind == "repos" else None


class Runner:
    """A registration. It stays behind, offline, when its process dies without a word. One made
    with a just-in-time configuration is there before its process, and `has_started` says whether
    that came."""

    def __init__(self, runner_id, target, name, labels, ephemeral, group_id=1, has_started=True):
        self.id = runner_id
        self.target = target
        self.repository = repository_of(target)
        self.name = name
        self.labels = list(labels)
        self.ephemeral = ephemeral
        self.group_id = group_id
        self.has_started = has_started
        self.online = has_started
        self.busy = False

    def covers(self, labels):
        """GitHub compares labels without case, and a runner needs every one of the job's."""
        return {label.lower() for label in labels} <= {label.lower() for label in self.labels}

    def json(self):
        return {"id": self.id, "name": self.name, "os": "linux" if self.has_started else "unknown",
                "status": "online" if self.online else "offline", "busy": self.busy,
                "ephemeral": self.ephemeral, "runner_group_id": self.group_id,
                "labels": [{"id": index + 1, "name": label,
                            "type": "read-only" if label.lower() == "self-hosted" else "custom"}
                           for index, label in enumerate(self.labels)]}


class WorkflowRun:
    """`head_repository` is where the code comes from: a full name, None for the run's own
    repository, False for a fork that was deleted. `describe` makes a repository's object of its
    full name."""

    def __init__(self, run_id, repository, name, head_branch, created_at, *, describe,
                 head_repository=None, event="push"):
        self.id = run_id
        self.repository = repository
        self.name = name
        self.head_branch = head_branch
        self.head_repository = head_repository
        self.event = event
        self.created_at = created_at
        self._describe = describe
        self.attempt = 1
        self.jobs = []  # of every attempt, in order

    def latest_jobs(self):
        """A job that was not run again keeps its place in the latest attempt."""
        return list({job.name: job for job in self.jobs}.values())

    @property
    def status(self):
        statuses = {job.status for job in self.latest_jobs()}
        if not statuses - {"completed"}:
            return "completed"
        if statuses & {"in_progress", "completed"}:
            return "in_progress"
        return "waiting" if statuses == {"waiting"} else "queued"

    @property
    def conclusion(self):
        return "success" if self.status == "completed" else None

    def json(self):
        full_name, status = self.repository, self.status
        repository = head = self._describe(full_name)
        if self.head_repository is not None:
            head = self._describe(self.head_repository) if self.head_repository else None
        return {"id": self.id, "name": self.name, "node_id": "WFR_kwLOMD7wV88AAAAC",
                "head_branch": self.head_branch, "head_sha": _SHA,
                "path": ".github/workflows/ci.yml", "display_title": self.name, "run_number": 1,
                "event": self.event, "status": status, "conclusion": self.conclusion,
                "workflow_id": 159038, "run_attempt": self.attempt,
                "url": f"https://api.github.com/repos/{full_name}/actions/runs/{self.id}",
                "html_url": f"https://github.com/{full_name}/actions/runs/{self.id}",
                "created_at": timestamp(self.created_at), "updated_at": timestamp(self.created_at),
                "run_started_at": timestamp(self.created_at),
                "repository": repository, "head_repository": head}


class WorkflowJob:
    def __init__(self, job_id, run, name, labels, status, now):
        self.id = job_id
        self.run = run
        self.repository = run.repository
        self.name = name
        self.labels = list(labels)
        self.attempt = run.attempt
        self.status = status
        self.conclusion = None
        self.runner_id = None
        self.runner_name = None
        self.created_at = now
        self.started_at = now
        self.completed_at = None

    @property
    def is_over(self):
        return self.status == "completed"

    def json(self):
        """As the API and the webhooks both write it."""
        full_name = self.repository
        return {"id": self.id, "run_id": self.run.id, "workflow_name": self.run.name,
                "head_branch": self.run.head_branch,
                "run_url": f"https://api.github.com/repos/{full_name}/actions/runs/{self.run.id}",
                "run_attempt": self.attempt, "node_id": "CR_kwDOMD7wV88AAAAN8Jd8LA",
                "head_sha": _SHA,
                "url": f"https://api.github.com/repos/{full_name}/actions/jobs/{self.id}",
                "html_url": f"https://github.com/{full_name}/actions/runs/{self.run.id}"
                            f"/job/{self.id}",
                "status": self.status, "conclusion": self.conclusion,
                "created_at": timestamp(self.created_at), "started_at": timestamp(self.started_at),
                "completed_at": self.completed_at and timestamp(self.completed_at),
                "name": self.name, "steps": [],
                "check_run_url": f"https://api.github.com/repos/{full_name}/check-runs/{self.id}",
                "labels": self.labels, "runner_id": self.runner_id,
                "runner_name": self.runner_name,
                "runner_group_id": None if self.runner_id is None else 1,
                "runner_group_name": None if self.runner_id is None else "Default"}


_SHA = "edf5e904b2cc6b97f62a47d4438a4e1b69321685"


class Actions:
    """`describe` makes a repository's object of its full name."""

    def __init__(self, clock, describe):
        self.clock = clock
        self.describe = describe
        self.runners = {}  # id -> Runner
        self.runs = {}  # id -> WorkflowRun
        self.jobs = {}  # id -> WorkflowJob
        self._runner_ids = itertools.count(21)
        self._ids = itertools.count(60_000_000_001, 13)  # over 2^31, as real ids are

    # -- runners ------------------------------------------------------------------------------

    def runners_at(self, target):
        return [runner for runner in self.runners.values()
                if runner.target.lower() == target.lower()]

    def runners_of(self, repository):
        return self.runners_at(target_of(repository))

    def runner_named(self, repository, name):
        return self.runner_named_at(target_of(repository), name)

    def runner_named_at(self, target, name):
        return next((runner for runner in self.runners_at(target) if runner.name == name), None)

    def add_runner(self, repository, name, labels, ephemeral=True):
        """Registers with --replace: a registration of that name gives way, and its id with it."""
        return self.add_runner_at(target_of(repository), name, labels, ephemeral)

    def add_runner_at(self, target, name, labels, ephemeral=True, *, group_id=1, has_started=True):
        """The same for any target."""
        old = self.runner_named_at(target, name)
        if old is not None:
            del self.runners[old.id]
        runner = Runner(next(self._runner_ids), target, name, labels, ephemeral, group_id,
                        has_started)
        self.runners[runner.id] = runner
        return runner

    def remove_runner(self, runner):
        self.runners.pop(runner.id, None)

    # -- runs and jobs ------------------------------------------------------------------------

    def add_run(self, repository, name="Build and test", head_branch="main", *,
                head_repository=None, event="push"):
        run = WorkflowRun(next(self._ids), repository, name, head_branch, self.clock(),
                          describe=self.describe, head_repository=head_repository, event=event)
        self.runs[run.id] = run
        return run

    def add_job(self, run, name, labels, status="queued"):
        job = WorkflowJob(next(self._ids), run, name, labels, status, self.clock())
        run.jobs.append(job)
        self.jobs[job.id] = job
        return job

    def begin(self, job, runner_id, runner_name):
        job.status = "in_progress"
        job.runner_id, job.runner_name = runner_id, runner_name
        job.started_at = self.clock()
        if runner_id in self.runners:
            self.runners[runner_id].busy = True

    def complete(self, job, conclusion):
        job.status = "completed"
        job.conclusion = conclusion
        job.completed_at = self.clock()
        if job.runner_id is None:
            job.runner_id, job.runner_name = 0, ""  # as GitHub shows a job that never ran
        elif job.runner_id in self.runners:
            self.runners[job.runner_id].busy = False


def timestamp(seconds):
    """As GitHub writes it about runs and jobs: whole seconds, in UTC."""
    moment = datetime.datetime.fromtimestamp(int(seconds), datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
