"""Fixtures of the end-to-end tests."""

import pytest

from .support.fronts import FRONTS
from .support.processes import become_subreaper
from .support.site import Site, close_sites, open_sites


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


@pytest.fixture(scope="module", params=list(FRONTS))
def front(request, runhook_path):
    """Every web server in turn, with one site for the tests of a module: they tell their own
    requests from others' by the job's id."""
    site = Site(runhook_path)
    try:
        yield site.serve(request.param)
    finally:
        close_sites([site])


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the configuration, the logs, and what reached the stand-ins."""
    report = (yield).get_result()
    if not report.failed:
        return
    for site in open_sites:
        report.sections += site.report()
