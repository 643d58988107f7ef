"""Nomad behind mutual TLS, and Nomad's task API on a unix socket."""

from tempfile import TemporaryDirectory

import pytest

from standins.certificates import Certificates
from standins.faults import Answer
from standins.program import server_context

from .support.deliveries import workflow_job
from .support.site import NOMAD_TOKEN


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def tls_site(make_site, certificates):
    context = server_context(certificates.server_cert, certificates.server_key, certificates.ca)
    site = make_site(nomad={"tls": context})
    site.configure("nomad", address=site.nomad.url, ca_cert=certificates.ca,
                   client_cert=certificates.client_cert, client_key=certificates.client_key)
    return site


def post(site):
    delivery = workflow_job()
    assert site.serve("nginx").post(delivery).status == 202
    return delivery


def test_mutual_tls(tls_site):
    assert tls_site.nomad.url.startswith("https://")
    tls_site.wait_for_dispatch(post(tls_site))
    (request,) = tls_site.nomad.requests
    assert request.client_certificate["subject"] == ((("commonName", "client"),),)


def test_server_name(tls_site):
    """Nomad's certificates name server.REGION.nomad, which is nobody's address."""
    tls_site.configure("nomad", tls_server_name="server.global.nomad")
    tls_site.wait_for_dispatch(post(tls_site))


def test_from_the_environment(tls_site, certificates):
    tls_site.configure("nomad", address=None, ca_cert=None, client_cert=None, client_key=None)
    process = tls_site.serve_socket(env={
        "NOMAD_ADDR": tls_site.nomad.url, "NOMAD_CACERT": certificates.ca,
        "NOMAD_CLIENT_CERT": certificates.client_cert, "NOMAD_CLIENT_KEY": certificates.client_key,
        "NOMAD_TLS_SERVER_NAME": "server.global.nomad"})
    delivery = workflow_job()
    with tls_site.fastcgi(process) as connection:
        assert connection.post(delivery).status == 202
    tls_site.wait_for_dispatch(delivery)


@pytest.mark.parametrize("change", ["another-ca", "no-ca", "another-client", "no-client",
                                    "another-name"])
def test_what_is_not_trusted_gets_nothing(tls_site, certificates, change):
    tls_site.configure("nomad", **{
        "another-ca": {"ca_cert": certificates.other_ca},
        "no-ca": {"ca_cert": None},
        "another-client": {"client_cert": certificates.other_client_cert,
                           "client_key": certificates.other_client_key},
        "no-client": {"client_cert": None, "client_key": None},
        "another-name": {"tls_server_name": "server.elsewhere.nomad"},
    }[change])
    delivery = post(tls_site)
    line = tls_site.wait_for_event(event="dispatch", job=delivery.id, outcome="retry")
    assert line["upstream"] == "nomad"
    assert tls_site.nomad.requests == []


def test_plain_http_to_a_tls_port(tls_site):
    tls_site.configure("nomad", address=tls_site.nomad.url.replace("https", "http"))
    delivery = post(tls_site)
    tls_site.wait_for_event(event="dispatch", job=delivery.id, outcome="retry", upstream="nomad")


@pytest.mark.parametrize("key", ["ca_cert", "client_cert", "client_key"])
def test_a_missing_file_stops_the_start(tls_site, key):
    tls_site.configure("nomad", **{key: "/nowhere/file.pem"})
    done = tls_site.run("check")
    assert done.code == 1
    assert key in done.output and "/nowhere/file.pem" in done.output


def test_a_redirect_is_not_followed(make_site):
    """Credentials go to the configured origin and nowhere else."""
    site, other = make_site(), make_site()
    site.nomad.faults.add(Answer(307, "", {"Location": other.nomad.url + "/v1/job/x/dispatch"}))
    site.github.faults.add(Answer(307, "", {"Location": other.github.url + "/"}))
    site.wait_for_dispatch(post(site))
    assert other.nomad.requests == other.github.requests == []


def test_task_api_on_a_unix_socket(make_site):
    with TemporaryDirectory(prefix="nomad-") as folder:
        site = make_site(nomad={"unix_path": f"{folder}/api.sock", "task_api": True})
        assert site.nomad.url == f"unix://{folder}/api.sock"
        delivery = post(site)
        site.wait_for_dispatch(delivery)
        (request,) = site.nomad.requests
        assert request.headers["X-Nomad-Token"] == NOMAD_TOKEN
        assert request.target == (
            f"/v1/job/github-runner/dispatch?idempotency_token={delivery.id}.1")
