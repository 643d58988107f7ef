"""Just-in-time runners, of a repository, an organization and an enterprise."""

import signal
import time

import pytest

from standins.faults import Stall

from .support.deliveries import POOL_LABELS, workflow_job
from .support.site import NOMAD_JOB
from .support.waiting import wait_until


def configure(site, **keys):
    site.configure("pool linux", credential="jit", **keys)
    site.serve()


def post(site, delivery):
    answer = site.front.post(delivery)
    assert answer.status == 202, answer
    return delivery


def minted(site, target="repos/octo/hello"):
    return [request for request in site.github.requests
            if request.path == f"/{target}/actions/runners/generate-jitconfig"]


class TestCredential:
    def test_the_payload_has_the_configuration(self, site):
        configure(site, work_folder="_jobs")
        _, child = site.wait_for_dispatch(post(site, workflow_job(repository="octo/hello")))
        (request,) = minted(site)
        (config,) = site.github.jit_configs
        payload = child.json()
        assert payload["jit_config"] == config.encoded
        assert "token" not in payload
        assert request.json() == {"name": payload["runner_name"], "runner_group_id": 1,
                                  "labels": list(POOL_LABELS), "work_folder": "_jobs"}
        assert not site.github.schema_refusals
        assert not site.github.tokens_issued()
        site.github.start_jit_runner(payload["jit_config"])
        for path in site.written_files():
            assert config.encoded.encode() not in path.read_bytes(), path

    @pytest.mark.parametrize("scope, keys, target, url", [
        ("organization", {"runner_group": "CI machines"}, "orgs/octo", "https://github.com/octo"),
        ("enterprise", {"enterprise": "octo-corp"}, "enterprises/octo-corp", None),
    ])
    @pytest.mark.parametrize("credential", ["jit", "registration-token"])
    def test_elsewhere_than_in_the_repository(self, site, scope, keys, target, url, credential):
        group = site.github.add_runner_group(target, "CI machines")
        site.configure("pool linux", credential=credential, scope=scope, **keys)
        site.serve()
        children = [site.wait_for_dispatch(post(site, workflow_job(repository=repository)))[1]
                    for repository in ("octo/one", "octo/two")]
        payload = children[0].json()
        if url:
            assert payload["url"] == url
        assert payload.get("runner_group") == keys.get("runner_group")
        assert not site.github.schema_refusals
        if credential == "jit":
            assert [request.json()["runner_group_id"] for request in minted(site, target)] == [
                group.id if "runner_group" in keys else 1] * 2
            assert len([request for request in site.github.requests
                        if request.path.endswith("/runner-groups")]) == len(keys.keys()
                                                                           & {"runner_group"})
        else:
            assert len(site.github.tokens_issued(target=target)) == 1

    def test_a_group_that_is_not_there_is_told(self, site):
        configure(site, scope="organization", runner_group="nobody")
        post(site, workflow_job(repository="octo/hello"))
        event = site.wait_for_event(event="dispatch", outcome="retry")
        assert 'the organization octo has no runner group "nobody"' in event["error"]
        assert event["level"] == "error"
        assert not minted(site, "orgs/octo")


class TestNames:
    def test_a_name_that_is_taken_gives_way_to_the_next(self, site):
        configure(site)
        delivery = workflow_job(repository="octo/hello")
        receiver = site.wait_for_event(event="listening")["receiver"]
        with site.github.changing():
            site.github.actions.add_runner("octo/hello", f"runhook-{receiver}-{delivery.id}-1", [])
        post(site, delivery)
        _, child = site.wait_for_dispatch(delivery)
        assert child.json()["runner_name"] == f"runhook-{receiver}-{delivery.id}-2"
        assert len(minted(site)) == 2

    def test_a_dispatch_that_nomad_refuses_leaves_no_registration(self, site):
        site.configure("audit", interval=1, interval_max=1)
        job = site.nomad.jobs.pop(("default", NOMAD_JOB))
        configure(site)
        delivery = post(site, workflow_job(repository="octo/hello"))
        site.wait_for_event(event="dispatch", outcome="retry")
        site.wait_for_event(event="audit", outcome="gone")
        site.nomad.jobs["default", NOMAD_JOB] = job
        _, child = site.wait_for_dispatch(delivery)

        def only_the_live_one():
            return [runner.name for runner in site.github.actions.runners_of("octo/hello")] == [
                child.json()["runner_name"]]

        wait_until(only_the_live_one, "the registrations of the attempts before are gone")

    def test_a_dispatch_whose_answer_was_lost_is_found(self, site):
        """The child is there: its configuration is not minted again."""
        site.configure("nomad", timeout=1)
        site.nomad.faults.add(Stall(applied=True), method="POST", path="/dispatch$")
        configure(site)
        delivery = post(site, workflow_job(repository="octo/hello"))
        site.wait_for_dispatch(delivery)
        assert len(minted(site)) == 1
        assert len(site.dispatches_of(delivery)) == 1
        assert site.events(event="dispatch", outcome="found")

    def test_a_dispatch_that_never_arrived_gets_another_name(self, site):
        site.configure("nomad", timeout=1)
        site.configure("audit", interval=1, interval_max=1)
        site.nomad.faults.add(Stall(), method="POST", path="/dispatch$")
        configure(site)
        delivery = post(site, workflow_job(repository="octo/hello"))
        _, child = site.wait_for_dispatch(delivery)
        assert child.json()["runner_name"].endswith(f"{delivery.id}-2")
        assert len(minted(site)) == 2

    def test_one_that_is_cancelled_is_taken_away(self, site):
        site.configure("audit", interval=1, interval_max=1)
        configure(site)
        delivery = post(site, workflow_job(repository="octo/hello"))
        site.wait_for_dispatch(delivery)
        site.front.post(workflow_job("completed", repository="octo/hello", id=delivery.id,
                                     run_id=delivery.job["run_id"], status="completed",
                                     conclusion="cancelled"))
        wait_until(lambda: not site.github.actions.runners_of("octo/hello"),
                   "its registration is gone")


class TestLimits:
    def test_no_more_are_made_in_a_minute_than_is_allowed(self, make_site):
        site = make_site(github={"content_per_minute": 6})
        site.configure("github", content_per_minute=6)
        configure(site)
        jobs = [post(site, workflow_job(repository="octo/hello")) for _ in range(9)]
        wait_until(lambda: len(minted(site)) >= 6, "the first are minted")
        time.sleep(2)  # for those whose turn has not come
        assert len(minted(site)) == 6
        for job in jobs:
            site.wait_for_dispatch(job, timeout_s=90)
        assert len(minted(site)) == len(jobs)
        assert not site.github.secondary_refusals

    @pytest.mark.long
    def test_256_jobs_of_a_matrix_keep_to_the_secondary_limits(self, make_site):
        signal.setitimer(signal.ITIMER_REAL, 600)
        site = make_site(github={"content_per_minute": 80})
        configure(site)
        jobs = [post(site, workflow_job(repository="octo/hello", run_id=20915502377))
                for _ in range(256)]
        wait_until(lambda: len(site.nomad.dispatch_requests()) >= len(jobs), "all are out", 400)
        assert len(minted(site)) == len(jobs)
        assert not site.github.secondary_refusals

    def test_none_is_minted_while_the_pool_is_full(self, site):
        configure(site, max_runners=2)
        jobs = [post(site, workflow_job(repository="octo/hello")) for _ in range(5)]
        wait_until(lambda: len(minted(site)) >= 2, "two are minted")
        site.wait_for_dispatch(jobs[1])
        time.sleep(1)
        assert len(minted(site)) == 2
