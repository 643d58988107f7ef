"""All benchmarks in one run: tables, and one JSON file. Never a pass or a failure."""

import argparse
import json
import os
import platform
import time
from pathlib import Path

from . import burst, instructions, rows, start, throughput
from .alone import PROJECT, RUNHOOK



def machine():
    names = [line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().split("\n")
             if line.startswith("model name")]
    return {"cpus": os.cpu_count(), "cpu": names[0] if names else platform.machine(),
            "kernel": platform.release(), "load": os.getloadavg()[0]}


def main():
    parser = argparse.ArgumentParser(prog="tests/bench/run", description=__doc__)
    parser.add_argument("--quick", action="store_true",
                        help="fewer requests, rounds, jobs and rows: to see that it works")
    parser.add_argument("--only", choices=["throughput", "burst", "instructions", "rows", "start"],
                        action="append", help="this part alone; may be given several times")
    parser.add_argument("--runhook", type=Path, default=RUNHOOK)
    parser.add_argument("--json", type=Path, default=PROJECT / "build/bench.json")
    arguments = parser.parse_args()
    quick, program = arguments.quick, arguments.runhook
    parts = {
        "throughput": (throughput, "Deliveries behind nginx, 32 connections", lambda: throughput.run(
            program, *((800, 1) if quick else (8000, 5)))),
        "burst": (burst, "A burst of jobs, GitHub 100 ms and Nomad 20 ms a request",
                  lambda: burst.run(program, 100 if quick else 1000)),
        "instructions": (instructions, "Instructions by callgrind", instructions.run),
        "rows": (rows, "The size of the ledger", lambda: rows.run(
            program, *(([1000, 10000], 400) if quick else ([10**n for n in (3, 4, 5, 6)], 4000)))),
        "start": (start, "Start, and memory at rest", lambda: start.run(program, 1 if quick else 5)),
    }
    results = {"machine": machine(), "began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    for name, (module, title, run) in parts.items():
        if arguments.only and name not in arguments.only:
            continue
        results[name] = run()
        print(f"\n## {title}\n\n{module.table(results[name])}", flush=True)
    arguments.json.write_text(json.dumps(results, indent=2) + "\n")
    print(f"\n{arguments.json} has it all.")


if __name__ == "__main__":
    main()
