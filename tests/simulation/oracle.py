"""A program that needs no events and no audits, since it sees the world as it is: what shows that a
world can be served, and, where it is made to misbehave, that the checks see that."""

import base64
import itertools
import json

from standins.httpd import Headers, Request

from .cluster import NOMAD_TOKEN
from .forge import API_TOKEN
from .settings import POOLS

PREFIX = "oracle"


class Oracle:
    def __init__(self, world):
        self.world = world
        self._numbers = itertools.count(1)

    def deliver(self, *_):
        return 202

    def close(self):
        pass

    def work(self):
        repositories = {job.repository for job in self.world.forge.actions.jobs.values()}
        for repository in sorted(repositories):
            self.supply(repository)
        self.clean_up()

    # -- what it knows ------------------------------------------------------------------------

    def waiting(self, repository):
        return [job for job in self.world.forge.pending if job.repository == repository
                and job.status == "queued" and self.world.forge.stories[job.id].is_ours]

    def idle(self, repository):
        """Children that run no job, and may take one."""
        cluster = self.world.cluster
        result = []
        for child in cluster.living():
            task = cluster.tasks.get(child.id)
            session = task.session if task is not None else None
            is_alive = child in cluster.waiting[child.parent_id] or (
                task is not None and task.is_alive and task.phase != "hanging"
                and (session is None or (session.is_alive and session.job is None)))
            if is_alive and not child.stop and child.json()["repo"] == repository:
                result.append(child)
        return result

    # -- what it does -------------------------------------------------------------------------

    def supply(self, repository):
        surplus = self.idle(repository)
        wanted = len(self.waiting(repository))
        for _ in range(wanted - len(surplus)):
            self.dispatch(repository)
        for child in surplus[:max(0, len(surplus) - wanted)]:
            self.retire(child)

    def dispatch(self, repository):
        number = next(self._numbers)
        labels, job = POOLS["gpu"]
        token = self.ask_github("POST", f"/repos/{repository}/actions/runners/registration-token")
        payload = {"repo": repository, "url": f"https://github.com/{repository}",
                   "runner_name": f"{PREFIX}-{number}", "labels": labels,
                   "token": token.json["token"]}
        self.ask_nomad("POST", f"/v1/job/{job}/dispatch?idempotency_token={number}.1", {
            "Payload": base64.b64encode(json.dumps(payload).encode()).decode(),
            "Meta": {"REPO_FULL_NAME": repository, "REPO_SHORT_NAME": repository.split("/")[1],
                     "WORKFLOW_RUN": "1"}})

    def retire(self, child):
        """GitHub first, Nomad second; one that has a node and no registration has to come first."""
        if child not in self.world.cluster.waiting[child.parent_id] and not self.forget(child):
            return
        self.stop(child)

    def forget(self, child):
        payload = child.json()
        runner = self.world.forge.actions.runner_named(payload["repo"], payload["runner_name"])
        return runner is not None and self.delete(runner) == 204

    def clean_up(self):
        """What was left behind by the dead, and what never becomes a runner."""
        cluster = self.world.cluster
        living = {child.json()["runner_name"] for child in cluster.living()}
        for runner in self.world.forge.registrations():
            if runner.name not in living:
                self.delete(runner)
        for child in cluster.living():
            task = cluster.tasks.get(child.id)
            if task is not None and task.phase == "hanging" and not child.stop:
                self.stop(child)

    def delete(self, runner):
        return self.ask_github("DELETE",
                               f"/repos/{runner.repository}/actions/runners/{runner.id}").status

    def stop(self, child):
        self.ask_nomad("DELETE", "/v1/job/" + child.id.replace("/", "%2F"))

    # -- the two APIs -------------------------------------------------------------------------

    def ask_github(self, method, target, token=API_TOKEN):
        return self._ask(self.world.forge.github.server, method, target,
                         [("Authorization", f"Bearer {token}"), ("User-Agent", "oracle")])

    def ask_nomad(self, method, target, body=None):
        return self._ask(self.world.cluster.nomad.server, method, target,
                         [("X-Nomad-Token", NOMAD_TOKEN)], body)

    def _ask(self, server, method, target, headers, body=None):
        request = Request(method, target, Headers([("Host", "standin"), *headers]),
                          b"" if body is None else json.dumps(body).encode(),
                          at=self.world.timeline.seconds(), connection=0)
        server.requests.append(request)
        return Answer(server.answer(request))


class Answer:
    def __init__(self, response):
        self.status = response.status
        is_json = ("Content-Type", "application/json") in response.headers
        self.json = json.loads(response.body) if is_json else None
