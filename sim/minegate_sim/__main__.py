"""`python -m minegate_sim heading|section|sections`: a mine that real processes can be connected to."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from math import isfinite
from pathlib import Path

from minegate_agent.clock import SystemClock
from minegate_sim import doors as door
from minegate_sim import watch
from minegate_sim.process import Settings, run, run_section
from minegate_sim.section.section import shipped

SPEED_MAX = 100.0


def main(arguments: list[str] | None = None) -> int:
    """Exit code: 0 after SIGTERM or SIGINT, 2 if it cannot start."""
    logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s", stream=sys.stderr)
    given = _parser().parse_args(arguments)
    try:
        if given.kind == "sections":
            print("\n".join(f"{name:<16} {title}" for name, title in shipped().items()))
            return 0
        watches = tuple(watch.parse(text) for text in given.watch)
        doors = tuple(map(door.parse, given.tcp)) if given.kind == "section" else ()
        settings = Settings(given.dir, given.seed, given.speed, given.mqtt_port, watches, doors)
        if given.kind == "section":
            asyncio.run(run_section(settings, SystemClock(), given.section))
        else:
            asyncio.run(run(settings, SystemClock()))
    except (OSError, ValueError) as error:
        print(f"minegate_sim: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m minegate_sim", description="A mine to test against.")
    kinds = parser.add_subparsers(dest="kind", required=True)
    heading = kinds.add_parser("heading", help="heading 1201: two gas heads, fan, relay, roadheader, rail robot")
    _settings(heading)
    section = kinds.add_parser(
        "section", help="a section described in TOML, on ptys and TCP", description=door.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    section.add_argument("section", metavar="NAME|FILE", help="a shipped section, or a file with a / in its path")
    section.add_argument("--tcp", action="append", default=[], metavar="PORT=KIND:TCP", help="a way in by TCP")
    _settings(section)
    kinds.add_parser("sections", help="the sections that are shipped")
    return parser


def _settings(heading: argparse.ArgumentParser) -> None:
    heading.add_argument("--dir", type=Path, required=True, help="where the lines, control.sock and truth.jsonl go")
    heading.add_argument("--seed", type=int, default=1, help="of everything that is chance (default 1)")
    heading.add_argument("--speed", type=_speed, default=1.0, help="seconds of the heading in one second (default 1)")
    heading.add_argument("--mqtt-port", type=_port, default=0, help="underground broker on 127.0.0.1; 0: no robot")
    heading.add_argument(
        "--watch", action="append", default=[], metavar="POINT:LIMIT:rising|falling",
        help="note in truth.jsonl when the value that the device would answer reaches LIMIT; may be repeated",
    )  # fmt: skip


def _speed(text: str) -> float:
    value = float(text)
    if not (isfinite(value) and 0 < value <= SPEED_MAX):
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and at most {SPEED_MAX:g}")
    return value


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is not within 0..65535")
    return value


if __name__ == "__main__":
    sys.exit(main())
