"""Fixtures of the end-to-end tests."""

import pytest

from .support.clock import DrivenClock
from .support.fronts import FRONTS
from .support.processes import become_subreaper
from .support.site import Site, close_sites, open_sites
from .support.traffic import TIMES, Traffic


@pytest.fixture(scope="session", autouse=True)
def subreaper():
    become_subreaper()


@pytest.fixture
def make_site(runhook_path):
    """Makes sites that are closed, and checked, at the end of the test."""
    sites = []

    def make(**options):
        site = Site(runhook_path, **options)
        sites.append(site)
        return site

    yield make
    close_sites(sites)


@pytest.fixture
def site(make_site):
    return make_site()


@pytest.fixture
def make_traffic(make_site, tmp_path):
    """Makes sites of which a test moves GitHub, Nomad and the time, with `runhook serve` in them.
    Keyword arguments change sections of the configuration; of the stand-ins, `github_options` and
    `nomad_options`."""
    made = []

    def make(*, github_options=None, nomad_options=None, serve=True, **sections):
        clock = DrivenClock(tmp_path)
        site = make_site(github={"clock": clock.now, **(github_options or {})},
                         nomad={"clock": clock.now, **(nomad_options or {})})
        site.configure("audit", **TIMES)
        for section, keys in sections.items():
            site.configure(section.replace("_", " "), **keys)
        traffic = Traffic(site, clock)
        made.append(traffic)
        if serve:
            traffic.serve()
        return traffic

    yield make
    for traffic in made:
        traffic.check()


@pytest.fixture
def traffic(make_traffic):
    return make_traffic()


@pytest.fixture(scope="module", params=list(FRONTS))
def front(request, runhook_path):
    """Every web server in turn, with one site for the tests of a module: they tell their own
    requests from others' by the job's id."""
    site = Site(runhook_path)
    try:
        yield site.serve(request.param)
    finally:
        close_sites([site])


@pytest.fixture
def note(record_property):
    """Takes a line for the end of the run's output: figures that a test measured."""
    return lambda line: record_property("note", line)


def pytest_terminal_summary(terminalreporter):
    notes = [text for reports in terminalreporter.stats.values() for report in reports
             for name, text in getattr(report, "user_properties", ())
             if name == "note" and report.when == "call"]
    if notes:
        terminalreporter.section("figures")
        for text in notes:
            terminalreporter.write_line(text)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the configuration, the logs, and what reached the stand-ins."""
    report = (yield).get_result()
    if not report.failed:
        return
    for site in open_sites:
        report.sections += site.report()
