"""Hostile names through every output: log, tables, JSON, status page, metrics, the payload and meta
of Nomad's job, answers, and what `check`, `explain` and `hooks` say about the replies of GitHub and
Nomad."""

import html.parser
import json
import unicodedata

import pytest

from standins import ParameterizedJob
from standins.faults import Answer

from . import test_status_answers
from .support import metrics
from .support.deliveries import Delivery, workflow_job
from .support.load import poster, short_or_long
from .support.site import META_KEYS, NOMAD_JOB, Site, close_sites

HOSTILE = {
    "script": "<script>alert(1)</script>",
    "a broken tag": "</td></table><!-- <img src=x onerror=alert(1)>",
    "attributes": "\" onmouseover=\"alert(1)\" x='",
    "entities": "&lt;b&gt;&amp;&#60;script&#62;&#x202e;",
    "colours": "\x1b[31mred\x1b[0m\x1b[2J\x1b]0;owned\x07",
    "C1 controls": "\x9b31m\x85\x9d0;owned\x9c",
    "lines": "build\nlevel=error event=fake message=\"x\"\r\n59000000001  done  fake",
    "tabs and backspaces": "a\tb\x08\x08\x08c\x0b\x0c\x7f",
    "line separators": "a\u2028b\u2029c\x85d",
    "bidi overrides": "invoice\u202egpj.exe\u202c\u2066x\u2069\u200f",
    "unclosed isolates": "\u2067\u2067\u2067abc",
    "shell": "\"; rm -rf / #`id`$(id)'&&|",
    "formats": "%s%n%x%99999999d%*d{0}{{}}",
    "SQL": "'; DROP TABLE job; --",
    "key=value": "a=b job=1 \"quoted\" \\\" \\n \\u{41}",
    "prometheus": "a\",pool=\"x\"} 1\nrunhook_up 99",
    "template": "${attr.kernel.name} {{ env \"HOME\" }} ${{ secrets.X }}",
    "JSON": "\"},\"Meta\":{\"REPO_FULL_NAME\":\"evil/evil\"},\"x\":{\"a\":\"",
    "homoglyphs": "\u0440\u0430\u0443\u0440\u0430l \u2024\u2215\uff0e\uff0f",
    "combining": "e" + "\u0301" * 300,
    "zero widths": "a\u200b\u200c\u200d\ufeff\u00ad\u2060b",
    "outside of the first plane": "\U0001f469\u200d\U0001f4bb\U000e0041\U000f0000",
    "noncharacters": "\ufffe\uffff\ufdd0",
    "10 KB": "n" * 10_240,
    "10 KB of four bytes each": "\U0001f600" * 2560,
    "empty": "",
    "blanks": "   ",
    "a path": "../../../../etc/passwd\\..\\..",
    "an option": "--config=/etc/passwd",
}

# JSON text in place of a name, as no encoder would write it.
RAW = {
    "NUL": b'"a\\u0000b"',
    "a lone high surrogate": b'"a\\ud800b"',
    "a lone low surrogate": b'"a\\udc00b"',
    "surrogates the wrong way round": b'"\\udc00\\ud800"',
    "raw controls": b'"a\x01\x1b[2J"',
    "overlong UTF-8": b'"\xc0\xbc\xe0\x80\xbcscript>"',
    "UTF-8 beyond the last plane": b'"\xf4\x90\x80\x80"',
    "an unknown escape": b'"\\x41"',
    "a number": b"12345678901234567890",
    "an object": b'{"a":{"b":"<script>"}}',
    "null": b"null",
}

ALL_META = ("DELIVERY_ID", "WORKFLOW_JOB", "JOB_NAME", "RUNNER_NAME", "RUN_ATTEMPT", "WORKFLOW_NAME",
            "HEAD_BRANCH", "LABELS", "POOL")
STEERING = {0x061c, 0x200e, 0x200f, *range(0x202a, 0x202f), *range(0x2066, 0x206a), 0x2028, 0x2029}
VOID = {"meta", "link", "br", "hr", "img", "input", "path", "rect", "line", "circle", "use"}


def check_clean(text, allowed="\n"):
    """Nothing that ends a line in its middle, steers a terminal or turns the direction."""
    found = {f"U+{ord(char):04X}" for char in text if char not in allowed and (
        unicodedata.category(char) in ("Cc", "Cs") or ord(char) in STEERING)}
    assert not found, f"{found} in {text[:2000]!r}"


class Page(html.parser.HTMLParser):
    """Every element is closed in its turn, and none is one that acts."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.texts = [], []
        self.feed(text)
        self.close()
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag, attrs):
        assert tag not in ("script", "img", "iframe", "object", "embed", "form", "base"), tag
        for name, value in attrs:
            assert not name.startswith("on") and name not in ("src", "srcdoc", "style"), (tag, name)
            if name in ("href", "xlink:href"):
                assert value == "" or value.startswith(("https://", "#")), (tag, value)
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), (tag, names)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open and self.open.pop() == tag, tag

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data!r}")

    def handle_data(self, data):
        self.texts.append(data)


def hostile_job(text, **more):
    return workflow_job(name=text, workflow_name=text, head_branch=text,
                        html_url=f"javascript:alert(1)//{text}", **more)


@pytest.fixture(scope="module")
def world(runhook_path):
    """Each name is that of a job with a runner, whose job has begun on a runner of that name."""
    site = Site(runhook_path, nomad={"jobs": [ParameterizedJob(
        NOMAD_JOB, payload="required", meta_required=META_KEYS, meta_optional=ALL_META)]})
    site.configure("pool linux", meta=", ".join(ALL_META))
    try:
        site.process = site.serve_socket()
        site.post = poster(site, site.process)
        site.jobs_by_name = {}
        for name, text in HOSTILE.items():
            delivery = hostile_job(text)
            assert site.post(delivery).status == 202, name
            site.jobs_by_name[name] = delivery
        for name, delivery in site.jobs_by_name.items():
            site.wait_for_dispatch(delivery, 30)
        yield site
    finally:
        close_sites([site])


class TestNames:
    def test_the_log(self, world):
        text = world.log_path.read_text()
        check_clean(text)
        assert not world.events(event="fake")

    def test_the_payload_and_meta(self, world):
        """The name as it is, for the job to use as data."""
        for name, delivery in world.jobs_by_name.items():
            child = world.nomad.child(world.jobs()[delivery.id]["child"])
            payload = child.json()
            assert payload["repo"] == "octo-harbor/lighthouse"
            assert child.meta["REPO_FULL_NAME"] == "octo-harbor/lighthouse", name
            text = HOSTILE[name]
            assert payload["job"] == text or (len(text) > 200 and text.startswith(
                payload["job"].rstrip("…"))), (name, payload)
            assert set(child.meta) >= set(META_KEYS)

    @pytest.mark.parametrize("command", [("jobs",), ("runners",), ("runners", "--all")])
    def test_tables(self, world, command):
        done = world.run(*command)
        assert done.code == 0
        check_clean(done.stdout)
        rows = [line for line in done.stdout.splitlines() if line.strip()]
        beside = 3  # the heading, and a sum
        assert len(HOSTILE) <= len(rows) <= len(HOSTILE) + beside, done.stdout

    @pytest.mark.parametrize("command", [("jobs", "--json"), ("runners", "--all", "--json")])
    def test_json(self, world, command):
        done = world.run(*command)
        check_clean(done.stdout, "\n\t")  # by which it is indented
        json.loads(done.stdout)

    def test_json_has_the_names(self, world):
        jobs = world.jobs()
        for name, delivery in world.jobs_by_name.items():
            shown, text = jobs[delivery.id]["name"], HOSTILE[name]
            assert shown == text or (len(text) > 200 and text.startswith(shown.rstrip("…"))), name

    @pytest.mark.parametrize("options", [(), ("--json",)], ids=["words", "json"])
    def test_explain(self, world, options):
        for delivery in world.jobs_by_name.values():
            done = world.run("explain", str(delivery.id), *options)
            assert done.code == 0, done
            check_clean(done.stdout, "\n\t" if options else "\n")
            if options:
                json.loads(done.stdout)

    def test_explain_of_a_file(self, world, tmp_path):
        for name, text in HOSTILE.items():
            saved = tmp_path / "payload.json"
            saved.write_bytes(hostile_job(text, labels=["self-hosted", text]).body)
            for options in ((), ("--json",)):
                done = world.run("explain", str(saved), *options)
                check_clean(done.output, "\n\t" if options else "\n")

    def test_the_status_page(self, world):
        answer = test_status_answers.page_of(world, world.process)
        assert answer.status == 200
        page = Page(answer.body.decode())
        text = "".join(page.texts)
        check_clean(text.replace("\t", ""))
        for name in ("script", "entities", "shell", "formats", "JSON"):
            assert HOSTILE[name] in text, name

    def test_metrics(self, world):
        answer = test_status_answers.page_of(world, world.process, REQUEST_URI=metrics.PATH)
        page = metrics.read(answer)
        check_clean(page.text)
        assert page.get("up") != 99


@pytest.mark.parametrize("name", RAW)
def test_json_as_no_encoder_writes_it(world, name):
    """Refused, or taken as text; in either case every output is what it was."""
    body = workflow_job(name="HERE").body.replace(b'"HERE"', RAW[name])
    delivery = Delivery(body)
    answer = world.post(delivery)
    assert answer.status in (202, 400), answer
    check_clean(answer.body.decode())
    check_clean(world.run("jobs").stdout)
    check_clean(world.run("jobs", "--json").stdout, "\n\t")
    Page(test_status_answers.page_of(world, world.process).body.decode())


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_name(world, name):
    """Everything else of a delivery that is text; and headers, which nobody signs."""
    text = HOSTILE[name]
    deliveries = [
        workflow_job(repository=f"octo/{text}"), workflow_job(repository=f"{text}/lighthouse"),
        workflow_job(text or "x"), workflow_job(status=text), workflow_job(labels=["self-hosted", text]),
        workflow_job("completed", conclusion=text), workflow_job("in_progress", runner_name=text,
                                                                 runner_group_name=text),
        workflow_job(created_at=text), workflow_job(url=text, run_url=text),
    ]
    for delivery in deliveries:
        answer = world.post(delivery)
        assert answer.status in (200, 202, 400), answer
        check_clean(answer.body.decode())
        json.loads(answer.body)
    header = text.encode()[:8000].replace(b"\0", b"").decode("latin-1")
    for change in ({"X_GitHub_Event": header}, {"X_GitHub_Delivery": header},
                   {"X_Hub_Signature_256": header}, {"Content_Type": header},
                   {"User_Agent": header}):
        delivery = workflow_job("brand_new")
        with world.fastcgi(world.process) as connection:
            answer = connection.post(delivery, headers=delivery.headers(**change))
            assert answer.status in (200, 403, 415), (change, answer)
            check_clean(answer.body.decode())
    with world.fastcgi(world.process) as connection:
        answer = connection.post(workflow_job("brand_new"), REMOTE_ADDR=header)
        assert answer.status == 200
    check_clean(world.log_path.read_text())
    assert not world.events(event="fake")
    Page(test_status_answers.page_of(world, world.process).body.decode())


class TestUpstreams:
    """What GitHub and Nomad reply is not ours either, nor what stands before them."""

    @pytest.mark.parametrize("name", short_or_long(
        ["colours", "lines", "bidi overrides", "formats", "10 KB"], list(HOSTILE)))
    def test_errors(self, world, name):
        text = HOSTILE[name]
        raw = text.encode() + b"\xff\xfe\0\x1b[2J"
        said = json.dumps({"message": text, "documentation_url": text}).encode()
        for server, bodies in ((world.github, (said, raw)), (world.nomad, (raw, said))):
            for body in bodies:
                with server.faults.during(Answer(500, body)):
                    for command in (("check", "--online"), ("hooks", "list", "octo-harbor/lighthouse")):
                        done = world.run(*command)
                        assert done.code in (0, 1), done
                        check_clean(done.output)
        check_clean(world.log_path.read_text())
