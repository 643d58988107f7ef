"""GitHub never sends again what it could not deliver, so it is asked to: by `serve` itself after a
start and now and then, once for each delivery, and by `runhook hooks redeliver`."""

import datetime
import json
import re

import pytest

from standins.faults import Answer
from standins.github_client import key_pair

from .support import deliveries
from .support.deliveries import WEBHOOK_SECRET
from .support.fronts import HOOK_PATH
from .support.site import GITHUB_TOKEN
from .support.traffic import REPOSITORY
from .support.waiting import wait_until

INTERVAL_S = 1800
OWNER = REPOSITORY.partition("/")[0]
LISTS = {"method": "GET", "path": "/deliveries$"}
ATTEMPTS = {"method": "POST", "path": "/attempts$"}


class Town:
    """A repository whose webhook delivers to a web server that stays, with a runhook behind it that
    comes and goes: while it is away GitHub is answered 502."""

    def __init__(self, traffic):
        self.traffic = traffic
        self.site = traffic.site
        self.github = traffic.github
        self.clock = traffic.clock
        self.front = self.site.serve("nginx", env=self.clock.env)
        self.url = f"http://{self.front.address}{HOOK_PATH}"
        self.hook = self.add_hook()

    def add_hook(self, target=f"repos/{REPOSITORY}", secret=WEBHOOK_SECRET, **options):
        return self.github.add_hook(target, self.url, secret=secret, **options)

    def stop(self):
        assert self.front.backend.stop() == 0

    def start(self):
        self.front.backend = self.front.start_backend()

    def queue(self):
        """A job that GitHub has, and nobody was told of."""
        return self.traffic.queue(told=False)

    def payload(self, job, action="queued"):
        body = deliveries.workflow_job(action, repository=job.repository, **job.json()).body
        return json.loads(body)

    def deliver(self, job=None, hook=None, action="queued"):
        """GitHub tries; returns (the job, the attempt)."""
        job = job or self.queue()
        return job, self.github.deliver(hook or self.hook, "workflow_job",
                                        self.payload(job, action))

    def fail(self, count=1, hook=None, **options):
        """Deliveries that are on the list as failed, without having been made."""
        made = []
        for _ in range(count):
            job = self.queue()
            attempt = self.github.record_delivery(hook or self.hook, "workflow_job",
                                                  self.payload(job), 502, **options)
            made.append((job, attempt))
        return made

    def introduce(self, hook=None):
        """A first delivery tells of the webhook, and a sweep finds nothing."""
        before = len(self.lists())
        _, attempt = self.deliver(hook=hook)
        assert attempt.status_code == 202, attempt.response_body
        self.swept(before + 1)

    def lists(self):
        return self.github.server.seen(**LISTS)

    def swept(self, count):
        """Waits for so many requests for lists, and for what the last sweep did."""
        wait_until(lambda: len(self.lists()) >= count, f"{count} lists")
        self.settle()

    def settle(self):
        """Until nothing is due: `dispatch` does what is, and asks for nothing any more."""
        def is_quiet():
            before = len(self.github.requests)
            self.site.run("dispatch", env=self.clock.env)
            return (len(self.github.requests) == before
                    and all(request.answered.is_set() for request in self.github.requests))

        wait_until(is_quiet, "nothing is due")

    def pass_time(self, seconds=INTERVAL_S + 1):
        """Until the next sweep of one webhook is over."""
        before = len(self.lists())
        self.clock.advance(seconds)
        self.swept(before + 1)

    def asked(self, attempt=None):
        """The requests for another attempt, of one delivery or of all."""
        return [request for request in self.github.server.seen(**ATTEMPTS)
                if attempt is None or str(attempt.id) in request.segments]

    def lines(self, **pairs):
        return self.site.events(event="redelivery", **pairs)

    def attempts_at(self, guid):
        self.github.wait_for_deliveries()
        return [each for each in self.hook.deliveries if each.guid == guid]

    def run(self, *arguments, code=0):
        done = self.site.run("hooks", "redeliver", *arguments, env=self.clock.env)
        assert done.code == code, done
        self.github.wait_for_deliveries()
        return done


@pytest.fixture
def make_town(make_traffic):
    def make(introduced=True, audit=None, **options):
        town = Town(make_traffic(
            serve=False, audit={"redeliver_interval": INTERVAL_S, **(audit or {})}, **options))
        if introduced:
            town.introduce()
        return town

    return make


@pytest.fixture
def town(make_town):
    return make_town()


class TestServe:
    def test_what_it_missed_while_it_was_away_comes_after_a_start(self, town):
        town.stop()
        missed = [town.deliver() for _ in range(2)]
        assert [attempt.status_code for _, attempt in missed] == [502, 502]
        town.clock.advance(120)
        town.start()
        for job, attempt in missed:
            town.traffic.dispatched(job)
            first, second = town.attempts_at(attempt.guid)
            assert (second.redelivery, second.status_code) == (True, 202)
            (line,) = town.lines(outcome="asked", delivery=attempt.guid)
            assert (line["level"], line["repository"], line["hook"], line["status"],
                    line["action"]) == ("warning", REPOSITORY, str(town.hook.id), "502", "queued")
        assert len(town.asked()) == 2

    def test_the_oldest_first(self, town):
        town.stop()
        missed = [town.deliver()[1] for _ in range(3)]
        town.clock.advance(120)
        town.start()
        wait_until(lambda: len(town.asked()) == 3, "all are asked for")
        assert [request.segments[-2] for request in town.asked()] == [
            str(attempt.id) for attempt in missed]

    def test_once_for_each_over_sweeps_and_starts(self, town):
        ((_, attempt),) = town.fail()
        town.pass_time()
        assert len(town.asked()) == 1
        # GitHub's list shows nothing of the second attempt: what was asked for is in the ledger.
        town.github.wait_for_deliveries()
        town.hook.deliveries.remove(town.attempts_at(attempt.guid)[-1])
        for _ in range(3):
            town.pass_time(200 + INTERVAL_S)
        town.stop()
        town.clock.advance(120)
        before = len(town.lists())
        town.start()
        town.swept(before + 1)
        assert len(town.asked()) == 1
        assert len(town.lines()) == 1

    def test_not_again_what_failed_again(self, town):
        town.hook.config["secret"] = "of last year"
        _, attempt = town.deliver()
        assert attempt.status_code == 403
        town.pass_time()
        assert [each.status_code for each in town.attempts_at(attempt.guid)] == [403, 403]
        town.pass_time()
        assert len(town.asked()) == 1

    def test_what_was_refused_for_its_secret_comes_once_that_is_right(self, town):
        town.hook.config["secret"] = "of last year"
        job, attempt = town.deliver()
        assert attempt.status_code == 403
        town.hook.config["secret"] = WEBHOOK_SECRET
        town.pass_time()
        town.traffic.dispatched(job)

    def test_once_where_several_processes_start(self, town):
        town.stop()
        missed = [town.deliver() for _ in range(3)]
        town.clock.advance(120)
        before = len(town.lists())
        town.start()
        for n in range(3):
            town.traffic.serve(f"other-{n}")
        for job, _ in missed:
            town.traffic.dispatched(job)
        town.swept(before + 1)
        assert len(town.asked()) == 3
        assert len(town.lists()) == before + 1

    def test_no_sweep_at_a_start_within_a_minute(self, town):
        before = len(town.lists())
        town.stop()
        town.start()
        town.deliver()
        town.settle()
        assert len(town.lists()) == before

    def test_the_list_is_followed_as_far_as_it_was_not_seen(self, town):
        """Two pages the first time; then those of the last sweep are known."""
        town.pass_time()
        for _ in range(150):
            town.github.record_delivery(town.hook, "workflow_job", {}, 200)
        (job, _), = town.fail(at=town.clock.now() - 10)
        before = len(town.lists())
        town.pass_time()
        first, second = town.lists()[before:]
        assert first.query_value("per_page") == second.query_value("per_page") == "100"
        assert first.query_value("cursor") is None and second.query_value("cursor")
        town.traffic.dispatched(job)
        town.clock.advance(600)
        town.pass_time()
        assert len(town.lists()) == before + 3

    def test_three_days_back_at_first(self, make_town):
        town = make_town(introduced=False)
        now = town.clock.now()
        town.github.record_delivery(town.hook, "workflow_job",
                                    town.payload(town.queue(), "completed"), 502,
                                    at=now - 3 * 86400 + 100)
        town.introduce()
        assert len(town.asked()) == 1

    def test_what_began_while_it_looked_is_seen_the_next_time(self, town):
        """The outcome of an attempt is known some seconds after its time."""
        at = town.clock.now() - 20
        town.pass_time(INTERVAL_S + 1)
        (job, _), = town.fail(at=at + INTERVAL_S)
        town.pass_time(INTERVAL_S + 1)
        town.traffic.dispatched(job)

    def test_jobs_that_github_has_given_up_on_are_left(self, town):
        town.fail(at=town.clock.now() - 25 * 3600)
        town.clock.advance(60)
        town.stop()
        before = len(town.lists())
        town.start()
        town.swept(before + 1)
        assert town.asked() == [] and town.lines() == []

    def test_other_events_are_left(self, town):
        town.github.record_delivery(town.hook, "push", {"ref": "refs/heads/main"}, 502)
        town.pass_time()
        assert town.asked() == [] and town.lines() == []

    def test_off(self, make_town):
        town = make_town(introduced=False, audit={"redeliver_interval": 0})
        town.deliver()
        town.fail()
        town.clock.advance(86400)
        town.settle()
        assert town.lists() == []

    def test_an_organizations_webhook(self, make_town):
        town = make_town(introduced=False)
        town.hook = town.add_hook(f"orgs/{OWNER}")
        town.introduce()
        (job, attempt), = town.fail()
        town.pass_time()
        town.traffic.dispatched(job)
        (line,) = town.lines()
        assert (line["place"], line["delivery"]) == (f"orgs/{OWNER}", attempt.guid)
        assert town.lists()[-1].path == f"/orgs/{OWNER}/hooks/{town.hook.id}/deliveries"

    def test_headers_that_are_not_signed_teach_little(self, make_town):
        """Whoever repeats a signed delivery can make us ask about a repository that it is about,
        and of 20 webhooks at most."""
        town = make_town(introduced=False, audit={"redeliver_interval": 86400})
        delivery = deliveries.workflow_job()
        for changes in ({"x_github_hook_id": "7/../../x"}, {"x_github_hook_id": "-7"},
                        {"x_github_hook_id": "0"}, {"x_github_hook_id": "9" * 17},
                        {"x_github_hook_id": None},
                        {"x_github_hook_installation_target_type": "integration"},
                        {"x_github_hook_installation_target_type": None}):
            changes = {"x_github_hook_installation_target_type": "repository", **changes}
            assert town.front.post(delivery, **changes).status in (200, 202)
        town.settle()
        assert town.lists() == []
        for number in range(25):
            town.front.post(delivery, x_github_hook_id=str(1000 + number),
                            x_github_hook_installation_target_type="repository")
        town.swept(20)
        assert len(town.lists()) == 20
        assert {request.path.partition("/hooks/")[0] for request in town.lists()} == {
            f"/repos/{REPOSITORY}"}


class TestTrouble:
    def test_a_webhook_that_was_deleted_is_told_once(self, town):
        del town.github.hooks.hooks[town.hook.id]
        town.pass_time()
        (line,) = town.lines()
        assert (line["level"], line["outcome"], line["hook"]) == ("warning", "hook_gone",
                                                                  str(town.hook.id))
        assert f"runhook hooks install {REPOSITORY} --url" in line["reason"]
        before = len(town.lists())
        town.stop()
        town.clock.advance(2 * 86400)
        town.start()
        town.settle()
        assert len(town.lists()) == before
        town.hook = town.add_hook()
        town.introduce()
        (job, _), = town.fail()
        town.pass_time()
        town.traffic.dispatched(job)

    def test_a_proxys_404_is_no_word_of_github(self, town):
        town.github.faults.add(Answer(404, b"<html>nginx</html>"), **LISTS)
        town.pass_time()
        (line,) = town.lines()
        assert (line["level"], line["outcome"], line["failure"]) == ("error", "retry", "not_found")
        town.pass_time(86401)
        assert len(town.lines()) == 1

    def test_a_classic_token_that_may_not_see_it_is_told_once_a_day(self, town):
        """GitHub says 404 to it; but the webhook delivers."""
        town.github.add_token(GITHUB_TOKEN, scopes=("public_repo",))
        town.pass_time()
        (line,) = town.lines(outcome="hook_gone")
        assert "the token needs webhooks (write)" in line["reason"]
        for _ in range(5):
            town.clock.advance(INTERVAL_S)
            town.github.record_delivery(town.hook, "workflow_job", {}, 200)
            town.github.deliver(town.hook, "workflow_job", town.payload(town.queue()))
            town.settle()
        assert len(town.lines(outcome="hook_gone")) == 1
        town.github.add_token(GITHUB_TOKEN)
        town.clock.advance(70000)
        (job, _), = town.fail()
        town.pass_time(7500)
        town.traffic.dispatched(job)

    def test_a_token_without_the_permission_is_told_once_a_day(self, town):
        town.github.add_token(GITHUB_TOKEN, "fine-grained", login="octo", owners=None, permissions={
            "actions": "read", "administration": "write"})
        town.pass_time()
        (line,) = town.lines()
        assert (line["level"], line["outcome"], line["failure"]) == ("error", "retry", "forbidden")
        assert line["error"].endswith(f"the token needs webhooks (write) of {REPOSITORY}, or set "
                                      "[audit] redeliver_interval = 0")
        before = len(town.lists())
        town.clock.advance(80000)
        town.settle()
        assert len(town.lists()) == before
        town.pass_time(7000)
        assert len(town.lines()) == 2

    def test_one_that_may_read_and_not_ask(self, town):
        town.github.add_token(GITHUB_TOKEN, "fine-grained", login="octo", owners=None, permissions={
            "actions": "read", "administration": "write", "repository_hooks": "read"})
        (job, _), = town.fail()
        town.pass_time()
        (line,) = town.lines()
        assert (line["outcome"], line["failure"]) == ("retry", "forbidden")
        town.github.add_token(GITHUB_TOKEN)
        town.stop()
        town.clock.advance(120)
        town.start()  # whoever mended something does not wait for a day
        town.traffic.dispatched(job)

    @pytest.mark.parametrize("what", [LISTS, ATTEMPTS], ids=["list", "attempt"])
    def test_github_has_trouble(self, town, what):
        (job, attempt), = town.fail()
        town.github.faults.add(Answer(502), **what)
        town.pass_time()
        (line,) = town.lines(outcome="retry")
        assert (line["level"], line["failure"], line["status"]) == ("warning", "server", "502")
        town.pass_time(61)
        town.traffic.dispatched(job)
        assert len(town.attempts_at(attempt.guid)) == 2

    def test_a_delivery_that_github_keeps_no_more(self, town):
        (_, first), (job, _) = town.fail(2)
        town.github.faults.add(Answer(404, b'{"message":"Not Found"}'), method="POST",
                               path=f"/{first.id}/attempts$")
        town.pass_time()
        town.traffic.dispatched(job)
        town.pass_time()
        assert len(town.asked()) == 2
        assert town.lines(outcome="retry") == []

    def test_the_limit_is_kept_and_half_of_it_left_for_runners(self, make_town):
        town = make_town(github={"content_per_minute": 10},
                         github_options={"content_per_minute": 10})
        town.clock.advance(120)
        missed = town.fail(12)
        town.pass_time()
        assert len(town.asked()) == 5
        for count in (10, 12):
            town.settle()
            town.clock.advance(63)
            wait_until(lambda count=count: len(town.asked()) == count, f"{count} are asked for")
        for job, _ in missed:
            town.traffic.dispatched(job)
        assert town.github.secondary_refusals == 0
        assert len({request.path for request in town.asked()}) == 12


class TestApp:
    ID = 4711

    @pytest.fixture
    def make_app_town(self, make_traffic):
        def make(hook=True):
            private, public = key_pair()
            traffic = make_traffic(serve=False, audit={"redeliver_interval": INTERVAL_S})
            traffic.site.configure("github", token_file=None, app_id=self.ID,
                                   private_key_file=traffic.site.secret_file("app.pem", private))
            app = traffic.github.add_app(self.ID, public, permissions={
                "actions": "read", "administration": "write"})
            traffic.github.install(app, OWNER)
            # The web server's port is known once it runs.
            town = Town.__new__(Town)
            town.traffic, town.site, town.github, town.clock = (
                traffic, traffic.site, traffic.github, traffic.clock)
            town.app = app
            town.hook = None
            return town

        return make

    def test_it_is_known_without_a_delivery(self, make_app_town):
        town = make_app_town()
        Town.__init__(town, town.traffic)
        town.swept(1)  # it has no webhook yet
        assert town.lines() == []
        town.hook = town.github.hooks.add_app_hook(
            town.app, {"url": town.url, "content_type": "json", "secret": WEBHOOK_SECRET})
        town.app.hook = town.hook
        town.stop()
        (job, attempt) = town.deliver()
        assert attempt.status_code == 502
        town.clock.advance(120)
        town.start()
        town.traffic.dispatched(job)
        (line,) = town.lines()
        assert (line["outcome"], line["place"], line["delivery"]) == (
            "asked", f"apps/{self.ID}", attempt.guid)
        assert town.lists()[-1].path == "/app/hook/deliveries"
        (asked,) = town.asked()
        assert asked.path == f"/app/hook/deliveries/{attempt.id}/attempts"

    def test_by_hand(self, make_app_town):
        town = make_app_town()
        Town.__init__(town, town.traffic)
        town.hook = town.app.hook = town.github.hooks.add_app_hook(
            town.app, {"url": town.url, "content_type": "json", "secret": WEBHOOK_SECRET})
        (job, attempt), = town.fail()
        assert attempt.guid in town.run("--app", "--dry-run").stdout
        assert attempt.guid not in town.run("--app", "--url", "https://example.org/x",
                                            "--dry-run").stdout
        done = town.run("--app", "--url", town.url, "--insecure-url", "--json")
        (row,) = json.loads(done.stdout)["deliveries"]
        assert (row["place"], row["hook_id"], row["result"]) == (f"apps/{self.ID}", None, "asked")
        town.traffic.dispatched(job)


class TestByHand:
    @pytest.fixture
    def town(self, make_town):
        """Whose `serve` leaves it alone."""
        town = make_town(introduced=False, audit={"redeliver_interval": 0})
        town.deliver()
        return town

    def test_of_the_webhooks_that_the_ledger_knows(self, town):
        (job, attempt), = town.fail()
        done = town.run()
        heading, row, _, last = done.stdout.splitlines()
        assert heading.split() == ["WHEN", "EVENT", "PLACE", "STATUS", "DELIVERY", "DONE", "WHY"]
        when, event, place, status, guid, what, why = row.split()
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", when)
        assert (event, place, status, guid, what, why) == (
            "workflow_job.queued", REPOSITORY, "502", attempt.guid, "asked", "-")
        assert last.startswith("1 asked for again, of what failed since ")
        assert done.stderr == ""
        town.traffic.dispatched(job)
        assert len(town.attempts_at(attempt.guid)) == 2

    def test_nothing_failed(self, town):
        done = town.run()
        assert done.stdout.startswith("0 asked for again, of what failed since ")
        assert town.asked() == []

    def test_serve_does_not_ask_for_it_again(self, town):
        ((_, attempt),) = town.fail()
        town.run()
        town.hook.deliveries.remove(town.attempts_at(attempt.guid)[-1])
        town.stop()
        town.site.configure("audit", redeliver_interval=INTERVAL_S)
        town.start()
        town.swept(2)
        assert len(town.asked()) == 1 and town.lines() == []

    def test_what_failed_again_is_asked_for_again(self, town):
        town.hook.config["secret"] = "of last year"
        ((job, attempt),) = town.fail()
        town.run()
        assert [each.status_code for each in town.attempts_at(attempt.guid)] == [502, 403]
        done = town.run()
        assert done.stdout.splitlines()[1].split()[-3:-1] == ["asked", "before"]
        assert "1 asked for a moment ago" in done.stdout
        town.clock.advance(61)
        town.hook.config["secret"] = WEBHOOK_SECRET
        town.run()
        town.traffic.dispatched(job)
        town.clock.advance(61)
        assert town.run().stdout.startswith("0 asked")
        assert len(town.asked()) == 2

    def test_a_dry_run(self, town):
        ((_, attempt),) = town.fail()
        done = town.run("--dry-run")
        assert done.stdout.splitlines()[1].split()[-4:] == [attempt.guid, "would", "ask", "-"]
        assert "dry run: 1 to ask for again" in done.stdout
        assert town.asked() == []
        assert json.loads(town.run("--dry-run", "--json").stdout)["dry_run"] is True
        town.run()
        assert len(town.asked()) == 1

    def test_as_json(self, town):
        ((_, attempt),) = town.fail()
        result = json.loads(town.run("--json").stdout)
        (row,) = result["deliveries"]
        assert row == {"place": REPOSITORY, "hook_id": town.hook.id,
                       "delivered_at": row["delivered_at"], "event": "workflow_job",
                       "action": "queued", "repository_id": 809431127, "status_code": 502,
                       "delivery": attempt.guid, "result": "asked", "why": None}
        assert result["dry_run"] is False
        assert result["counts"] == {"asked": 1, "asked before": 0, "failed": 0, "left": 0}

    def test_since(self, town):
        now = town.clock.now()
        ages = {"5m": 300, "2h": 7200, "2d": 2 * 86400}
        guids = {name: town.fail(at=now - age)[0][1].guid for name, age in ages.items()}

        def found(since):
            result = json.loads(town.run("--dry-run", "--json", "--since", since).stdout)
            return {row["delivery"] for row in result["deliveries"]}

        moment = datetime.datetime.fromtimestamp(now - 7300, datetime.timezone.utc)
        assert found("90m") == found("5400s") == {guids["5m"]}
        assert found("12h") == found(moment.strftime("%Y-%m-%dT%H:%M:%SZ")) == {
            guids["5m"], guids["2h"]}
        assert found("3d") == set(guids.values())
        assert json.loads(town.run("--dry-run", "--json").stdout)["counts"]["asked"] == 3

    @pytest.mark.parametrize("since", ["", "3", "d", "0m", "3w", "-3d", "3 d", "1.5h", "366d",
                                       "9999999999d", "yesterday", "2999-01-01T00:00:00Z"])
    def test_since_never(self, town, since):
        done = town.run("--since", since, code=2)
        assert "--since needs" in done.stderr
        assert town.lists() == []

    @pytest.mark.parametrize("arguments", [["--app", REPOSITORY], ["--app-of", "octo"],
                                           ["--app", "--organization", "octo"], ["--secret"],
                                           ["o/r/x"]])
    def test_usage(self, town, arguments):
        assert "usage: " in town.run(*arguments, code=2).stderr

    def test_of_a_repository_that_the_ledger_does_not_know(self, town):
        other = "octo-harbor/cellar"
        hook = town.add_hook(f"repos/{other}")
        town.add_hook(f"repos/{other}", events=("push",))
        job = town.traffic.queue(repository=other, told=False)
        attempt = town.github.record_delivery(hook, "workflow_job", town.payload(job), 502)
        town.fail()
        done = town.run(other)
        assert attempt.guid in done.stdout and "1 asked for again" in done.stdout
        assert len(town.lists()) == 1
        town.traffic.dispatched(job)

    def test_of_an_organization_and_of_an_url(self, town):
        town.github.add_hook(f"orgs/{OWNER}", "https://other.example.org/hook")
        hook = town.add_hook(f"orgs/{OWNER}")
        (_, attempt), = town.fail(hook=hook)
        done = town.run("--organization", OWNER, "--url", town.url, "--insecure-url", "--json")
        (row,) = json.loads(done.stdout)["deliveries"]
        assert (row["place"], row["hook_id"], row["delivery"]) == (f"orgs/{OWNER}", hook.id,
                                                                   attempt.guid)
        assert len(town.lists()) == 1
        town.fail()
        done = town.run("--url", "https://other.example.org/hook", "--json")
        assert json.loads(done.stdout)["deliveries"] == []

    def test_one_place_fails_and_the_others_go_on(self, town):
        other = "octo-harbor/cellar"
        hook = town.add_hook(f"repos/{other}")
        (_, attempt), = town.fail(hook=hook)
        town.github.faults.add(Answer(404, b'{"message":"Not Found"}'), method="GET",
                               path="/nowhere/hooks$")
        done = town.run("octo-harbor/nowhere", other, code=1)
        _, first, second, _, last = done.stdout.splitlines()
        assert first.split()[2] == "octo-harbor/nowhere" and "webhooks (write)" in first
        assert attempt.guid in second and " asked " in second
        assert last.startswith("1 asked for again, 1 failed")

    def test_an_attempt_that_is_refused(self, town):
        town.github.add_token(GITHUB_TOKEN, "fine-grained", login="octo", owners=None, permissions={
            "actions": "read", "administration": "write", "repository_hooks": "read"})
        town.fail()
        done = town.run(code=1)
        assert "webhooks (write)" in done.stdout and "1 failed" in done.stdout
        town.github.add_token(GITHUB_TOKEN)
        assert "1 asked for again" in town.run().stdout

    def test_github_cannot_be_asked_any_more(self, town):
        town.fail(2)
        town.github.faults.add(Answer(429, b"{}", [("Retry-After", "600")]), **ATTEMPTS)
        done = town.run(code=1)
        assert "0 asked for again, 1 failed, 1 left for another time" in done.stdout
        assert len(town.asked()) == 1

    def test_the_limit_is_kept(self, make_town):
        town = make_town(introduced=False, audit={"redeliver_interval": 0},
                         github={"content_per_minute": 2},
                         github_options={"content_per_minute": 2})
        job, _ = town.deliver()
        town.traffic.dispatched(job)  # its token was made, too
        town.clock.advance(120)
        town.fail(3)
        command = [str(part) for part in (town.site.runhook, "hooks", "redeliver", "--config",
                                          town.site.config_path)]
        process = town.site.start(command, "redeliver", env=town.clock.env)
        wait_until(lambda: "content_per_minute = 2" in process.output, "it says why it waits")
        assert len(town.asked()) == 2
        town.clock.advance(62)
        assert process.wait() == 0
        assert len(town.asked()) == 3 and "3 asked for again" in process.output
        assert town.github.secondary_refusals == 0

    def test_no_webhook_is_known(self, make_town):
        town = make_town(introduced=False, audit={"redeliver_interval": 0})
        done = town.run(code=1)
        assert "the ledger knows no webhook yet" in done.stderr
        assert done.stdout == ""
