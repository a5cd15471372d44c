"""`python -m minegate_interlock RULES --run FOLDER`. Exit code 2: the rules or the folder cannot be used."""

from __future__ import annotations

import os
import sys
import time

from minegate_interlock.open_output import open_output
from minegate_interlock.process import Process
from minegate_interlock.rules import RulesError, load
from minegate_interlock.told import log
from minegate_interlock.urgency import INTERLOCK, go_first
from minegate_interlock.world import World

_USAGE = "usage: python -m minegate_interlock RULES --run FOLDER  (rules.toml; where the sockets are)"


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def _utc_s() -> float:
    return time.time()


def main(words: list[str]) -> int:
    """Run until told to stop."""
    match words:  # no argparse: it is half a megabyte, and this is all
        case [rules_name, "--run", run_name] | ["--run", run_name, rules_name]:
            rules_file, run_folder = os.path.abspath(rules_name), run_name
        case _:
            print(_USAGE, file=sys.stderr)
            return 2
    log.descriptor = sys.stderr.fileno()
    world = World(_now_ms, int.from_bytes(os.urandom(4), "little") or 1, open_output, _utc_s)
    try:
        with open(rules_file, "rb") as file:
            rules = load(file.read(), rules_name, _utc_s())
        os.makedirs(run_folder, exist_ok=True)
        process = Process(rules, rules_file, run_folder, world)
    except (RulesError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    log.info("goes first: %s", go_first(INTERLOCK))
    process.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
