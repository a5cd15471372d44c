"""`python -m minegate_interlock RULES --run FOLDER`. Exit code 2: the rules or the folder cannot be used."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from pathlib import Path

from minegate_interlock.open_output import open_output
from minegate_interlock.process import Process
from minegate_interlock.rules import RulesError, load
from minegate_interlock.world import World


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def _utc_s() -> float:
    return time.time()


def main() -> int:
    """Run until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m minegate_interlock", description="The interlock of one site.")
    parser.add_argument("rules", type=Path, help="rules.toml")
    parser.add_argument("--run", type=Path, required=True, metavar="FOLDER", help="where the sockets are")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
    world = World(_now_ms, int.from_bytes(os.urandom(4), "little") or 1, open_output, _utc_s)
    try:
        rules = load(given.rules.read_bytes(), str(given.rules), _utc_s())
        given.run.mkdir(parents=True, exist_ok=True)
        process = Process(rules, given.rules.absolute(), given.run, world)
    except (RulesError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    process.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
