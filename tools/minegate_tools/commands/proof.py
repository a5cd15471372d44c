"""`minegate proof`: which proof tests are due, and one of them run or put on record."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from minegate_agent.clock import SystemClock
from minegate_agent.config import ConfigError
from minegate_interlock import proof_dates
from minegate_interlock.lines import NAME_BYTES, Command, Verb
from minegate_interlock.proof_test import Key, days_since, overdue
from minegate_interlock.rules import Rules, RulesError, load
from minegate_tools import control, proof_run
from minegate_tools.commands.order import hand_over, short, who_and_why
from minegate_tools.commands.site import run_folder
from minegate_tools.table import table

_ABOUT = """\
Without a test: a table of what rules.toml asks for, when it was last passed, and what is overdue.

  minegate proof                                        what is due
  minegate proof run heading-1201 --by Li --reason "15 days"
                                                        cuts an area that has power and measures until the contact is
                                                        read back open and the load side is dead; tells each step
                                                        and the finding, and how to reset afterwards
  minegate proof run 1201-fan --by Li --reason ..       closes a fan lock's contact for a moment and lets it go
  minegate proof calibrated 1201-T1-ch4 --by Chen --reason "2.00 % gas, read 1.98 %"
                                                        puts a calibration on record

The evidence is a delivered event with its times, who and why; the dates are kept in run/proof-tests.json.
"""
_VERBS = {"run": Verb.TEST, "calibrated": Verb.CALIBRATED}


def declare(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    command = commands.add_parser(
        "proof", help="proof tests: what is due, run one", description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    command.add_argument("--dir", metavar="DIR", type=Path, default=Path(), help="the site's folder")
    command.set_defaults(do=_due)
    acts = command.add_subparsers(metavar="run|calibrated")
    for name in _VERBS:
        act = acts.add_parser(name)
        act.add_argument("subject", metavar="SUBJECT", type=short(NAME_BYTES), help="area, fan lock or point")
        who_and_why(act, reasoned=True)
        act.set_defaults(do=_act, verb=_VERBS[name])


def _act(asked: argparse.Namespace) -> int:
    command = Command(asked.verb, asked.subject, asked.by, asked.reason)
    return hand_over(asked.dir, command) if asked.verb == Verb.CALIBRATED else _follow(asked.dir, command)


def _follow(folder: Path, command: Command) -> int:
    """Begin the test, tell every step, and give 0 only if it was passed."""
    code = 1
    try:
        for passed, line in proof_run.run(run_folder(folder), command):
            code = 0 if passed else code
            print(line if passed is None else f"{'passed' if passed else 'FAILED'}: {line}", flush=True)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    except (control.NoAnswer, proof_run.NotBegun) as error:
        print(error, file=sys.stderr)
        return 1
    return code


def _due(asked: argparse.Namespace) -> int:
    path = asked.dir / "rules.toml"
    try:
        rules = load(path.read_bytes(), str(path))
        done = proof_dates.read(run_folder(asked.dir))
    except (RulesError, ConfigError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    if not rules.tests:
        print(f"{path}: no [[proof_test]]: nothing is ever due", file=sys.stderr)
        return 1
    late, text = due(rules, done, SystemClock().utc_ms() / 1000)
    print(text)
    return 1 if late else 0


def due(rules: Rules, done: dict[Key, float], utc_s: float) -> tuple[int, str]:
    """How many tests are overdue, and the table."""
    rows, late = [], 0
    for test in rules.tests:
        passed_s = done.get(Key(test.kind, test.subject))
        days = days_since(passed_s, utc_s)
        is_late = overdue(test, passed_s, utc_s)
        late += is_late
        last = "never" if passed_s is None else f"{days:.1f} days ago"
        rows.append(
            (test.kind, test.subject, f"{test.days} days", last, "OVERDUE" if is_late else "in time", test.source)
        )
    return late, table(("test", "of", "every", "last passed", "state", "source"), rows)
