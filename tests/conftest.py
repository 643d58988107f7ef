"""Options and guards for every test in Python."""

import os
import signal
from pathlib import Path

import pytest

# A shell has what it starts in the background ignore SIGINT, and so would all that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

PROJECT = Path(__file__).resolve().parent.parent
TEST_TIMEOUT_S = 120


def pytest_addoption(parser):
    parser.addoption(
        "--runhook", metavar="FILE",
        default=os.environ.get("RUNHOOK_BIN", PROJECT / "build/release/cgi/runhook"),
        help="the program to test (default: RUNHOOK_BIN, else build/release/cgi/runhook)")


def pytest_collection_modifyitems(config, items):
    """The long tests are left out, not skipped: what is skipped is what cannot run here."""
    if os.environ.get("RUNHOOK_TEST_LONG") == "1":
        return
    long = [item for item in items if item.get_closest_marker("long")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if not item.get_closest_marker("long")]


@pytest.fixture(scope="session")
def runhook_path(request):
    path = Path(request.config.getoption("--runhook")).resolve()
    if not os.access(path, os.X_OK):
        pytest.exit(f"no program at {path}: build it, or name it with --runhook or RUNHOOK_BIN", 2)
    return path


@pytest.fixture(autouse=True)
def time_limit():
    """No test hangs: after TEST_TIMEOUT_S it fails where it stands."""
    def give_up(*_):
        raise TimeoutError(f"the test took longer than {TEST_TIMEOUT_S} s")

    previous = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, TEST_TIMEOUT_S)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, previous)
