"""Owners and repositories on the GitHub stand-in, and the pages that list them."""

import pytest

from standins import GitHub
from standins.github_client import Client


@pytest.fixture
def github():
    with GitHub(tokens=["ghp_all"]) as server:
        server.add_owner("mona", "User")
        server.add_owner("octo", "Organization")
        server.add_repository("octo/zebra")
        server.add_repository("octo/apple", private=False, topics=["ci"], archived=True)
        server.add_repository("octo/fork", private=False, fork=True)
        server.add_repository("mona/home")
        server.add_repository("mona/blog", private=False)
        yield server


@pytest.fixture
def client(github):
    return Client(github, "ghp_all")


def names(answer):
    assert answer.status == 200, answer.json
    return [repository["full_name"] for repository in answer.json]


def test_owners(client):
    assert [client.get(f"/users/{login}").json["type"] for login in ("mona", "Octo", "else")] == [
        "User", "Organization", "Organization"]
    assert client.get("/users/not%20one").status == 404


def test_who_asks(github, client):
    assert client.get("/user").json["login"] == "monalisa"
    github.add_token("t", login="mona")
    assert client.get("/user", Authorization="Bearer t").json["login"] == "mona"
    assert client.get("/user", Authorization="Bearer t").json["type"] == "User"


def test_a_repository(client):
    shown = client.get("/repos/Octo/Apple").json
    assert {name: shown[name] for name in ("full_name", "private", "visibility", "fork", "archived",
                                           "topics", "default_branch")} == {
        "full_name": "octo/apple", "private": False, "visibility": "public", "fork": False,
        "archived": True, "topics": ["ci"], "default_branch": "main"}
    # One that nobody named is there, private and an organization's.
    shown = client.get("/repos/some/thing").json
    assert (shown["private"], shown["owner"]["type"]) == (True, "Organization")


def test_only_those_that_were_named():
    with GitHub(tokens=["t"], repositories=["Octo/Hello"]) as github:
        client = Client(github, "t")
        assert client.get("/repos/octo/other").status == 404
        assert (client.get("/users/octo").status, client.get("/users/else").status) == (200, 404)
        assert names(client.get("/orgs/octo/repos")) == ["Octo/Hello"]
        github.add_repository("octo/other")
        assert client.get("/repos/octo/other").status == 200
        assert names(client.get("/orgs/octo/repos")) == ["octo/other", "Octo/Hello"]


def test_one_that_is_gone(github, client):
    github.remove_repository("octo/zebra")
    assert client.get("/repos/octo/zebra").status == 404
    assert "octo/zebra" not in names(client.get("/orgs/octo/repos"))
    github.add_repository("octo/zebra")
    assert client.get("/repos/octo/zebra").status == 200


@pytest.mark.parametrize("query, shown", [
    ("", ["fork", "apple", "zebra"]),
    ("sort=full_name", ["apple", "fork", "zebra"]),
    ("sort=created&direction=asc", ["zebra", "apple", "fork"]),
    ("type=public", ["fork", "apple"]), ("type=private", ["zebra"]), ("type=forks", ["fork"]),
    ("type=sources&sort=full_name", ["apple", "zebra"]),
])
def test_an_organizations(client, query, shown):
    assert names(client.get(f"/orgs/octo/repos?{query}")) == [f"octo/{name}" for name in shown]


def test_an_organization_and_a_user(client):
    assert client.get("/orgs/mona/repos").status == 404
    # Private ones are not in a user's list, whoever asks.
    assert names(client.get("/users/mona/repos")) == ["mona/blog"]


@pytest.mark.parametrize("query, shown", [
    ("", ["mona/blog", "mona/home", "octo/apple", "octo/fork", "octo/zebra"]),
    ("affiliation=owner", ["mona/blog", "mona/home"]),
    ("affiliation=owner&visibility=private", ["mona/home"]),
    ("affiliation=organization_member&visibility=public", ["octo/apple", "octo/fork"]),
    ("type=owner", ["mona/blog", "mona/home"]),
    ("type=member", ["octo/apple", "octo/fork", "octo/zebra"]),
])
def test_ones_own(github, query, shown):
    github.add_token("t", login="mona")
    assert names(Client(github, "t").get(f"/user/repos?{query}")) == shown


def test_type_goes_with_neither_of_the_others(client):
    for other in ("visibility=all", "affiliation=owner"):
        assert client.get(f"/user/repos?type=owner&{other}").status == 422


def test_what_a_token_sees(github):
    github.add_token("few", "fine-grained", permissions={"actions": "read"}, owners=["octo"],
                     repositories=["octo/zebra"])
    assert names(Client(github, "few").get("/user/repos")) == [
        "mona/blog", "octo/apple", "octo/fork", "octo/zebra"]
    github.add_token("public", scopes=["public_repo"])
    assert names(Client(github, "public").get("/orgs/octo/repos")) == ["octo/fork", "octo/apple"]


def test_links(client):
    first = client.get("/user/repos?per_page=2&sort=full_name")
    base = f"{client.github.url}/user/repos?per_page=2&sort=full_name"
    assert first.headers["Link"] == f'<{base}&page=2>; rel="next", <{base}&page=3>; rel="last"'
    second = client.get(first.link("next"))
    assert second.headers["Link"] == (
        f'<{base}&page=1>; rel="prev", <{base}&page=3>; rel="next", <{base}&page=3>; rel="last", '
        f'<{base}&page=1>; rel="first"')
    last = client.get(second.link("next"))
    assert (len(last.json), last.link("next"), last.link("prev")) == (1, None, f"{base}&page=2")
    beyond = client.get("/user/repos?per_page=2&page=9")
    assert (beyond.json, beyond.link("next")) == ([], None)
    items, pages = client.walk("/user/repos?per_page=2")
    assert (len(items), pages) == (5, 3)


def test_links_keep_what_was_asked(client):
    answer = client.get("/user/repos?per_page=1&affiliation=owner%2Corganization_member")
    assert "affiliation=owner%2Corganization_member" in answer.link("next")
    assert client.get(answer.link("next")).status == 200
