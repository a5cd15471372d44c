"""`minegate reset` and `minegate cut`: a person's act, handed to the interlock of this machine."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from minegate_agent.config import ConfigError
from minegate_interlock.lines import NAME_BYTES, TEXT_BYTES, Command, Verb
from minegate_tools import control
from minegate_tools.commands.site import run_folder

_RESET = """\
Permit power again after a cut. Done by a person at the place, who has seen that it is safe: there is no way to do this
over the uplink. The interlock refuses while any limit is not known to be met, and says which.
"""
_CUT = """\
Command power off. Always obeyed; the area stays locked until a reset.
"""


def declare(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the two commands."""
    reset = commands.add_parser(
        "reset", help="permit power of an area again, if its interlock agrees", description=_RESET
    )
    cut = commands.add_parser("cut", help="cut power of an area now", description=_CUT)
    for command, verb in ((reset, Verb.RESET), (cut, Verb.CUT)):
        command.add_argument("area", metavar="AREA", type=_short(NAME_BYTES), help="as rules.toml names it")
        command.add_argument("--dir", metavar="DIR", type=Path, default=Path(), help="the site's folder")
        command.add_argument("--by", metavar="NAME", type=_short(NAME_BYTES), required=True, help="who does this")
        command.add_argument("--reason", metavar="TEXT", type=_short(TEXT_BYTES), required=verb is Verb.CUT, help="why")
        command.set_defaults(do=_do, verb=verb)


def _short(bytes_max: int) -> Callable[[str], str]:
    def text(given: str) -> str:
        length = len(given.encode("utf-8"))
        if not 0 < length <= bytes_max:
            raise argparse.ArgumentTypeError(f"{length} bytes; 1 to {bytes_max} are possible")
        return given

    return text


def _do(asked: argparse.Namespace) -> int:
    try:
        answer = control.ask(run_folder(asked.dir), Command(asked.verb, asked.area, asked.by, asked.reason or ""))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    except control.NoAnswer as error:
        print(error, file=sys.stderr)
        return 1
    print(answer.text, file=sys.stdout if answer.done else sys.stderr)
    return 0 if answer.done else 1
