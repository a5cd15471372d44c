"""`minegate decode`: one message of the uplink as JSON."""

from __future__ import annotations

import argparse
from pathlib import Path

_ABOUT = """\
Reads one message of the uplink from stdin (or FILE) and prints it as JSON: times, sequences, records as hex. With the
birth message of the same gateway the records become values with names and units.

  mosquitto_sub -C 1 -N -t 'minegate/1/+/+/birth' > birth
  mosquitto_sub -C 1 -N -t 'minegate/1/+/+/live' | minegate decode --birth birth
"""


def declare(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    command = commands.add_parser(
        "decode",
        help="print a message of the uplink",
        description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("file", metavar="FILE", nargs="?", type=Path, help="the message; stdin if it is left out")
    command.add_argument("--hex", action="store_true", help="the message is written in hex digits")
    command.add_argument("--birth", metavar="FILE", type=Path, help="the gateway's birth message, as received")
    command.set_defaults(do=_do)


def _do(asked: argparse.Namespace) -> int:
    raise NotImplementedError
