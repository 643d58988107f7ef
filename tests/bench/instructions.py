"""Instructions that each step of a delivery's way takes, counted by callgrind: the same figures
whatever else the machine does.

    cd tests && /usr/bin/python3 -m bench.instructions [--json FILE]
"""

import re
import subprocess
import tempfile

from . import alone
from .alone import PROGRAMS
from .throughput import body

STEPS = ("verify", "parse", "match", "payload")
TIMES = 200


def count(path, step, times):
    with tempfile.NamedTemporaryFile() as out:
        completed = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out.name}",
             PROGRAMS / "bench_steps", path, step, str(times)],
            stderr=subprocess.PIPE, text=True, check=True)
    return int(re.search(r"Collected : (\d+)", completed.stderr)[1])


def run():
    with tempfile.NamedTemporaryFile(suffix=".json") as sample:
        sample.write(body(["self-hosted", "linux", "x64"]))
        sample.flush()
        return [{"step": step, "instructions":
                 (count(sample.name, step, TIMES) - count(sample.name, step, 0)) // TIMES}
                for step in STEPS]


def table(rows):
    lines = ["| step | instructions a delivery |", "|---|---|"]
    lines += [f"| {row['step']} | {row['instructions']:,} |" for row in rows]
    return "\n".join(lines)


def main():
    alone.main(__doc__, [], lambda given: run(), table)


if __name__ == "__main__":
    main()
