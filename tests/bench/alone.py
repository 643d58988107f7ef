"""A benchmark run by itself: its options, its table, and its figures as JSON."""

import argparse
import json
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
RUNHOOK = PROJECT / "build/release/cgi/runhook"
PROGRAMS = PROJECT / "build/release/tests/bench"


def main(module_doc, options, run, table):
    """`options` are (name, keyword arguments) of add_argument; `run` gets what was given."""
    parser = argparse.ArgumentParser(description=module_doc,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, keywords in options:
        parser.add_argument(name, **keywords)
    parser.add_argument("--runhook", type=Path, default=RUNHOOK)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = run(arguments)
    print(table(rows))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n")
