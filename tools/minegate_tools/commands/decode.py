"""`minegate decode`: one message of the uplink as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from minegate_tools.spelled import Birth, spelled

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
    try:
        payload = asked.file.read_bytes() if asked.file else sys.stdin.buffer.read()
        birth = Birth(asked.birth.read_bytes()) if asked.birth else None
        if asked.hex:
            payload = bytes.fromhex(payload.decode("ascii"))
        told = spelled(payload, birth)
    except (OSError, ValueError) as error:  # PayloadError and what is not hex are ValueErrors
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(told, ensure_ascii=False, indent=2))
    return 0
