"""`minegate run`: the three processes of a site, checked first, kept running until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys

from minegate_agent import supervisor
from minegate_agent.check import check
from minegate_agent.clock import SystemClock
from minegate_tools.commands.site import folder_argument, run_folder

_ABOUT = """\
Runs interlock, field and link of a site in this terminal. A process that ends is started again; without interlock or
field the power of the areas is off meanwhile. Ctrl-C or SIGTERM ends all three in order. A site that does not pass
`minegate check` is refused.
"""


def declare(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    command = commands.add_parser("run", help="run a site", description=_ABOUT)
    folder_argument(command)
    command.set_defaults(do=_do)


def _do(asked: argparse.Namespace) -> int:
    folder = asked.dir.absolute()
    report = check(folder)
    for problem in report.problems:
        print(problem, file=sys.stderr)
    if report.problems:
        return 2
    logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
    try:
        asyncio.run(supervisor.run_site(folder, run_folder(folder), SystemClock()))
    except supervisor.AlreadyRun as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{folder}: {error}", file=sys.stderr)
        return 1
    return 0
