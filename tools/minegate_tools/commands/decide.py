"""`minegate decide`: the pure judge of the interlock, fed from lines of JSON."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from minegate_interlock.decide import LineError, decide
from minegate_interlock.rules import RulesError, load

_ABOUT = """\
Reads events from stdin, one JSON object per line, and prints the verdicts of RULES on them, one JSON object per line.
The same pure function decides in the running interlock; here time is what the lines say.

  {"ms": 61000, "point": "1201-T1-ch4", "value": 0.42, "quality": "good"}    a reading
  {"ms": 62000, "reset": "heading-1201", "by": "Li Wei"}                     a person's reset
  {"ms": 63000, "cut": "heading-1201", "by": "Li Wei", "reason": "smoke"}    a commanded cut
"""


def declare(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    command = commands.add_parser(
        "decide",
        help="ask the rules what they would do",
        description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("rules", metavar="RULES", type=Path, help="a rules.toml")
    command.set_defaults(do=_do)


def _do(asked: argparse.Namespace) -> int:
    try:
        rules = load(asked.rules.read_bytes(), str(asked.rules))
    except OSError as error:
        print(f"{asked.rules}: {error.strerror}", file=sys.stderr)
        return 2
    except RulesError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        for verdict in decide(rules, sys.stdin):
            print(json.dumps(verdict, ensure_ascii=False))
    except LineError as error:
        print(error, file=sys.stderr)
        return 2
    return 0
