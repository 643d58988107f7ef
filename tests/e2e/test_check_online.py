"""`runhook check --online`: asks GitHub and Nomad whether jobs will get their runners, and says what
to do where they will not. Each test makes one thing ill, and asserts its line and the exit status;
every test ends with: nothing was dispatched, and nothing secret was printed."""

import json
import sqlite3
import time

import pytest

from standins import AclToken, ParameterizedJob, task_group
from standins.faults import Answer, Delay
from standins.github_client import key_pair

from .support.deliveries import WEBHOOK_SECRET
from .support.site import GITHUB_TOKEN, META_KEYS, NOMAD_JOB, NOMAD_TOKEN

REPOSITORY = "octo-harbor/lighthouse"
URL = "https://hooks.example.com/runhook"
RIGHTS = {"dispatch-job", "read-job", "list-jobs", "submit-job"}
APP_ID = 424242
DAY_S = 86400


class Checked:
    def __init__(self, done):
        self.done = done
        self.code = done.code
        self.findings = [(line[:8].strip(), *line[9:].split(": ", 1))
                         for line in done.stdout.splitlines()
                         if line[:9].rstrip() in ("ok", "warning", "error") and ": " in line]

    def levels(self, level):
        return [(subject, text) for each, subject, text in self.findings if each == level]

    def the(self, level, subject):
        """The words of the one finding of this level and subject."""
        found = [text for each, text in self.levels(level) if each == subject]
        assert len(found) == 1, (level, subject, self.done)
        return found[0]


class Ward:
    """A site that is in the best of health, for a test to make ill."""

    def __init__(self, site):
        self.site = site
        self.github, self.nomad = site.github, site.nomad
        site.configure("github", repositories=REPOSITORY)
        site.configure("audit", discover_interval=600)
        self.hook = self.github.add_hook(f"repos/{REPOSITORY}", URL, secret=WEBHOOK_SECRET)

    def check(self, *arguments, env=None):
        made = len(self.nomad.dispatches)
        checked = Checked(self.site.run("check", "--online", *arguments, env=env))
        assert len(self.nomad.dispatches) == made, "a child was dispatched"
        return checked

    def only(self, level, subject, *arguments, code=None, env=None):
        """Checks, and gives the words of that finding, which is the only one that is not ok."""
        checked = self.check(*arguments, env=env)
        assert checked.code == (1 if level == "error" else 0) if code is None else code, checked.done
        ill = checked.levels("warning") + checked.levels("error")
        assert [found for found, _ in ill] == [subject], checked.done
        return checked.the(level, subject)

    def grant(self, rights, **options):
        self.nomad.tokens[NOMAD_TOKEN] = AclToken(NOMAD_TOKEN, rights, **options)

    def replace_job(self, **options):
        options = {"payload": "required", "meta_required": META_KEYS, "groups": [task_group()],
                   **options}
        return self.nomad.register(ParameterizedJob(NOMAD_JOB, **options))


@pytest.fixture
def make_ward(make_site):
    def make(**options):
        nomad = {"tokens": [AclToken(NOMAD_TOKEN, RIGHTS)],
                 "jobs": [ParameterizedJob(NOMAD_JOB, payload="required", meta_required=META_KEYS,
                                           groups=[task_group()])],
                 **options.pop("nomad", {})}
        return Ward(make_site(nomad=nomad, **options))
    return make


@pytest.fixture
def ward(make_ward):
    return make_ward()


class TestHealth:
    def test_all_is_well(self, ward):
        checked = ward.check()
        assert checked.code == 0, checked.done
        assert not checked.levels("warning") and not checked.levels("error"), checked.done
        assert checked.done.stderr == ""
        assert checked.done.stdout.endswith("nothing keeps jobs from running\n")
        assert [subject for subject, _ in checked.levels("ok")] == [
            "GitHub", "clock", "[github]", f"runners of {REPOSITORY}", f"Actions of {REPOSITORY}",
            f"hook {ward.hook.id} of {REPOSITORY}", "rate limit of [github]", "Nomad",
            "Nomad's garbage collection", "[nomad] token", "pool linux", "[nomad] token",
            "[nomad] token", "[nomad] token", "[nomad] token"]
        assert ward.github.url in checked.the("ok", "GitHub")
        assert checked.the("ok", "[github]").startswith("a classic token of monalisa, with repo, ")
        rights = [text for subject, text in checked.levels("ok") if subject == "[nomad] token"]
        assert rights == ['"runhook", a client token', "may read jobs (read-job)",
                          "may list jobs (list-jobs)", "may dispatch runners (dispatch-job)",
                          "may stop runners (submit-job)"]

    def test_nothing_is_changed_but_a_registration_token_minted(self, ward):
        hooks = [dict(ward.hook.config), list(ward.hook.events)]
        ward.check("--url", URL)
        written = [(request.method, request.path) for request in ward.github.requests
                   if request.method != "GET"]
        assert written == [("POST", f"/repos/{REPOSITORY}/actions/runners/registration-token")]
        assert len(ward.github.tokens_issued(REPOSITORY)) == 1
        assert [dict(ward.hook.config), list(ward.hook.events)] == hooks
        assert {request.method for request in ward.nomad.requests} == {"GET", "POST", "DELETE"}
        deleted, = [request for request in ward.nomad.requests if request.method == "DELETE"]
        assert "dispatch-check-" in deleted.path
        assert not ward.nomad.jobs["default", NOMAD_JOB].stop
        assert not ward.site.ledger_path.exists(), "checking made a ledger"

    def test_as_json(self, ward):
        done = ward.check("--json").done
        assert done.code == 0, done
        told = json.loads(done.stdout)
        assert told["good"] is True
        assert {finding["level"] for finding in told["findings"]} == {"ok"}
        assert told["findings"][0] == {"level": "ok", "subject": "GitHub",
                                       "text": f"answers at {ward.github.url}"}

        ward.github.tokens.clear()
        done = ward.check("--json").done
        assert done.code == 1
        told = json.loads(done.stdout)
        assert told["good"] is False
        assert [finding["subject"] for finding in told["findings"]
                if finding["level"] == "error"] == ["[github]"]

    def test_check_alone_sends_nothing(self, ward):
        assert ward.site.run("check").code == 0
        assert not ward.github.requests and not ward.nomad.requests

    @pytest.mark.parametrize("arguments", [["--json"], ["--url", URL], ["--online", "--url"],
                                           ["--online", "now"]])
    def test_arguments_that_are_wrong(self, ward, arguments):
        done = ward.site.run("check", *arguments)
        assert done.code == 2
        assert "usage: runhook" in done.stderr

    def test_a_configuration_that_is_wrong_is_not_asked_with(self, ward):
        ward.site.configure("server", threads=0)
        assert ward.check().code == 1
        assert not ward.github.requests and not ward.nomad.requests

    def test_no_repository_is_known(self, ward):
        ward.site.configure("github", repositories=None)
        assert "`repositories` of [github]" in ward.only("warning", "repositories")

    def test_acls_are_off(self, ward):
        ward.nomad.tokens = None
        checked = ward.check()
        assert checked.code == 0 and not checked.levels("warning"), checked.done
        assert any("ACLs are off" in text for _, text in checked.levels("ok"))

    def test_agents_that_tell_of_themselves(self, ward):
        ward.grant(RIGHTS | {"agent:read"})
        checked = ward.check()
        assert checked.the("ok", "Nomad").startswith("1.6.1 at ")
        assert checked.the("ok", "Nomad's garbage collection") == "takes dead jobs after 4h"
        ward.nomad.job_gc = "90m"
        assert "90m" in ward.check().the("ok", "Nomad's garbage collection")


class TestTokens:
    def test_revoked(self, ward):
        ward.github.tokens.clear()
        words = ward.only("error", "[github]")
        assert "revoked" in words and "[github] token_file" in words
        assert len(ward.github.requests) == 1

    def test_a_scope_is_missing(self, ward):
        ward.github.add_token(GITHUB_TOKEN, scopes=("read:org", "public_repo"))
        words = ward.only("error", "[github]")
        assert words == ("it lacks the scope repo (it has: read:org, public_repo): add it in the "
                         "token's settings")

    def test_the_scope_of_organizations_is_missing(self, ward):
        ward.site.configure("pool linux", scope="organization")
        ward.github.add_token(GITHUB_TOKEN, scopes=("repo",))
        assert "lacks the scope admin:org " in ward.only("error", "[github]")

    def test_a_permission_is_missing(self, ward):
        ward.github.add_token(GITHUB_TOKEN, "fine-grained", permissions={
            "administration": "read", "actions": "read", "repository_hooks": "read"})
        words = ward.only("error", f"runners of {REPOSITORY}")
        assert "administration (write)" in words

    @pytest.mark.parametrize("forks, level", [("allow", "warning"), ("deny", "error")])
    def test_actions_cannot_be_read(self, ward, forks, level):
        ward.site.configure("access", fork_pull_requests=forks)
        ward.github.add_token(GITHUB_TOKEN, "fine-grained", permissions={
            "administration": "write", "repository_hooks": "read"})
        assert "actions (read)" in ward.only(level, f"Actions of {REPOSITORY}")

    def test_hooks_cannot_be_looked_at(self, ward):
        ward.github.add_token(GITHUB_TOKEN, "fine-grained", permissions={
            "administration": "write", "actions": "read"})
        assert "webhooks (write)" in ward.only("warning", f"hooks of {REPOSITORY}")

    def test_a_fine_grained_token_that_is_enough(self, ward):
        ward.github.add_token(GITHUB_TOKEN, "fine-grained", permissions={
            "administration": "write", "actions": "read", "repository_hooks": "read"})
        checked = ward.check()
        assert checked.code == 0 and not checked.levels("warning"), checked.done
        assert checked.the("ok", "[github]").startswith("a fine-grained token of monalisa")

    def test_it_expires_soon(self, ward):
        ward.github.add_token(GITHUB_TOKEN, expires_at=time.time() + 5.5 * DAY_S)
        assert ward.only("warning", "[github]").startswith("it expires in 5d: ")

    def test_it_expires_late(self, ward):
        ward.github.add_token(GITHUB_TOKEN, expires_at=time.time() + 90 * DAY_S)
        assert ward.check().code == 0

    def test_no_account_for_an_owner(self, ward):
        ward.site.configure("github", token_file=None)
        ward.site.configure("owner somebody-else",
                            token_file=ward.site.directory / "secrets/github-token")
        checked = ward.check()
        assert checked.code == 1
        assert "[owner NAME]" in checked.the("error", f"runners of {REPOSITORY}")

    def test_each_owner_has_an_account(self, ward):
        ward.site.configure("owner octo-harbor", token_file=ward.site.secret_file("other", "gone"))
        ward.site.secrets.discard("gone")
        words = ward.only("error", "[owner octo-harbor]")
        assert "[owner octo-harbor] token_file" in words


class TestRateLimit:
    def test_nearly_used(self, ward):
        ward.github.rate.remaining = 300
        words = ward.only("warning", "rate limit of [github]")
        assert "of 5000 requests an hour are used" in words and "renews in" in words

    def test_used_up(self, ward):
        ward.github.rate.remaining = 0
        checked = ward.check()
        assert checked.code == 1
        assert "used up" in checked.the("error", "[github]")
        assert "5000 of 5000" in checked.the("warning", "rate limit of [github]")

    def test_github_calls_are_more(self, ward):
        ward.site.configure("audit", github_calls=9000)
        assert "github_calls is 9000" in ward.only("warning", "rate limit of [github]")


class TestPlaces:
    def test_a_repository_that_is_not_there(self, ward):
        ward.github.remove_repository(REPOSITORY)
        checked = ward.check()
        assert checked.code == 1
        assert REPOSITORY in checked.the("error", f"runners of {REPOSITORY}")

    def test_an_unknown_group(self, ward):
        ward.site.configure("pool linux", scope="organization", runner_group="harbor")
        words = ward.only("error", "runners of the organization octo-harbor")
        assert 'no runner group "harbor"' in words
        ward.github.add_runner_group("orgs/octo-harbor", "harbor")
        assert ward.check().code == 0

    def test_an_enterprise(self, ward):
        ward.site.configure("pool linux", scope="enterprise", enterprise="fleet")
        assert ward.check().the("ok", "runners of the enterprise fleet")
        ward.github.add_token(GITHUB_TOKEN, "fine-grained", permissions={"actions": "read"})
        checked = ward.check()
        assert checked.code == 1
        assert "manage_runners:enterprise" in checked.the("error", "[github]")

    def test_repositories_of_the_ledger(self, ward):
        ward.site.configure("github", repositories=None)
        serve(ward.site)
        note_repository(ward.site, "octo-harbor/pier", age_s=60)
        note_repository(ward.site, "octo-harbor/of-old", age_s=400 * DAY_S)
        checked = ward.check()
        assert checked.code == 0, checked.done
        assert checked.the("ok", "runners of octo-harbor/pier")
        assert "of-old" not in checked.done.stdout


class TestHooks:
    subject = f"hooks of {REPOSITORY}"

    def its(self, ward):
        return f"hook {ward.hook.id} of {REPOSITORY}"

    def test_a_rotated_secret(self, ward):
        deliver(ward, 403)
        words = ward.only("error", self.its(ward))
        assert "403" in words and "signs with another secret" in words
        assert f"runhook hooks install {REPOSITORY} --secret --url {URL}" in words
        assert "webhook_secret_file" in words

    @pytest.mark.parametrize("status, level, needle", [
        (202, None, None), (503, "warning", "ledger"), (502, "warning", "web server"),
        (504, "warning", "web server"), (404, "error", "location"), (418, "error", "418"),
        (500, "warning", "500"), (0, "error", "did not reach")])
    def test_its_last_delivery(self, ward, status, level, needle):
        deliver(ward, status)
        if level is None:
            assert "its last delivery taken" in ward.check().the("ok", self.its(ward))
        else:
            assert needle in ward.only(level, self.its(ward))

    @pytest.mark.parametrize("change, level, needle", [
        ({"active": False}, "error", "not active"),
        ({"events": ["push"]}, "error", "Workflow job"),
        ({"secret": None}, "error", "no secret"),
        ({"insecure_ssl": "1"}, "warning", "certificate")])
    def test_its_settings(self, ward, change, level, needle):
        del ward.github.hooks.hooks[ward.hook.id]
        ward.hook = ward.github.add_hook(f"repos/{REPOSITORY}", URL,
                                         **{"secret": WEBHOOK_SECRET, **change})
        assert needle in ward.only(level, self.its(ward), "--url", URL)

    def test_other_events_do_no_harm(self, ward):
        ward.hook.events = ["push", "workflow_job"]
        assert "other events" in ward.check().the("ok", self.its(ward))

    def test_none(self, ward):
        del ward.github.hooks.hooks[ward.hook.id]
        words = ward.only("warning", self.subject, "--url", URL)
        assert words.startswith("no webhook") and f"install {REPOSITORY} --url {URL}" in words

    def test_one_of_somebody_else(self, ward):
        ward.hook.config["url"] = "https://elsewhere.example.com/"
        assert ward.only("warning", self.subject, "--url", URL).startswith("no webhook")

    def test_one_that_was_deleted_by_hand(self, ward):
        serve(ward.site)
        note_hook(ward.site, f"repos/{REPOSITORY}", ward.hook.id)
        assert ward.check().code == 0
        del ward.github.hooks.hooks[ward.hook.id]
        words = ward.only("error", self.subject)
        assert "was deleted" in words and f"runhook hooks install {REPOSITORY}" in words

    def test_the_one_that_deliveries_came_from_is_ours(self, ward):
        other = ward.github.add_hook(f"repos/{REPOSITORY}", "https://elsewhere.example.com/")
        assert ward.check().code == 1, "one without a secret, which may be ours"
        serve(ward.site)
        note_hook(ward.site, f"repos/{REPOSITORY}", ward.hook.id)
        checked = ward.check()
        assert checked.code == 0, checked.done
        assert str(other.id) not in checked.done.stdout

    def test_that_of_the_organization(self, ward):
        hook = ward.github.add_hook("orgs/octo-harbor", URL, secret=WEBHOOK_SECRET)
        checked = ward.check()
        assert checked.code == 0 and not checked.levels("warning"), checked.done
        assert "harmless" in checked.the("ok", self.subject)
        del ward.github.hooks.hooks[ward.hook.id]
        checked = ward.check()
        assert checked.code == 0 and not checked.levels("warning"), checked.done
        ward.github.record_delivery(hook, "workflow_job", {}, 403)
        words = ward.only("error", f"hook {hook.id} of the organization octo-harbor")
        assert "runhook hooks install --organization octo-harbor --secret" in words


class TestApps:
    PERMISSIONS = {"administration": "write", "actions": "read", "repository_hooks": "write"}

    @pytest.fixture(scope="class")
    def key(self):
        return key_pair()

    @pytest.fixture
    def app(self, ward, key):
        private_key, public_key = key
        ward.private_key = private_key
        path = ward.site.directory / "secrets" / "app-key"
        path.write_text(private_key)
        path.chmod(0o600)
        ward.site.secrets.add(private_key.splitlines()[3])
        ward.site.configure("github", token_file=None, app_id=APP_ID, private_key_file=path)
        ward.app = ward.github.add_app(APP_ID, public_key, permissions=self.PERMISSIONS, hook={
            "url": URL, "content_type": "json", "secret": WEBHOOK_SECRET, "insecure_ssl": "0"})
        ward.installation = ward.github.install(ward.app, "octo-harbor")
        return ward.app

    def test_all_is_well(self, ward, app):
        checked = ward.check()
        assert checked.code == 0 and not checked.levels("warning"), checked.done
        texts = [text for subject, text in checked.levels("ok") if subject == "[github]"]
        assert texts[0] == f"the App runhook ({APP_ID}), with what is needed"
        assert texts[1] == "installed for octo-harbor, with all repositories"
        assert URL in texts[2]
        assert "of 5000" in checked.the("ok", "rate limit of [github] for octo-harbor")
        assert "harmless" in checked.the("ok", f"hooks of {REPOSITORY}")

    def test_uninstalled(self, ward, app):
        ward.github.uninstall(ward.installation)
        ward.github.install(app, "somebody-else")
        words = ward.only("error", "[github]")
        assert words.startswith("App uninstalled: ") and "octo-harbor" in words

    def test_uninstalled_for_its_only_owner(self, ward, app):
        ward.site.config["github"].pop("app_id")
        path = ward.site.config["github"].pop("private_key_file")
        ward.site.configure("owner octo-harbor", app_id=APP_ID, private_key_file=path)
        assert ward.check().code == 0
        ward.github.uninstall(ward.installation)
        assert ward.only("error", "[owner octo-harbor]").startswith("App uninstalled: ")

    def test_suspended(self, ward, app):
        ward.github.suspend(ward.installation)
        checked = ward.check()
        assert checked.code == 1
        assert "is suspended for octo-harbor" in checked.the("error", "[github]")

    def test_a_permission_is_missing(self, ward, app):
        app.permissions["administration"] = "read"
        ward.installation.permissions["administration"] = "read"
        words = ward.only("error", "[github]")
        assert "the App runhook lacks administration (write)" in words

    def test_a_permission_is_not_accepted(self, ward, app):
        del ward.installation.permissions["administration"]
        checked = ward.check()
        assert checked.code == 1
        words = checked.the("error", "[github]")
        assert "has not accepted" in words and "administration (write)" in words

    def test_a_repository_that_was_not_selected(self, ward, app):
        ward.github.uninstall(ward.installation)
        ward.github.install(app, "octo-harbor", repositories=["pier"])
        checked = ward.check()
        assert checked.code == 1
        assert "is not installed for" in checked.the("error", f"runners of {REPOSITORY}")

    def test_the_key_of_another(self, ward, app):
        path = ward.site.directory / "secrets" / "app-key"
        path.write_text(key_pair()[0])
        words = ward.only("error", "[github]")
        assert "do not belong together" in words

    def test_an_id_that_is_none(self, ward, app):
        ward.site.configure("github", app_id=1)
        assert "no App of the id 1" in ward.only("error", "[github]")

    def test_not_subscribed(self, ward, app):
        app.events = ["push"]
        words = ward.only("error", "[github]")
        assert "subscribe" in words

    def test_its_hook_signs_with_another_secret(self, ward, app):
        ward.github.record_delivery(app.hook, "workflow_job", {}, 403)
        words = ward.only("error", "[github]")
        assert "signs with another secret" in words
        assert "runhook hooks install --app --secret" in words

    @pytest.mark.parametrize("skew_s", [-120, 120])
    def test_clock_skew(self, ward, app, tmp_path, skew_s):
        (tmp_path / "offset").write_text(f"{skew_s * 1000}\n")
        checked = ward.check(env={"RUNHOOK_CLOCK_OFFSET": tmp_path / "offset"})
        assert checked.code == 1
        assert "set this machine's clock right" in checked.the("error", "clock")


class TestGitHub:
    def test_clock_skew_with_tokens_alone(self, ward, tmp_path):
        (tmp_path / "offset").write_text("45000\n")
        words = ward.only("warning", "clock", env={"RUNHOOK_CLOCK_OFFSET": tmp_path / "offset"})
        assert words.endswith("s ahead of GitHub's: set this machine's clock right")

    def test_unreachable(self, ward):
        with ward.github.server.refused():
            words = ward.only("error", "GitHub")
        assert ward.github.url in words

    def test_silent(self, ward):
        ward.site.configure("github", timeout=1)
        with ward.github.faults.during(Delay()):
            began = time.monotonic()
            ward.only("error", "GitHub")
            assert time.monotonic() - began < 20
        assert len(ward.github.requests) == 1

    def test_it_goes_away_under_way(self, ward):
        with ward.github.faults.during(Answer(502), path="/actions/runners$"):
            assert "502" in ward.only("error", "GitHub")

    def test_another_address(self, ward):
        ward.site.configure("github", api_url=ward.github.url + "/api/v4")
        assert "[github] api_url" in ward.only("error", "GitHub")


class TestNomad:
    def test_unreachable(self, ward):
        with ward.nomad.server.refused():
            words = ward.only("error", "Nomad")
        assert ward.nomad.url in words

    def test_no_leader(self, ward):
        ward.nomad.has_leader = False
        assert "no leader" in ward.only("error", "Nomad")

    def test_a_proxy_refuses(self, ward):
        ward.nomad.required_headers = {"CF-Access-Client-Id": "x"}
        words = ward.only("error", "Nomad")
        assert "Cloudflare Access" in words and "cf_access_client_id" in words

    def test_the_token_is_unknown(self, ward):
        ward.nomad.tokens = {"another": AclToken("another")}
        assert "[nomad] token_file" in ward.only("error", "[nomad] token")

    def test_the_token_expires_soon(self, ward):
        ward.grant(RIGHTS, expires_at=time.time() + 2.5 * DAY_S)
        checked = ward.check()
        assert checked.code == 0
        assert "expires in 2d" in checked.the("warning", "[nomad] token")

    def test_a_management_token(self, ward):
        ward.grant(None)
        assert "acl-policy.hcl" in ward.only("warning", "[nomad] token")

    @pytest.mark.parametrize("right, level", [("dispatch-job", "error"), ("read-job", "error"),
                                              ("list-jobs", "warning"), ("submit-job", "warning")])
    def test_a_right_is_missing(self, ward, right, level):
        ward.grant(RIGHTS - {right})
        checked = ward.check()
        assert checked.code == (1 if level == "error" else 0), checked.done
        words = checked.the(level, "[nomad] token")
        assert words.startswith("may not ") and f'add "{right}"' in words

    def test_deregister_job_is_enough_to_stop(self, ward):
        ward.grant(RIGHTS - {"submit-job"} | {"deregister-job"})
        checked = ward.check()
        assert checked.code == 0 and not checked.levels("warning"), checked.done

    def test_a_dispatch_that_is_made_all_the_same_is_stopped(self, ward):
        child = f"{NOMAD_JOB}/dispatch-1-0a0a0a0a"
        body = json.dumps({"DispatchedJobID": child, "EvalID": "e"})
        with ward.nomad.faults.during(Answer(200, body), path="/dispatch$"):
            words = ward.only("error", "Nomad")
        assert child in words and "stopped again" in words
        assert any(request.method == "DELETE" and child.split("/")[1] in request.path
                   for request in ward.nomad.requests)

    def test_garbage_collection_is_early(self, ward):
        ward.nomad.job_gc = "5m"
        ward.grant(RIGHTS | {"agent:read"})
        assert "job_gc_threshold" in ward.only("warning", "Nomad's garbage collection")


class TestJobs:
    def test_not_there(self, ward):
        ward.nomad.jobs.clear()
        words = ward.only("error", "pool linux")
        assert NOMAD_JOB in words and "namespace default" in words and "nomad job run" in words

    @pytest.mark.parametrize("change, needle", [
        ({"job_type": "service"}, 'type = "batch"'),
        ({"payload": None}, "parameterized"),
        ({"payload": "forbidden"}, 'payload = "required"')])
    def test_of_another_form(self, ward, change, needle):
        ward.replace_job(**change)
        assert needle in ward.only("error", "pool linux")

    def test_stopped(self, ward):
        ward.replace_job().stop = True
        assert "is stopped" in ward.only("error", "pool linux")

    def test_an_optional_payload_is_good(self, ward):
        ward.replace_job(payload="optional")
        assert ward.check().code == 0

    def test_meta_that_is_not_declared(self, ward):
        ward.replace_job(meta_optional=["LABELS"])
        ward.site.configure("pool linux", meta="RUNNER_NAME, LABELS, POOL")
        words = ward.only("error", "pool linux")
        assert "does not declare RUNNER_NAME, POOL" in words
        assert 'meta_optional = ["LABELS", "RUNNER_NAME", "POOL"]' in words

    def test_meta_that_is_required(self, ward):
        ward.replace_job(meta_required=[*META_KEYS, "JOB_NAME"])
        words = ward.only("error", "pool linux")
        assert "requires JOB_NAME" in words and "`meta` of [pool linux]" in words
        ward.site.configure("pool linux", meta="JOB_NAME")
        assert ward.check().code == 0

    def test_meta_that_nobody_knows(self, ward):
        ward.replace_job(meta_required=[*META_KEYS, "COLOUR"])
        assert "take it out" in ward.only("error", "pool linux")

    @pytest.mark.parametrize("change, needle", [
        ({"restarts": 3}, "restart {"), ({"reschedules": 1}, "reschedule {"),
        ({"replace": True}, "disconnect {")])
    def test_a_runner_would_start_twice(self, ward, change, needle):
        ward.replace_job(groups=[task_group(**change)])
        words = ward.only("warning", "pool linux")
        assert needle in words and 'group "runner"' in words


def serve(site):
    """Makes a ledger as the program does."""
    site.serve_socket().stop()


def note_repository(site, name, age_s):
    with sqlite3.connect(site.ledger_path) as connection:
        connection.execute("INSERT INTO repository (name, turn, seen_at_ms) VALUES (?, 0, ?)",
                           (name, int((time.time() - age_s) * 1000)))
    connection.close()


def note_hook(site, place, hook_id):
    with sqlite3.connect(site.ledger_path) as connection:
        connection.execute("INSERT INTO hook (place, id, seen_at_ms, sweep_at_ms)"
                           " VALUES (?, ?, 0, 0)", (place, hook_id))
    connection.close()


def deliver(ward, status):
    options = {"status": "failed to connect to host"} if status == 0 else {}
    ward.github.record_delivery(ward.hook, "workflow_job", {}, status, **options)
