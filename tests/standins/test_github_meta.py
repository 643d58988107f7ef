"""What the GitHub stand-in tells about itself, and whom."""

import pytest

from standins import GitHub
from standins.github_client import Client
from standins.github_meta import ANONYMOUS_LIMIT, HOOKS


@pytest.fixture
def github():
    with GitHub(tokens=["ghp_all"]) as server:
        yield server


@pytest.fixture
def client(github):
    return Client(github, "ghp_all")


def test_whom_it_tells(github, client):
    answer = client.get("/meta")
    assert (answer.status, answer.json["hooks"]) == (200, list(HOOKS))
    assert answer.headers["x-ratelimit-limit"] == "5000"
    answer = client.get("/meta", Authorization="")
    assert (answer.status, answer.json["hooks"]) == (200, list(HOOKS))
    assert answer.headers["x-ratelimit-limit"] == str(ANONYMOUS_LIMIT)
    # A wrong credential is worse than none.
    assert client.get("/meta", Authorization="Bearer wrong").status == 401
    github.meta.is_public = False
    assert client.get("/meta", Authorization="").status == 401
    assert client.get("/meta").status == 200


def test_few_times_without_a_token(github, client):
    for _ in range(ANONYMOUS_LIMIT):
        assert client.get("/meta", Authorization="").status == 200
    refused = client.get("/meta", Authorization="")
    assert (refused.status, refused.headers["x-ratelimit-remaining"]) == (403, "0")
    assert client.get("/meta").status == 200


def test_all_else_wants_a_credential(client):
    assert client.get("/user", Authorization="").status == 401


def test_an_enterprise_server_has_no_hooks(github, client):
    github.meta.hooks = None
    assert "hooks" not in client.get("/meta").json
