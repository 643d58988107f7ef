"""The stand-ins are what every end-to-end test leans on: here they are held to the texts and
statuses of the APIs that they stand for."""

import base64
import concurrent.futures
import datetime
import http.client
import json
import re
import selectors
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest

from standins import (AclToken, GitHub, Nomad, ParameterizedJob, RegistrationRefused,
                      alloc_metric, task_group)
from standins.certificates import Certificates
from standins.faults import (Answer, Close, Delay, Drip, Garbage, Oversized, Reset, Stall,
                             Truncated)
from standins.program import server_context

HERE = Path(__file__).resolve().parent
API_TOKEN = "ghp_secret"
ACL_TOKEN = "b9f1d9c4-0000-4000-8000-000000000001"
META = {"REPO_FULL_NAME": "o/r", "REPO_SHORT_NAME": "r", "WORKFLOW_RUN": "7"}
TOKEN_PATH = "/repos/octo/hello/actions/runners/registration-token"


class Client:
    """Requests over one kept connection to a stand-in."""

    def __init__(self, url, *, tls=None, timeout=5):
        scheme, _, rest = url.partition("://")
        if scheme == "unix":
            self.connection = http.client.HTTPConnection("localhost", timeout=timeout)
            self.connection.sock = socket.socket(socket.AF_UNIX)
            self.connection.sock.settimeout(timeout)
            self.connection.sock.connect(rest)
            self.prefix = ""
            return
        address, slash, path = rest.partition("/")
        self.prefix = slash + path
        if scheme == "https":
            self.connection = http.client.HTTPSConnection(address, timeout=timeout, context=tls)
        else:
            self.connection = http.client.HTTPConnection(address, timeout=timeout)

    def __call__(self, method, path, body=None, **headers):
        fields = {name.replace("_", "-"): value for name, value in headers.items()
                  if value is not None}
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        self.connection.request(method, self.prefix + path, body=body, headers=fields)
        response = self.connection.getresponse()
        return response.status, response.read(), response.headers


def mint(client, path=TOKEN_PATH, method="POST", **headers):
    fields = {"Authorization": f"Bearer {API_TOKEN}", "User_Agent": "test/1", **headers}
    status, body, answer_headers = client(method, path, **fields)
    try:
        return status, json.loads(body), answer_headers
    except ValueError:
        return status, body.decode(), answer_headers


def dispatch(client, job="github-runner", payload=b"{}", meta=META, query="", **headers):
    body = {"Payload": base64.b64encode(payload).decode(), "Meta": meta}
    fields = {"X_Nomad_Token": ACL_TOKEN, **headers}
    status, answer, _ = client("POST", f"/v1/job/{job}/dispatch{query}", body, **fields)
    return status, json.loads(answer) if status == 200 else answer.decode()


@pytest.fixture
def github():
    with GitHub(tokens=[API_TOKEN]) as server:
        yield server


@pytest.fixture
def nomad():
    jobs = [ParameterizedJob("github-runner", payload="required", meta_required=META,
                             meta_optional=["RUNNER_NAME"]),
            ParameterizedJob("closed", payload="forbidden"),
            ParameterizedJob("plain", payload=None)]
    with Nomad(jobs=jobs, tokens=[ACL_TOKEN, AclToken("reader", {"read-job"})]) as server:
        yield server


class TestGitHub:
    def test_mints_a_unique_token_for_one_hour(self, github):
        client = Client(github.url)
        tokens = set()
        for _ in range(3):
            status, body, headers = mint(client)
            assert status == 201
            assert re.fullmatch(r"A[A-Z2-7]{28}", body["token"])
            expires_at = datetime.datetime.fromisoformat(body["expires_at"]).timestamp()
            assert abs(expires_at - time.time() - 3600) < 5
            assert github.is_registration_token(body["token"], "Octo/Hello")
            assert not github.is_registration_token(body["token"], "octo/other")
            assert int(headers["x-ratelimit-remaining"]) == 4999 - len(tokens)
            tokens.add(body["token"])
        assert len(tokens) == 3
        assert github.server.connection_count == 1
        github.expire_registration_tokens()
        assert not github.is_registration_token(tokens.pop(), "octo/hello")

    @pytest.mark.parametrize("authorization, status, message", [
        (f"Bearer {API_TOKEN}", 201, None),
        (f"token {API_TOKEN}", 201, None),
        (f"bearer {API_TOKEN}", 201, None),
        ("Bearer wrong", 401, "Bad credentials"),
        (f"Basic {API_TOKEN}", 401, "Bad credentials"),
        (API_TOKEN, 401, "Bad credentials"),
        (None, 401, "Requires authentication"),
    ])
    def test_authentication(self, github, authorization, status, message):
        got, body, _ = mint(Client(github.url), Authorization=authorization)
        assert got == status
        assert body.get("message") == message

    @pytest.mark.parametrize("method, path", [
        ("GET", TOKEN_PATH),
        ("PUT", TOKEN_PATH),
        ("POST", TOKEN_PATH + "/"),
        ("POST", "/repos/octo/actions/runners/registration-token"),
        ("POST", "/repos/octo/../actions/runners/registration-token"),
        ("POST", "/repos/octo/a%2Fb/actions/runners/registration-token"),
        ("POST", "/repos/octo//actions/runners/registration-token"),
        ("POST", "/"),
    ])
    def test_anything_else_is_not_found(self, github, method, path):
        status, body, _ = mint(Client(github.url), path, method)
        assert (status, body["message"]) == (404, "Not Found")

    def test_the_date_is_of_its_clock(self):
        with GitHub(tokens=[API_TOKEN], clock=lambda: 1.5e9) as github:
            assert mint(Client(github.url))[2]["Date"] == "Fri, 14 Jul 2017 02:40:00 GMT"

    def test_user_agent_is_required(self, github):
        connection = http.client.HTTPConnection(github.url.removeprefix("http://"), timeout=5)
        connection.putrequest("POST", TOKEN_PATH, skip_accept_encoding=True)
        connection.putheader("Authorization", f"Bearer {API_TOKEN}")
        connection.endheaders()
        response = connection.getresponse()
        assert response.status == 403
        assert b"User-Agent header" in response.read()

    def test_repositories_and_permissions(self):
        with GitHub(tokens=[API_TOKEN], repositories=["octo/hello", "octo/closed"],
                    denied=["Octo/Closed"], prefix="/api/v3") as github:
            client = Client(github.url)
            assert github.url.endswith("/api/v3")
            assert mint(client)[0] == 201
            assert mint(client, TOKEN_PATH.replace("hello", "unknown"))[0] == 404
            status, body, _ = mint(client, TOKEN_PATH.replace("hello", "closed"))
            assert (status, body["message"]) == (
                403, "Resource not accessible by personal access token")
            without_prefix = Client(github.server.url)
            assert mint(without_prefix)[0] == 404

    def test_rate_limit(self):
        now = [1_700_000_000.0]
        with GitHub(tokens=[API_TOKEN], rate_limit=2, clock=lambda: now[0]) as github:
            client = Client(github.url)
            assert [mint(client)[0] for _ in range(3)] == [201, 201, 403]
            status, body, headers = mint(client)
            assert body["message"].startswith("API rate limit exceeded")
            assert headers["x-ratelimit-remaining"] == "0"
            assert int(headers["x-ratelimit-reset"]) == 1_700_003_600
            now[0] += 3601
            assert mint(client)[0] == 201

    def test_api_version_and_accept(self, github):
        client = Client(github.url)
        assert mint(client, X_GitHub_Api_Version="2022-11-28",
                    Accept="application/vnd.github+json")[0] == 201
        assert mint(client, X_GitHub_Api_Version="1999-01-01")[0] == 400
        assert mint(client, Accept="text/html")[0] == 415

    def test_revoked_api_token(self, github):
        client = Client(github.url)
        assert mint(client)[0] == 201
        github.tokens.discard(API_TOKEN)
        assert mint(client)[0] == 401


class TestNomad:
    def test_dispatch_makes_a_child(self, nomad):
        client = Client(nomad.url)
        status, answer = dispatch(client, payload=b'{"repo":"o/r"}')
        assert status == 200
        assert re.fullmatch(r"github-runner/dispatch-\d+-[0-9a-f]{8}", answer["DispatchedJobID"])
        assert re.fullmatch(r"[0-9a-f-]{36}", answer["EvalID"])
        (child,) = nomad.children
        assert child.json() == {"repo": "o/r"}
        assert child.meta == META
        escaped = child.id.replace("/", "%2F")
        for path in (child.id, escaped):
            status, body, _ = client("GET", f"/v1/job/{path}", X_Nomad_Token=ACL_TOKEN)
            shown = json.loads(body)
            assert (shown["Status"], shown["Stop"], shown["ParentID"]) == (
                "running", False, "github-runner")
            assert base64.b64decode(shown["Payload"]) == b'{"repo":"o/r"}'
        status, body, _ = client("GET", f"/v1/job/{escaped}/allocations", X_Nomad_Token=ACL_TOKEN)
        assert json.loads(body)[0]["ClientStatus"] == "running"
        status, body, _ = client("GET", "/v1/jobs?prefix=github-runner%2Fdispatch-",
                                 X_Nomad_Token=ACL_TOKEN)
        assert [stub["ID"] for stub in json.loads(body)] == [child.id]

    def test_stop_purge_and_unknown_jobs(self, nomad):
        client = Client(nomad.url)
        first = dispatch(client)[1]["DispatchedJobID"].replace("/", "%2F")
        second = dispatch(client)[1]["DispatchedJobID"].replace("/", "%2F")
        for path in (first, f"{second}?purge=true", "nobody"):
            status, body, _ = client("DELETE", f"/v1/job/{path}", X_Nomad_Token=ACL_TOKEN)
            assert status == 200 and "EvalID" in json.loads(body)
        status, body, _ = client("GET", f"/v1/job/{first}", X_Nomad_Token=ACL_TOKEN)
        shown = json.loads(body)
        assert (shown["Status"], shown["Stop"]) == ("dead", True)
        for gone in (second, "nobody"):
            status, body, _ = client("GET", f"/v1/job/{gone}", X_Nomad_Token=ACL_TOKEN)
            assert (status, body) == (404, b"job not found")

    @pytest.mark.parametrize("job, payload, meta, text", [
        ("nobody", b"{}", META, "parameterized job not found"),
        ("plain", b"{}", META, 'Specified job "plain" is not a parameterized job'),
        ("github-runner", b"", META,
         "Payload is not provided but required by parameterized job"),
        ("closed", b"{}", {}, "Payload provided but forbidden by parameterized job"),
        ("github-runner", b"x" * 16385, META, "Payload exceeds maximum size; 16385 > 16384"),
        ("github-runner", b"{}", {**META, "COLOUR": "red"},
         "Dispatch request included unpermitted metadata keys: [COLOUR]"),
        ("github-runner", b"{}", {"REPO_FULL_NAME": "o/r"},
         "Dispatch did not provide required meta keys: [REPO_SHORT_NAME WORKFLOW_RUN]"),
    ])
    def test_validation_is_500_with_plain_text(self, nomad, job, payload, meta, text):
        assert dispatch(Client(nomad.url), job, payload, meta) == (500, text)
        assert nomad.children == []

    def test_limits_are_inclusive(self, nomad):
        client = Client(nomad.url)
        assert dispatch(client, payload=b"x" * 16384)[0] == 200
        assert dispatch(client, meta={**META, "RUNNER_NAME": "r-1"})[0] == 200
        assert dispatch(client, "closed", b"", {})[0] == 200

    @pytest.mark.parametrize("body, text", [
        ("", "Request body is empty"),
        ("{", "unexpected EOF"),
        ("nonsense", "invalid character 'n' looking for beginning of value"),
        ('{"Payload": "!!"}', "illegal base64 data at input byte 0"),
        ('{"Payload": "QUJD*A=="}', "illegal base64 data at input byte 4"),
        ('{"Payload": "QUJ"}', "illegal base64 data at input byte 0"),
        ('{"Payload": 7}', "json: cannot unmarshal number into Go struct field "
         "JobDispatchRequest.Payload of type []uint8"),
        ('{"Meta": {"WORKFLOW_RUN": 7}}', "json: cannot unmarshal number into Go struct field "
         "JobDispatchRequest.Meta of type string"),
        ('{"JobID": "another"}', "Job ID does not match"),
    ])
    def test_bodies_that_do_not_decode_are_400(self, nomad, body, text):
        status, answer, _ = Client(nomad.url)("POST", "/v1/job/github-runner/dispatch", body,
                                              X_Nomad_Token=ACL_TOKEN)
        assert (status, answer.decode()) == (400, text)

    @pytest.mark.parametrize("headers, status", [
        ({"X_Nomad_Token": ACL_TOKEN}, 200),
        ({"X_Nomad_Token": None, "Authorization": f"Bearer {ACL_TOKEN}"}, 200),
        ({"X_Nomad_Token": None, "Authorization": f"bearer {ACL_TOKEN}"}, 200),
        ({"X_Nomad_Token": None, "Authorization": f"token {ACL_TOKEN}"}, 403),
        ({"X_Nomad_Token": "wrong", "Authorization": f"Bearer {ACL_TOKEN}"}, 403),
        ({"X_Nomad_Token": "reader"}, 403),
        ({"X_Nomad_Token": None}, 403),
    ])
    def test_acl(self, nomad, headers, status):
        got, answer = dispatch(Client(nomad.url), **headers)
        assert got == status
        if status == 403:
            assert answer == "Permission denied"

    def test_idempotency_token(self, nomad):
        client = Client(nomad.url)
        status, first = dispatch(client, query="?idempotency_token=9.1")
        status, again = dispatch(client, payload=b"other", query="?idempotency_token=9.1")
        assert status == 200
        assert again["DispatchedJobID"] == first["DispatchedJobID"]
        assert (again["EvalID"], again["EvalCreateIndex"]) == ("", 0)
        assert dispatch(client, query="?idempotency_token=9.2")[1]["EvalID"] != ""
        assert len(nomad.dispatches) == 2
        # A dead child still answers for its token; a collected one does not.
        child = nomad.child(first["DispatchedJobID"])
        nomad.finish(child)
        assert dispatch(client, query="?idempotency_token=9.1")[1]["EvalID"] == ""
        nomad.collect()
        assert dispatch(client, query="?idempotency_token=9.1")[1]["EvalID"] != ""

    def test_idempotency_under_load(self, nomad):
        def one(_):
            return dispatch(Client(nomad.url), query="?idempotency_token=5.1")[1]["DispatchedJobID"]

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            assert len(set(pool.map(one, range(64)))) == 1
        assert len(nomad.children) == 1

    def test_namespace_region_and_leader(self, nomad):
        nomad.register(ParameterizedJob("ci", namespace="builds"))
        client = Client(nomad.url)
        assert dispatch(client, "ci") == (500, "parameterized job not found")
        assert dispatch(client, "ci", meta={}, query="?namespace=builds&region=global")[0] == 200
        assert dispatch(client, query="?region=mars") == (500, "No path to region")
        nomad.has_leader = False
        assert dispatch(client) == (500, "No cluster leader")
        assert client("GET", "/v1/status/leader")[:2] == (500, b"No cluster leader")
        nomad.has_leader = True
        assert client("GET", "/v1/status/leader")[:2] == (200, b'"127.0.0.1:4647"')

    def test_register_through_the_api(self, nomad):
        client = Client(nomad.url)
        job = {"ID": "new", "ParameterizedJob": {"Payload": "required", "MetaRequired": ["A"]}}
        assert client("POST", "/v1/jobs", {"Job": job}, X_Nomad_Token=ACL_TOKEN)[0] == 200
        assert dispatch(client, "new", meta={"A": "1"})[0] == 200
        status, body, _ = client("GET", "/v1/job/new", X_Nomad_Token=ACL_TOKEN)
        assert json.loads(body)["ParameterizedJob"]["MetaRequired"] == ["A"]
        status, body, _ = client("GET", "/v1/agent/self", X_Nomad_Token=ACL_TOKEN)
        assert json.loads(body)["config"]["Region"] == "global"

    def test_the_token_tells_of_itself(self, nomad):
        client = Client(nomad.url)
        nomad.tokens["ci"] = AclToken("ci", {"read-job"}, name="ci-runners", expires_at=1.5e9)
        status, body, _ = client("GET", "/v1/acl/token/self", X_Nomad_Token="ci")
        shown = json.loads(body)
        assert (status, shown["Name"], shown["Type"]) == (200, "ci-runners", "client")
        assert shown["ExpirationTime"].startswith("2017-07-14T02:40:00")
        status, body, _ = client("GET", "/v1/acl/token/self", X_Nomad_Token=ACL_TOKEN)
        assert (status, json.loads(body)["Type"]) == (200, "management")
        assert client("GET", "/v1/acl/token/self")[:2] == (404, b"ACL token not found")
        assert client("GET", "/v1/agent/self", X_Nomad_Token="ci")[0] == 403
        nomad.tokens = None
        assert client("GET", "/v1/acl/token/self")[:2] == (400, b"ACL support disabled")

    def test_the_agent_and_its_leader(self, nomad):
        client = Client(nomad.url)
        nomad.job_gc = "90m"
        config = json.loads(client("GET", "/v1/agent/self", X_Nomad_Token=ACL_TOKEN)[1])["config"]
        assert config["Server"]["Enabled"] and config["Server"]["JobGCThreshold"] == "90m"
        nomad.job_gc = None
        config = json.loads(client("GET", "/v1/agent/self", X_Nomad_Token=ACL_TOKEN)[1])["config"]
        assert not config["Server"]["Enabled"]
        assert client("GET", "/v1/status/leader")[:2] == (200, b'"127.0.0.1:4647"')
        nomad.has_leader = False
        assert client("GET", "/v1/status/leader")[:2] == (500, b"No cluster leader")

    def test_a_job_shows_its_type_and_groups(self, nomad):
        nomad.register(ParameterizedJob("odd", job_type="service",
                                        groups=[task_group(restarts=3, name="g")]))
        job = json.loads(Client(nomad.url)("GET", "/v1/job/odd", X_Nomad_Token=ACL_TOKEN)[1])
        assert job["Type"] == "service"
        assert [(group["Name"], group["RestartPolicy"]["Attempts"])
                for group in job["TaskGroups"]] == [("g", 3)]

    def test_a_dispatch_is_looked_at_in_nomads_order(self, nomad):
        """First the token, then the job, its payload, its meta keys."""
        client = Client(nomad.url)
        nomad.tokens["reads"] = AclToken("reads", {"read-job"})
        nomad.register(ParameterizedJob("strict", payload="required", meta_required=["A"]))
        path, odd = "/v1/job/{}/dispatch", {"Meta": {"B": ""}}
        assert client("POST", path.format("none"), odd, X_Nomad_Token="reads")[0] == 403
        for job, body, needle in [
                ("none", odd, b"parameterized job not found"),
                ("strict", odd, b"Payload is not provided but required"),
                ("strict", {**odd, "Payload": "eA=="}, b"unpermitted metadata keys: [B]"),
                ("strict", {"Payload": "eA=="}, b"required meta keys: [A]")]:
            status, answer, _ = client("POST", path.format(job), body, X_Nomad_Token=ACL_TOKEN)
            assert status == 500 and needle in answer, answer
        assert nomad.children == []

    def test_methods_and_paths(self, nomad):
        client = Client(nomad.url)
        assert client("GET", "/v1/job/github-runner/dispatch")[:2] == (405, b"Invalid method")
        assert client("GET", "/v2/jobs")[:2] == (404, b"")

    def test_cloudflare_access_in_front(self):
        required = {"CF-Access-Client-Id": "id", "CF-Access-Client-Secret": "secret"}
        with Nomad(jobs=[ParameterizedJob("github-runner")], required_headers=required) as nomad:
            client = Client(nomad.url)
            status, body, headers = client("POST", "/v1/job/github-runner/dispatch", "{}")
            assert status == 403 and b"<html>" in body and headers["Server"] == "cloudflare"
            assert dispatch(client, meta={}, CF_Access_Client_Id="id",
                            CF_Access_Client_Secret="secret")[0] == 200

    def test_task_api_over_a_unix_socket(self, tmp_path):
        path = str(tmp_path / "api.sock")
        with Nomad(jobs=[ParameterizedJob("github-runner")], tokens=[ACL_TOKEN], task_api=True,
                   unix_path=path) as nomad:
            assert nomad.url == f"unix://{path}"
            client = Client(nomad.url)
            assert client("GET", "/v1/status/leader")[:2] == (401, b"Unauthorized")
            assert dispatch(client, meta={})[0] == 200

    def test_mutual_tls(self, tmp_path):
        certificates = Certificates(tmp_path)
        context = server_context(certificates.server_cert, certificates.server_key,
                                 certificates.ca)
        with Nomad(jobs=[ParameterizedJob("github-runner")], tls=context) as nomad:
            trusting = ssl.create_default_context(cafile=str(certificates.ca))
            trusting.load_cert_chain(certificates.client_cert, certificates.client_key)
            assert nomad.url.startswith("https://127.0.0.1:")
            assert dispatch(Client(nomad.url, tls=trusting), meta={})[0] == 200
            subject = nomad.requests[0].client_certificate["subject"]
            assert subject == ((("commonName", "client"),),)

            anonymous = ssl.create_default_context(cafile=str(certificates.ca))
            with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
                dispatch(Client(nomad.url, tls=anonymous), meta={})
            assert len(nomad.requests) == 1


class TestFaults:
    def post(self, nomad, timeout=5):
        client = Client(nomad.url, timeout=timeout)
        return client("POST", "/v1/job/github-runner/dispatch",
                      {"Payload": "e30=", "Meta": META}, X_Nomad_Token=ACL_TOKEN)

    def test_answer_by_path_and_count(self, nomad):
        rule = nomad.faults.add(Answer(503, "busy", {"Retry-After": "7"}), path="/dispatch$",
                                times=2, skip=1)
        assert self.post(nomad)[0] == 200
        status, body, headers = self.post(nomad)
        assert (status, body, headers["Retry-After"]) == (503, b"busy", "7")
        assert Client(nomad.url)("GET", "/v1/status/leader")[0] == 200
        assert self.post(nomad)[0] == 503
        assert self.post(nomad)[0] == 200
        assert rule.struck == 2
        assert len(nomad.dispatches) == 2

    @pytest.mark.parametrize("applied", [False, True])
    @pytest.mark.parametrize("fault", [Reset, Close])
    def test_connection_ends_without_an_answer(self, nomad, fault, applied):
        nomad.faults.add(fault(applied=applied))
        with pytest.raises(ConnectionError):
            self.post(nomad)
        assert len(nomad.children) == int(applied)

    def test_reset_inside_the_body(self, nomad):
        nomad.faults.add(Reset(after=-10))
        with pytest.raises((ConnectionResetError, http.client.IncompleteRead)):
            self.post(nomad)
        assert len(nomad.children) == 1

    def test_truncated(self, nomad):
        nomad.faults.add(Truncated(keep=5))
        with pytest.raises(http.client.IncompleteRead) as caught:
            self.post(nomad)
        assert caught.value.partial == b'{"Dis'

    @pytest.mark.parametrize("after", [0, 20])
    def test_stall_until_the_client_gives_up(self, nomad, after):
        nomad.faults.add(Stall(after=after))
        with pytest.raises(TimeoutError):
            self.post(nomad, timeout=0.2)

    def test_delay_until_released(self, nomad):
        fault = Delay()
        nomad.faults.add(fault)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            answer = pool.submit(self.post, nomad)
            nomad.server.wait_for_arrival(1)
            assert nomad.children == [] and not answer.done()
            fault.release()
            assert answer.result(5)[0] == 200

    def test_drip(self, nomad):
        nomad.faults.add(Drip(interval_s=0.001, size=40))
        assert self.post(nomad)[0] == 200

    def test_garbage(self, nomad):
        nomad.faults.add(Garbage())
        with pytest.raises(http.client.BadStatusLine):
            self.post(nomad)
        nomad.faults.add(Garbage(body=b"<html>", applied=True))
        assert self.post(nomad)[1] == b"<html>"
        assert len(nomad.children) == 1

    @pytest.mark.parametrize("declared", [True, False])
    def test_oversized(self, nomad, declared):
        nomad.faults.add(Oversized(3_000_000, declared=declared))
        status, body, _ = self.post(nomad)
        assert status == 200 and len(body) == 3_000_000 and json.loads(body)

    def test_refused_then_back_on_the_same_address(self, nomad):
        before = nomad.url
        with nomad.server.refused():
            with pytest.raises(ConnectionRefusedError):
                self.post(nomad)
        assert nomad.url == before
        assert self.post(nomad)[0] == 200

    def test_during_a_block(self, nomad):
        with nomad.faults.during(Answer(500, "No cluster leader")):
            assert [self.post(nomad)[0] for _ in range(3)] == [500] * 3
        assert self.post(nomad)[0] == 200


class TestServer:
    def test_malformed_requests_are_400(self, nomad):
        for data in (b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n",
                     b"GET / HTTP/1.1\r\nHost: a\r\nBad Header: x\r\n\r\n",
                     b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", nomad.server.port), 5) as sock:
                sock.sendall(data)
                assert sock.recv(4096).startswith(b"HTTP/1.1 400 ")
        assert nomad.requests == []

    def test_many_kept_connections(self, nomad):
        clients = [Client(nomad.url) for _ in range(50)]
        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            for _ in range(2):
                answers = list(pool.map(lambda client: dispatch(client)[0], clients))
                assert answers == [200] * 50
        assert nomad.server.connection_count == 50

    def test_stop_does_not_wait_for_idle_or_stalled_connections(self, nomad):
        idle = Client(nomad.url)
        assert dispatch(idle)[0] == 200
        nomad.faults.add(Stall())
        with socket.create_connection(("127.0.0.1", nomad.server.port), 5) as stalled:
            stalled.sendall(b"GET /v1/jobs HTTP/1.1\r\nHost: a\r\n\r\n")
            nomad.server.wait_for_arrival(2)
            started = time.monotonic()
            nomad.server.stop()
            assert time.monotonic() - started < 2

    def test_recording(self, tmp_path):
        path = tmp_path / "requests.jsonl"
        with Nomad(jobs=[ParameterizedJob("github-runner")], record_path=path) as nomad:
            dispatch(Client(nomad.url), meta={})
            nomad.server.wait_for(1)
        (entry,) = [json.loads(line) for line in path.read_text().splitlines()]
        assert (entry["method"], entry["target"], entry["status"]) == (
            "POST", "/v1/job/github-runner/dispatch", 200)


REPOSITORY = "octo/hello"
ACTIONS = f"/repos/{REPOSITORY}/actions"


class TestRunners:
    def register(self, github, name="r-1", labels=("self-hosted", "linux")):
        _, body, _ = mint(Client(github.url))
        return github.register_runner(REPOSITORY, name, labels, body["token"])

    def test_a_registration_needs_a_good_token(self, github):
        with pytest.raises(RegistrationRefused):
            github.register_runner(REPOSITORY, "r-1", ["self-hosted"], "A" * 29)
        _, body, _ = mint(Client(github.url))
        with pytest.raises(RegistrationRefused):
            github.register_runner("octo/other", "r-1", ["self-hosted"], body["token"])
        github.expire_registration_tokens()
        with pytest.raises(RegistrationRefused):
            github.register_runner(REPOSITORY, "r-1", ["self-hosted"], body["token"])

    def test_list_by_name(self, github):
        runners = [self.register(github, f"r-{number}") for number in (1, 10)]
        runners[0].online = False
        client = Client(github.url)
        status, body, _ = mint(client, f"{ACTIONS}/runners?name=r-1&per_page=100", "GET")
        assert status == 200 and body["total_count"] == 1
        (runner,) = body["runners"]
        assert (runner["id"], runner["name"], runner["status"], runner["busy"]) == (
            runners[0].id, "r-1", "offline", False)
        assert [label["name"] for label in runner["labels"]] == ["self-hosted", "linux"]
        github.finds_names = False
        assert mint(client, f"{ACTIONS}/runners?name=r-1", "GET")[1]["total_count"] == 2
        assert mint(client, "/repos/octo/other/actions/runners", "GET")[1]["runners"] == []

    def test_pages(self, github):
        for number in range(5):
            self.register(github, f"r-{number}")
        client = Client(github.url)
        names = []
        path = f"{ACTIONS}/runners?per_page=2"
        while path:
            _, body, headers = mint(client, path, "GET")
            assert body["total_count"] == 5
            names += [runner["name"] for runner in body["runners"]]
            link = re.search(r'<([^>]+)>; rel="next"', headers["Link"] or "")
            path = link and link[1].removeprefix(github.url)
        assert names == [f"r-{number}" for number in range(5)]
        assert mint(client, f"{ACTIONS}/runners?per_page=2&page=9", "GET")[1]["runners"] == []

    def test_the_same_name_again_is_another_registration(self, github):
        first, second = self.register(github), self.register(github)
        assert first.id != second.id
        assert list(github.actions.runners.values()) == [second]
        # A name is one repository's own.
        other = github.actions.add_runner("octo/other", "r-1", ["self-hosted"])
        assert set(github.actions.runners.values()) == {second, other}

    def test_delete(self, github):
        client = Client(github.url)
        runner = self.register(github)
        path = f"{ACTIONS}/runners/{runner.id}"
        run = github.actions.add_run(REPOSITORY)
        job = github.actions.add_job(run, "build", ["self-hosted"])
        github.actions.begin(job, runner.id, runner.name)
        status, body, _ = mint(client, path, "DELETE")
        assert (status, body["message"]) == (
            422, 'Runner "r-1" is currently running a job and cannot be deleted.')
        github.actions.complete(job, "success")
        assert mint(client, path.replace("hello", "other"), "DELETE")[0] == 404
        status, body, headers = mint(client, path, "DELETE")
        assert (status, body, headers["Content-Length"]) == (204, "", None)
        assert mint(client, path, "DELETE")[:2] == (404, {
            "message": "Not Found", "status": "404", "documentation_url":
            "https://docs.github.com/rest/actions/self-hosted-runners"
            "#delete-a-self-hosted-runner-from-a-repository"})
        for wrong in ("x", "-1", "1.5", "%31x"):
            assert mint(client, f"{ACTIONS}/runners/{wrong}", "DELETE")[0] == 404

    @pytest.mark.parametrize("labels, covered", [
        (["self-hosted"], True), (["Self-Hosted", "LINUX"], True), (["linux"], True), ([], True),
        (["self-hosted", "gpu"], False), (["self-hosted "], False),
    ])
    def test_labels_are_covered_without_regard_to_case(self, github, labels, covered):
        assert self.register(github, labels=("self-hosted", "Linux")).covers(labels) == covered

    @pytest.mark.parametrize("method, path", [
        ("GET", f"{ACTIONS}/runners"), ("DELETE", f"{ACTIONS}/runners/1")])
    def test_permission(self, method, path):
        with GitHub(tokens=[API_TOKEN], denied=["Octo/Hello"]) as github:
            status, body, _ = mint(Client(github.url), path, method)
            assert (status, body["message"]) == (
                403, "Resource not accessible by personal access token")
            assert mint(Client(github.url), f"{ACTIONS}/runs", "GET")[0] == 200
        with GitHub(tokens=[API_TOKEN], unreadable=["octo/hello"]) as github:
            assert mint(Client(github.url), f"{ACTIONS}/runners", "GET")[0] == 200


class TestRuns:
    @pytest.fixture
    def run(self, github):
        return github.actions.add_run(REPOSITORY)

    def test_a_job_from_its_queue_to_its_end(self, github, run):
        client = Client(github.url)
        job = github.actions.add_job(run, "build", ["self-hosted", "linux"])

        def seen():
            status, body, _ = mint(client, f"{ACTIONS}/jobs/{job.id}", "GET")
            assert status == 200 and body["id"] == job.id > 2**31 and body["run_id"] == run.id
            assert body["labels"] == ["self-hosted", "linux"] and body["run_attempt"] == 1
            return body["status"], body["conclusion"], body["runner_id"], body["runner_name"]

        assert seen() == ("queued", None, None, None)
        runner = github.actions.add_runner(REPOSITORY, "r-1", ["self-hosted", "linux"])
        github.actions.begin(job, runner.id, runner.name)
        assert runner.busy and seen() == ("in_progress", None, runner.id, "r-1")
        github.actions.complete(job, "failure")
        assert not runner.busy and seen() == ("completed", "failure", runner.id, "r-1")

    def test_a_job_that_never_ran(self, github, run):
        job = github.actions.add_job(run, "build", ["self-hosted"])
        github.actions.complete(job, "cancelled")
        _, body, _ = mint(Client(github.url), f"{ACTIONS}/jobs/{job.id}", "GET")
        assert (body["conclusion"], body["runner_id"], body["runner_name"]) == ("cancelled", 0, "")

    @pytest.mark.parametrize("path", ["jobs/1", "jobs/x", "runs/1/jobs", "runs/x/jobs"])
    def test_unknown(self, github, path):
        status, body, _ = mint(Client(github.url), f"{ACTIONS}/{path}", "GET")
        assert (status, body["message"]) == (404, "Not Found")

    def test_anothers_are_not_found(self, github, run):
        job = github.actions.add_job(run, "build", ["self-hosted"])
        client = Client(github.url)
        for path in (f"jobs/{job.id}", f"runs/{run.id}/jobs"):
            assert mint(client, f"{ACTIONS}/{path}", "GET")[0] == 200
            assert mint(client, f"/repos/octo/other/actions/{path}", "GET")[0] == 404

    def test_runs_by_status(self, github, run):
        client = Client(github.url)
        actions = github.actions
        jobs = [actions.add_job(run, name, ["self-hosted"]) for name in ("build", "test")]

        def listed():
            result = {}
            for status in ("queued", "in_progress", "completed"):
                _, body, _ = mint(client, f"{ACTIONS}/runs?status={status}&per_page=100", "GET")
                result[status] = [each["id"] for each in body["workflow_runs"]]
            return [status for status, ids in result.items() if ids == [run.id]]

        assert listed() == ["queued"]
        actions.begin(jobs[0], 21, "r-1")
        assert listed() == ["in_progress"]
        actions.complete(jobs[0], "success")
        assert listed() == ["in_progress"]
        actions.complete(jobs[1], "cancelled")
        assert listed() == ["completed"]
        newer = actions.add_run(REPOSITORY)
        _, body, _ = mint(client, f"{ACTIONS}/runs", "GET")
        assert [each["id"] for each in body["workflow_runs"]] == [newer.id, run.id]

    def test_jobs_of_the_latest_attempt(self, github, run):
        client = Client(github.url)
        first = [github.actions.add_job(run, name, ["self-hosted"]) for name in ("build", "test")]
        run.attempt = 2
        again = github.actions.add_job(run, "test", ["self-hosted"])

        def ids(query):
            _, body, _ = mint(client, f"{ACTIONS}/runs/{run.id}/jobs{query}", "GET")
            return [job["id"] for job in body["jobs"]]

        assert ids("?filter=latest") == ids("") == [first[0].id, again.id]
        assert ids("?filter=all") == [first[0].id, first[1].id, again.id]

    def test_what_is_unchanged_costs_nothing(self, github, run):
        client = Client(github.url)
        path = f"{ACTIONS}/runs?status=queued"
        _, _, headers = mint(client, path, "GET")
        etag, left = headers["ETag"], int(headers["x-ratelimit-remaining"])
        assert re.fullmatch(r'W/"[0-9a-f]{64}"', etag)
        for known in (etag, etag.removeprefix("W/"), f'"x", {etag}'):
            status, body, headers = mint(client, path, "GET", If_None_Match=known)
            assert (status, body, headers["ETag"]) == (304, "", etag)
            assert int(headers["x-ratelimit-remaining"]) == left
        github.actions.add_job(run, "build", ["self-hosted"])
        status, body, headers = mint(client, path, "GET", If_None_Match=etag)
        assert status == 200 and headers["ETag"] != etag and body["total_count"] == 1
        assert int(headers["x-ratelimit-remaining"]) == left - 1

    @pytest.mark.parametrize("path", ["runs", "jobs/1", "runs/1/jobs"])
    def test_permission(self, path):
        with GitHub(tokens=[API_TOKEN], unreadable=["octo/hello"]) as github:
            status, body, _ = mint(Client(github.url), f"{ACTIONS}/{path}", "GET")
            assert (status, body["message"]) == (
                403, "Resource not accessible by personal access token")
            assert mint(Client(github.url))[0] == 201


class TestChildren:
    @pytest.fixture
    def nomad(self):
        tokens = [ACL_TOKEN, AclToken("stops", {"submit-job"}), AclToken("reads", {"read-job"}),
                  AclToken("lists", {"list-jobs"}), AclToken("dispatches", {"dispatch-job"})]
        with Nomad(jobs=[ParameterizedJob("github-runner", meta_required=META)], tokens=tokens,
                   placement="never") as server:
            yield server

    @pytest.fixture
    def child(self, nomad):
        dispatch(Client(nomad.url))
        return nomad.children[0]

    @staticmethod
    def ask(nomad, child, suffix="", method="GET", token=ACL_TOKEN):
        path = "/v1/job/" + child.id.replace("/", "%2F") + suffix
        status, body, _ = Client(nomad.url)(method, path, X_Nomad_Token=token)
        return status, json.loads(body) if status == 200 else body.decode()

    def test_placement(self, nomad, child):
        assert self.ask(nomad, child)[1]["Status"] == "pending"
        assert self.ask(nomad, child, "/allocations") == (200, [])
        nomad.fail_to_place(child, alloc_metric(nodes=2, exhausted={"memory": 2}))
        status, evaluations = self.ask(nomad, child, "/evaluations")
        assert status == 200
        assert [(each["Status"], each["TriggeredBy"]) for each in evaluations] == [
            ("blocked", "queued-allocs"), ("complete", "job-register")]
        assert evaluations[1]["BlockedEval"] == evaluations[0]["ID"]
        metric = evaluations[1]["FailedTGAllocs"]["runner"]
        assert (metric["NodesEvaluated"], metric["DimensionExhausted"],
                metric["ConstraintFiltered"]) == (2, {"memory": 2}, None)

        allocation = nomad.place(child, started=False)
        assert self.ask(nomad, child)[1]["Status"] == "running"
        (stub,) = self.ask(nomad, child, "/allocations")[1]
        assert (stub["ID"], stub["ClientStatus"], stub["TaskStates"]) == (
            allocation.id, "pending", None)
        assert [each["FailedTGAllocs"] for each in
                self.ask(nomad, child, "/evaluations")[1]] == [None]

        nomad.start(allocation)
        (stub,) = self.ask(nomad, child, "/allocations")[1]
        assert (stub["ClientStatus"], stub["TaskStates"]["runner"]["State"]) == (
            "running", "running")
        started = datetime.datetime.fromisoformat(
            re.sub(r"000Z$", "+00:00", stub["TaskStates"]["runner"]["StartedAt"]))
        assert abs(started.timestamp() - time.time()) < 5

        nomad.end(child, allocation, "failed")
        (stub,) = self.ask(nomad, child, "/allocations")[1]
        assert (stub["ClientStatus"], stub["TaskStates"]["runner"]["State"],
                stub["TaskStates"]["runner"]["Failed"]) == ("failed", "dead", True)
        assert self.ask(nomad, child)[1]["Status"] == "dead"

    def test_a_lost_allocation_and_its_replacement(self, nomad, child):
        lost = nomad.place(child)
        nomad.place(child)
        nomad.end(child, lost, "lost")
        assert [stub["ClientStatus"] for stub in self.ask(nomad, child, "/allocations")[1]] == [
            "lost", "running"]
        assert self.ask(nomad, child)[1]["Status"] == "running"

    def test_stop(self, nomad, child):
        nomad.place(child)
        status, body = self.ask(nomad, child, method="DELETE")
        assert status == 200 and body["EvalID"]
        body = self.ask(nomad, child)[1]
        assert (body["Status"], body["Stop"]) == ("dead", True)
        (stub,) = self.ask(nomad, child, "/allocations")[1]
        assert (stub["DesiredStatus"], stub["ClientStatus"]) == ("stop", "complete")
        nomad.collect()
        assert self.ask(nomad, child) == (404, "job not found")
        for suffix in ("/allocations", "/evaluations"):
            assert self.ask(nomad, child, suffix) == (200, [])
        # Nomad makes no difference between a job that it has stopped and one that it has not.
        assert self.ask(nomad, child, method="DELETE")[0] == 200

    def test_a_stopped_task_may_take_its_time(self, nomad, child):
        stopped = []
        nomad.on_stop = stopped.append
        allocation = nomad.place(child)
        assert self.ask(nomad, child, method="DELETE")[0] == 200
        assert stopped == [child] and child.status == "dead"
        (stub,) = self.ask(nomad, child, "/allocations")[1]
        assert (stub["DesiredStatus"], stub["ClientStatus"]) == ("stop", "running")
        nomad.end(child, allocation)
        assert self.ask(nomad, child, "/allocations")[1][0]["ClientStatus"] == "complete"

    def test_list_by_prefix(self, nomad, child):
        dispatch(Client(nomad.url), query="?idempotency_token=7.1")
        client = Client(nomad.url)

        def listed(prefix):
            status, body, _ = client("GET", f"/v1/jobs?prefix={prefix}", X_Nomad_Token="lists")
            assert status == 200
            return json.loads(body)

        stubs = listed("github-runner/dispatch-")
        assert {stub["ID"] for stub in stubs} == {each.id for each in nomad.children}
        assert {(stub["ParentID"], stub["Status"]) for stub in stubs} == {
            ("github-runner", "pending")}
        assert "DispatchIdempotencyToken" not in stubs[0] and "Payload" not in stubs[0]
        assert [stub["ID"] for stub in listed(child.id.replace("/", "%2F"))] == [child.id]
        assert listed("nobody/dispatch-") == []

    @pytest.mark.parametrize("method, suffix, needed", [
        ("GET", "", "reads"), ("GET", "/allocations", "reads"), ("GET", "/evaluations", "reads"),
        ("DELETE", "", "stops")])
    def test_acl(self, nomad, child, method, suffix, needed):
        for token in ("reads", "stops", "lists", "dispatches", "wrong"):
            assert self.ask(nomad, child, suffix, method, token)[0] == (
                200 if token == needed else 403)
        assert Client(nomad.url)("GET", "/v1/jobs?prefix=x", X_Nomad_Token="reads")[0] == 403

    @pytest.mark.parametrize("suffix", ["/allocations", "/evaluations"])
    def test_methods(self, nomad, child, suffix):
        assert self.ask(nomad, child, suffix, "POST") == (405, "Invalid method")

    def test_one_child_is_collected(self, nomad, child):
        dispatch(Client(nomad.url))
        other = nomad.children[1]
        for each in (child, other):
            nomad.finish(each)
        nomad.collect(child)
        assert nomad.children == [other]


def test_a_server_without_threads():
    """The owner waits for what comes, and answers on its own thread."""
    with Nomad(threaded=False) as nomad:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            asked = pool.submit(lambda: Client(nomad.url)("GET", "/v1/status/leader"))
            while not asked.done():
                for ready, _ in select_ready(nomad.server.sockets()):
                    nomad.server.turn(ready)
            assert asked.result()[:2] == (200, b'"127.0.0.1:4647"')


def select_ready(sockets):
    with selectors.DefaultSelector() as selector:
        for each in sockets:
            selector.register(each, selectors.EVENT_READ)
        return [(key.fileobj, events) for key, events in selector.select(0.01)]


@pytest.mark.parametrize("script, arguments, request_line", [
    ("github.py", ["--token", API_TOKEN], ("POST", TOKEN_PATH)),
    ("nomad.py", ["--token", ACL_TOKEN, "--job", "github-runner"], ("GET", "/v1/status/leader")),
])
def test_runs_as_a_program(script, arguments, request_line):
    process = subprocess.Popen([sys.executable, str(HERE / script), "--port", "0", *arguments],
                               stdout=subprocess.PIPE, text=True)
    try:
        ready = json.loads(process.stdout.readline())
        client = Client(ready["url"])
        status, _, _ = client(*request_line, User_Agent="test/1",
                              Authorization=f"Bearer {API_TOKEN}")
        assert status in (200, 201)
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
