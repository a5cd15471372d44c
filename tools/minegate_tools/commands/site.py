"""The argument that names a site, and what commands need of it before anything runs."""

from __future__ import annotations

import argparse
from pathlib import Path

from minegate_agent.config import load
from minegate_agent.site import FILE


def folder_argument(command: argparse.ArgumentParser) -> None:
    """Take the site as a positional argument; the working directory if it is left out."""
    command.add_argument("dir", metavar="DIR", nargs="?", type=Path, default=Path(), help="the site's folder")


def run_folder(folder: Path) -> Path:
    """Where the sockets of the site in `folder` are. Raises ConfigError."""
    config, _ = load(folder / FILE)
    return folder / config.run_folder
