"""`minegate replay`: a recorded capture through its driver, as scans."""

from __future__ import annotations

import argparse
import difflib
import sys
from pathlib import Path

from minegate_drivers.capture import CaptureError, parse
from minegate_drivers.replay import scans

_ABOUT = """\
Plays a text capture (`minegate sniff`) through its driver and prints the scans that come out: line, time,
part, quality and the record as bytes. The same capture and driver give the same bytes, so what a new version of a
driver understands otherwise is seen at once:

  minegate replay gas.cap > gas.scans                   before
  minegate replay gas.cap --diff gas.scans              after; exit code 1 if a byte differs

What a capture itself expects of its frames is checked by `python -m minegate_drivers.testkit gas.cap`.
"""


def declare(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    command = commands.add_parser(
        "replay",
        help="play a capture through its driver",
        description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("capture", metavar="CAPTURE", type=Path, help="a text capture; files it names lie beside it")
    command.add_argument("--diff", metavar="SCANS", type=Path, help="compare with the output of an earlier replay")
    command.set_defaults(do=_do)


def _do(asked: argparse.Namespace) -> int:
    path: Path = asked.capture
    try:
        before = asked.diff.read_text(encoding="utf-8").splitlines() if asked.diff else None
        found = list(scans(parse(path.read_text(encoding="utf-8"), path.name), path.parent))
    except (OSError, UnicodeDecodeError, CaptureError, ValueError) as error:
        print(error if isinstance(error, OSError | CaptureError) else f"{path}: {error}", file=sys.stderr)
        return 2
    if before is None:
        print("".join(f"{line}\n" for line in found), end="")
        return 0
    differences = list(difflib.unified_diff(before, found, str(asked.diff), str(path), lineterm="", n=0))
    print("".join(f"{line}\n" for line in differences), end="")
    return 1 if differences else 0
