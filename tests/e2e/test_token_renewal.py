"""A token that is replaced in its file while the program runs: Nomad's workload identities, Vault's
templates and people do that."""

from standins.nomad import AclToken

from .support.deliveries import workflow_job


def replace(path, token):
    """As a template renderer does: a new file under the old name."""
    new = path.with_name(path.name + ".new")
    new.write_text(token + "\n")
    new.chmod(0o600)
    new.rename(path)


def test_github_token(site):
    site.configure("server", retry_initial=600, retry_max=600)
    front = site.serve("nginx")
    first = workflow_job(repository="octo/one")
    assert front.post(first).status == 202
    site.wait_for_dispatch(first)
    site.github.tokens = {"ghp_renewed_0123456789"}
    site.secrets.add("ghp_renewed_0123456789")
    replace(site.directory / "secrets" / "github-token", "ghp_renewed_0123456789")
    second = workflow_job(repository="octo/two")
    assert front.post(second).status == 202
    job, _ = site.wait_for_dispatch(second)
    assert job["attempts"] == 1
    assert [request.response.status for request in site.github.requests] == [201, 401, 201]


def test_a_refused_github_token_that_stays(site):
    """There is nothing to ask again with: a person has to act, and nothing is hammered."""
    front = site.serve("nginx")
    site.github.tokens = {"ghp_nobody_told_us"}
    delivery = workflow_job()
    assert front.post(delivery).status == 202
    line = site.wait_for_event(event="dispatch", job=delivery.id, outcome="retry")
    assert (line["failure"], line["level"]) == ("unauthorized", "error")
    assert "token_file" in line["error"]


def test_nomad_token(site):
    site.configure("server", retry_initial=600, retry_max=600)
    front = site.serve("nginx")
    site.nomad.tokens = {"nomad-renewed-0123456789": AclToken("nomad-renewed-0123456789")}
    site.secrets.add("nomad-renewed-0123456789")
    replace(site.directory / "secrets" / "nomad-token", "nomad-renewed-0123456789")
    delivery = workflow_job()
    assert front.post(delivery).status == 202
    job, _ = site.wait_for_dispatch(delivery)
    assert job["attempts"] == 1
    assert [request.response.status for request in site.nomad.dispatch_requests()] == [403, 200]
