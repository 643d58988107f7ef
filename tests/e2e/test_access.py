"""Who may use the cluster."""

import json

import pytest

from .support.deliveries import workflow_job
from .support.waiting import wait_until


def state_of(site, delivery, wanted):
    return wait_until(lambda: (job := site.jobs().get(delivery.id)) and job["state"] == wanted
                      and job, f"job {delivery.id} is {wanted}")


class TestAtTheDoor:
    @pytest.mark.parametrize("section", ["access", "pool linux"])
    @pytest.mark.parametrize("keys, repository, reason", [
        ({"repositories": "octo/*, friend/one"}, "octo/hello", None),
        ({"repositories": "octo/*, friend/one"}, "friend/two", "is not among its `repositories`"),
        ({"owners": "octo"}, "OCTO/hello", None),
        ({"owners": "octo"}, "octopus/hello", "is not among its `repositories` and `owners`"),
    ])
    def test_lists(self, site, section, keys, repository, reason):
        site.configure(section, **keys)
        site.serve()
        delivery = workflow_job(repository=repository)
        answer = site.front.post(delivery)
        if reason is None:
            assert answer.status == 202, answer
            return
        assert answer.status == 200 and answer.json["status"] == "ignored"
        assert reason in answer.json["reason"] and "pool linux" in answer.json["reason"]
        assert delivery.id not in site.jobs()

    def test_another_pool_of_the_same_labels_may_serve_it(self, site):
        labels = site.config["pool linux"]["labels"]
        site.configure("pool linux", owners="octo")
        site.configure("pool guests", labels=labels, nomad_job="github-runner")
        site.serve()
        assert site.front.post(workflow_job(repository="octo/a")).json["pool"] == "linux"
        assert site.front.post(workflow_job(repository="guest/a")).json["pool"] == "guests"

    def test_public_repositories(self, site):
        site.configure("access", public_repositories="deny")
        site.serve()
        delivery = workflow_job(repository="octo/hello")
        body = json.loads(delivery.body)
        for private, status in ((False, "ignored"), (True, "accepted")):
            body["repository"]["private"] = private
            changed = type(delivery)(body)
            assert site.front.post(changed).json["status"] == status


class TestForks:
    """GitHub is asked for the run, once, before anything is minted."""

    def run_of(self, site, head):
        site.github.add_repository("octo/hello")
        if head:
            site.github.add_repository(head, fork=True)
        with site.github.changing():
            return site.github.actions.add_run("octo/hello", head_repository=head,
                                               event="pull_request")

    def asked(self, site, run):
        return [request for request in site.github.requests
                if request.path == f"/repos/octo/hello/actions/runs/{run.id}"]

    def post(self, site, run):
        delivery = workflow_job(repository="octo/hello", run_id=run.id)
        assert site.front.post(delivery).status == 202
        return delivery

    @pytest.mark.parametrize("head", ["stranger/hello", False])
    def test_denied(self, site, head):
        site.configure("access", fork_pull_requests="deny")
        site.serve()
        run = self.run_of(site, head)
        delivery = self.post(site, run)
        job = state_of(site, delivery, "refused")
        assert "comes from a fork" in job["last_error"]
        assert not site.github.tokens_issued() and not site.nomad.dispatch_requests()
        assert site.events(event="dispatch", outcome="refused")
        assert site.front.post(delivery).json["status"] == "duplicate"
        assert not site.github.schema_refusals
        listed = site.run("jobs").stdout
        assert "refused" in listed and "comes from a fork" in listed

    def test_of_the_repository_itself(self, site):
        site.configure("access", fork_pull_requests="deny")
        site.serve()
        site.wait_for_dispatch(self.post(site, self.run_of(site, None)))

    def test_a_matrix_asks_once(self, site):
        site.configure("pool linux", fork_pull_requests="deny")
        site.serve()
        run = self.run_of(site, None)
        for delivery in [self.post(site, run) for _ in range(20)]:
            site.wait_for_dispatch(delivery)
        site.wait_for_dispatch(self.post(site, run))
        assert len(self.asked(site, run)) == 1

    def test_a_pool_for_forks(self, site):
        labels = site.config["pool linux"]["labels"]
        site.configure("access", fork_pull_requests="pool guests")
        site.configure("pool guests", labels=labels, nomad_job="github-runner", meta="POOL",
                       fork_pull_requests="allow")
        site.nomad.jobs["default", "github-runner"].meta_optional = ("POOL",)
        site.serve()
        delivery = self.post(site, self.run_of(site, "stranger/hello"))
        _, child = site.wait_for_dispatch(delivery)
        assert child.meta["POOL"] == "guests"
        assert site.jobs()[delivery.id]["pool"] == "guests"

    def test_a_pool_for_forks_without_the_labels(self, site):
        site.configure("access", fork_pull_requests="pool guests")
        site.configure("pool guests", labels="self-hosted", nomad_job="github-runner",
                       fork_pull_requests="allow")
        site.serve()
        job = state_of(site, self.post(site, self.run_of(site, "stranger/hello")), "refused")
        assert "has not all of the job's labels" in job["last_error"]

    def test_github_away_means_wait(self, site):
        site.configure("access", fork_pull_requests="deny")
        site.serve()
        run = self.run_of(site, None)
        with site.github.server.refused():
            delivery = self.post(site, run)
            site.wait_for_event(event="dispatch", outcome="retry")
        site.wait_for_dispatch(delivery)
