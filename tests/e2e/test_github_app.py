"""A GitHub App, and several owners with credentials of their own."""

import json
import time

import pytest

from standins.github_client import key_pair

from .support.deliveries import Delivery, workflow_job
from .support.site import GITHUB_TOKEN
from .support.waiting import wait_until

APP_ID = 314159
CLIENT_ID = "Iv23liAbCdEf01234567"
PERMISSIONS = {"administration": "write", "actions": "read",
               "organization_self_hosted_runners": "write"}


@pytest.fixture(scope="module")
def keys():
    return key_pair()


def with_app(site, keys, *, issuer=APP_ID, **options):
    """The App in place of the token of [github]. Returns it as the stand-in has it."""
    app = site.github.add_app(APP_ID, keys[1], client_id=CLIENT_ID,
                              **{"permissions": PERMISSIONS, **options})
    site.configure("github", token_file=None, app_id=issuer,
                   private_key_file=site.secret_file("app.pem", keys[0].strip()))
    return app


def minted(site):
    return [request for request in site.github.requests if request.path.endswith("/access_tokens")]


def post(site, delivery):
    answer = site.front.post(delivery)
    assert answer.status == 202, answer
    return delivery


class TestApp:
    @pytest.mark.parametrize("issuer", [APP_ID, CLIENT_ID])
    def test_it_serves_as_a_token_does(self, site, keys, issuer):
        app = with_app(site, keys, issuer=issuer)
        site.github.install(app, "octo")
        site.serve()
        for _ in range(3):
            site.wait_for_dispatch(post(site, workflow_job(repository="octo/hello")))
        (token,) = site.github.installation_tokens
        assert token.permissions == {"administration": "write", "metadata": "read"}
        assert len(minted(site)) == 1
        assert len(site.github.tokens_issued("octo/hello")) == 1
        assert not site.github.schema_refusals
        assert token.token not in site.log_path.read_text()

    @pytest.mark.parametrize("told", ["its own", "one that is no more", None])
    def test_the_installation_is_told_by_the_delivery_or_asked_for(self, site, keys, told):
        installation = site.github.install(with_app(site, keys), "octo")
        site.serve()
        delivery = workflow_job(repository="octo/hello")
        if told is not None:
            body = json.loads(delivery.body)
            body["installation"] = {"id": installation.id if told == "its own" else 987654321}
            told_so = Delivery(body)
            told_so.job, delivery = delivery.job, told_so
        site.wait_for_dispatch(post(site, delivery))
        asked = [request for request in site.github.requests
                 if request.path == "/repos/octo/hello/installation"]
        assert len(asked) == (0 if told == "its own" else 1)

    @pytest.mark.parametrize("skew_s", [-60, -59, 59, 60])
    def test_clocks_may_differ_by_a_minute(self, make_site, keys, skew_s):
        site = make_site(github={"clock": lambda: time.time() + skew_s})
        site.github.install(with_app(site, keys), "octo")
        site.serve()
        site.wait_for_dispatch(post(site, workflow_job(repository="octo/hello")))

    def test_a_clock_that_is_far_off_is_told(self, make_site, keys):
        site = make_site(github={"clock": lambda: time.time() + 3600})
        site.github.install(with_app(site, keys), "octo")
        site.serve()
        post(site, workflow_job(repository="octo/hello"))
        event = site.wait_for_event(event="dispatch", outcome="retry")
        assert event["level"] == "error"
        assert "this machine's clock is 3" in event["error"]  # 3600, or a second less
        assert "s behind GitHub's; set it right" in event["error"]

    def test_a_revoked_installation_token_is_minted_anew(self, site, keys):
        site.github.install(with_app(site, keys), "octo")
        site.serve()
        site.wait_for_dispatch(post(site, workflow_job(repository="octo/one")))
        with site.github.changing():
            site.github.installation_tokens[0].revoked = True
        site.wait_for_dispatch(post(site, workflow_job(repository="octo/two")))
        assert len(minted(site)) == 2
        assert not site.events(outcome="retry")

    def test_uninstalled_and_installed_again(self, site, keys):
        app = with_app(site, keys)
        installation = site.github.install(app, "octo")
        site.serve()
        site.wait_for_dispatch(post(site, workflow_job(repository="octo/one")))
        site.github.uninstall(installation)
        waiting = post(site, workflow_job(repository="octo/two"))
        event = site.wait_for_event(event="dispatch", outcome="retry")
        assert (f"the GitHub App {APP_ID} is not installed for octo/two (404): install it there"
                in event["error"])
        assert event["level"] == "error"
        site.github.install(app, "octo")
        site.wait_for_dispatch(waiting)

    def test_suspended(self, site, keys):
        installation = site.github.install(with_app(site, keys), "octo")
        site.github.suspend(installation)
        site.serve()
        waiting = post(site, workflow_job(repository="octo/one"))
        event = site.wait_for_event(event="dispatch", outcome="retry")
        assert f"the GitHub App {APP_ID} is suspended for octo/one (403)" in event["error"]
        site.github.unsuspend(installation)
        site.wait_for_dispatch(waiting)

    def test_a_permission_that_it_lacks_is_named(self, site, keys):
        site.github.install(with_app(site, keys, permissions={"actions": "read"}), "octo")
        site.serve()
        post(site, workflow_job(repository="octo/one"))
        event = site.wait_for_event(event="dispatch", outcome="retry")
        assert "lacks administration (write)" in event["error"]

    def test_a_key_of_another_app(self, site, keys):
        other_private, _ = key_pair()
        site.github.install(with_app(site, keys), "octo")
        site.configure("github", private_key_file=site.secret_file("app.pem",
                                                                   other_private.strip()))
        site.serve()
        waiting = post(site, workflow_job(repository="octo/one"))
        event = site.wait_for_event(event="dispatch", outcome="retry")
        assert "do not belong together" in event["error"]
        # The right one, put into its place, is taken up by itself.
        site.secret_file("app.pem", keys[0].strip())
        site.wait_for_dispatch(waiting)


class TestOwners:
    OTHER = "ghp_of_the_other_owner"

    def two_owners(self, site):
        site.github.add_token(self.OTHER, owners=["other"])
        site.configure("owner other", token_file=site.secret_file("other-token", self.OTHER))
        site.serve()

    def authorizations(self, site, owner):
        return {request.headers.get("Authorization") for request in site.github.requests
                if f"/{owner}/" in request.path}

    def test_each_is_asked_for_with_its_own_credential(self, site):
        self.two_owners(site)
        for repository in ("octo/one", "other/two", "Other/three"):
            site.wait_for_dispatch(post(site, workflow_job(repository=repository)))
        assert self.authorizations(site, "octo") == {f"Bearer {GITHUB_TOKEN}"}
        assert self.authorizations(site, "other") == {f"Bearer {self.OTHER}"}
        assert self.authorizations(site, "Other") == {f"Bearer {self.OTHER}"}

    def test_the_trouble_of_one_leaves_the_others_alone(self, site):
        self.two_owners(site)
        with site.github.changing():
            site.github.tokens.discard(self.OTHER)
        waiting = post(site, workflow_job(repository="other/one"))
        event = site.wait_for_event(event="dispatch", outcome="retry", repository="other/one")
        assert "put a new one into [owner other] token_file" in event["error"]
        for n in range(4):
            site.wait_for_dispatch(post(site, workflow_job(repository=f"octo/r{n}")))
        assert site.jobs()[waiting.id]["state"] == "queued"
        listed = site.run("jobs").stdout
        assert "github/other is left alone" in listed and "[owner other] token_file" in listed
        site.github.add_token("ghp_a_new_one", owners=["other"])
        site.secret_file("other-token", "ghp_a_new_one")
        site.wait_for_dispatch(waiting)

    def test_an_owner_without_a_credential_is_told(self, site):
        site.github.add_token(self.OTHER, owners=["other"])
        site.configure("owner other", token_file=site.secret_file("other-token", self.OTHER))
        site.configure("github", token_file=None)
        site.serve()
        post(site, workflow_job(repository="octo/one"))
        event = site.wait_for_event(event="dispatch", outcome="retry")
        assert "no token or App for octo/one" in event["error"]
        site.wait_for_dispatch(post(site, workflow_job(repository="other/one")))


class TestMatrix:
    def test_256_jobs_of_a_matrix_take_one_token(self, site):
        site.configure("server", dispatchers=8)
        site.serve()
        jobs = [post(site, workflow_job(repository="octo/matrix", run_id=20915502377))
                for _ in range(256)]
        wait_until(lambda: len(site.nomad.dispatch_requests()) >= len(jobs),
                   "all are dispatched", 60)
        assert len(site.github.tokens_issued("octo/matrix")) == 1
