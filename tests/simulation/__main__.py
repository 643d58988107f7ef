"""Plays one seed and tells all that happens in it, in order:

    cd tests && /usr/bin/python3 -m simulation SEED [--driver FILE] [--quiet]
"""

import argparse
import json
import sys
import time

from .checks import summary
from .driver import find_driver
from .world import World


def main():
    parser = argparse.ArgumentParser(prog="python3 -m simulation",
                                     description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("seed", type=int)
    parser.add_argument("--driver", help="the program (default: that of build/release)")
    parser.add_argument("--quiet", action="store_true", help="tell only the end")
    arguments = parser.parse_args()
    began = time.monotonic()
    with World(arguments.seed, find_driver(arguments.driver),
               tell=None if arguments.quiet else print) as world:
        violations = world.run()
        print(json.dumps({**summary(world), "real_s": round(time.monotonic() - began, 2)}))
    for text in violations:
        print(f"VIOLATION: {text}", file=sys.stderr)
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
