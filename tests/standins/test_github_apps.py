"""GitHub Apps on the stand-in: JSON web tokens, installations and the tokens that they give."""

import json
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from standins import GitHub
from standins.github_client import Client, key_pair, web_token

HERE = Path(__file__).resolve().parent
NOW = 1_700_000_000.0
RUNNERS = "/repos/octo/hello/actions/runners"
UNDECODABLE = "A JSON web token could not be decoded"
ASSERTED = ("'Issued at' claim ('iat') must be an Integer representing the time that the assertion "
            "was issued")
EXPIRES = ("'Expiration time' claim ('exp') must be a numeric value representing the future time "
           "at which the assertion expires")
PERMISSIONS = {"administration": "write", "actions": "read"}


@pytest.fixture(scope="module")
def keys():
    return key_pair()


@pytest.fixture
def now():
    return [NOW]


@pytest.fixture
def github(now):
    with GitHub(tokens=["ghp_all"], clock=lambda: now[0]) as server:
        server.add_owner("octo", "Organization")
        server.add_owner("mona", "User")
        for name in ("octo/hello", "octo/world", "mona/home"):
            server.add_repository(name)
        yield server


@pytest.fixture
def app(github, keys):
    return github.add_app(7, keys[1], client_id="Iv23liTest", slug="hooker",
                          permissions=PERMISSIONS)


@pytest.fixture
def as_app(github, app, keys):
    return Client(github, web_token(keys[0], NOW, 7))


class TestWebTokens:
    @pytest.mark.parametrize("issuer", [7, "7", "Iv23liTest"])
    def test_the_app_by_either_id(self, github, app, keys, issuer):
        answer = Client(github, web_token(keys[0], NOW, issuer)).get("/app")
        assert answer.status == 200
        assert {name: answer.json[name] for name in ("id", "client_id", "slug", "permissions")} == {
            "id": 7, "client_id": "Iv23liTest", "slug": "hooker",
            "permissions": {**PERMISSIONS, "metadata": "read"}}

    @pytest.mark.parametrize("claims, status, message", [
        ({"iss": 8}, 404, "Integration not found"),
        ({"iss": None}, 401, "Missing 'issuer' claim ('iss') in assertion"),
        ({"iat": None}, 401, "Missing 'issued at' claim ('iat') in assertion"),
        ({"exp": None}, 401, "Missing 'expiration time' claim ('exp') in assertion"),
        ({"iat": int(NOW)}, 200, None),
        ({"iat": int(NOW) + 1}, 401, ASSERTED),
        ({"iat": str(int(NOW))}, 401, ASSERTED),
        ({"iat": NOW - 0.5}, 401, ASSERTED),
        ({"exp": int(NOW) + 600}, 200, None),
        ({"exp": int(NOW) + 601}, 401, "'Expiration time' claim ('exp') is too far in the future"),
        ({"exp": int(NOW)}, 401, EXPIRES),
        ({"exp": int(NOW) - 1}, 401, EXPIRES),
        ({"exp": str(int(NOW) + 60)}, 401, EXPIRES),
        ({"exp": True}, 401, EXPIRES),
    ])
    def test_claims(self, github, app, keys, claims, status, message):
        issuer = claims.pop("iss", 7)
        answer = Client(github, web_token(keys[0], NOW, issuer, **claims)).get("/app")
        assert (answer.status, answer.json.get("message")) == (status, message)

    @pytest.mark.parametrize("algorithm, key", [
        ("RS512", None), ("PS256", None), ("HS256", "secret"), ("none", "")])
    def test_algorithms(self, github, app, keys, algorithm, key):
        token = web_token(keys[0] if key is None else key, NOW, 7, algorithm=algorithm)
        answer = Client(github, token).get("/app")
        assert (answer.status, answer.message) == (401, UNDECODABLE)

    def test_signatures(self, github, app, keys, as_app):
        head, body, signature = as_app.token.split(".")
        other = web_token(keys[0], NOW, 7, exp=int(NOW) + 1).split(".")
        changed = signature[:-20] + ("A" if signature[-20] != "A" else "B") + signature[-19:]
        for token in (f"{head}.{body}.", f"{head}.{body}.{changed}",
                      f"{head}.{other[1]}.{signature}", f"{head}.!.{signature}", "a.b.c",
                      web_token(key_pair()[0], NOW, 7)):
            answer = Client(github, token).get("/app")
            assert (answer.status, answer.message) == (401, UNDECODABLE), token

    def test_only_as_bearer(self, as_app):
        answer = as_app.get("/app", Authorization=f"token {as_app.token}")
        assert (answer.status, answer.message) == (401, "Bad credentials")

    @pytest.mark.parametrize("path", [RUNNERS, "/user", "/installation/repositories",
                                      "/rate_limit"])
    def test_an_app_is_no_token(self, as_app, path):
        assert as_app.get(path).status == 401


class TestInstallations:
    def test_where_they_are(self, github, app, as_app):
        octo = github.install(app, "octo", repositories=["hello"])
        mona = github.install(app, "mona")
        acme = github.install(app, "enterprises/acme", {"enterprise_people": "read"})
        found = {path: as_app.get(f"{path}/installation") for path in (
            "/repos/octo/hello", "/repos/octo/world", "/repos/mona/home", "/orgs/octo",
            "/users/mona", "/users/octo", "/orgs/mona", "/enterprises/acme", "/enterprises/none")}
        assert {path: answer.json.get("id") for path, answer in found.items()} == {
            "/repos/octo/hello": octo.id, "/repos/octo/world": None, "/repos/mona/home": mona.id,
            "/orgs/octo": octo.id, "/users/mona": mona.id, "/users/octo": None, "/orgs/mona": None,
            "/enterprises/acme": acme.id, "/enterprises/none": None}
        assert {answer.status for answer in found.values()} == {200, 404}
        shown = found["/orgs/octo"].json
        assert (shown["repository_selection"], shown["target_type"], shown["account"]["login"]) == (
            "selected", "Organization", "octo")
        assert shown["permissions"] == {**PERMISSIONS, "metadata": "read"}
        assert as_app.get(f"/app/installations/{mona.id}").json["target_type"] == "User"

    def test_the_list_has_pages(self, github, app, as_app):
        made = [github.install(app, f"owner-{number}").id for number in range(5)]
        items, pages = as_app.walk("/app/installations?per_page=2")
        assert ([each["id"] for each in items], pages) == (made, 3)
        assert as_app.get("/app/installations?per_page=5").headers["Link"] is None

    def test_anothers_installation_is_not_found(self, github, app, as_app, keys):
        other = github.add_app(8, keys[1], permissions=PERMISSIONS)
        theirs = github.install(other, "octo")
        for path in (f"/app/installations/{theirs.id}", "/orgs/octo/installation"):
            assert as_app.get(path).status == 404
        assert as_app.post(f"/app/installations/{theirs.id}/access_tokens").status == 404


class TestTokens:
    @pytest.fixture
    def installation(self, github, app):
        return github.install(app, "octo")

    @pytest.fixture
    def mint(self, as_app, installation):
        return lambda body=None: as_app.post(
            f"/app/installations/{installation.id}/access_tokens", body)

    def test_an_hour_of_everything(self, github, mint, now):
        answer = mint()
        assert answer.status == 201
        assert answer.json["token"].startswith("ghs_") and len(answer.json["token"]) == 40
        assert answer.json["expires_at"] == "2023-11-14T23:13:20Z"
        assert answer.json["permissions"] == {**PERMISSIONS, "metadata": "read"}
        assert answer.json["repository_selection"] == "all"
        assert "repositories" not in answer.json
        client = Client(github, answer.json["token"])
        assert client.post(f"{RUNNERS}/registration-token").status == 201
        assert client.get("/repos/mona/home/actions/runners").status == 404
        now[0] += 3600
        assert (client.get(RUNNERS).status, client.get(RUNNERS).message) == (401, "Bad credentials")

    def test_narrowed_permissions(self, github, mint):
        answer = mint({"permissions": {"actions": "read"}})
        assert answer.json["permissions"] == {"actions": "read", "metadata": "read"}
        client = Client(github, answer.json["token"])
        assert client.get("/repos/octo/hello/actions/runs").status == 200
        refused = client.get(RUNNERS)
        assert (refused.status, refused.message) == (403, "Resource not accessible by integration")
        assert refused.headers["X-Accepted-GitHub-Permissions"] == "administration=read"
        (issued,) = github.installation_tokens
        assert issued.permissions == {"actions": "read", "metadata": "read"}

    @pytest.mark.parametrize("permissions", [
        {"actions": "write"}, {"organization_self_hosted_runners": "read"},
        {"actions": "read", "contents": "read"}])
    def test_what_is_not_granted(self, github, mint, permissions):
        answer = mint({"permissions": permissions})
        assert (answer.status, answer.message) == (
            422, "The permissions requested are not granted to this installation.")
        assert github.installation_tokens == []

    def test_narrowed_repositories(self, github, mint):
        by_id = github.add_repository("octo/third").id
        answer = mint({"repositories": ["world"], "repository_ids": [by_id]})
        assert answer.json["repository_selection"] == "selected"
        assert [each["full_name"] for each in answer.json["repositories"]] == [
            "octo/world", "octo/third"]
        client = Client(github, answer.json["token"])
        assert client.get("/repos/octo/world/actions/runners").status == 200
        assert client.get(RUNNERS).status == 404
        listed = client.get("/installation/repositories").json
        assert (listed["total_count"], listed["repository_selection"]) == (2, "selected")
        for body in ({"repositories": ["hello", "mona/home"]}, {"repository_ids": [1]}):
            assert mint(body).status == 422

    @pytest.mark.parametrize("body", [
        {"permissions": {"administration": "all"}}, {"permissions": ["actions"]},
        {"repositories": "hello"}, {"repository_ids": ["1"]}, {"permission": {}},
        {"permissions": {"administrations": "read"}}])
    def test_bodies(self, github, mint, body):
        assert mint(body).status == 422
        assert len(github.schema_refusals) == 1

    def test_suspended(self, github, mint, installation):
        client = Client(github, mint().json["token"])
        github.suspend(installation)
        for answer in (mint(), client.get(RUNNERS)):
            assert (answer.status, answer.message) == (403, "This installation has been suspended")
        github.unsuspend(installation)
        assert (mint().status, client.get(RUNNERS).status) == (201, 200)

    def test_uninstalled(self, github, mint, installation, as_app):
        client = Client(github, mint().json["token"])
        github.uninstall(installation)
        assert (mint().status, client.get(RUNNERS).status) == (404, 401)
        assert as_app.get("/orgs/octo/installation").status == 404

    def test_its_repositories_have_pages(self, github, mint):
        for number in range(3):
            github.add_repository(f"octo/more-{number}")
        client = Client(github, mint().json["token"])
        items, pages = client.walk("/installation/repositories?per_page=2", "repositories")
        assert ([each["name"] for each in items], pages) == (
            ["hello", "world", "more-0", "more-1", "more-2"], 3)
        refused = Client(github, "ghp_all").get("/installation/repositories")
        assert (refused.status, refused.message[:40]) == (
            403, "You must authenticate with an installati")

    def test_is_no_person(self, github, mint):
        client = Client(github, mint().json["token"])
        for path in ("/user", "/user/repos"):
            answer = client.get(path)
            assert (answer.status, answer.message) == (
                403, "Resource not accessible by integration")
        assert client.get("/app").message == UNDECODABLE

    def test_organizations_and_enterprises(self, github, app, keys, as_app):
        whole = github.install(app, "octo", {"organization_self_hosted_runners": "write"})
        token = as_app.post(f"/app/installations/{whole.id}/access_tokens").json["token"]
        client = Client(github, token)
        assert client.get("/orgs/octo/actions/runners").status == 200
        assert client.get("/orgs/other/actions/runners").status == 404
        # GitHub's documentation: no installation token works there.
        assert client.get("/enterprises/acme/actions/runners").status == 403

    def test_each_installation_has_a_limit_of_its_own(self, keys):
        with GitHub(tokens=[], rate_limit=1, clock=lambda: NOW) as github:
            app = github.add_app(7, keys[1], permissions=PERMISSIONS)
            clients = []
            for owner in ("octo", "other"):
                installation = github.install(app, owner)
                token = github.credentials.issue(installation, installation.permissions, None).token
                clients.append(Client(github, token))
            first, second = clients
            assert [first.get(RUNNERS).status for _ in range(2)] == [200, 403]
            assert second.get("/repos/other/x/actions/runners").status == 200


def test_as_a_program(tmp_path, keys):
    (tmp_path / "public.pem").write_text(keys[1])
    process = subprocess.Popen(
        [sys.executable, str(HERE / "github.py"), "--app", "7", "--app-public-key",
         str(tmp_path / "public.pem"), "--install", "octo"], stdout=subprocess.PIPE, text=True)
    try:
        url = json.loads(process.stdout.readline())["url"]
        client = Client(SimpleNamespace(url=url), web_token(keys[0], time.time(), 7))
        installation = client.get("/orgs/octo/installation").json["id"]
        client.token = client.post(f"/app/installations/{installation}/access_tokens").json["token"]
        assert client.post(f"{RUNNERS}/registration-token").status == 201
        process.terminate()
        assert process.wait(5) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_the_libraries_are_for_apps_alone():
    """The quick start has neither."""
    code = ("import sys\nfrom standins import GitHub\nGitHub(tokens=['a'])\n"
            "print(sorted({'jwt', 'cryptography', 'jsonschema'} & set(sys.modules)))")
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True,
                          cwd=HERE.parent)
    assert done.stdout.strip() == "[]"
