"""GET …/metrics: the counts are the ledger's, whichever process answers and however often they are
started; and what is shipped to watch them asks for nothing that is not there."""

import contextlib
import json
import re
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from standins.faults import Answer

from .support.clock import DrivenClock
from .support.deliveries import ping, push, workflow_job
from .support.fastcgi import params_for
from .support.load import post_all, poster, wait_until_all_have_children
from .support.metrics import NAME, PATH, promtool, read
from .support.site import GITHUB_TOKEN, processes_of
from .support.waiting import wait_until
from .test_cgi import CgiProcess

PROJECT = Path(__file__).resolve().parents[2]
PROMETHEUS = PROJECT / "examples/prometheus"
WORDS_OF_PROMQL = {"up", "time", "sum", "max", "min", "rate", "increase", "by", "on", "and", "unless",
                   "histogram_quantile", "le"}


def scrape(site, process, **options):
    with site.fastcgi(process) as connection:
        return read(connection.request(params_for("GET", PATH)), **options)


def forged():
    return workflow_job(secret="a stranger's")


def waits_for(ask, what, **expected):
    """Scrapes until the deliveries are those; returns the page."""
    def asked():
        page = ask()
        got = {key[0]: count for key, count in page.nonzero("deliveries_total").items()}
        return page if got == expected else None

    return wait_until(asked, what, 15)


class TestWhicheverProcessAnswers:
    @pytest.mark.parametrize("front", ["nginx", "lighttpd_fastcgi"])
    def test_behind_a_web_server(self, site, front):
        front = site.serve(front)
        jobs = [workflow_job() for _ in range(20)]
        mix = [*jobs, *(forged() for _ in range(10)), ping(), push(),
               workflow_job(labels=["windows"])]
        assert set(post_all(front, mix)) == {202, 403, 200}
        assert front.post(jobs[0]).json["status"] == "duplicate"
        assert front.get("/github/webhook").status == 405
        # nginx, as it is set up, refuses other methods by itself.
        others = {} if front.program == "nginx" else {"method": 1}
        wait_until_all_have_children(site, jobs)
        if front.program == "lighttpd":
            assert len(processes_of(site)) == front.process_count

        # What another process counted in memory comes within seconds.
        page = waits_for(lambda: read(front.get(PATH), lint=False), "every delivery is counted",
                         accepted=20, refused=10, pong=1, ignored=2, duplicate=1, **others)
        read(front.get(PATH))
        assert page.get("delivery_duration_seconds_count") == 34 + len(others)
        assert page.get("dispatches_total", pool="linux", outcome="dispatched") == 20
        assert page.get("dispatch_wait_seconds_count", pool="linux") == 20
        assert page.get("jobs", pool="linux", state="assigned") == 20
        assert page.get("runners", pool="linux", state="live") == 20
        assert page.get("pool_runners", pool="linux") == 20
        assert page.get("ledger_writable") == 1
        wait_until(lambda: read(front.get(PATH), lint=False).get(
            "upstream_requests_total", upstream="nomad", outcome="2xx") == 20, "requests too")

        # Many at once reach many processes, and all of them know.
        answers = post_all(lambda _: front.get(PATH), range(16))
        assert set(answers) == {200}

    def test_over_plain_cgi(self, site, tmp_path):
        clock = DrivenClock(tmp_path)
        env = {"RUNHOOK_CLOCK_OFFSET": str(clock.path)}

        def cgi(delivery, **options):
            process = CgiProcess(site, delivery, variables=env, **options)
            answer = process.answer()
            assert process.wait(30) == 0
            return answer

        delivery = workflow_job()
        assert cgi(delivery).status == 202
        assert cgi(delivery).status == 200
        assert cgi(forged()).status == 403
        page = read(cgi(ping(), method="GET", path=PATH))
        assert page.nonzero("deliveries_total") == {("accepted",): 1, ("duplicate",): 1,
                                                    ("refused",): 1}
        assert page.get("dispatches_total", pool="linux", outcome="dispatched") == 1
        assert page.get("upstream_requests_total", upstream="github", outcome="2xx") == 1
        assert page.get("last_start_timestamp_seconds") is None

        # A stranger's processes write once a second, however many they are.
        clock.advance(60)
        began = time.monotonic()
        for _ in range(8):
            assert cgi(forged()).status == 403
        at_most = 2 + int(time.monotonic() - began)
        page = read(cgi(ping(), method="GET", path=PATH))
        assert 2 <= page.get("deliveries_total", outcome="refused") <= 1 + at_most

    def test_without_a_web_server(self, site):
        process = site.serve_socket()
        delivery = workflow_job()
        assert poster(site, process)(delivery).status == 202
        site.wait_for_dispatch(delivery)
        shown = scrape(site, process)
        done = site.run("metrics")
        assert (done.code, done.stderr) == (0, "")
        from_file = type(shown)(done.stdout)
        assert from_file.types == shown.types
        assert from_file.counters() == shown.counters()
        # It only reads.
        assert set(shown.samples) - set(from_file.samples) == {
            ("runhook_ledger_writable", frozenset())}
        assert site.run("metrics", "--all").code == 2

    def test_without_a_ledger(self, site):
        done = site.run("metrics")
        assert (done.code, done.stdout) == (1, "")
        assert "runhook serve" in done.stderr


class TestCountsStay:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
    def test_over_a_restart(self, site, number):
        process = site.serve_socket()
        deliveries = [workflow_job() for _ in range(3)]
        post_all(poster(site, process), [*deliveries, forged(), ping()])
        wait_until_all_have_children(site, deliveries)
        if number == signal.SIGKILL:
            scrape(site, process)  # brings into the ledger what else would be lost
        before = scrape(site, process, lint=False).counters() if number == signal.SIGKILL else None
        process.send(number)
        process.popen.wait(15)

        page = scrape(site, site.serve_socket())
        assert page.nonzero("deliveries_total") == {("accepted",): 3, ("refused",): 1,
                                                    ("pong",): 1}
        assert page.get("dispatches_total", pool="linux", outcome="dispatched") == 3
        for key, value in (before or {}).items():
            assert page.samples[key] >= value, key

    def test_a_flood_of_forged_deliveries_is_not_written_one_by_one(self, site):
        process = site.serve_socket()
        post = poster(site, process)
        scrape(site, process)
        files = [site.ledger_path, Path(f"{site.ledger_path}-wal")]

        def written():
            with contextlib.closing(sqlite3.connect(site.ledger_path)) as connection:
                found = connection.execute("SELECT coalesce(sum(total), 0) FROM tally WHERE series"
                                           " = 'runhook_deliveries_total{outcome=\"refused\"}'")
                return found.fetchone()[0], sum(path.stat().st_size for path in files)

        counted, size = written()
        began = time.monotonic()
        assert set(post_all(post, [forged() for _ in range(400)])) == {403}
        flushes = 2 + (time.monotonic() - began) // 5
        assert written()[1] - size <= flushes * 64 * 1024
        page = scrape(site, process)
        assert page.get("deliveries_total", outcome="refused") == counted + 400

    def test_a_ledger_that_cannot_be_written_says_so_on_the_page(self, site):
        process = site.serve_socket()
        poster(site, process)(forged())
        with site.locked_ledger():
            began = time.monotonic()
            page = scrape(site, process)
            assert page.get("ledger_writable") == 0
            assert time.monotonic() - began < 10, "Prometheus would not wait so long"
        page = scrape(site, process)
        assert page.get("ledger_writable") == 1
        assert page.get("deliveries_total", outcome="refused") == 1


class TestWhatIsTold:
    def test_a_job_from_its_delivery_to_its_end(self, traffic):
        def page(**options):
            return scrape(traffic.site, traffic.process, **options)

        job = traffic.queue()
        child = traffic.dispatched(job)
        registration = traffic.register(child)
        traffic.clock.advance(25)
        traffic.begin(job, registration)
        found = page()
        assert found.get("start_wait_seconds_count", pool="linux") == 1
        assert 25 <= found.get("start_wait_seconds_sum", pool="linux") < 60
        assert found.get("start_wait_seconds_bucket", pool="linux", le="20") == 0
        assert found.get("start_wait_seconds_bucket", pool="linux", le="60") == 1
        assert found.get("dispatch_wait_seconds_sum", pool="linux") < 20
        assert found.get("jobs", pool="linux", state="running") == 1
        assert found.get("runners", pool="linux", state="busy") == 1
        traffic.tell("in_progress", job)  # a repeat
        assert page(lint=False).get("start_wait_seconds_count", pool="linux") == 1

        traffic.complete(job)
        traffic.tell("completed", job)
        found = page(lint=False)
        assert found.nonzero("jobs_ended_total") == {("linux", "done"): 1}
        assert found.nonzero("jobs") == {}
        traffic.clock.advance(20)
        assert page(lint=False).get("runner_oldest_age_seconds", pool="linux",
                                    state="leaving") >= 20
        traffic.leave(child, registration)
        traffic.pass_time_until_gone(child, step_s=5)
        found = page(lint=False)
        assert found.get("audit_findings_total", finding="gone") == 1
        assert found.nonzero("runners") == found.nonzero("events_missed_total") == {}

    def test_what_no_delivery_told(self, make_traffic):
        traffic = make_traffic(audit={"discover_interval": 300})
        job = traffic.queue()
        child = traffic.dispatched(job)
        registration = traffic.register(child)
        traffic.begin(job, registration, told=False)
        traffic.complete(job, told=False)
        traffic.leave(child, registration)
        traffic.pass_time_until_gone(child)
        page = scrape(traffic.site, traffic.process)
        assert page.nonzero("events_missed_total") == {("completed", "audit"): 1}
        assert page.get("audit_findings_total", finding="event_missed") == 1
        assert page.get("start_wait_seconds_count", pool="linux") == 0
        assert page.nonzero("jobs_ended_total") == {("linux", "done"): 1}

        lost = traffic.queue(told=False)
        traffic.pass_time_until(lambda: traffic.job(lost), "it is discovered", step_s=100)
        page = scrape(traffic.site, traffic.process, lint=False)
        assert page.get("events_missed_total", event="queued", found_by="discovery") == 1

    def test_a_queue_and_an_upstream_in_trouble(self, site, tmp_path):
        clock = DrivenClock(tmp_path)
        site.configure("pool linux", max_runners=1)
        process = site.serve_socket(env=clock.env)
        post = poster(site, process)
        first, *others = [workflow_job() for _ in range(3)]
        with site.nomad.faults.during(Answer(500, "No cluster leader"), method="POST"):
            assert post(first).status == 202
            site.wait_for_event(3, event="dispatch", outcome="retry")
            page = scrape(site, process)
            assert page.get("upstream_shut", upstream="nomad") == 1
            assert page.get("upstream_shut", upstream="github") == 0
            assert page.get("dispatches_total", pool="linux", outcome="failed") >= 3
            assert page.get("upstream_requests_total", upstream="nomad", outcome="server") >= 3
        site.wait_for_dispatch(first)
        for delivery in others:
            assert post(delivery).status == 202
        clock.advance(300)
        page = scrape(site, process)
        assert page.get("upstream_shut", upstream="nomad") == 0
        assert page.get("jobs", pool="linux", state="queued") == 2
        assert page.get("queue_oldest_age_seconds", pool="linux") >= 300
        assert page.get("pool_runners", pool="linux") == 1
        assert page.get("pool_max_runners", pool="linux") == 1
        assert page.get("dispatch_wait_seconds_count", pool="linux") == 1

    def test_github_s_limits_and_refusals(self, site):
        process = site.serve_socket()
        delivery = workflow_job()
        poster(site, process)(delivery)
        site.wait_for_dispatch(delivery)
        account = {"account": "[github]", "resource": "core"}
        page = scrape(site, process)
        assert page.get("github_rate_limit", **account) == 5000
        assert page.get("github_rate_limit_remaining", **account) == 4999
        assert 0 < page.get("github_rate_limit_reset_timestamp_seconds",
                            **account) - time.time() <= 3600
        with site.github.faults.during(Answer(401, '{"message": "Bad credentials"}')):
            poster(site, process)(workflow_job(repository="octo-harbor/tide-tables"))
            site.wait_for_event(event="dispatch", failure="unauthorized")
            page = scrape(site, process, lint=False)
        assert page.get("upstream_requests_total", upstream="github", outcome="unauthorized") >= 1
        assert GITHUB_TOKEN not in page.text

    def test_the_configuration(self, site):
        process = site.serve_socket()
        page = scrape(site, process)
        started = page.get("last_start_timestamp_seconds")
        assert abs(started - time.time()) < 60
        assert page.get("config_last_reload_success_timestamp_seconds") == started
        assert page.get("config_last_reload_successful") == 1
        good = site.config_path.read_text()
        site.write_config("[server]\nledgre = x\n")
        site.reload(process, "kept")
        wait_until(lambda: scrape(site, process, lint=False).get(
            "config_last_reload_successful") == 0, "the page says that the old one is kept")
        site.write_config(good)
        site.reload(process)
        page = wait_until(lambda: found if (found := scrape(site, process, lint=False)).get(
            "config_last_reload_successful") == 1 else None, "the new one is good")
        assert page.nonzero("config_reloads_total") == {("kept",): 1, ("reloaded",): 1}
        assert page.get("config_last_reload_success_timestamp_seconds") >= started
        assert page.get("webhook_secret_last_used_timestamp_seconds", secret="previous") is None

    def test_hostile_text_of_the_ledger_is_escaped(self, site):
        process = site.serve_socket()
        delivery = workflow_job()
        with site.nomad.server.refused():
            poster(site, process)(delivery)
            name = 'x"} 1\nrunhook_jobs{pool="\\'
            with contextlib.closing(sqlite3.connect(site.ledger_path, timeout=10)) as connection:
                connection.execute("UPDATE job SET pool = ?", (name,))
                connection.commit()
            page = scrape(site, process)
        assert sum(count for (pool, _), count in page.nonzero("jobs").items()
                   if pool == 'x\\"} 1 runhook_jobs{pool=\\"\\\\') == 1, page.nonzero("jobs")


class TestWhatIsShipped:
    @pytest.fixture(scope="class")
    def families(self):
        """Name to type, as docs/metrics.md has them: test_metrics_document holds it to the
        program."""
        rows = re.findall(rf"^\| `({NAME})` \| (\w+) \|", (PROJECT / "docs/metrics.md").read_text(),
                          re.M)
        return dict(rows)

    def names_in(self, expression):
        without_texts = re.sub(r'"(?:[^"\\]|\\.)*"', "", expression)
        without_labels = re.sub(r"\{[^}]*\}|\[[^]]*\]|\b(?:by|on|group_left)\s*\([^)]*\)", "",
                                without_texts)
        return set(re.findall(rf"(?<![\w$])({NAME})", without_labels)) - WORDS_OF_PROMQL

    def check_names(self, expression, families):
        known = set()
        for name, kind in families.items():
            known |= ({f"{name}_bucket", f"{name}_sum", f"{name}_count"} if kind == "histogram"
                      else {name})
        names = self.names_in(expression)
        assert names <= known, names - known
        return names

    def test_the_page_has_what_the_docs_have(self, site, families):
        assert scrape(site, site.serve_socket()).types == families

    def test_the_alerts(self, families):
        text = (PROMETHEUS / "alerts.yml").read_text()
        docs = (PROJECT / "docs/metrics.md").read_text()
        alerts = re.split(r"^      - alert: ", text, flags=re.M)[1:]
        for alert in alerts:
            name = alert.split("\n")[0]
            expression = re.search(r"expr: (?:\|\n((?: {10,}.*\n)+)|(.*)\n)", alert)
            used = self.check_names(expression.group(1) or expression.group(2), families)
            assert used or name == "RunhookDown"
            assert re.search(r"severity: (critical|warning|info)\n", alert), name
            assert re.search(r"summary: .+\n\s+action: .+\n", alert), name
            assert f"runbook: \"docs/metrics.md#{name.lower()}\"" in alert
            assert docs.count(f"\n### {name}\n") == 1
        assert len(alerts) == len(re.findall(r"^### Runhook", docs, re.M))
        for arguments in (["check", "config", "prometheus.yml"],
                          ["test", "rules", "alerts.test.yml", "alerts-rotation.test.yml"]):
            code, words = promtool(*arguments, cwd=PROMETHEUS)
            assert code == 0 and "FAILED" not in words, words

    def test_the_dashboard(self, families):
        board = json.loads((PROJECT / "examples/grafana/runhook.json").read_text())
        used, ids = set(), [panel["id"] for panel in board["panels"]]
        for panel in board["panels"]:
            for target in panel.get("targets", []):
                used |= self.check_names(target["expr"], families)
        for variable in board["templating"]["list"]:
            used |= set(re.findall(r"label_values\((\w+)", json.dumps(variable)))
        assert len(ids) == len(set(ids))
        # All that there is stands on it, but for when the rate limit's window ends.
        missing = {name for name in families if not any(one.startswith(name) for one in used)}
        assert missing == {"runhook_github_rate_limit_reset_timestamp_seconds"}
