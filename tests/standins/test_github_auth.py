"""Who may do what on the GitHub stand-in: personal tokens of both kinds and their bounds."""

import pytest

from standins import GitHub
from standins.github_client import Client

NOW = 1_700_000_000.0
RUNNERS = "/repos/octo/hello/actions/runners"
ORG_RUNNERS = "/orgs/octo/actions/runners"
ENTERPRISE_RUNNERS = "/enterprises/acme/actions/runners"
HOOKS = "/repos/octo/hello/hooks"
NO_ADMIN = ("You must be an org admin or have the runners and runner groups fine-grained "
            "permission.")
INACCESSIBLE = "Resource not accessible by personal access token"


@pytest.fixture
def github():
    with GitHub(tokens=["ghp_all"], clock=lambda: NOW) as server:
        server.add_repository("octo/hello")
        server.add_repository("octo/open", private=False)
        server.add_repository("other/closed")
        yield server


def classic(github, *scopes, **bounds):
    github.add_token("ghp_made", scopes=scopes, **bounds)
    return Client(github, "ghp_made")


def fine_grained(github, permissions, **bounds):
    github.add_token("github_pat_made", "fine-grained", permissions=permissions, **bounds)
    return Client(github, "github_pat_made")


@pytest.mark.parametrize("method, path, scopes, status", [
    ("POST", f"{RUNNERS}/registration-token", ("repo",), 201),
    ("POST", f"{RUNNERS}/registration-token", ("public_repo", "admin:org"), 404),
    ("POST", f"{RUNNERS}/registration-token", (), 404),
    ("POST", "/repos/octo/open/actions/runners/registration-token", ("public_repo",), 403),
    ("GET", RUNNERS, ("repo",), 200),
    ("GET", RUNNERS, ("admin:repo_hook",), 404),
    ("GET", "/repos/octo/hello/actions/runs", ("repo",), 200),
    ("GET", "/repos/octo/hello/actions/runs", (), 404),
    ("GET", "/repos/octo/open/actions/runs", (), 200),
    ("GET", "/repos/octo/hello", (), 404),
    ("GET", "/repos/octo/open", (), 200),
    ("GET", "/repos/octo/hello", ("repo",), 200),
    ("GET", ORG_RUNNERS, ("admin:org",), 200),
    ("GET", ORG_RUNNERS, ("write:org", "repo"), 403),
    ("POST", f"{ORG_RUNNERS}/registration-token", ("admin:org",), 201),
    ("GET", "/orgs/octo/actions/runner-groups", ("repo",), 403),
    ("GET", ENTERPRISE_RUNNERS, ("manage_runners:enterprise",), 200),
    ("GET", ENTERPRISE_RUNNERS, ("admin:enterprise",), 200),
    ("GET", ENTERPRISE_RUNNERS, ("admin:org", "repo"), 403),
    ("GET", HOOKS, ("repo",), 200),
    ("GET", HOOKS, ("read:repo_hook",), 200),
    ("GET", HOOKS, ("public_repo",), 404),
    ("GET", "/orgs/octo/hooks", ("admin:org_hook",), 200),
    # admin:org does not hold it, as GitHub's list of scopes says.
    ("GET", "/orgs/octo/hooks", ("admin:org", "repo"), 404),
    ("GET", "/user", (), 200),
    ("GET", "/users/octo", (), 200),
])
def test_scopes(github, method, path, scopes, status):
    answer = classic(github, *scopes)(method, path)
    assert (answer.status, answer.headers["X-OAuth-Scopes"]) == (status, ", ".join(scopes))
    assert "X-Accepted-GitHub-Permissions" not in answer.headers
    assert Client(github, "ghp_all")(method, path).status in (200, 201)


def test_each_scope_of_a_repositorys_hooks(github):
    hook = github.add_hook("repos/octo/hello", "https://example.com/")
    one, body = f"{HOOKS}/{hook.id}", {"active": False}
    allowed = []
    for scope in ("read", "write", "admin"):
        client = classic(github, f"{scope}:repo_hook")
        allowed.append([client.get(one).status, client("PATCH", one, body).status])
    assert allowed == [[200, 404], [200, 200], [200, 200]]
    assert classic(github, "write:repo_hook")("DELETE", one).status == 404
    assert classic(github, "admin:repo_hook")("DELETE", one).status == 204


def test_accepted_scopes_are_named(github):
    answer = classic(github, "public_repo").get(HOOKS)
    assert answer.headers["X-Accepted-OAuth-Scopes"] == (
        "admin:repo_hook, read:repo_hook, repo, write:repo_hook")


@pytest.mark.parametrize("method, path, permissions, status, accepted", [
    ("POST", f"{RUNNERS}/registration-token", {"administration": "write"}, 201,
     "administration=write"),
    ("POST", f"{RUNNERS}/registration-token", {"administration": "read", "actions": "write"}, 403,
     "administration=write"),
    ("GET", RUNNERS, {"administration": "read"}, 200, "administration=read"),
    ("GET", RUNNERS, {"actions": "write"}, 403, "administration=read"),
    ("GET", "/repos/octo/hello/actions/runs", {"actions": "read"}, 200, "actions=read"),
    ("GET", "/repos/octo/hello/actions/runs", {"administration": "write"}, 403, "actions=read"),
    ("GET", "/repos/octo/hello", {}, 200, "metadata=read"),
    ("GET", ORG_RUNNERS, {"organization_self_hosted_runners": "read"}, 200,
     "organization_self_hosted_runners=read"),
    ("POST", f"{ORG_RUNNERS}/registration-token", {"organization_self_hosted_runners": "read"},
     403, "organization_self_hosted_runners=write"),
    ("GET", ORG_RUNNERS, {"administration": "write"}, 403,
     "organization_self_hosted_runners=read"),
    ("GET", ENTERPRISE_RUNNERS, {"organization_self_hosted_runners": "write"}, 403, None),
    ("GET", HOOKS, {"repository_hooks": "read"}, 200, "repository_hooks=read"),
    ("POST", HOOKS, {"repository_hooks": "read"}, 403, "repository_hooks=write"),
    ("GET", "/orgs/octo/hooks", {"organization_hooks": "write"}, 200, "organization_hooks=read"),
    ("GET", "/orgs/octo/hooks", {"repository_hooks": "write"}, 403, "organization_hooks=read"),
    ("GET", "/user", {}, 200, None),
])
def test_permissions(github, method, path, permissions, status, accepted):
    answer = fine_grained(github, permissions)(method, path)
    assert (answer.status, answer.headers["X-Accepted-GitHub-Permissions"]) == (status, accepted)
    assert "X-OAuth-Scopes" not in answer.headers
    if status == 403:
        assert answer.message == INACCESSIBLE


@pytest.mark.parametrize("bounds, path, status", [
    ({"owners": ["Octo"]}, RUNNERS, 200),
    ({"owners": ["other"]}, RUNNERS, 404),
    ({"repositories": ["octo/other"]}, RUNNERS, 404),
    ({"repositories": ["Octo/Hello"]}, RUNNERS, 200),
    ({"repositories": ["octo/hello"]}, "/repos/octo/open/actions/runners", 403),
    ({"repositories": ["octo/hello"]}, "/repos/octo/open/actions/runs", 200),
    ({"owners": ["other"]}, ORG_RUNNERS, 404),
])
def test_bounds(github, bounds, path, status):
    wide = {"administration": "write", "actions": "read",
            "organization_self_hosted_runners": "write"}
    assert fine_grained(github, wide, **bounds).get(path).status == status


def test_a_token_expires(github):
    client = fine_grained(github, {"administration": "write"}, expires_at=NOW + 60)
    answer = client.get(RUNNERS)
    assert answer.status == 200
    assert answer.headers["github-authentication-token-expiration"] == "2023-11-14 22:14:20 UTC"
    github.clock = lambda: NOW + 60
    answer = client.get(RUNNERS)
    assert (answer.status, answer.message) == (401, "Bad credentials")
    assert "github-authentication-token-expiration" not in answer.headers


def test_a_token_is_revoked_by_leaving_the_set(github):
    client = classic(github, "repo")
    assert client.get(RUNNERS).status == 200
    github.tokens.discard("ghp_made")
    assert (client.get(RUNNERS).status, client.get(RUNNERS).message) == (401, "Bad credentials")


def test_an_organizations_runners_are_for_its_admins(github):
    assert classic(github, "repo").get(ORG_RUNNERS).message == NO_ADMIN


@pytest.mark.parametrize("path", ["/app", "/app/installations", "/app/hook/config",
                                  "/repos/octo/hello/installation", "/orgs/octo/installation"])
def test_a_token_is_no_app(github, path):
    answer = Client(github, "ghp_all").get(path)
    assert (answer.status, answer.message) == (401, "A JSON web token could not be decoded")


class TestLimits:
    def test_each_person_has_a_limit_of_their_own(self):
        with GitHub(tokens=["ghp_plain"], rate_limit=2, clock=lambda: NOW) as github:
            for token, login in (("a", "ann"), ("b", "ann"), ("c", "bob")):
                github.add_token(token, login=login)
            ask = {token: Client(github, token) for token in ("ghp_plain", "a", "b", "c")}
            assert [ask[token].get(RUNNERS).status for token in "aba"] == [200, 200, 403]
            answer = ask["b"].get(RUNNERS)
            assert answer.message.startswith("API rate limit exceeded")
            assert answer.headers["x-ratelimit-remaining"] == "0"
            assert ask["c"].get(RUNNERS).headers["x-ratelimit-remaining"] == "1"
            assert ask["ghp_plain"].get(RUNNERS).status == 200
            assert github.rate.remaining == 1

    def test_asking_for_the_limit_costs_nothing(self):
        with GitHub(tokens=["ghp_plain"], rate_limit=1, clock=lambda: NOW) as github:
            client = Client(github, "ghp_plain")
            expected = {"limit": 1, "used": 0, "remaining": 1, "reset": int(NOW) + 3600}
            for _ in range(3):
                assert client.get("/rate_limit").json["resources"]["core"] == expected
            assert [client.get(RUNNERS).status for _ in range(2)] == [200, 403]
            assert client.get("/rate_limit").json["rate"]["remaining"] == 0

    def test_what_is_unchanged_is_given_back_to_whom_it_was_taken_from(self):
        with GitHub(tokens=[], clock=lambda: NOW) as github:
            github.add_token("a", login="ann")
            client = Client(github, "a")
            etag = client.get(RUNNERS).headers["ETag"]
            answer = client.get(RUNNERS, If_None_Match=etag)
            assert (answer.status, answer.headers["x-ratelimit-remaining"]) == (304, "4999")
            assert github.rate.remaining == 5000

    def test_content(self):
        now = [NOW]
        with GitHub(tokens=["a"], content_per_minute=2, clock=lambda: now[0]) as github:
            github.add_token("b", login="bob")
            client = Client(github, "a")

            def mint():
                return client.post(f"{RUNNERS}/registration-token")

            assert mint().status == 201
            now[0] += 30
            assert mint().status == 201
            answer = mint()
            assert (answer.status, answer.headers["retry-after"]) == (403, "60")
            assert answer.message.startswith("You have exceeded a secondary rate limit")
            assert int(answer.headers["x-ratelimit-remaining"]) > 0
            assert client.get(RUNNERS).status == 200
            assert Client(github, "b").post(f"{RUNNERS}/registration-token").status == 201
            assert github.secondary_refusals == 1
            now[0] += 31  # the first one is out of the window, the second is not
            assert [mint().status, mint().status] == [201, 403]
            assert len(github.registration_tokens) == 4
            assert github.secondary_refusals == 2


class TestSchema:
    @pytest.mark.parametrize("method, path, body, status, reason", [
        ("GET", f"{RUNNERS}?per_page=100&page=2&name=r", None, 200, None),
        ("GET", f"{RUNNERS}?per_page=101", None, 422, "per_page"),
        ("GET", f"{RUNNERS}?per_page=0", None, 422, "per_page"),
        ("GET", f"{RUNNERS}?per_page=ten", None, 422, "not an integer"),
        ("GET", f"{RUNNERS}?page=-1", None, 422, "not an integer"),
        ("GET", f"{RUNNERS}?page=1&page=2", None, 422, "twice"),
        ("GET", f"{RUNNERS}?perpage=5", None, 422, '"perpage" is not a permitted key'),
        ("GET", "/repos/octo/hello/actions/runs?status=queued&event=push", None, 200, None),
        ("GET", "/repos/octo/hello/actions/runs?status=done", None, 422, "possible value"),
        ("GET", "/repos/octo/hello/actions/runs?exclude_pull_requests=true", None, 200, None),
        ("GET", "/repos/octo/hello/actions/runs?exclude_pull_requests=1", None, 422, "boolean"),
        ("GET", "/user/repos?affiliation=owner,collaborator", None, 200, None),
        ("GET", "/user/repos?affiliation=owner,admin", None, 422, "affiliation"),
        ("GET", "/repos/octo/hello/hooks/1/deliveries?page=2", None, 422, "page"),
        ("POST", HOOKS, "{", 400, "Problems parsing JSON"),
        ("POST", HOOKS, "[]", 400, "Body should be a JSON object"),
        ("POST", HOOKS, {"config": {"url": 7}}, 422, "config/url"),
        ("POST", HOOKS, {"config": {"url": "https://e.org/", "content_type": "xml"}}, 422,
         "possible value"),
        ("POST", HOOKS, {"name": "web", "events": "push"}, 422, "not an array"),
        ("POST", HOOKS, {"events": ["push", 7]}, 422, "events/1"),
        ("POST", HOOKS, {"active": 1}, 422, "boolean"),
        ("POST", HOOKS, {"colour": "red"}, 422, "colour"),
        ("POST", "/orgs/octo/hooks", {"config": {"url": "https://e.org/"}}, 422,
         "missing required key: name"),
        ("POST", "/orgs/octo/hooks", {"name": "web", "config": {}}, 422, "required key: url"),
        ("POST", f"{RUNNERS}/registration-token", "{", 400, "Problems parsing JSON"),
        ("POST", f"{RUNNERS}/registration-token", {}, 201, None),
        ("POST", f"{RUNNERS}/registration-token", "", 201, None),
    ])
    def test_requests(self, github, method, path, body, status, reason):
        answer = Client(github, "ghp_all")(method, path, body)
        assert answer.status == status, answer.json
        if reason is None:
            assert github.schema_refusals == []
        else:
            assert reason in answer.message
            (refusal,) = github.schema_refusals
            assert refusal.startswith(f"{method} {path}: ") and reason in refusal

    def test_who_may_not_ask_is_not_told_how(self, github):
        assert fine_grained(github, {}).get(f"{RUNNERS}?perpage=5").status == 403
        assert github.schema_refusals == []
