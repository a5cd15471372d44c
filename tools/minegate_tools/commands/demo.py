"""`minegate demo`: a simulated heading, the real agent, a story of about 90 s, and an account that has to balance."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from minegate_agent.clock import SystemClock
from minegate_tools.demo.story import NAMES

_ABOUT = """\
Starts a simulated heading (methane heads on RS-485, a roadheader on CAN, a rail robot), a broker, and the three
processes of the agent, on pseudo-terminals and sockets of this machine. Then the local fan stops and power is cut;
methane rises; the broker is lost for 20 s; everything comes back. At the end every reading produced must be delivered,
waiting or declared lost, and every cut must have opened its contact within 2 s: only then is the exit code 0.
"""
PROCESSES = ("field", "interlock", "link")
_NEEDS = "minegate demo needs the extras: pip install 'minegate[all]'"


def declare(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    command = commands.add_parser("demo", help="a simulated heading, a story, an account", description=_ABOUT)
    command.add_argument(
        "--speed", type=_speed, default=1.0, metavar="X", help="the heading's air moves X times as fast"
    )
    command.add_argument("--seed", type=int, default=1, metavar="N", help="chance of the simulator (default 1)")
    command.add_argument("--no-page", action="store_true", help="without the local page")
    command.add_argument("--json", type=Path, metavar="FILE", help="write the account to FILE as well")
    command.add_argument("--dir", type=Path, metavar="DIR", help="keep the site and its logs in DIR (must be empty)")
    command.add_argument("--embedded", action="store_true", help="the embedded broker even if mosquitto is installed")
    command.add_argument(
        "--kill", type=_kill, action="append", default=[], metavar="PROCESS@WHEN",
        help="kill -9 field, interlock or link, at so many seconds or when that step has come true; may be given again",
    )  # fmt: skip
    command.set_defaults(do=_do)


def _speed(text: str) -> float:
    speed = float(text)
    if not 0.1 <= speed <= 20:
        raise argparse.ArgumentTypeError(f"{text} is not between 0.1 and 20")
    return speed


def _kill(text: str) -> tuple[str, float | str]:
    process, _, at = text.partition("@")
    if process in PROCESSES and at in NAMES:
        return process, at
    if process in PROCESSES and at.replace(".", "", 1).isdigit():
        return process, float(at)
    raise argparse.ArgumentTypeError(
        f"{text!r} is not like field@30 or field@work ({', '.join(PROCESSES)}; seconds, or one of {', '.join(NAMES)})"
    )


def _do(asked: argparse.Namespace) -> int:
    folder = asked.dir.absolute() if asked.dir else Path(tempfile.mkdtemp(prefix="minegate-demo-"))
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        print(f"--dir {folder}: is not empty", file=sys.stderr)
        return 2
    code = 1
    try:
        code = _play(folder, asked)
    except (asyncio.CancelledError, KeyboardInterrupt):
        print("interrupted", file=sys.stderr)
    finally:
        if asked.dir is None and code == 0:
            shutil.rmtree(folder)
        elif asked.dir is None:
            print(f"kept for a look: {folder}", file=sys.stderr)
    return code


def _play(folder: Path, asked: argparse.Namespace) -> int:
    try:  # the extras are not part of what a gateway needs
        from rich.console import Console

        from minegate_tools.demo import bill
        from minegate_tools.demo.play import Kill, Wish, play
        from minegate_tools.demo.simulator import SimulatorLost
        from minegate_tools.demo.stage import Settings, StageError
    except ImportError as error:
        print(f"{_NEEDS} ({error})", file=sys.stderr)
        return 2
    console = Console()
    wish = Wish(
        Settings(asked.seed, asked.speed, asked.embedded), not asked.no_page, tuple(Kill(*kill) for kill in asked.kill)
    )
    try:
        account = asyncio.run(play(folder, wish, SystemClock(), console))
    except (StageError, SimulatorLost, OSError) as error:
        print(f"the demo could not be played: {error}", file=sys.stderr)
        return 1
    bill.show(console, account)
    if asked.json:
        bill.write(asked.json, account)
    return 0 if account.good else 1
