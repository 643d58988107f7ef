"""Where the program under simulation was built."""

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


def find_driver(path=None, runhook=None):
    """`path`, else RUNHOOK_SIMULATION_DRIVER, else the one that was built with `runhook`."""
    path = path or os.environ.get("RUNHOOK_SIMULATION_DRIVER")
    if path:
        return Path(path).resolve()
    build = Path(runhook).resolve().parents[1] if runhook else PROJECT / "build/release"
    return build / "tests/simulation/simulation_driver"
