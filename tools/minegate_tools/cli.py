"""The command `minegate`. One file per command in `commands/`; each declares its arguments and does its work."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

OK = 0
FAILED = 1
USAGE = 2

# File of `commands/` -> what it declares, in the order of the help.
_COMMANDS = {
    "demo": ("demo",),
    "check": ("check",),
    "run": ("run",),
    "status": ("status",),
    "order": ("reset", "cut", "calibrate", "bypass", "end", "free-fan"),
    "explain": ("explain",),
    "rules": ("rules",),
    "proof": ("proof",),
    "decide": ("decide",),
    "decode": ("decode",),
    "journal": ("journal",),
    "verify": ("verify",),
    "verify_delivery": ("verify-delivery",),
    "node": ("node",),
    "sim": ("sim",),
    "sniff": ("sniff",),
    "probe": ("probe",),
    "record": ("record",),
    "replay": ("replay",),
    "bench": ("bench",),
    "version": ("version",),
}

_TEACH = """\
examples:
  minegate demo                                  a simulated heading, a story of 90 s, an account
  minegate check site/                           is the configuration right, and how fast does it cut?
  minegate run site/                             run the three processes of a site in this terminal
  minegate status site/ --watch                  what the site sees now
  minegate reset heading-1201 --dir site/ --by "Li Wei"
  minegate cut heading-1201 --dir site/ --by "Li Wei" --reason "smell of burning at the roadheader"
  minegate explain --dir site/ --lang zh         the newest cut: reading, rule, article, contact, release
  minegate rules site/ --diagram                 the state machine of a site, as Mermaid
  minegate proof --dir site/                     which proof tests are due
  minegate decide site/rules.toml < events.jsonl > verdicts.jsonl
  minegate node build relay-9/ --board pybv11 --role relay --node 9
  minegate sim run fan-stops                     a scenario in virtual time, judged; `sim list` shows them
  minegate sim explore --seeds 1000              random mishaps against the promises; what fails becomes a file
  mosquitto_sub -C 1 -N -t 'minegate/1/+/+/live' | minegate decode

a site is a folder: gateway.toml (ports, devices, points, uplink), rules.toml (limits, areas, outputs), run/, journal/.

exit codes: 0 done; 1 refused or failed, with the reason on stderr; 2 configuration or usage, one line per error.

minegate stands beside the certified gas cut-off of a mine and never replaces it.
"""


def parser(first: str = "") -> argparse.ArgumentParser:
    """The command line, declared: the whole of it, or the one command that `first` names.

    All commands together import the whole project, which takes half a second: `minegate run` has none to lose.
    """
    top = argparse.ArgumentParser(
        prog="minegate",
        description="Edge agent of a mine: reads sensors, cuts power locally, keeps every reading, delivers it.",
        epilog=_TEACH,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    named = [file for file, names in _COMMANDS.items() if first in names]
    for file in named or _COMMANDS:
        import_module(f"minegate_tools.commands.{file}").declare(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Do one command and end the process with its exit code."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    asked = parser(words[0] if words else "").parse_args(words)
    try:
        code = asked.do(asked)
        sys.stdout.flush()
    except BrokenPipeError:
        # `minegate decide | head`: the reader has what it wanted. stdout is turned away so that closing it at exit
        # does not complain a second time.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = FAILED
    sys.exit(code)
