"""`minegate run`: the three processes of a site, checked first, kept running until Ctrl-C."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import NoReturn

_ABOUT = """\
Runs interlock, field and link of a site in this terminal. A process that ends is started again; without interlock or
field the power of the areas is off meanwhile. Ctrl-C or SIGTERM ends all three in order. A site that does not pass
`minegate check` is refused.
"""


def declare(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    command = commands.add_parser("run", help="run a site", description=_ABOUT)
    command.add_argument("dir", metavar="DIR", nargs="?", type=Path, default=Path(), help="the site's folder")
    command.set_defaults(do=_do)


def _do(asked: argparse.Namespace) -> int:
    folder = asked.dir.absolute()
    run_folder = _checked(folder)
    if run_folder is None:
        return 2
    # It opens no connection: asyncio does without ssl, as in a Python that was built without, and 1.3 MB are not taken.
    sys.modules["ssl"] = None  # type: ignore[assignment]  # how an import is told to fail
    import asyncio
    import logging

    from minegate_agent import supervisor
    from minegate_agent.clock import SystemClock

    logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
    try:
        asyncio.run(supervisor.run_site(folder, run_folder, SystemClock()))
    except supervisor.AlreadyRun as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{folder}: {error}", file=sys.stderr)
        return 1
    return 0


def _checked(folder: Path) -> Path | None:
    """Where the sockets of the site are; None if it does not pass, which is said.

    In a process of its own: what is loaded for it is not needed for the years in which the site runs.
    """
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(told)
        _check_and_tell(folder, tell)
    os.close(tell)
    with os.fdopen(told, "rb") as answer:
        run_folder = os.fsdecode(answer.read())
    _, status = os.waitpid(child, 0)
    return Path(run_folder) if os.waitstatus_to_exitcode(status) == 0 and run_folder else None


def _check_and_tell(folder: Path, tell: int) -> NoReturn:
    """The child of the fork: it ends here."""
    from minegate_agent.check import check

    report = check(folder)
    for problem in report.problems:
        print(problem, file=sys.stderr)
    if report.problems or report.site is None:
        sys.exit(2)
    os.write(tell, os.fsencode(report.site.run_folder))
    sys.exit(0)
