"""Runners on the GitHub stand-in, wherever they may be: registration tokens, just-in-time
configurations, groups, and single workflow runs."""

import base64
import json

import pytest

from standins import GitHub, RegistrationRefused
from standins.github_client import Client

TARGETS = ["repos/octo/hello", "orgs/octo", "enterprises/acme"]
LABELS = ["self-hosted", "linux"]


@pytest.fixture
def github():
    with GitHub(tokens=["ghp_all"]) as server:
        yield server


@pytest.fixture
def client(github):
    return Client(github, "ghp_all")


@pytest.fixture(params=TARGETS)
def target(request):
    return request.param


class TestRegistrationTokens:
    def test_each_target_has_its_own(self, github, client, target):
        answer = client.post(f"/{target}/actions/runners/registration-token")
        assert answer.status == 201
        token = answer.json["token"]
        assert github.tokens_issued(target=target) == github.tokens_issued() == [token]
        for other in TARGETS:
            assert github.is_registration_token(token, target=other) == (other == target)
        runner = github.register_runner_at(target, "r-1", LABELS, token)
        assert runner.online and runner.target == target
        assert runner.repository == ("octo/hello" if target == TARGETS[0] else None)
        other = next(each for each in TARGETS if each != target)
        with pytest.raises(RegistrationRefused):
            github.register_runner_at(other, "r-2", LABELS, token)
        github.expire_registration_tokens()
        with pytest.raises(RegistrationRefused):
            github.register_runner_at(target, "r-2", LABELS, token)

    def test_a_group_by_name(self, github, client):
        token = client.post("/orgs/octo/actions/runners/registration-token").json["token"]
        group = github.add_runner_group("orgs/octo", "builders")
        runner = github.register_runner_at("orgs/octo", "r-1", LABELS, token, group="builders")
        assert runner.group_id == group.id
        with pytest.raises(RegistrationRefused):
            github.register_runner_at("orgs/octo", "r-2", LABELS, token, group="nobody")


class TestRunners:
    def test_list_get_and_delete(self, github, client, target):
        path = f"/{target}/actions/runners"
        for name in ("r-0", "r-1", "r-2"):
            github.actions.add_runner_at(target, name, LABELS)
        for other in set(TARGETS) - {target}:
            github.actions.add_runner_at(other, "r-1", LABELS)
        items, pages = client.walk(f"{path}?per_page=2", "runners")
        assert ([each["name"] for each in items], pages) == (["r-0", "r-1", "r-2"], 2)
        (found,) = client.get(f"{path}?name=r-1").json["runners"]
        one = f"{path}/{found['id']}"
        assert client.get(one).json == found
        runner = github.actions.runners[found["id"]]
        runner.busy = True
        assert client("DELETE", one).status == 422
        runner.busy = False
        assert [client("DELETE", one).status, client("DELETE", one).status,
                client.get(one).status] == [204, 404, 404]
        assert len(github.actions.runners) == 4

    def test_anothers_is_not_found(self, github, client):
        runner = github.actions.add_runner_at("orgs/octo", "r-1", LABELS)
        for target in ("repos/octo/hello", "orgs/other", "enterprises/octo"):
            for method in ("GET", "DELETE"):
                assert client(method, f"/{target}/actions/runners/{runner.id}").status == 404
        assert client.get(f"/orgs/OCTO/actions/runners/{runner.id}").status == 200

    def test_a_user_is_no_organization(self, github, client):
        github.add_owner("mona", "User")
        assert client.get("/orgs/mona/actions/runners").status == 404

    def test_groups(self, github, client):
        for target in ("orgs/octo", "enterprises/acme"):
            path = f"/{target}/actions/runner-groups"
            (default,) = client.get(path).json["runner_groups"]
            assert (default["id"], default["name"], default["default"]) == (1, "Default", True)
            made = [github.add_runner_group(target, name).id for name in ("a", "b")]
            items, pages = client.walk(f"{path}?per_page=1", "runner_groups")
            assert ([each["id"] for each in items], pages) == ([1, *made], 3)
        assert client.get("/repos/octo/hello/actions/runner-groups").status == 404


class TestJustInTime:
    BODY = {"name": "r-1", "runner_group_id": 1, "labels": LABELS}

    def test_is_good_once(self, github, client, target):
        path = f"/{target}/actions/runners"
        answer = client.post(f"{path}/generate-jitconfig", self.BODY)
        assert answer.status == 201
        shown = answer.json["runner"]
        assert (shown["status"], shown["busy"], shown["ephemeral"], shown["os"]) == (
            "offline", False, True, "unknown")
        assert [label["name"] for label in shown["labels"]] == LABELS
        assert client.get(f"{path}/{shown['id']}").json == shown
        encoded = answer.json["encoded_jit_config"]
        files = json.loads(base64.b64decode(encoded, validate=True))
        settings = json.loads(base64.b64decode(files[".runner"], validate=True))
        assert (settings["AgentName"], settings["WorkFolder"]) == ("r-1", "_work")
        runner = github.start_jit_runner(encoded)
        assert (runner.id, runner.target, runner.online) == (shown["id"], target, True)
        assert client.get(f"{path}/{shown['id']}").json["status"] == "online"
        with pytest.raises(RegistrationRefused, match="used before"):
            github.start_jit_runner(encoded)

    def test_ends_with_its_registration(self, github, client):
        path = "/repos/octo/hello/actions/runners"
        answer = client.post(f"{path}/generate-jitconfig", self.BODY)
        assert client("DELETE", f"{path}/{answer.json['runner']['id']}").status == 204
        with pytest.raises(RegistrationRefused, match="deleted"):
            github.start_jit_runner(answer.json["encoded_jit_config"])
        with pytest.raises(RegistrationRefused, match="no such"):
            github.start_jit_runner("e30=")

    def test_names_are_taken_at_a_target(self, github, client):
        path = "/repos/octo/hello/actions/runners/generate-jitconfig"
        assert client.post(path, self.BODY).status == 201
        answer = client.post(path, self.BODY)
        assert (answer.status, answer.message) == (
            409, "Already exists - A runner with the name r-1 already exists.")
        assert client.post("/orgs/octo/actions/runners/generate-jitconfig", self.BODY).status == 201
        assert len(github.jit_configs) == 2

    def test_groups(self, github, client):
        path = "/orgs/octo/actions/runners/generate-jitconfig"
        group = github.add_runner_group("orgs/octo", "builders")
        answer = client.post(path, {**self.BODY, "runner_group_id": group.id})
        assert answer.json["runner"]["runner_group_id"] == group.id
        for wrong, place in ((group.id + 1, path), (group.id, path.replace("octo", "other")),
                             (group.id, "/repos/octo/hello/actions/runners/generate-jitconfig")):
            body = {**self.BODY, "name": "r-2", "runner_group_id": wrong}
            assert client.post(place, body).status == 404

    @pytest.mark.parametrize("change, reason", [
        ({"name": None}, "missing required key: name"),
        ({"runner_group_id": None}, "missing required key: runner_group_id"),
        ({"labels": None}, "missing required key: labels"),
        ({"name": ""}, "too few"), ({"name": "n" * 65}, "too many"), ({"name": 7}, "string"),
        ({"runner_group_id": "1"}, "integer"), ({"runner_group_id": True}, "integer"),
        ({"labels": []}, "too few"), ({"labels": ["l"] * 101}, "too many"),
        ({"labels": "linux"}, "array"), ({"labels": [1]}, "labels/0"),
        ({"work_folder": 1}, "work_folder"), ({"group": 1}, "group"),
    ])
    def test_bodies(self, github, client, change, reason):
        body = {name: value for name, value in {**self.BODY, **change}.items() if value is not None}
        answer = client.post("/repos/octo/hello/actions/runners/generate-jitconfig", body)
        assert answer.status == 422 and reason in answer.message
        assert len(github.schema_refusals) == 1 and github.actions.runners == {}

    def test_the_longest(self, client):
        body = {"name": "n" * 64, "runner_group_id": 1, "labels": ["l"] * 100, "work_folder": "w"}
        assert client.post("/repos/octo/hello/actions/runners/generate-jitconfig",
                           body).status == 201

    def test_denied(self, github, client):
        github.denied.add("octo/hello")
        assert client.post("/repos/octo/hello/actions/runners/generate-jitconfig",
                           self.BODY).status == 403


class TestRun:
    PATH = "/repos/octo/hello/actions/runs"

    def test_one(self, github, client):
        run = github.actions.add_run("octo/hello", event="pull_request")
        shown = client.get(f"{self.PATH}/{run.id}").json
        assert (shown["id"], shown["event"], shown["repository"]) == (
            run.id, "pull_request", shown["head_repository"])
        assert client.get(self.PATH).json["workflow_runs"] == [shown]
        for wrong in (f"{self.PATH}/1", f"{self.PATH}/x",
                      f"/repos/octo/other/actions/runs/{run.id}"):
            assert client.get(wrong).status == 404

    @pytest.mark.parametrize("head, shown", [
        (None, "octo/hello"), ("mona/hello", "mona/hello"), (False, None)])
    def test_where_its_code_is_from(self, github, client, head, shown):
        github.add_repository("octo/hello", private=False)
        github.add_repository("mona/hello", private=False, fork=True)
        run = github.actions.add_run("octo/hello", head_repository=head)
        answer = client.get(f"{self.PATH}/{run.id}").json
        assert answer["repository"]["full_name"] == "octo/hello"
        assert answer["repository"]["visibility"] == "public"
        found = answer["head_repository"]
        assert (found and (found["full_name"], found["fork"])) == (
            shown and (shown, shown == "mona/hello"))

    def test_by_event_and_branch(self, github, client):
        github.actions.add_run("octo/hello", head_branch="main")
        wanted = github.actions.add_run("octo/hello", head_branch="b", event="pull_request")
        for query in ("event=pull_request", "branch=b", "event=pull_request&branch=b"):
            runs = client.get(f"{self.PATH}?{query}").json["workflow_runs"]
            assert [run["id"] for run in runs] == [wanted.id]
