"""runhook hooks: webhooks made, mended, shown, removed and pinged on GitHub."""

import json
import os
import pty
import select
import subprocess
import time

import pytest

from standins.faults import Answer
from standins.github_client import key_pair

from .support.deliveries import WEBHOOK_SECRET, workflow_job
from .support.fronts import HOOK_PATH
from .support.load import poster
from .support.processes import environment
from .support.site import GITHUB_TOKEN
from .support.waiting import wait_until

URL = "https://ci.example.org/webhook"
OTHER_URL = "https://other.example.org/webhook"
CLASSIC_MINIMUM = ("repo", "admin:repo_hook", "admin:org_hook")


@pytest.fixture
def site(make_site):
    """The organization octo with three repositories, none of them odd, and the user monalisa, whose
    token it is."""
    site = make_site(github={"repositories": []})
    site.github.add_token(GITHUB_TOKEN, scopes=CLASSIC_MINIMUM)
    site.github.add_owner("octo", "Organization")
    site.github.add_owner("monalisa")
    for name in ("app", "docs", "web"):
        site.github.add_repository(f"octo/{name}")
    yield site
    assert site.github.schema_refusals == []


def hooks(site, repository):
    target = repository if "/" not in repository.replace("orgs/", "") else f"repos/{repository}"
    return site.github.hooks.hooks_of(target)


def is_right(hook):
    return (hook.url, hook.config["content_type"], hook.config["insecure_ssl"],
            hook.config.get("secret"), hook.events, hook.active) == (
                URL, "json", "0", WEBHOOK_SECRET, ["workflow_job"], True)


def run(site, *arguments, code=0, **options):
    done = site.run("hooks", *arguments, **options)
    assert done.code == code, done
    assert "\x1b" not in done.output and "\r" not in done.output, done
    return done


def rows(done):
    """What a table says of each place: {place: (done, why)}."""
    result = {}
    for line in done.stdout.split("\n\n")[0].splitlines()[1:]:
        place, rest = line.split(maxsplit=1)
        what = next(what for what in ("would create", "would mend", "would remove",
                                      rest.split()[0]) if rest.startswith(what))
        result[place] = (what, rest.removeprefix(what).strip())
    return result


def last_line(done):
    return done.stdout.splitlines()[-1]


def changes(site):
    return [request for request in site.github.requests if request.method != "GET"]


class TestInstall:
    def test_one_repository(self, site):
        done = run(site, "install", "octo/app", "--url", URL)
        (hook,) = hooks(site, "octo/app")
        assert is_right(hook)
        assert rows(done) == {"octo/app": ("created", "-")}
        assert last_line(done) == "1 created, 0 mended, 0 right already, 0 failed"
        assert done.stderr == ""

    def test_an_organizations_repositories_and_again(self, site):
        done = run(site, "install", "octo", "--url", URL)
        assert rows(done) == {f"octo/{name}": ("created", "-") for name in ("app", "docs", "web")}
        assert all(is_right(hook) for name in ("app", "docs", "web")
                   for hook in hooks(site, f"octo/{name}"))
        seen = len(changes(site))
        done = run(site, "install", "octo", "--url", "HTTPS://CI.example.org:443/webhook")
        assert last_line(done) == "0 created, 0 mended, 3 right already, 0 failed"
        assert len(changes(site)) == seen

    def test_a_users_private_ones(self, site):
        site.github.add_repository("monalisa/secret")
        site.github.add_repository("monalisa/open", private=False)
        done = run(site, "install", "monalisa", "--url", URL)
        assert set(rows(done)) == {"monalisa/open", "monalisa/secret"}

    def test_another_users_public_ones(self, site):
        site.github.add_owner("hubot")
        site.github.add_repository("hubot/open", private=False)
        site.github.add_repository("hubot/hidden")
        assert set(rows(run(site, "install", "hubot", "--url", URL))) == {"hubot/open"}

    def test_names_and_owners_together_each_once(self, site):
        site.github.add_repository("monalisa/x")
        done = run(site, "install", "octo/web", "octo", "OCTO/app", "monalisa", "--url", URL)
        assert list(rows(done)) == ["octo/web", "octo/app", "octo/docs", "monalisa/x"]

    def test_archived_forks_and_topics(self, site):
        site.github.add_repository("octo/old", archived=True)
        site.github.add_repository("octo/fork", fork=True, topics=["ci"])
        site.github.add_repository("octo/chosen", topics=["other", "ci"])
        dry = ("install", "octo", "--url", URL, "--dry-run")
        usual = {"octo/app", "octo/chosen", "octo/docs", "octo/web"}
        assert set(rows(run(site, *dry))) == usual
        assert set(rows(run(site, *dry, "--archived"))) == usual | {"octo/old"}
        assert set(rows(run(site, *dry, "--forks"))) == usual | {"octo/fork"}
        assert set(rows(run(site, *dry, "--topic", "CI"))) == {"octo/chosen"}
        assert set(rows(run(site, *dry, "--topic=ci", "--forks"))) == {"octo/chosen", "octo/fork"}
        done = run(site, *dry, "--topic", "none-has-it")
        assert rows(done) == {}
        assert "of the 6 repositories of octo that GitHub shows, none is meant" in done.stderr

    def test_two_hundred_and_fifty_repositories(self, site):
        site.configure("github", content_per_minute=1000)
        for number in range(250):
            site.github.add_repository(f"octo/r{number:03}")
        done = run(site, "install", "octo", "--url", URL, timeout_s=90)
        assert last_line(done) == "253 created, 0 mended, 0 right already, 0 failed"
        assert len(site.github.hooks.hooks) == 253
        assert all(is_right(hook) for hook in site.github.hooks.hooks.values())

    def test_a_hook_behind_the_first_page(self, site):
        for number in range(120):
            site.github.add_hook("repos/octo/app", f"https://{number}.example.org/",
                                 events=[f"event_{number}"])
        site.github.add_hook("repos/octo/app", URL, secret=WEBHOOK_SECRET)
        assert rows(run(site, "install", "octo/app", "--url", URL)) == {"octo/app": ("ok", "-")}

    @pytest.mark.parametrize("fault, words", [
        ({"active": False}, "not active"),
        ({"content_type": "form"}, "content type not json"),
        ({"insecure_ssl": "1"}, "TLS not verified"),
        ({"events": ["push"]}, "without workflow_job, other events too"),
        ({"events": ["workflow_job", "push"]}, "other events too"),
        ({"events": ["*"]}, "other events too"),
        ({"secret": None}, "no secret"),
    ], ids=lambda value: value if isinstance(value, str) else "")
    def test_mends(self, site, fault, words):
        hook = site.github.add_hook("repos/octo/app", URL, **{"secret": "whatever", **fault})
        dry = run(site, "install", "octo/app", "--url", URL, "--dry-run")
        assert rows(dry) == {"octo/app": ("would mend", words)}
        assert last_line(dry) == "dry run: 0 to create, 1 to mend, 0 right already, 0 failed"
        assert changes(site) == [] and not is_right(hook)
        done = run(site, "install", "octo/app", "--url", URL)
        assert rows(done) == {"octo/app": ("mended", words)}
        assert hooks(site, "octo/app") == [hook] and is_right(hook)
        assert rows(run(site, "install", "octo/app", "--url", URL)) == {"octo/app": ("ok", "-")}

    def test_dry_run_creates_nothing(self, site):
        done = run(site, "install", "octo", "--url", URL, "--dry-run")
        assert set(rows(done).values()) == {("would create", "-")}
        assert changes(site) == [] and site.github.hooks.hooks == {}

    def test_others_are_left_alone(self, site):
        other = site.github.add_hook("repos/octo/app", OTHER_URL, events=["push"], active=False)
        run(site, "install", "octo/app", "--url", URL)
        assert hooks(site, "octo/app")[0] is other and not other.active
        assert len(hooks(site, "octo/app")) == 2

    def test_a_secret_is_set_anew_only_when_told(self, site):
        hook = site.github.add_hook("repos/octo/app", URL, secret="of-last-month")
        assert rows(run(site, "install", "octo/app", "--url", URL)) == {"octo/app": ("ok", "-")}
        done = run(site, "install", "octo/app", "--url", URL, "--secret")
        assert rows(done) == {"octo/app": ("mended", "secret set anew")}
        assert is_right(hook)

    def test_duplicates(self, site):
        first = site.github.add_hook("repos/octo/app", URL, secret="x", events=["push"])
        right = site.github.add_hook("repos/octo/app", URL, secret="x")
        site.github.add_hook("repos/octo/app", URL, secret="x", events=["issues"])
        done = run(site, "install", "octo/app", "--url", URL, "--dry-run")
        assert rows(done) == {"octo/app": ("would mend", "2 more of the same URL to be removed")}
        done = run(site, "install", "octo/app", "--url", URL)
        assert rows(done) == {"octo/app": ("mended", "2 more of the same URL removed")}
        assert hooks(site, "octo/app") == [right] and first.id not in site.github.hooks.hooks

    def test_a_duplicate_of_what_it_becomes(self, site):
        """GitHub refuses two that are alike, so the other has to go first."""
        first = site.github.add_hook("repos/octo/app", URL, secret="x", events=["push"])
        site.github.add_hook("repos/octo/app", URL, content_type="form")
        run(site, "install", "octo/app", "--url", URL)
        assert hooks(site, "octo/app") == [first] and is_right(first)

    def test_json(self, site):
        hook = site.github.add_hook("repos/octo/docs", URL)
        done = run(site, "install", "octo/app", "octo/docs", "octo/none", "--json", "--url", URL,
                   code=1)
        told = json.loads(done.stdout)
        assert told["hooks"][:2] == [
            {"place": "octo/app", "result": "created", "hook_id": hooks(site, "octo/app")[0].id,
             "why": None},
            {"place": "octo/docs", "result": "mended", "hook_id": hook.id, "why": "no secret"}]
        assert told["hooks"][2]["result"] == "failed" and "404" in told["hooks"][2]["why"]
        assert (told["dry_run"], told["counts"]) == (False, {
            "created": 1, "mended": 1, "ok": 0, "removed": 0, "pinged": 0, "none": 0, "failed": 1,
            "left": 0})

    def test_an_organizations_own(self, site):
        done = run(site, "install", "--organization", "octo", "--url", URL)
        (hook,) = hooks(site, "orgs/octo")
        assert is_right(hook) and rows(done) == {"orgs/octo": ("created", "-")}
        hook.config["insecure_ssl"] = "1"
        assert rows(run(site, "install", "--organization", "octo", "--url", URL)) == {
            "orgs/octo": ("mended", "TLS not verified")}
        assert is_right(hook)
        assert rows(run(site, "install", "--organization", "octo", "--url", URL)) == {
            "orgs/octo": ("ok", "-")}

    def test_no_nomad_and_no_ledger(self, site):
        site.config["nomad"] = {"address": "http://127.0.0.1:9"}
        site.configure("server", ledger="/nonexistent/ledger.db")
        run(site, "install", "octo/app", "--url", URL)
        assert site.nomad.requests == [] and not site.ledger_path.exists()


class TestDeliveries:
    """The webhook as it was made delivers to a real receiver."""

    @pytest.fixture
    def url(self, site):
        return f"http://{site.serve().address}{HOOK_PATH}"

    def test_is_taken(self, site, url):
        done = run(site, "install", "octo/app", "--url", url, "--insecure-url")
        assert "warning: deliveries to http:// can be read" in done.stderr
        (hook,) = hooks(site, "octo/app")
        job = workflow_job(repository="octo/app")
        attempt = site.github.deliver(hook, "workflow_job", json.loads(job.body))
        assert attempt.status_code == 202
        site.wait_for_dispatch(job)

    def test_a_wrong_secret_is_mended_after_a_403_and_once(self, site, url):
        hook = site.github.add_hook("repos/octo/app", url, secret="wrong")
        assert site.github.deliver(hook, "ping", {"zen": "x"}).status_code == 403
        install = ("install", "octo/app", "--url", url, "--insecure-url")
        assert rows(run(site, *install)) == {
            "octo/app": ("mended", "last delivery answered 403")}
        site.github.wait_for_deliveries()
        assert hook.last_response["code"] == 200
        assert rows(run(site, *install)) == {"octo/app": ("ok", "-")}

    def test_ping(self, site, url):
        run(site, "install", "octo/app", "--url", url, "--insecure-url")
        done = run(site, "ping", "octo/app", "octo/web", "--url", url, "--insecure-url", code=1)
        assert rows(done)["octo/app"] == ("pinged", "-")
        assert rows(done)["octo/web"][0] == "failed" and "hooks install" in done.stdout
        assert last_line(done) == "1 pinged, 1 failed"
        site.github.wait_for_deliveries()
        (hook,) = hooks(site, "octo/app")
        assert [(each.event, each.status_code) for each in hook.deliveries] == [("ping", 200)]


class TestApp:
    @pytest.fixture
    def app(self, site):
        private, public = key_pair()
        app = site.github.add_app(4711, public, permissions={"repository_hooks": "write",
                                                             "organization_hooks": "write"},
                                  hook={"url": OTHER_URL, "content_type": "form"})
        site.github.install(app, "octo")
        path = site.secret_file("app-key", private.rstrip("\n"))
        site.configure("github", token_file=None, app_id=4711, private_key_file=path)
        return app

    def test_its_own_hook(self, site, app):
        done = run(site, "install", "--app", "--url", URL, "--dry-run")
        assert rows(done) == {"app": ("would mend", "another URL, content type not json, "
                                                    "no secret")}
        assert app.hook.url == OTHER_URL
        run(site, "install", "--app", "--url", URL)
        assert app.hook.config == {"url": URL, "content_type": "json", "insecure_ssl": "0",
                                   "secret": WEBHOOK_SECRET}
        done = run(site, "install", "--app", "--url", URL)
        assert (rows(done), done.stderr) == ({"app": ("ok", "-")}, "")
        assert last_line(done) == "0 mended, 1 right already, 0 failed"
        app.hook.config["secret"] = "old"
        run(site, "install", "--app", "--url", URL, "--secret")
        assert app.hook.config["secret"] == WEBHOOK_SECRET

    def test_one_that_is_not_sent_jobs(self, site, app):
        app.events = ["push"]
        done = run(site, "install", "--app", "--url", URL)
        assert "the GitHub App 4711 is not sent workflow_job" in done.stderr
        assert "not subscribed to workflow_job" in rows(done)["app"][1]

    def test_one_without_a_hook(self, site, app):
        app.hook = None
        done = run(site, "install", "--app", "--url", URL, code=1)
        assert "GitHub knows no webhook of the App 4711 (404)" in rows(done)["app"][1]

    def test_whose(self, site, app):
        site.configure("owner octo", app_id=4712,
                       private_key_file=site.directory / "secrets/app-key")
        done = run(site, "install", "--app", "--url", URL, code=1)
        assert done.stdout == "" and "--app-of OWNER" in done.stderr
        run(site, "install", "--app", "--app-of", "monalisa", "--url", URL)
        assert app.hook.url == URL

    def test_none_configured(self, site):
        assert "no GitHub App" in run(site, "install", "--app", "--url", URL, code=1).stderr
        done = run(site, "install", "--app", "--app-of", "octo", "--url", URL, code=1)
        assert "no GitHub App for octo" in done.stderr

    def test_repositories_of_its_installation(self, site, app):
        site.github.uninstall(app.installations[0])
        site.github.install(app, "octo", repositories=["app", "web"])
        done = run(site, "install", "octo", "--url", URL)
        assert rows(done) == {"octo/app": ("created", "-"), "octo/web": ("created", "-")}
        assert all(is_right(hook) for hook in site.github.hooks.hooks.values())

    def test_not_installed(self, site, app):
        done = run(site, "install", "hubot", "octo/app", "--url", URL, code=1)
        assert "not installed" in rows(done)["hubot"][1]
        assert rows(done)["octo/app"][0] == "created"


class TestFailures:
    def test_one_forbidden_among_good_ones(self, site):
        site.github.add_token(GITHUB_TOKEN, scopes=CLASSIC_MINIMUM,
                              repositories=["octo/app", "octo/web"])
        site.github.add_repository("octo/docs", private=False)
        done = run(site, "install", "octo", "--url", URL, code=1)
        told = rows(done)
        assert (told["octo/app"][0], told["octo/web"][0]) == ("created", "created")
        assert told["octo/docs"] == ("failed", "GitHub forbids it (403): the token needs "
                                               "webhooks (write) of octo/docs")
        assert last_line(done) == "2 created, 0 mended, 0 right already, 1 failed"

    def test_an_unknown_owner(self, site):
        done = run(site, "install", "nobody", "octo", "--url", URL, code=1)
        assert rows(done)["nobody"] == ("failed",
                                        "GitHub knows no user or organization nobody (404)")
        assert last_line(done) == "3 created, 0 mended, 0 right already, 1 failed"

    def test_what_github_says_against_it(self, site):
        for number in range(20):
            site.github.add_hook("repos/octo/app", f"https://{number}.example.org/")
        done = run(site, "install", "octo/app", "octo/web", "--url", URL, code=1)
        assert "cannot have more than 20 hooks" in rows(done)["octo/app"][1]
        assert rows(done)["octo/web"][0] == "created"

    def test_a_token_that_may_not_remove(self, site):
        site.github.add_token(GITHUB_TOKEN, scopes=("write:repo_hook",))
        site.github.add_repository("octo/open", private=False)
        site.github.add_hook("repos/octo/open", URL)
        done = run(site, "remove", "octo/open", "--url", URL, code=1)
        assert rows(done)["octo/open"][0] == "failed"
        assert len(hooks(site, "octo/open")) == 1

    def test_a_refused_token_is_not_tried_again_and_again(self, site):
        site.github.tokens.clear()
        done = run(site, "install", "octo/app", "octo/docs", "octo/web", "--url", URL, code=1)
        assert [row[0] for row in rows(done).values()] == ["failed", "left", "left"]
        assert "put a new one into [github] token_file" in rows(done)["octo/app"][1]
        assert "2 left for another time" in last_line(done)
        assert "2 places are left" in done.stderr
        assert len(site.github.requests) == 1

    def test_a_short_limit_is_waited_for(self, site):
        limited = Answer(403, '{"message":"You have exceeded a secondary rate limit"}',
                         {"Retry-After": "1"})
        site.github.faults.add(limited, method="POST")
        site.github.faults.add(limited, path="/orgs/octo/repos")
        done = run(site, "install", "octo", "--url", URL)
        assert done.stderr == ("runhook: GitHub's rate limit is used up: waiting 1 s for it\n" * 2)
        assert last_line(done) == "3 created, 0 mended, 0 right already, 0 failed"

    @pytest.mark.parametrize("headers", [
        {"Retry-After": "3600"}, {}, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "9999999999"}],
        ids=["said", "unsaid", "reset"])
    def test_a_long_one_is_not(self, site, headers):
        site.github.faults.add(Answer(429, "{}", headers), method="POST", times=None, skip=1)
        done = run(site, "install", "octo", "--url", URL, code=1)
        assert [row[0] for row in rows(done).values()] == ["created", "failed", "left"]
        assert "rate limit is used up (429)" in rows(done)["octo/docs"][1]
        assert "it goes on where it stopped" in done.stderr
        site.github.faults.clear()
        done = run(site, "install", "octo", "--url", URL)
        assert last_line(done) == "2 created, 0 mended, 1 right already, 0 failed"

    def test_content_per_minute(self, site):
        site.configure("github", content_per_minute=2)
        process = site.start([site.runhook, "--config", site.config_path, "hooks", "install",
                              "octo", "--url", URL], "hooks")
        wait_until(lambda: "s: [github] content_per_minute = 2" in process.output,
                   "it says that it waits")
        assert len(site.github.hooks.hooks) == 2
        process.kill()

    def test_nobody_there(self, site):
        site.configure("github", api_url="http://127.0.0.1:9")
        done = run(site, "install", "octo/app", "octo/web", "--url", URL, code=1)
        assert [row[0] for row in rows(done).values()] == ["failed", "left"]

    def test_no_webhook_secret(self, site):
        site.configure("github", webhook_secret_file=None)
        done = run(site, "install", "octo/app", "--url", URL, code=1)
        assert "[github] needs webhook_secret_file" in done.stderr
        assert site.github.requests == []


class TestList:
    def test_table(self, site):
        hook = site.github.add_hook("repos/octo/app", URL, secret="x")
        site.github.add_hook("repos/octo/web", "https://u:p@h/\x1b[2J", events=["push"],
                             content_type="form", insecure_ssl="1", active=False)
        site.github.record_delivery(hook, "ping", {}, 403)
        done = run(site, "list", "octo")
        heading, first, second = done.stdout.splitlines()
        assert heading.split() == ["PLACE", "HOOK", "URL", "ACTIVE", "TYPE", "SECRET", "TLS",
                                   "EVENTS", "LAST", "DELIVERY"]
        assert first.split() == ["octo/app", str(hook.id), URL, "yes", "json", "yes", "verified",
                                 "workflow_job", "403", "Invalid", "HTTP", "Response:", "403"]
        assert second.split()[3:] == ["no", "form", "no", "not", "verified", "others", "-"]

    def test_json_of_one_url(self, site):
        hook = site.github.add_hook("repos/octo/app", URL)
        site.github.add_hook("repos/octo/app", OTHER_URL)
        org = site.github.add_hook("orgs/octo", URL, secret="x")
        done = run(site, "list", "octo/app", "--organization", "octo", "--url", URL, "--json")
        assert json.loads(done.stdout) == {"hooks": [
            {"place": "orgs/octo", "hook_id": org.id, "url": URL, "active": True,
             "content_type": "json", "has_secret": True, "verifies_tls": True,
             "sends_workflow_job": True, "sends_others": False, "last_code": None,
             "last_message": None},
            {"place": "octo/app", "hook_id": hook.id, "url": URL, "active": True,
             "content_type": "json", "has_secret": False, "verifies_tls": True,
             "sends_workflow_job": True, "sends_others": False, "last_code": None,
             "last_message": None}]}

    def test_what_the_configuration_and_the_ledger_name(self, site):
        site.configure("github", repositories="octo/web")
        site.configure("audit", discover_interval=3600)
        for name in ("app", "docs", "web"):
            site.github.add_hook(f"repos/octo/{name}", URL)
        told = json.loads(run(site, "list", "--json").stdout)["hooks"]
        assert [hook["place"] for hook in told] == ["octo/web"]
        process = site.serve_socket()
        assert poster(site, process)(workflow_job(repository="octo/docs")).status == 202
        told = json.loads(run(site, "list", "--json").stdout)["hooks"]
        assert [hook["place"] for hook in told] == ["octo/web", "octo/docs"]

    def test_one_that_fails(self, site):
        site.github.add_hook("repos/octo/app", URL)
        done = run(site, "list", "octo/none", "octo/app", code=1)
        assert "error: octo/none: GitHub knows no octo/none" in done.stderr
        assert URL in done.stdout


class TestRemove:
    def test_those_of_the_url_alone(self, site):
        ours = [site.github.add_hook("repos/octo/app", URL),
                site.github.add_hook("repos/octo/app", URL, events=["push"])]
        other = site.github.add_hook("repos/octo/app", OTHER_URL)
        done = run(site, "remove", "octo", "--url", URL, "--dry-run")
        assert rows(done) == {"octo/app": ("would remove", "2 of this URL"),
                              "octo/docs": ("none", "-"), "octo/web": ("none", "-")}
        assert hooks(site, "octo/app") == [*ours, other]
        done = run(site, "remove", "octo", "--url", URL)
        assert last_line(done) == "1 removed, 2 without such a webhook, 0 failed"
        assert hooks(site, "octo/app") == [other]

    def test_an_organizations(self, site):
        site.github.add_hook("orgs/octo", URL)
        run(site, "remove", "--organization", "octo", "--url", URL)
        assert hooks(site, "orgs/octo") == []


class TestProgress:
    def on_terminal(self, site, *arguments, term="xterm"):
        """The command with its standard error on a terminal: (what that shows, standard output)."""
        ours, theirs = pty.openpty()
        command = [str(site.runhook), "hooks", *arguments, "--config", str(site.config_path)]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=theirs, env=environment({"TERM": term})) as process:
            os.close(theirs)
            shown, deadline = b"", time.monotonic() + 60
            while time.monotonic() < deadline:
                if not select.select([ours], [], [], 1)[0]:
                    continue
                try:
                    data = os.read(ours, 65536)
                except OSError:  # the other end is closed
                    break
                if not data:
                    break
                shown += data
            stdout = process.stdout.read()
        os.close(ours)
        assert process.returncode == 0
        return shown.decode(), stdout.decode()

    def test_a_bar_on_a_terminal(self, site):
        shown, stdout = self.on_terminal(site, "install", "octo", "--url", URL)
        assert f"[{24 * '.'}] 0/3 octo/app" in shown
        assert f"[{16 * '#'}{8 * '.'}] 2/3 octo/web" in shown
        assert shown.endswith("\r\x1b[K")
        assert "\x1b" not in stdout and "3 created" in stdout
        assert WEBHOOK_SECRET not in shown

    def test_none_on_a_dumb_one(self, site):
        shown, stdout = self.on_terminal(site, "install", "octo", "--url", URL, term="dumb")
        assert shown == "" and "3 created" in stdout


class TestRefuses:
    @pytest.mark.parametrize("arguments, words", [
        ([], "hooks needs to be told what to do"),
        (["frobnicate"], 'hooks has no "frobnicate"'),
        (["install"], "install needs --url"),
        (["install", "octo"], "install needs --url, the address that GitHub delivers to"),
        (["install", "--url", URL], "install needs OWNER or OWNER/REPO, --organization ORG or "
                                    "--app"),
        (["install", "octo", "--organization", "octo", "--url", URL], "one of them at a time"),
        (["install", "--app", "--organization", "octo", "--url", URL], "one of them at a time"),
        (["install", "octo", "--app-of", "octo", "--url", URL], "--app-of goes with --app"),
        (["install", "--app", "--forks", "--url", URL], "choose among"),
        (["install", "octo", "--url"], "--url needs the address"),
        (["install", "octo", "--url="], "--url needs the address"),
        (["install", "octo", "--url", URL, "--url", URL], "--url is given twice"),
        (["install", "octo", "--url", URL, "--json=1"], "--json has no value"),
        (["install", "octo", "--url", URL, "--all"], "install has no --all"),
        (["install", "octo", "--url", "http://ci.example.org/"], "must be https://"),
        (["install", "octo", "--url", "https://me:hunter2@ci.example.org/"], "user or password"),
        (["install", "octo", "--url", "https://ci.example.org/#x"], "fragment"),
        (["install", "octo/..", "--url", URL], "neither OWNER nor OWNER/REPO"),
        (["install", "octo/a/b", "--url", URL], "neither OWNER nor OWNER/REPO"),
        (["install", "octo?x", "--url", URL], "neither OWNER nor OWNER/REPO"),
        (["install", "--organization", "octo/app", "--url", URL], "--organization needs"),
        (["list", "--dry-run"], "list has no --dry-run"),
        (["list", "--secret"], "list has no --secret"),
        (["remove", "octo"], "remove needs --url"),
        (["remove", "--url", URL], "remove needs OWNER"),
        (["ping", "--url", URL], "ping needs OWNER"),
        (["ping", "octo", "--url", URL, "--dry-run"], "ping has no --dry-run"),
    ], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
    def test_usage(self, site, arguments, words):
        done = run(site, *arguments, code=2)
        assert done.stdout == "" and words in done.stderr
        assert "usage: runhook [--config FILE] hooks" in done.stderr
        assert "hunter2" not in done.stderr
        assert site.github.requests == []

    def test_help(self, site):
        done = site.run("help", "hooks", config=False)
        assert done.code == 0
        for verb in ("install", "list", "remove", "ping"):
            assert f"\n{verb} " in done.stdout
        assert "hooks " in site.run("help", config=False).stdout
