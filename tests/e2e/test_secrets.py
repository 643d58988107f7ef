"""Secrets come in and do not go out. Every test ends in a search for them (Site.close); here are
the ways out that the others do not take."""

import base64
import os
import resource
import signal

import pytest

from standins.faults import Answer

from .support.deliveries import WEBHOOK_SECRET, sign, workflow_job
from .support.site import (CF_ACCESS_SECRET, GITHUB_TOKEN, NOMAD_TOKEN, PREVIOUS_WEBHOOK_SECRET)
from .support.waiting import wait_until


class TestTwoWebhookSecrets:
    @pytest.fixture
    def front(self, site):
        site.configure("github", webhook_secret_previous_file=site.secret_file(
            "previous", PREVIOUS_WEBHOOK_SECRET))
        return site.serve("nginx")

    @pytest.mark.parametrize("secret", [WEBHOOK_SECRET, PREVIOUS_WEBHOOK_SECRET])
    def test_both_are_good(self, site, front, secret):
        delivery = workflow_job(secret=secret)
        assert front.post(delivery).status == 202
        site.wait_for_dispatch(delivery)

    @pytest.mark.parametrize("secret", ["", "another", WEBHOOK_SECRET + PREVIOUS_WEBHOOK_SECRET])
    def test_no_other_is(self, site, front, secret):
        delivery = workflow_job()
        answer = front.post(delivery, X_Hub_Signature_256=sign(delivery.body, secret))
        assert answer.status == 403


def test_without_the_previous_one_it_is_not_good(site):
    delivery = workflow_job(secret=PREVIOUS_WEBHOOK_SECRET)
    assert site.serve("nginx").post(delivery).status == 403


def test_an_upstream_that_sends_a_secret_back(site):
    """Error texts of upstreams are shown to people, and an upstream may quote what it was sent."""
    site.github.faults.add(Answer(401, f'{{"message":"bad token {GITHUB_TOKEN} for you"}}'))
    site.nomad.faults.add(Answer(500, f"rpc error: token {NOMAD_TOKEN} is odd"))
    delivery = workflow_job()
    assert site.serve("nginx").post(delivery).status == 202
    site.wait_for_event(event="dispatch", job=delivery.id, upstream="nomad", outcome="retry",
                        timeout_s=20)
    wait_until(lambda: site.jobs()[delivery.id]["last_error"], "the error is in the ledger")
    site.run("jobs")
    site.wait_for_dispatch(delivery)


def test_an_answer_that_quotes_the_payload(site):
    """The registration token is a secret for an hour."""
    first = workflow_job()
    assert site.serve("nginx").post(first).status == 202
    _, child = site.wait_for_dispatch(first)
    token = child.json()["token"]
    site.nomad.faults.add(Answer(500, f"cannot parse token {token}"), times=2)
    delivery = workflow_job()
    assert site.front.post(delivery).status == 202
    site.wait_for_dispatch(delivery)


def test_an_answer_that_quotes_a_piece_of_the_payload_as_it_was_sent(site):
    """Nomad is sent it in base64, in which a token looks in three ways: by where it begins."""
    first = workflow_job()
    assert site.serve("nginx").post(first).status == 202
    _, child = site.wait_for_dispatch(first)
    token = child.json()["token"].encode()
    pieces = [base64.b64encode(bytes(ahead) + token)[4:20].decode() for ahead in range(3)]
    site.nomad.faults.add(Answer(500, "unmarshal error near " + ", ".join(pieces)), times=2)
    delivery = workflow_job()
    assert site.front.post(delivery).status == 202
    wait_until(lambda: site.jobs()[delivery.id]["last_error"], "the error is in the ledger")
    error = site.jobs()[delivery.id]["last_error"]
    assert "withheld" in error
    assert not [piece for piece in pieces if piece[4:12] in error]
    site.wait_for_dispatch(delivery)


def test_an_answer_that_names_a_meta_key_is_quoted(site):
    """What a person has to act on, though it stands in what was sent."""
    words = "Dispatch request included unpermitted metadata keys: [REPO_FULL_NAME REPO_SHORT_NAME]"
    site.nomad.faults.add(Answer(500, words))
    delivery = workflow_job()
    assert site.serve("nginx").post(delivery).status == 202
    wait_until(lambda: site.jobs()[delivery.id]["last_error"], "the error is in the ledger")
    assert "[REPO_FULL_NAME REPO_SHORT_NAME]" in site.jobs()[delivery.id]["last_error"]


def test_secrets_in_the_configuration_itself(site):
    site.configure("github", token_file=None, token=GITHUB_TOKEN, webhook_secret_file=None,
                   webhook_secret=WEBHOOK_SECRET)
    site.configure("nomad", token_file=None, token=NOMAD_TOKEN,
                   cf_access_client_id="id.access", cf_access_client_secret=CF_ACCESS_SECRET)
    site.secrets.add(CF_ACCESS_SECRET)
    site.config_path.chmod(0o600)
    delivery = workflow_job()
    assert site.run("check").code == 0
    assert site.serve("nginx").post(delivery).status == 202
    site.wait_for_dispatch(delivery)
    for arguments in (["jobs"], ["check"], ["help"]):
        site.run(*arguments)


def test_a_configuration_with_a_secret_that_others_can_read(site):
    """The rule for secret files holds for a secret's line in the configuration as well: refused, or
    said aloud."""
    site.configure("github", token_file=None, token=GITHUB_TOKEN)
    site.config_path.chmod(0o644)
    done = site.run("check")
    assert done.code == 1 or str(site.config_path) in done.output


def test_not_on_the_command_line_or_in_the_environment_of_children(site):
    process = site.serve_socket()
    with open(f"/proc/{process.pid}/cmdline", "rb") as file:
        command_line = file.read()
    for secret in site.secrets:
        assert secret.encode() not in command_line


def test_no_core_dump(site):
    """Its memory holds the secrets, and no core file may: not even where the limit allows one."""
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    try:
        process = site.serve_socket()
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, before)
    process.send(signal.SIGABRT)
    ended = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    process.wait()
    assert ended.si_code != os.CLD_DUMPED
