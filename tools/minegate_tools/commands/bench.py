"""`minegate bench`: the promises about speed, measured here and now, beside what others do in the same run."""

from __future__ import annotations

import argparse
from importlib import import_module

from minegate_tools.bench.trip_cases import CUTS, EVENTS, LOSSES, PARTS, VIRTUAL_CUTS, VIRTUAL_LOSSES

_ABOUT = """\
Measures on this machine what is promised about speed, each figure beside a plain script on the same simulated bus in
the same run, because only such ratios mean something elsewhere. Needs the packages of the extra `dev` (the script's
libraries) and takes some minutes; a busy machine disturbs it. The exit code is 1 if a promise was not kept.
"""
_WHAT = {
    "isolation": "a neighbour whose driver misbehaves",
    "line": "an RS-485 line: its use, dead slaves, CPU",
    "can": "a CAN bus: frames lost, CPU",
    "uplink": "the whole agent through a broker: CPU, memory, latency, bytes, backlog, outage",
    "trip": "from over-limit to open contact, on real processes, with faults, and in virtual time",
    "journal": "the journal: durable values, bytes on the disk, opening and reading a large one",
    "sim": "virtual time: a shift, and a day without an uplink",
}


def declare(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    command = commands.add_parser(
        "bench",
        help="what is promised about speed, measured",
        description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("what", choices=sorted(_WHAT), help="; ".join(f"{key}: {text}" for key, text in _WHAT.items()))
    command.add_argument("--seconds", type=float, help="of traffic for each figure, instead of what each needs")
    command.add_argument(
        "--only",
        metavar="PART,...",
        help=f"uplink: cost, quiet, latency, drain, outage; trip: {', '.join(PARTS)}; all if left out",
    )
    command.add_argument("--peers", action="store_true", help="uplink: install thingsboard-gateway beside, and compare")
    command.add_argument("--cuts", type=int, default=CUTS, help=f"trip: real cuts for each figure ({CUTS})")
    for option, number, words in (
        ("--virtual", VIRTUAL_CUTS, "simulated cuts"),
        ("--losses", LOSSES, "of each real loss"),
        ("--virtual-losses", VIRTUAL_LOSSES, "of each simulated loss"),
        ("--events", EVENTS, "readings while memory is watched"),
    ):
        command.add_argument(option, type=int, default=number, metavar="N", help=f"trip: {words} ({number})")
    command.add_argument("--gigabytes", type=float, default=1.0, help="journal: how large; default 1")
    command.set_defaults(do=_do)


def _do(asked: argparse.Namespace) -> int:
    # imported now: a gateway without the extra `dev` has a command line too
    module = import_module(f"minegate_tools.bench.{asked.what}")
    code: int = module.run(asked)
    return code
