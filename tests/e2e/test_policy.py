"""Every row of the retry policy (docs/retry.md): each failure, made by a stand-in, ends in exactly
one child once the upstream is well, within the delay that the table promises, and what needs a
person is an error in the log.

Each case has a site of its own, so that one's shut gate is not another's trouble, and they run side
by side: most of their time is waiting.
"""

import concurrent.futures
import contextlib
import datetime
import sqlite3
import time
from dataclasses import dataclass, field

import pytest

from standins.certificates import Certificates
from standins.faults import (Answer, Close, Drip, Garbage, Oversized, Reset, Stall, Truncated)
from standins.program import server_context
from standins.silence import Silence

from .support.clock import DrivenClock
from .support.deliveries import workflow_job
from .support.load import check_one_child_each, poster, short_or_long
from .support.site import NOMAD_TOKEN, Site, close_sites
from .support.waiting import SLOWNESS

DISPATCH = {"method": "POST", "path": "/dispatch$"}
INITIAL_S, MAX_S = 1, 2  # [server] retry_initial and retry_max
LATE_S = 2.5 * SLOWNESS  # a job that is due is taken up within a second, on a machine that is busy
NEW_TOKEN = "a-token-that-came-later-4d1f"

LIMIT_WORDS = '{"message":"You have exceeded a secondary rate limit."}'


def doubling(attempt=1):
    longest = min(INITIAL_S * 2 ** (attempt - 1), MAX_S)
    return longest * 0.75, longest


OPERATOR = (MAX_S, MAX_S)


@dataclass
class Case:
    name: str
    upstream: str
    failure: str  # the table's word, as the log has it
    delay_s: tuple  # from, to
    fault: object = None  # strikes once
    applied: bool = False  # Nomad made the child, and the answer to that was spoilt
    level: str = "warning"
    text: str = ""  # in the log's error
    options: dict = field(default_factory=dict)  # of the upstream's section
    ill: object = None  # instead of a fault: a context manager of the site, ill inside


def again(seconds):
    """GitHub or Nomad said when."""
    return (seconds, seconds)


def in_seconds(seconds):
    return str(int(time.time()) + seconds)


class ResetsAt(Answer):
    """A primary rate limit that ends some seconds after it was met."""

    def play(self, wire):
        self.headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": in_seconds(3)}
        return super().play(wire)


@contextlib.contextmanager
def refused(site, upstream):
    with standin(site, upstream).server.refused():
        yield


@contextlib.contextmanager
def silent(site, upstream):
    server = standin(site, upstream).server
    server.refuse()
    with Silence(server.port):
        yield
    server.accept()


@contextlib.contextmanager
def no_leader(site, _):
    site.nomad.has_leader = False
    yield
    site.nomad.has_leader = True


@contextlib.contextmanager
def unregistered(site, _):
    jobs, site.nomad.jobs = site.nomad.jobs, {}
    yield
    site.nomad.jobs = jobs


@contextlib.contextmanager
def unknown_repository(site, _):
    site.github.repositories = set()
    yield
    site.github.repositories = None


@contextlib.contextmanager
def denied_repository(site, _):
    site.github.denied.add("octo-harbor/lighthouse")
    yield
    site.github.denied.clear()


@contextlib.contextmanager
def foreign_certificate(site, _):
    """Nomad's certificate is of an authority that is not ours, until it is renewed."""
    trusted = Certificates(site.directory / "trusted")
    foreign = Certificates(site.directory / "foreign")
    server = site.nomad.server
    server.tls = server_context(foreign.server_cert, foreign.server_key)
    site.configure("nomad", address=site.nomad.url, ca_cert=trusted.ca)
    yield
    server.tls = server_context(trusted.server_cert, trusted.server_key)


def both(name, failure, delay_s, make, **options):
    return [Case(name, upstream, failure, delay_s, make(), **options)
            for upstream in ("github", "nomad")]


CASES = [
    *[Case("refused", upstream, "refused", (0.75 * INITIAL_S, MAX_S), ill=refused)
      for upstream in ("github", "nomad")],
    *[Case("no connection", upstream, "timeout", (0.75 * INITIAL_S, MAX_S), ill=silent,
           options={"connect_timeout": 1}) for upstream in ("github", "nomad")],
    *both("reset at once", "reset", doubling(), lambda: Reset()),
    *both("reset in the head", "reset", doubling(), lambda: Reset(after=30), applied=True),
    *both("reset in the body", "reset", doubling(), lambda: Reset(after=-10), applied=True),
    *both("closed", "reset", doubling(), lambda: Close()),
    *both("stalled", "timeout", doubling(), lambda: Stall(), options={"timeout": 2}),
    *both("stalled inside", "timeout", doubling(), lambda: Stall(after=60), applied=True,
          options={"timeout": 2}),
    *both("slow drip", "timeout", doubling(), lambda: Drip(0.1), applied=True,
          options={"timeout": 2}),
    Case("foreign certificate", "nomad", "tls", OPERATOR, ill=foreign_certificate, level="error"),
    *both("401", "unauthorized", OPERATOR, lambda: Answer(401, '{"message":"Bad credentials"}'),
          level="error"),
    Case("403", "github", "forbidden", OPERATOR, ill=denied_repository, level="error",
         text="administration"),
    Case("403", "nomad", "forbidden", OPERATOR, Answer(403, "Permission denied"), level="error",
         text="dispatch-job"),
    *both("429 with retry-after", "rate_limited", again(3),
          lambda: Answer(429, "", {"Retry-After": "3"})),
    Case("403 with retry-after", "github", "rate_limited", again(3),
         Answer(403, LIMIT_WORDS, {"Retry-After": "3"})),
    Case("403 with x-ratelimit-reset", "github", "rate_limited", (1, 3), ResetsAt(403, LIMIT_WORDS)),
    *both("404", "not_found", OPERATOR, lambda: Answer(404, '{"message":"Not Found"}'),
          level="error"),
    Case("404 of a repository", "github", "not_found", OPERATOR, ill=unknown_repository,
         level="error", text="octo-harbor/lighthouse"),
    *both("409", "conflict", doubling(), lambda: Answer(409, '{"message":"Conflict"}')),
    *both("422", "unprocessable", OPERATOR, lambda: Answer(422, '{"message":"Validation"}'),
          level="error"),
    *both("418", "rejected", OPERATOR, lambda: Answer(418, ""), level="error"),
    *both("302", "redirected", OPERATOR, lambda: Answer(302, "", {"Location": "/elsewhere"}),
          level="error"),
    *[case for status in short_or_long([503], [502, 503, 504])
      for case in both(str(status), "server", doubling(), lambda status=status: Answer(status, ""))],
    Case("500", "github", "server", doubling(), Answer(500, "")),
    *both("503 with retry-after", "server", again(3),
          lambda: Answer(503, "", {"Retry-After": "3"})),
    *[Case(f"500 {text}", "nomad", "server", doubling(), Answer(500, text), text=text) for text in (
        "No cluster leader", "rpc error: EOF", *short_or_long([], [
            "No path to region", "rpc error: leadership lost while committing log",
            "Not ready to serve consistent reads", "No servers"]))],
    Case("no leader", "nomad", "server", (0.75 * INITIAL_S, MAX_S), ill=no_leader),
    Case("500 of unknown words", "nomad", "nomad_odd", doubling(), Answer(500, "something odd")),
    *[Case(f"500 {text[:40]}", "nomad", "nomad_job", OPERATOR, Answer(500, text), level="error",
           text=text) for text in (
        "Payload exceeds maximum size; 16385 > 16384",
        "Dispatch request included unpermitted metadata keys: [COLOUR]",
        "Dispatch did not provide required meta keys: [COLOUR]",
        "Specified job is not a parameterized job")],
    Case("500 of no such job", "nomad", "nomad_job", OPERATOR, ill=unregistered, level="error",
         text="parameterized job not found"),
    *both("truncated", "truncated", doubling(), lambda: Truncated(), applied=True),
    *both("no HTTP", "garbage", doubling(), lambda: Garbage()),
    Case("not JSON", "github", "garbage", doubling(), Garbage(body=b"<html>", status=201)),
    Case("not JSON", "nomad", "garbage", doubling(), Garbage(body=b"<html>", applied=True),
         applied=True),
    Case("JSON of something else", "github", "garbage", doubling(), Answer(201, '{"a":[]}')),
    Case("JSON of something else", "nomad", "garbage", doubling(), Answer(200, '{"a":[]}')),
    Case("empty", "github", "garbage", doubling(), Answer(201, "")),
    Case("empty", "nomad", "garbage", doubling(), Answer(200, "")),
    *both("100 MiB", "oversized", doubling(), lambda: Oversized()),
    *both("100 MiB of no declared length", "oversized", doubling(),
          lambda: Oversized(declared=False, applied=True), applied=True),
]


def standin(site, upstream):
    return getattr(site, upstream)


def moment(line):
    return datetime.datetime.fromisoformat(line["time"].replace("Z", "+00:00")).timestamp()


def put_back_at(site, delivery):
    """When the delay began: the log's line comes later, once that is on a disk that may be busy."""
    with contextlib.closing(sqlite3.connect(site.ledger_path)) as ledger:
        ((at_ms,),) = ledger.execute("SELECT at_ms FROM history WHERE what = 'put back'"
                                     " AND job_id = ?", (delivery.id,)).fetchall()
    return at_ms / 1000


def run_case(case, site):
    """One job through one failure."""
    site.configure("server", retry_initial=INITIAL_S, retry_max=MAX_S, dispatchers=1)
    site.configure(case.upstream, **case.options)
    delivery = workflow_job()
    where = {} if case.upstream == "github" else DISPATCH
    with contextlib.ExitStack() as ill:
        if case.ill is not None:
            ill.enter_context(case.ill(site, case.upstream))
        else:
            standin(site, case.upstream).faults.add(case.fault, **where)
        process = site.serve_socket()
        assert poster(site, process)(delivery).status == 202
        site.wait_for_event(event="dispatch", job=delivery.id, outcome="retry", timeout_s=20)
    job, child = site.wait_for_dispatch(delivery, 20)

    retries = site.events(event="dispatch", job=delivery.id, outcome="retry")
    if case.ill is None:
        assert len(retries) == 1
    for line in retries:
        assert (line["upstream"], line["failure"]) == (case.upstream, case.failure), line
        assert line["level"] == case.level, line
        assert case.text in line["error"], line
        assert 1 <= int(line["next_attempt_s"]) <= case.delay_s[1], line
    (done,) = [line for line in site.events(event="dispatch", job=delivery.id)
               if line["outcome"] in ("dispatched", "found")]
    if case.upstream == "nomad" and case.ill is None:
        assert done["outcome"] == ("found" if case.applied else "dispatched"), done
    began = moment(done) - int(done["duration_ms"]) / 1000
    assert began - moment(retries[-1]) <= case.delay_s[1] + LATE_S
    if len(retries) == 1:
        assert began - put_back_at(site, delivery) >= case.delay_s[0] - 0.1

    check_one_child_each(site.nomad, [delivery], {delivery.id: job})
    assert {request.query_value("idempotency_token")
            for request in site.dispatches_of(delivery)} == {f"{delivery.id}.1"}
    assert job["attempts"] == len(retries) + 1
    assert job["last_error"] is None
    assert site.github.is_registration_token(child.json()["token"], delivery.repository)


@pytest.fixture(scope="module")
def outcomes(runhook_path):
    """What became of each case: None, or its failure with all there is to know of it."""
    sites = []

    def one(case):
        site = Site(runhook_path)
        sites.append(site)
        try:
            run_case(case, site)
            return None
        except Exception as error:
            sections = "".join(f"\n--- {title}\n{text}" for title, text in site.report())
            return f"{type(error).__name__}: {error}{sections}"
        finally:
            for process in site.processes:
                if process.is_running:
                    process.stop()

    try:
        with concurrent.futures.ThreadPoolExecutor(30) as pool:
            found = list(pool.map(one, CASES))
    finally:
        close_sites(sites)
    return found


@pytest.mark.parametrize("number", range(len(CASES)),
                         ids=[f"{case.upstream}-{case.name}" for case in CASES])
def test_row(outcomes, number):
    if outcomes[number] is not None:
        pytest.fail(outcomes[number], pytrace=False)


class TestLimitsWithoutATime:
    """GitHub's rule: at least a minute, then longer each time."""

    @pytest.fixture
    def clock(self, tmp_path):
        return DrivenClock(tmp_path)

    @pytest.fixture
    def site(self, make_site, clock):
        return make_site(github={"clock": clock.now})

    @pytest.mark.parametrize("upstream, answer", [
        ("github", Answer(403, LIMIT_WORDS)),
        *short_or_long([], [
            ("nomad", Answer(429, "")),
            ("github", Answer(429, "")),
            ("github", Answer(403, '{"message":"You have triggered an abuse detection."}')),
        ]),
    ], ids=repr)
    def test_a_minute_then_two(self, site, clock, upstream, answer):
        process = site.serve_socket(env=clock.env)
        rule = standin(site, upstream).faults.add(
            answer, times=2, **({} if upstream == "github" else DISPATCH))
        delivery, other = workflow_job(), workflow_job(repository="octo/other")
        assert poster(site, process)(delivery).status == 202
        retry = {"event": "dispatch", "outcome": "retry"}
        line = site.wait_for_event(1, **retry)
        assert (line["failure"], line["next_attempt_s"]) == ("rate_limited", "60")
        # It is everybody's limit: another's job waits as well.
        assert poster(site, process)(other).status == 202
        clock.advance(55)
        time.sleep(1.5)
        assert rule.struck == 1
        clock.advance(6)
        line = site.wait_for_event(2, **retry)
        assert rule.struck == 2 and len(site.events(**retry)) == 2
        assert line["next_attempt_s"] == "120"
        clock.advance(int(line["next_attempt_s"]) + 60)
        for sent in (delivery, other):
            site.wait_for_dispatch(sent)
        check_one_child_each(site.nomad, [delivery, other])


class TestTokenThatWasReplaced:
    """A token that expires in mid-flight: where its file holds another by then, the request is
    repeated at once with that, and no attempt failed."""

    def test_github(self, site):
        process = site.serve_socket()
        site.github.tokens = {NEW_TOKEN}
        site.secret_file("github-token", NEW_TOKEN)
        self.check(site, process)
        assert [request.headers["Authorization"] for request in site.github.requests[-1:]] == [
            f"Bearer {NEW_TOKEN}"]

    @pytest.mark.parametrize("status", [401, 403])
    def test_nomad(self, site, status):
        process = site.serve_socket()
        site.nomad.tokens = dict.fromkeys([NEW_TOKEN], site.nomad.tokens[NOMAD_TOKEN])
        site.nomad.faults.add(Answer(status, "ACL token expired"), **DISPATCH)
        site.secret_file("nomad-token", NEW_TOKEN)
        self.check(site, process)
        request = site.nomad.dispatch_requests()[-1]
        assert request.headers["X-Nomad-Token"] == NEW_TOKEN
        assert request.headers["Authorization"] == f"Bearer {NEW_TOKEN}"

    @staticmethod
    def check(site, process):
        deliveries = [workflow_job() for _ in range(3)]
        for delivery in deliveries:
            assert poster(site, process)(delivery).status == 202
        for delivery in deliveries:
            site.wait_for_dispatch(delivery)
        check_one_child_each(site.nomad, deliveries)
        assert site.events(event="dispatch", outcome="retry") == []

    def test_a_file_that_is_gone_for_a_moment(self, site):
        process = site.serve_socket()
        site.github.tokens = {NEW_TOKEN}
        path = site.config["github"]["token_file"]
        path.unlink()
        delivery = workflow_job()
        assert poster(site, process)(delivery).status == 202
        line = site.wait_for_event(event="dispatch", job=delivery.id, outcome="retry")
        assert (line["failure"], line["level"]) == ("unauthorized", "error")
        site.secret_file("github-token", NEW_TOKEN)
        site.wait_for_dispatch(delivery)


class TestRegistrationTokens:
    @pytest.fixture
    def clock(self, tmp_path):
        return DrivenClock(tmp_path)

    def test_one_that_is_about_to_expire_is_not_given_out(self, make_site, clock):
        site = make_site(github={"clock": clock.now})
        process = site.serve_socket(env=clock.env)
        tokens = []
        for wait_s in (0, 54 * 60, 2 * 60):
            clock.advance(wait_s)
            delivery = workflow_job()
            assert poster(site, process)(delivery).status == 202
            _, child = site.wait_for_dispatch(delivery)
            tokens.append(child.json()["token"])
            assert site.github.is_registration_token(tokens[-1], delivery.repository)
        assert tokens[0] == tokens[1] != tokens[2]

    def test_a_dispatch_that_waits_longer_than_its_token_lives(self, make_site, clock):
        """Nomad is away for hours: what goes out then has a token that still lives."""
        site = make_site(github={"clock": clock.now})
        process = site.serve_socket(env=clock.env)
        delivery = workflow_job()
        with site.nomad.server.refused():
            assert poster(site, process)(delivery).status == 202
            site.wait_for_event(event="dispatch", job=delivery.id, outcome="retry",
                                upstream="nomad")
            clock.advance(3 * 3600)
            seen = len(site.events(event="dispatch", outcome="retry"))
            site.wait_for_event(seen + 1, event="dispatch", outcome="retry")
        clock.advance(60)
        _, child = site.wait_for_dispatch(delivery)
        assert site.github.is_registration_token(child.json()["token"], delivery.repository)


def test_a_name_that_does_not_resolve_until_a_restart(site):
    site.configure("nomad", address="http://nomad.invalid:4646")
    process = site.serve_socket()
    delivery = workflow_job()
    assert poster(site, process)(delivery).status == 202
    line = site.wait_for_event(event="dispatch", job=delivery.id, outcome="retry", timeout_s=20)
    assert (line["failure"], line["upstream"], line["level"]) == ("unresolved", "nomad", "warning")
    assert process.stop() == 0
    site.configure("nomad", address=site.nomad.url)
    site.serve_socket()
    job, _ = site.wait_for_dispatch(delivery)
    check_one_child_each(site.nomad, [delivery], {delivery.id: job})


def test_a_certificate_of_nobody_until_a_restart(make_site, tmp_path):
    """GitHub behind something that breaks TLS open."""
    foreign = Certificates(tmp_path)
    site = make_site(github={"tls": server_context(foreign.server_cert, foreign.server_key)})
    process = site.serve_socket()
    delivery = workflow_job()
    assert poster(site, process)(delivery).status == 202
    line = site.wait_for_event(event="dispatch", job=delivery.id, outcome="retry")
    assert (line["failure"], line["upstream"], line["level"]) == ("tls", "github", "error")
    assert process.stop() == 0
    assert site.github.requests == []
    site.github.server.tls = None
    site.configure("github", api_url=site.github.url)
    site.serve_socket()
    job, _ = site.wait_for_dispatch(delivery)
    check_one_child_each(site.nomad, [delivery], {delivery.id: job})


def test_a_pool_that_is_gone_from_the_configuration(site):
    process = site.serve_socket()
    delivery = workflow_job()
    with site.nomad.server.refused():
        assert poster(site, process)(delivery).status == 202
        site.wait_for_event(event="dispatch", job=delivery.id, outcome="retry")
        assert process.stop() == 0
    pool = site.config.pop("pool linux")
    site.configure("pool other", **{**pool, "labels": "self-hosted, other"})
    process = site.serve_socket()
    line = site.wait_for_event(event="dispatch", job=delivery.id, failure="configuration")
    assert line["level"] == "error" and "linux" in line["error"]
    assert process.stop() == 0
    site.configure("pool linux", **pool)
    site.serve_socket()
    site.wait_for_dispatch(delivery)
    check_one_child_each(site.nomad, [delivery])


def test_a_pool_that_was_renamed(site):
    """What serves the labels by now serves the job."""
    process = site.serve_socket()
    delivery = workflow_job()
    with site.nomad.server.refused():
        assert poster(site, process)(delivery).status == 202
        site.wait_for_event(event="dispatch", job=delivery.id, outcome="retry")
        assert process.stop() == 0
    site.configure("pool renamed", **site.config.pop("pool linux"))
    site.serve_socket()
    site.wait_for_dispatch(delivery)
    check_one_child_each(site.nomad, [delivery])


def test_a_child_that_is_not_there(site):
    """The loser of a race between two servers of Nomad can be told of a child that never was."""
    process = site.serve_socket()
    site.nomad.faults.add(Answer(200, '{"DispatchedJobID":"github-runner/dispatch-1-0badcafe",'
                                      '"EvalID":""}'), **DISPATCH)
    delivery = workflow_job()
    assert poster(site, process)(delivery).status == 202
    line = site.wait_for_event(event="dispatch", job=delivery.id, outcome="retry")
    assert (line["failure"], line["level"]) == ("no_child", "warning")
    job, _ = site.wait_for_dispatch(delivery)
    check_one_child_each(site.nomad, [delivery], {delivery.id: job})


@pytest.mark.long
def test_a_stop_in_the_midst_is_no_failure_of_the_upstream(site):
    """What our own stop broke off counts as no attempt, and shuts no gate."""
    process = site.serve_socket()
    site.configure("nomad", timeout=60)
    site.nomad.faults.add(Stall(), **DISPATCH)
    delivery = workflow_job()
    assert poster(site, process)(delivery).status == 202
    site.nomad.server.wait_for_arrival(1, **DISPATCH)
    assert process.stop() == 0
    line = site.wait_for_event(event="dispatch", job=delivery.id, outcome="retry")
    assert (line["failure"], line["next_attempt_s"]) == ("stopped", "0")
    assert site.jobs()[delivery.id]["attempts"] == 0
    site.serve_socket()
    job, _ = site.wait_for_dispatch(delivery)
    assert job["attempts"] == 1
    check_one_child_each(site.nomad, [delivery], {delivery.id: job})
