"""`python -m minegate_interlock RULES --run FOLDER`. Exit code 2: the rules or the folder cannot be used."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from minegate_interlock.open_output import open_output
from minegate_interlock.process import Process
from minegate_interlock.rules import RulesError, load
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
            rules_file, run_folder = Path(rules_name), Path(run_name)
        case _:
            print(_USAGE, file=sys.stderr)
            return 2
    world = World(_now_ms, int.from_bytes(os.urandom(4), "little") or 1, open_output, _utc_s)
    try:
        rules = load(rules_file.read_bytes(), str(rules_file), _utc_s())
        run_folder.mkdir(parents=True, exist_ok=True)
        process = Process(rules, rules_file.absolute(), run_folder, world)
    except (RulesError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    process.run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
