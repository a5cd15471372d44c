"""`python -m minegate_sim heading --dir DIR`: a heading that real processes can be connected to."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
from math import isfinite
from pathlib import Path

from minegate_agent.clock import SystemClock
from minegate_sim import watch
from minegate_sim.process import Settings, run

SPEED_MAX = 100.0


def main(arguments: list[str] | None = None) -> int:
    """Exit code: 0 after SIGTERM or SIGINT, 2 if it cannot start."""
    logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s", stream=sys.stderr)
    given = _parser().parse_args(arguments)
    try:
        watches = tuple(watch.parse(text) for text in given.watch)
        settings = Settings(given.dir, given.seed, given.speed, given.mqtt_port, watches)
        asyncio.run(run(settings, SystemClock()))
    except (OSError, ValueError) as error:
        print(f"minegate_sim: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m minegate_sim", description="A mine to test against.")
    kinds = parser.add_subparsers(dest="kind", required=True)
    heading = kinds.add_parser("heading", help="heading 1201: two gas heads, fan, relay, roadheader, rail robot")
    heading.add_argument("--dir", type=Path, required=True, help="where the lines, control.sock and truth.jsonl go")
    heading.add_argument("--seed", type=int, default=1, help="of everything that is chance (default 1)")
    heading.add_argument("--speed", type=_speed, default=1.0, help="seconds of the heading in one second (default 1)")
    heading.add_argument("--mqtt-port", type=_port, default=0, help="underground broker on 127.0.0.1; 0: no robot")
    heading.add_argument(
        "--watch", action="append", default=[], metavar="POINT:LIMIT:rising|falling",
        help="note in truth.jsonl when the value that the device would answer reaches LIMIT; may be repeated",
    )  # fmt: skip
    return parser


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
