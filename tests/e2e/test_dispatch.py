"""What goes to GitHub and to Nomad, to the byte."""

import concurrent.futures
import json
import re

import pytest

from standins import ParameterizedJob

from .support.deliveries import POOL_LABELS, workflow_job
from .support.log import matching
from .support.site import (CF_ACCESS_ID, CF_ACCESS_SECRET, GITHUB_TOKEN, META_KEYS, NOMAD_JOB,
                           NOMAD_TOKEN)

PAYLOAD_KEYS = ["repo", "fork", "job", "run_id", "job_id", "labels", "url", "runner_name", "token"]


def dispatched(site, delivery, front="nginx"):
    """Serves, posts, waits; returns (front, job, child)."""
    served = site.front or site.serve(front)
    answer = served.post(delivery)
    assert answer.status == 202, answer
    job, child = site.wait_for_dispatch(delivery)
    return served, job, child


def body_headers(request):
    """The headers that runhook chose to send: libcurl's own are left out."""
    return {name.lower(): value for name, value in request.headers.fields
            if name.lower() not in ("host", "content-length", "accept-encoding", "connection")}


class TestRequests:
    def test_to_github(self, site):
        dispatched(site, workflow_job(repository="octo/hello.world"))
        (request,) = site.github.requests
        assert (request.method, request.target) == (
            "POST", "/repos/octo/hello.world/actions/runners/registration-token")
        assert request.body == b""
        headers = body_headers(request)
        headers.pop("content-type", None)
        assert re.fullmatch(r"runhook/\d+\.\d+\.\d+", headers.pop("user-agent"))
        assert headers == {
            "authorization": f"Bearer {GITHUB_TOKEN}",
            "accept": "application/vnd.github+json",
            "x-github-api-version": "2022-11-28",
        }

    def test_to_nomad(self, site):
        delivery = workflow_job(repository="octo/hello", name="unit tests (3.11, linux)", fork=True)
        _, job, child = dispatched(site, delivery)
        (request,) = site.nomad.requests
        assert (request.method, request.path) == ("POST", f"/v1/job/{NOMAD_JOB}/dispatch")
        assert request.query == [("idempotency_token", f"{delivery.id}.1")]

        headers = body_headers(request)
        headers.pop("user-agent", None)
        headers.pop("accept", None)
        assert headers == {
            "content-type": "application/json;charset=UTF-8",
            "authorization": f"Bearer {NOMAD_TOKEN}",
            "x-nomad-token": NOMAD_TOKEN,
        }

        assert list(request.json()) == ["Payload", "Meta"]
        assert request.json()["Meta"] == {
            "REPO_FULL_NAME": "octo/hello",
            "REPO_SHORT_NAME": "hello",
            "WORKFLOW_RUN": str(delivery.job["run_id"]),
        }
        payload = child.json()
        assert list(payload) == PAYLOAD_KEYS
        assert payload == {
            "repo": "octo/hello",
            "fork": True,
            "job": "unit tests (3.11, linux)",
            "run_id": delivery.job["run_id"],
            "job_id": delivery.id,
            "labels": list(POOL_LABELS),
            "url": "https://github.com/octo/hello",
            "runner_name": job["runner"],
            "token": site.github.tokens_issued("octo/hello")[0],
        }
        assert site.github.is_registration_token(payload["token"], "octo/hello")

    def test_runner_name(self, site):
        delivery = workflow_job()
        _, job, _ = dispatched(site, delivery)
        assert re.fullmatch(rf"runhook-[0-9a-f]{{8}}-{delivery.id}-1", job["runner"])

    def test_runner_prefix(self, site):
        site.configure("server", runner_prefix="homelab-" + "x" * 16)
        delivery = workflow_job(id=2**53 - 1)
        _, job, _ = dispatched(site, delivery)
        assert job["runner"].startswith("homelab-" + "x" * 16 + "-")
        assert len(job["runner"]) <= 64

    def test_credentials_go_to_their_own_upstream_only(self, site):
        site.configure("nomad", cf_access_client_id_file=site.secret_file("cf-id", CF_ACCESS_ID),
                       cf_access_client_secret_file=site.secret_file("cf-secret", CF_ACCESS_SECRET))
        dispatched(site, workflow_job())
        to_github = json.dumps([request.as_dict() for request in site.github.requests])
        to_nomad = json.dumps([request.as_dict() for request in site.nomad.requests])
        for secret in (NOMAD_TOKEN, CF_ACCESS_ID, CF_ACCESS_SECRET):
            assert secret not in to_github
            assert secret in to_nomad
        assert GITHUB_TOKEN in to_github
        assert GITHUB_TOKEN not in to_nomad


class TestConfigured:
    def test_namespace_and_region(self, make_site):
        job = ParameterizedJob(NOMAD_JOB, payload="required", meta_required=META_KEYS,
                               namespace="build & test")
        site = make_site(nomad={"jobs": [job], "region": "eu-1"})
        site.configure("nomad", namespace="build & test", region="eu-1")
        delivery = workflow_job()
        served = site.serve("nginx")
        assert served.post(delivery).status == 202
        site.nomad.wait_for_children(1)
        (request,) = site.nomad.requests
        assert sorted(request.query) == [("idempotency_token", f"{delivery.id}.1"),
                                         ("namespace", "build & test"), ("region", "eu-1")]

    def test_cloudflare_access_headers(self, make_site):
        headers = {"CF-Access-Client-Id": CF_ACCESS_ID,
                   "CF-Access-Client-Secret": CF_ACCESS_SECRET}
        site = make_site(nomad={"required_headers": headers})
        site.configure("nomad", cf_access_client_id_file=site.secret_file("cf-id", CF_ACCESS_ID),
                       cf_access_client_secret_file=site.secret_file("cf-secret", CF_ACCESS_SECRET))
        dispatched(site, workflow_job())
        (request,) = site.nomad.requests
        assert request.headers["CF-Access-Client-Id"] == CF_ACCESS_ID
        assert request.headers["CF-Access-Client-Secret"] == CF_ACCESS_SECRET

    def test_cloudflare_refusal_is_a_page_and_no_answer(self, make_site):
        site = make_site(nomad={"required_headers": {"CF-Access-Client-Id": "another"}})
        site.serve("nginx").post(workflow_job())
        line = site.wait_for_event(event="dispatch", upstream="nomad")
        assert line["outcome"] == "retry"
        assert "<html" not in line["error"].lower()
        assert site.nomad.children == []

    def test_no_nomad_token(self, make_site):
        site = make_site(nomad={"tokens": None})
        site.configure("nomad", token_file=None)
        dispatched(site, workflow_job())
        (request,) = site.nomad.requests
        assert "Authorization" not in request.headers
        assert "X-Nomad-Token" not in request.headers

    def test_further_meta_keys(self, make_site):
        keys = ("DELIVERY_ID", "WORKFLOW_JOB", "JOB_NAME", "RUNNER_NAME", "RUN_ATTEMPT",
                "WORKFLOW_NAME", "HEAD_BRANCH", "LABELS", "POOL")
        job = ParameterizedJob(NOMAD_JOB, payload="required", meta_required=META_KEYS,
                               meta_optional=keys)
        site = make_site(nomad={"jobs": [job]})
        site.configure("pool linux", meta=", ".join(keys))
        delivery = workflow_job(name="lint", run_attempt=3, head_branch="fix/bär")
        _, listed, child = dispatched(site, delivery)
        meta = {key: value for key, value in child.meta.items() if key not in META_KEYS}
        labels = meta.pop("LABELS")
        assert re.split(r"\s*,\s*", labels) == list(POOL_LABELS)
        assert meta == {
            "DELIVERY_ID": delivery.guid, "WORKFLOW_JOB": str(delivery.id), "JOB_NAME": "lint",
            "RUNNER_NAME": listed["runner"], "RUN_ATTEMPT": "3",
            "WORKFLOW_NAME": "Build and test", "HEAD_BRANCH": "fix/bär", "POOL": "linux"}

    def test_github_enterprise_prefix(self, make_site):
        site = make_site(github={"prefix": "/api/v3"})
        site.configure("github", api_url=site.github.url + "/")
        dispatched(site, workflow_job(repository="octo/hello"))
        assert site.github.requests[0].path == (
            "/api/v3/repos/octo/hello/actions/runners/registration-token")

    def test_first_pool_in_file_order_that_serves(self, make_site):
        jobs = [ParameterizedJob(name, payload="required", meta_required=META_KEYS)
                for name in ("plain", "gpu", "hosted")]
        site = make_site(nomad={"jobs": jobs})
        del site.config["pool linux"]
        site.configure("pool plain", labels="self-hosted, Linux", nomad_job="plain")
        site.configure("pool gpu", labels="self-hosted, linux, gpu", nomad_job="gpu")
        site.configure("pool hosted", labels="ubuntu-latest", nomad_job="hosted",
                       require_self_hosted="no")
        site.serve("nginx")
        for labels, pool, offered in [
                (["self-hosted"], "plain", ["self-hosted", "Linux"]),
                (["SELF-HOSTED", "linux"], "plain", ["self-hosted", "Linux"]),
                (["self-hosted", "GPU"], "gpu", ["self-hosted", "linux", "gpu"]),
                (["ubuntu-latest"], "hosted", ["ubuntu-latest"])]:
            delivery = workflow_job(labels=labels)
            _, job, child = dispatched(site, delivery)
            assert job["pool"] == pool
            assert child.parent_id == pool
            assert child.json()["labels"] == offered
        # No one pool has both.
        answer = site.front.post(workflow_job(labels=["self-hosted", "ubuntu-latest"]))
        assert answer.json["status"] == "ignored"


class TestNames:
    @pytest.mark.parametrize("name", [
        "ビルドとテスト", "بناء", "naïve café", "🚀 deploy (🐧)", 'quo"te \\ back', "tab\tnew\nline",
        "<script>alert(1)</script>", "%s%n${x}$(id)", "\u0001\u007f", "x" * 300, ""])
    def test_job_names_survive(self, site, name):
        delivery = workflow_job(name=name)
        _, job, child = dispatched(site, delivery, "spawn_fcgi")
        assert child.json()["job"] == name
        assert job["name"] == name

    @pytest.mark.parametrize("repository", ["A/b", "a.b/c_d", "a-1/.github", "0/0"])
    def test_repository_names(self, site, repository):
        _, _, child = dispatched(site, workflow_job(repository=repository))
        assert child.meta["REPO_FULL_NAME"] == repository
        assert child.meta["REPO_SHORT_NAME"] == repository.partition("/")[2]

    @pytest.mark.parametrize("job_id", [1, 2**31, 2**32 + 1, 2**53 - 1])
    def test_ids_keep_their_digits(self, site, job_id):
        delivery = workflow_job(id=job_id, run_id=2**53 - 2)
        _, _, child = dispatched(site, delivery)
        assert child.json()["job_id"] == job_id
        assert child.meta["WORKFLOW_RUN"] == str(2**53 - 2)
        assert f'"run_id":{2**53 - 2}'.encode() in child.payload.replace(b" ", b"")

    def test_matrix_jobs_do_not_collide(self, site):
        run_id = 77_000_000_001
        deliveries = [workflow_job(name=f"test ({n})", run_id=run_id) for n in range(8)]
        front = site.serve("nginx")
        for delivery in deliveries:
            assert front.post(delivery).status == 202
        children = site.nomad.wait_for_children(8)
        assert len({child.json()["runner_name"] for child in children}) == 8
        assert {child.json()["job_id"] for child in children} == {
            delivery.id for delivery in deliveries}

    def test_a_delivery_without_the_fields_that_may_be_missing(self, site):
        delivery = workflow_job(drop=["run_attempt", "created_at", "workflow_name", "head_branch",
                                      "runner_id", "runner_name"])
        _, job, child = dispatched(site, delivery)
        assert child.json()["job_id"] == delivery.id


class TestRegistrationTokens:
    def test_one_a_repository_for_an_hour(self, site):
        first, second = (workflow_job(repository="octo/one") for _ in range(2))
        other = workflow_job(repository="octo/two")
        tokens = [dispatched(site, delivery)[2].json()["token"]
                  for delivery in (first, second, other)]
        assert tokens[0] == tokens[1] != tokens[2]
        assert [request.path.split("/")[3] for request in site.github.requests] == ["one", "two"]

    def test_the_last_five_minutes_are_not_used(self, make_site):
        site = make_site(github={"token_lifetime_s": 299})
        tokens = [dispatched(site, workflow_job())[2].json()["token"] for _ in range(2)]
        assert len(set(tokens)) == 2

    def test_but_all_before_them_are(self, make_site):
        site = make_site(github={"token_lifetime_s": 360})
        tokens = [dispatched(site, workflow_job())[2].json()["token"] for _ in range(2)]
        assert len(set(tokens)) == 1

    def test_a_burst_asks_once(self, site):
        front = site.serve("nginx")
        for _ in range(12):
            assert front.post(workflow_job(repository="octo/burst")).status == 202
        site.nomad.wait_for_children(12)
        assert len(site.github.requests) == 1


class TestOnce:
    def test_deliveries_at_the_same_time_make_one_child(self, site):
        front = site.serve("lighttpd_fastcgi")
        delivery = workflow_job()
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(lambda _: front.post(delivery), range(24)))
        assert sorted(answer.status for answer in answers) == [200] * 23 + [202]
        site.wait_for_dispatch(delivery)
        last = workflow_job()
        dispatched(site, last)
        assert len(site.dispatches_of(delivery)) == 1
        assert len(matching(site.events(event="dispatch"), job=delivery.id)) == 1
