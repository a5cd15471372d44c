"""A person's acts, handed to the interlock of this machine: reset, cut, calibrate, bypass, end, free-fan."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from minegate_agent.config import ConfigError
from minegate_interlock.lines import NAME_BYTES, TEXT_BYTES, Command, Verb
from minegate_tools import control
from minegate_tools.commands.site import run_folder


class _Act(NamedTuple):
    """One command: what it names, whether it takes minutes, and whether a reason must be given."""

    name: str
    verb: Verb
    subject: str
    help: str
    about: str
    timed: bool = False
    reasoned: bool = True


_ACTS = (
    _Act(
        "reset", Verb.RESET, "AREA", "permit power of an area again, if its interlock agrees",
        "Permit power again after a cut. Done by a person at the place, who has seen that it is safe: there is no way"
        " to do this over the uplink. The interlock refuses while any limit is not known to be met, and says which.",
        reasoned=False,
    ),
    _Act(
        "cut", Verb.CUT, "AREA", "cut power of an area now",
        "Command power off. Always obeyed; the area stays locked until a reset.",
    ),
    _Act(
        "calibrate", Verb.CALIBRATE, "POINT", "say that one point is being calibrated",
        "The point proves nothing meanwhile and its area is locked; what it reads is delivered, marked as calibration."
        " One point of an area at a time; it ends by itself.", timed=True,
    ),
    _Act(
        "bypass", Verb.BYPASS, "POINT", "excuse one lost point for a stated time, where the rules allow it",
        "The loss of the point does not lock its area meanwhile; a passed limit still cuts. Needs [bypass] in"
        " rules.toml and its budget of minutes a day; it ends by itself, and the lost point locks again.", timed=True,
    ),
    _Act(
        "end", Verb.END, "POINT", "end the calibration or the bypass of a point", "The point is judged again at once.",
        reasoned=False,
    ),
    _Act(
        "free-fan", Verb.FREE_FAN, "FAN", "release a fan lock by hand, to blow gas out under a plan",
        "FAN is the name of a [[fan_lock]]. It is not locked again by what had locked it, only by the next time.",
    ),
)  # fmt: skip


def declare(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands."""
    for act in _ACTS:
        command = commands.add_parser(act.name, help=act.help, description=act.about)
        command.add_argument("subject", metavar=act.subject, type=short(NAME_BYTES), help="as rules.toml names it")
        who_and_why(command, act.reasoned)
        if act.timed:
            command.add_argument("--minutes", metavar="N", type=int, required=True, help="how long; it ends by itself")
        command.set_defaults(do=_do, verb=act.verb, minutes=0)


def who_and_why(command: argparse.ArgumentParser, reasoned: bool) -> None:
    """The arguments that every person's act has."""
    command.add_argument("--dir", metavar="DIR", type=Path, default=Path(), help="the site's folder")
    command.add_argument("--by", metavar="NAME", type=short(NAME_BYTES), required=True, help="who does this")
    command.add_argument("--reason", metavar="TEXT", type=short(TEXT_BYTES), required=reasoned, help="why")


def short(bytes_max: int) -> Callable[[str], str]:
    """A text that fits the record it travels in."""

    def text(given: str) -> str:
        length = len(given.encode("utf-8"))
        if not 0 < length <= bytes_max:
            raise argparse.ArgumentTypeError(f"{length} bytes; 1 to {bytes_max} are possible")
        return given

    return text


def hand_over(folder: Path, command: Command) -> int:
    """Ask, tell the answer, and give the exit code."""
    try:
        answer = control.ask(run_folder(folder), command)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    except control.NoAnswer as error:
        print(error, file=sys.stderr)
        return 1
    print(answer.text, file=sys.stdout if answer.done else sys.stderr)
    return 0 if answer.done else 1


def _do(asked: argparse.Namespace) -> int:
    if not 0 <= asked.minutes <= 1440:
        print(f"--minutes {asked.minutes} is not within 0..1440", file=sys.stderr)
        return 2
    return hand_over(asked.dir, Command(asked.verb, asked.subject, asked.by, asked.reason or "", asked.minutes))
