"""`minegate replay`: a capture through its driver, or a whole recording through field and the judge."""

from __future__ import annotations

import argparse
import difflib
import sys
from pathlib import Path

from minegate_drivers.capture import CaptureError, parse
from minegate_drivers.replay import scans
from minegate_tools.bus.extract import capture
from minegate_tools.bus.replayed import replayed
from minegate_tools.bus.traffic import RESULT, RecordingError, read

OWN = Path()  # `--diff` without a file

_ABOUT = """\
Plays a text capture (`minegate sniff`) through its driver and prints the scans that come out: line, time,
part, quality and the record as bytes. The same capture and driver give the same bytes, so what a new version of a
driver understands otherwise is seen at once:

  minegate replay gas.cap > gas.scans                   before
  minegate replay gas.cap --diff gas.scans              after; exit code 1 if a byte differs

A folder from `minegate record` is played through all of its drivers and the judge, each request and answer at its time;
`--diff` without a file compares with what the version that recorded it made of it:

  minegate replay monday --diff                         differing requests, scans and verdicts; exit code 1 if any
  minegate replay monday --capture T1-head > T1.cap     one device of it as a capture: a test for its driver

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
    command.add_argument("capture", metavar="CAPTURE", type=Path, help="a text capture, or a folder from `record`")
    command.add_argument(
        "--diff", metavar="SCANS", type=Path, nargs="?", const=OWN, help="compare with the output of an earlier replay"
    )
    command.add_argument("--capture", metavar="DEVICE", dest="device", help="print one device's part as a text capture")
    command.set_defaults(do=_do)


def _do(asked: argparse.Namespace) -> int:
    path: Path = asked.capture
    against: Path | None = asked.diff
    if against == OWN:
        against = path / RESULT
        if not path.is_dir():
            print(f"{path}: a capture has no result of its own; name a file after --diff", file=sys.stderr)
            return 2
    try:
        if asked.device is not None:
            print("".join(f"{line}\n" for line in capture(*read(path), asked.device)), end="")
            return 0
        before = against.read_text(encoding="utf-8").splitlines() if against else None
        found = _found(path)
    except (OSError, UnicodeDecodeError, CaptureError, RecordingError, ValueError) as error:
        plain = isinstance(error, OSError | CaptureError | RecordingError)
        print(error if plain else f"{path}: {error}", file=sys.stderr)
        return 2
    if before is None:
        print("".join(f"{line}\n" for line in found), end="")
        return 0
    differences = list(difflib.unified_diff(before, found, str(against), str(path), lineterm="", n=0))
    print("".join(f"{line}\n" for line in differences), end="")
    return 1 if differences else 0


def _found(path: Path) -> list[str]:
    if path.is_dir():
        return replayed(path, *read(path))
    return list(scans(parse(path.read_text(encoding="utf-8"), path.name), path.parent))
