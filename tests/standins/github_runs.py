"""The part of the API that shows workflow runs and their jobs."""

from .github_answers import DOCS, Need, Route, number
from .httpd import Response

RUN_DOCS = f"{DOCS}/actions/workflow-runs"
JOB_DOCS = f"{DOCS}/actions/workflow-jobs"
READ = Need("actions", "read", ("repo",))


class RunsApi:
    def __init__(self, github):
        self.github = github
        base = "/repos/{owner}/{repo}/actions"
        self.routes = [
            Route("GET", f"{base}/jobs/{{job_id}}", self._get_job, READ,
                  docs=f"{JOB_DOCS}#get-a-job-for-a-workflow-run"),
            Route("GET", f"{base}/runs", self._list, READ,
                  docs=f"{RUN_DOCS}#list-workflow-runs-for-a-repository"),
            Route("GET", f"{base}/runs/{{run_id}}", self._get, READ,
                  docs=f"{RUN_DOCS}#get-a-workflow-run"),
            Route("GET", f"{base}/runs/{{run_id}}/jobs", self._list_jobs, READ,
                  docs=f"{JOB_DOCS}#list-jobs-for-a-workflow-run"),
        ]

    def _get_job(self, call, repository, job_id):
        job = self.github.actions.jobs.get(number(job_id))
        return Response.json(200, job.json()) if _is_of(job, repository) else call.not_found()

    def _get(self, call, repository, run_id):
        run = self.github.actions.runs.get(number(run_id))
        return Response.json(200, run.json()) if _is_of(run, repository) else call.not_found()

    def _list(self, call, repository):
        status = call.query("status")
        return call.page([run.json() for run in reversed(self.github.actions.runs.values())
                          if _is_of(run, repository)
                          and status in (None, run.status, run.conclusion)
                          and call.query("event") in (None, run.event)
                          and call.query("branch") in (None, run.head_branch)], "workflow_runs")

    def _list_jobs(self, call, repository, run_id):
        run = self.github.actions.runs.get(number(run_id))
        if not _is_of(run, repository):
            return call.not_found()
        jobs = run.jobs if call.query("filter") == "all" else run.latest_jobs()
        return call.page([job.json() for job in jobs], "jobs")


def _is_of(each, repository):
    return each is not None and each.repository.lower() == repository.full_name.lower()
