"""Webhooks on the GitHub stand-in: how they are managed, and what they really send."""

import hashlib
import hmac
import json
import socket
import urllib.parse

import pytest

from standins import GitHub
from standins.certificates import Certificates
from standins.github_client import Client, key_pair, web_token
from standins.httpd import HttpServer, Response
from standins.program import server_context

NOW = 1_700_000_000.0
DAY_S = 24 * 3600
SECRET = "It's a Secret to Everybody"
HOOKS = "/repos/octo/hello/hooks"
PAYLOAD = {"action": "queued", "workflow_job": {"id": 1, "name": "bäu+ld & test"},
           "repository": {"id": 5, "full_name": "octo/hello"}, "installation": {"id": 9}}


@pytest.fixture
def now():
    return [NOW]


@pytest.fixture
def github(now):
    with GitHub(tokens=["ghp_all"], clock=lambda: now[0], hook_timeout_s=0.3) as server:
        server.add_repository("octo/hello")
        yield server


@pytest.fixture
def client(github):
    return Client(github, "ghp_all")


class Receiver(HttpServer):
    """Answers with `status` what it gets."""

    def __init__(self, **options):
        super().__init__(lambda _: Response(self.status, "so be it"), **options)
        self.status = 202


@pytest.fixture
def receiver():
    with Receiver() as server:
        yield server


def made(client, path=HOOKS, **config):
    answer = client.post(path, {"name": "web", "events": ["workflow_job"], "config": {
        "url": "https://example.com/hook", "content_type": "json", **config}})
    assert answer.status == 201, answer.json
    return answer.json


class TestManaging:
    @pytest.mark.parametrize("path, kind", [(HOOKS, "Repository"),
                                            ("/orgs/octo/hooks", "Organization")])
    def test_a_hooks_life(self, github, client, path, kind):
        hook = made(client, path, secret=SECRET)
        assert hook["config"] == {"url": "https://example.com/hook", "content_type": "json",
                                  "insecure_ssl": "0", "secret": "********"}
        assert (hook["type"], hook["name"], hook["active"], hook["events"]) == (
            kind, "web", True, ["workflow_job"])
        assert ("last_response" in hook) == (kind == "Repository")
        one = f"{path}/{hook['id']}"
        assert hook["url"] == github.url + one
        assert client.get(one).json == hook and client.get(path).json == [hook]
        changed = client("PATCH", one, {"active": False, "events": ["push", "ping"]}).json
        assert (changed["active"], changed["events"]) == (False, ["push", "ping"])
        assert changed["config"] == hook["config"]
        assert [client("DELETE", one).status, client("DELETE", one).status,
                client.get(one).status] == [204, 404, 404]
        assert client.get(path).json == [] and github.schema_refusals == []

    def test_defaults(self, client):
        hook = client.post(HOOKS, {"config": {"url": "https://example.com/"}}).json
        assert hook["events"] == ["push"] and hook["last_response"] == {
            "code": None, "status": "unused", "message": None}
        assert hook["config"] == {"url": "https://example.com/", "content_type": "form",
                                  "insecure_ssl": "0"}

    @pytest.mark.parametrize("body", [
        {}, {"config": {}}, {"config": {"url": ""}}, {"config": {"url": "example.com/hook"}},
        {"config": {"url": "ftp://example.com/"}}])
    def test_it_needs_a_url(self, client, body):
        answer = client.post(HOOKS, body)
        assert (answer.status, answer.message) == (422, "Validation Failed")

    def test_the_same_again(self, client):
        made(client)
        for path, place in ((HOOKS, "repository"), ("/orgs/octo/hooks", "organization")):
            if place == "organization":
                made(client, path)
            answer = client.post(path, {"name": "web", "events": ["workflow_job"],
                                        "config": {"url": "https://example.com/hook"}})
            assert answer.status == 422
            assert answer.json["errors"] == [{"resource": "Hook", "code": "custom", "message":
                                              f"Hook already exists on this {place}"}]
        made(client, url="https://example.com/other")
        assert len(client.get(HOOKS).json) == 2

    def test_no_more_than_twenty_of_an_event(self, client):
        for number in range(20):
            made(client, url=f"https://example.com/{number}")
        answer = client.post(HOOKS, {"events": ["workflow_job"],
                                     "config": {"url": "https://example.com/20"}})
        assert answer.json["errors"][0]["message"] == (
            'The "workflow_job" event cannot have more than 20 hooks')
        items, pages = client.walk(f"{HOOKS}?per_page=8")
        assert (len(items), pages) == (20, 3)

    def test_a_configuration_takes_the_place_of_the_old_one(self, github, client):
        one = f"{HOOKS}/{made(client, secret=SECRET)['id']}"
        config = {"url": "https://example.com/new", "content_type": "json"}
        changed = client("PATCH", one, {"config": {**config, "secret": "s"}})
        assert changed.json["config"]["secret"] == "********"
        assert client("PATCH", one, {"config": config}).json["config"] == {
            **config, "insecure_ssl": "0"}
        (hook,) = github.hooks.hooks_of("repos/octo/hello")
        assert "secret" not in hook.config

    def test_parts_of_a_configuration(self, github, client):
        one = f"{HOOKS}/{made(client, secret=SECRET)['id']}/config"
        assert client("PATCH", one, {"content_type": "form"}).json == client.get(one).json == {
            "url": "https://example.com/hook", "content_type": "form", "insecure_ssl": "0",
            "secret": "********"}
        (hook,) = github.hooks.hooks_of("repos/octo/hello")
        assert hook.config["secret"] == SECRET

    def test_events_that_come_and_go(self, client):
        one = f"{HOOKS}/{made(client)['id']}"
        changed = client("PATCH", one, {"add_events": ["push", "workflow_job"],
                                        "remove_events": ["workflow_job"]})
        assert changed.json["events"] == ["push", "workflow_job"]

    def test_anothers_is_not_found(self, client):
        hook = made(client)
        for path in ("/repos/octo/other/hooks", "/orgs/octo/hooks"):
            one = f"{path}/{hook['id']}"
            for suffix in ("", "/config", "/deliveries", "/deliveries/1"):
                assert client.get(one + suffix).status == 404
            for suffix in ("/pings", "/deliveries/1/attempts"):
                assert client.post(one + suffix).status == 404


class TestSending:
    @pytest.fixture
    def hook(self, github, receiver):
        return github.add_hook("repos/octo/hello", f"{receiver.url}/hook?x=1", secret=SECRET)

    def test_as_github_does(self, github, receiver, hook):
        delivery = github.deliver(hook, "workflow_job", PAYLOAD, guid="g-1")
        (request,) = receiver.seen()
        assert (request.method, request.target) == ("POST", "/hook?x=1")
        assert request.json() == PAYLOAD
        expected = {"X-GitHub-Event": "workflow_job", "X-GitHub-Delivery": "g-1",
                    "X-GitHub-Hook-ID": str(hook.id), "Content-Type": "application/json",
                    "X-GitHub-Hook-Installation-Target-Type": "repository",
                    "X-GitHub-Hook-Installation-Target-ID":
                        str(github.owners.repository("octo/hello").id),
                    "X-Hub-Signature-256": "sha256=" + hmac.new(
                        SECRET.encode(), request.body, hashlib.sha256).hexdigest()}
        assert {name: request.headers[name] for name in expected} == expected
        assert request.headers["User-Agent"].startswith("GitHub-Hookshot/")
        assert (delivery.status_code, delivery.status, delivery.redelivery) == (
            202, "Accepted", False)

    def test_as_a_form_and_without_a_secret(self, github, receiver):
        hook = github.add_hook("orgs/octo", receiver.url, content_type="form")
        github.deliver(hook, "workflow_job", PAYLOAD)
        (request,) = receiver.seen()
        assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
        assert json.loads(urllib.parse.parse_qs(request.body.decode())["payload"][0]) == PAYLOAD
        assert "X-Hub-Signature-256" not in request.headers
        assert request.headers["X-GitHub-Hook-Installation-Target-Type"] == "organization"

    def test_the_very_bytes(self, github, receiver, hook):
        github.deliver(hook, "workflow_job", b"\xff not JSON")
        assert receiver.seen()[0].body == b"\xff not JSON"

    def test_what_is_listed(self, github, client, receiver, hook):
        receiver.status = 500
        github.deliver(hook, "workflow_job", PAYLOAD, guid="g-1")
        path = f"{HOOKS}/{hook.id}"
        (item,) = client.get(f"{path}/deliveries").json
        assert item.pop("id") > 2**31 and item.pop("duration") >= 0
        assert item == {"guid": "g-1", "delivered_at": "2023-11-14T22:13:20.000Z",
                        "redelivery": False, "status": "Invalid HTTP Response: 500",
                        "status_code": 500, "event": "workflow_job", "action": "queued",
                        "installation_id": 9, "repository_id": 5, "throttled_at": None}
        assert client.get(path).json["last_response"] == {
            "code": 500, "status": "invalid_http_response", "message": "Invalid HTTP Response: 500"}

    def test_one_of_them(self, github, client, hook):
        delivery = github.deliver(hook, "workflow_job", PAYLOAD)
        shown = client.get(f"{HOOKS}/{hook.id}/deliveries/{delivery.id}").json
        assert shown["request"]["payload"] == PAYLOAD and shown["url"] == hook.url
        assert shown["request"]["headers"]["X-GitHub-Event"] == "workflow_job"
        assert shown["response"]["payload"] == "so be it"

    def test_nobody_there(self, github):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
            hook = github.add_hook("repos/octo/hello", f"http://127.0.0.1:{port}/")
            delivery = github.deliver(hook, "workflow_job", PAYLOAD)
        assert (delivery.status_code, delivery.status) == (502, "failed to connect to host")

    def test_somebody_slow(self, github):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            hook = github.add_hook("repos/octo/hello",
                                   f"http://127.0.0.1:{silent.getsockname()[1]}/")
            delivery = github.deliver(hook, "workflow_job", PAYLOAD)
        assert (delivery.status_code, delivery.status) == (504, "timed out")

    def test_certificates(self, tmp_path):
        certificates = Certificates(tmp_path)
        tls = server_context(certificates.server_cert, certificates.server_key)
        with Receiver(tls=tls) as receiver:
            outcomes = []
            for ca_file, insecure in ((certificates.ca, "0"), (None, "0"), (None, "1")):
                with GitHub(tokens=["t"], hook_ca_file=ca_file) as github:
                    hook = github.add_hook("repos/octo/hello", receiver.url, insecure_ssl=insecure)
                    outcomes.append(github.deliver(hook, "ping", {}).status_code)
        assert outcomes == [202, 502, 202]

    def test_ping(self, github, client, receiver, hook):
        assert client.post(f"{HOOKS}/{hook.id}/pings").status == 204
        (request,) = receiver.wait_for(1)
        assert request.headers["X-GitHub-Event"] == "ping"
        assert request.json()["hook_id"] == hook.id and SECRET not in request.body.decode()
        github.wait_for_deliveries()
        assert client.get(f"{HOOKS}/{hook.id}/deliveries").json[0]["event"] == "ping"

    def test_a_redelivery(self, github, client, receiver, hook, now):
        receiver.status = 503
        first = github.deliver(hook, "workflow_job", PAYLOAD)
        receiver.status = 202
        now[0] += 60
        path = f"{HOOKS}/{hook.id}/deliveries"
        answer = client.post(f"{path}/{first.id}/attempts")
        assert (answer.status, answer.json) == (202, {})
        github.wait_for_deliveries()
        before, after = receiver.seen()
        assert after.body == before.body
        assert after.headers["X-GitHub-Delivery"] == before.headers["X-GitHub-Delivery"]
        assert [(item["guid"], item["status_code"], item["redelivery"], item["delivered_at"])
                for item in client.get(path).json] == [
            (first.guid, 202, True, "2023-11-14T22:14:20.000Z"),
            (first.guid, 503, False, "2023-11-14T22:13:20.000Z")]
        assert client.post(f"{path}/1/attempts").status == 404

    def test_a_redelivery_is_signed_with_the_secret_of_now(self, github, client, receiver, hook):
        first = github.deliver(hook, "workflow_job", PAYLOAD)
        client("PATCH", f"{HOOKS}/{hook.id}/config", {"secret": "new"})
        client.post(f"{HOOKS}/{hook.id}/deliveries/{first.id}/attempts")
        github.wait_for_deliveries()
        request = receiver.seen()[-1]
        assert request.headers["X-Hub-Signature-256"] == "sha256=" + hmac.new(
            b"new", request.body, hashlib.sha256).hexdigest()

    def test_a_receiver_may_ask_the_api_meanwhile(self, github, client, hook, receiver):
        asked = []

        def ask(_):
            asked.append(Client(github, "ghp_all").get(HOOKS).status)
            return Response(200)

        receiver.handler = ask
        first = github.deliver(hook, "workflow_job", PAYLOAD)
        client.post(f"{HOOKS}/{hook.id}/deliveries/{first.id}/attempts")
        github.wait_for_deliveries()
        assert asked == [200, 200]

    def test_stopping_waits_for_redeliveries(self, receiver):
        with GitHub(tokens=["ghp_all"]) as github:
            hook = github.add_hook("repos/octo/hello", receiver.url)
            first = github.deliver(hook, "workflow_job", PAYLOAD)
            Client(github, "ghp_all").post(f"{HOOKS}/{hook.id}/deliveries/{first.id}/attempts")
        assert len(hook.deliveries) == len(receiver.seen()) == 2


class TestListing:
    @pytest.fixture
    def hook(self, github):
        return github.add_hook("repos/octo/hello", "https://example.com/")

    def record(self, github, hook, count, status_code=200, **options):
        return [github.record_delivery(hook, "workflow_job", PAYLOAD, status_code,
                                       at=NOW - 10 * number, **options) for number in range(count)]

    def test_cursors(self, github, client, hook):
        made = self.record(github, hook, 7)
        path = f"{HOOKS}/{hook.id}/deliveries"
        items, pages = client.walk(f"{path}?per_page=3")
        assert ([item["id"] for item in items], pages) == ([each.id for each in made], 3)
        first = client.get(f"{path}?per_page=3")
        # What comes while one walks does not move the pages, as it would with numbers.
        github.record_delivery(hook, "push", {}, 200, at=NOW + 1)
        assert client.get(first.link("next")).json[0]["id"] == made[3].id
        assert client.get(f"{path}?per_page=100").link("next") is None
        assert client.get(f"{path}?cursor=v1_1").status == 400

    def test_by_outcome(self, github, client, hook):
        for status_code in (200, 302, 404, 502):
            self.record(github, hook, 1, status_code)
        path = f"{HOOKS}/{hook.id}/deliveries?status="
        assert {status: sorted(item["status_code"] for item in client.get(path + status).json)
                for status in ("success", "failure")} == {"success": [200, 302],
                                                          "failure": [404, 502]}

    def test_three_days(self, github, client, hook, now):
        old = github.record_delivery(hook, "push", {}, 500, at=NOW - 3 * DAY_S - 1)
        new = github.record_delivery(hook, "push", {}, 500, at=NOW - 3 * DAY_S)
        path = f"{HOOKS}/{hook.id}/deliveries"
        assert [item["id"] for item in client.get(path).json] == [new.id]
        assert client.get(f"{path}/{old.id}").status == 404
        assert client.post(f"{path}/{old.id}/attempts").status == 404
        now[0] += 1
        assert client.get(path).json == []

    def test_failures_to_connect_are_recorded_by_their_words(self, github, client, hook):
        self.record(github, hook, 1, 502, status="failed to connect to host")
        (item,) = client.get(f"{HOOKS}/{hook.id}/deliveries").json
        assert (item["status"], item["status_code"]) == ("failed to connect to host", 502)


class TestOfAnApp:
    @pytest.fixture
    def app(self, github, receiver):
        self.private, public = key_pair()
        return github.add_app(7, public, hook={"url": receiver.url, "content_type": "json",
                                               "secret": SECRET})

    @pytest.fixture
    def as_app(self, github, app):
        return Client(github, web_token(self.private, NOW, 7))

    def test_configuration(self, app, as_app, receiver):
        assert as_app.get("/app/hook/config").json == {
            "url": receiver.url, "content_type": "json", "insecure_ssl": "0", "secret": "********"}
        assert as_app("PATCH", "/app/hook/config", {"secret": "new"}).status == 200
        assert app.hook.config["secret"] == "new"

    def test_deliveries(self, github, app, as_app, receiver):
        delivery = github.deliver(app.hook, "workflow_job", PAYLOAD)
        headers = receiver.seen()[0].headers
        assert headers["X-GitHub-Hook-Installation-Target-Type"] == "integration"
        assert headers["X-GitHub-Hook-Installation-Target-ID"] == "7"
        path = "/app/hook/deliveries"
        assert [item["id"] for item in as_app.get(path).json] == [delivery.id]
        assert as_app.get(f"{path}/{delivery.id}").json["guid"] == delivery.guid
        assert as_app.post(f"{path}/{delivery.id}/attempts").status == 202
        github.wait_for_deliveries()
        assert [item["redelivery"] for item in as_app.get(path).json] == [True, False]
        assert [as_app.get(f"{path}/1").status, as_app.post(f"{path}/1/attempts").status] == [
            404, 404]

    def test_without_a_hook(self, github, as_app):
        private, public = key_pair()
        github.add_app(8, public)
        client = Client(github, web_token(private, NOW, 8))
        for path in ("config", "deliveries", "deliveries/1"):
            assert client.get(f"/app/hook/{path}").status == 404
