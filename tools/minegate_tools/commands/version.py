"""`minegate version`: which minegate on which Python."""

from __future__ import annotations

import argparse
import platform
from importlib.metadata import version


def declare(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    commands.add_parser("version", help="which minegate on which Python").set_defaults(do=_do)


def _do(_: argparse.Namespace) -> int:
    print(f"minegate {version('minegate')}, Python {platform.python_version()}, {platform.machine()}")
    return 0
