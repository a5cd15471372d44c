"""`minegate record`: what goes over the buses of a running gateway, to be replayed on the code of another day."""

from __future__ import annotations

import argparse
import contextlib
import socket
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from minegate_agent.clock import SystemClock
from minegate_agent.config import ConfigError
from minegate_agent.site import load_site
from minegate_tools.bus.replayed import replayed
from minegate_tools.bus.traffic import RESULT, TRAFFIC, RecordingError, Said, copy_site, from_zero, read
from minegate_tools.commands.site import folder_argument

_ABOUT = """\
Records through field's own door (record.sock): the ports stay field's, nothing is opened twice, and the buses do not
notice. FOLDER gets the site's two files and what its drivers need, the traffic, and what this version makes of it:

  minegate record SITE --out monday --seconds 600
  minegate replay monday --diff          on another version: what it understands and judges otherwise

A port with `isolate = true` has a process of its own and is not recorded. One recorder at a time.
"""
DOOR = "record.sock"
PIECE_BYTES = 65_536
SECONDS_MAX = 86_400.0


def declare(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    command = commands.add_parser(
        "record",
        help="record the buses of a running gateway",
        description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    folder_argument(command)
    command.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="a folder that is not there yet")
    command.add_argument("--seconds", type=float, default=SECONDS_MAX, help="how long; until Ctrl-C if it is left out")
    command.set_defaults(do=_do)


def _do(asked: argparse.Namespace) -> int:
    if asked.out.exists():
        print(f"{asked.out}: exists already", file=sys.stderr)
        return 2
    if not 0 < asked.seconds <= SECONDS_MAX:
        print(f"--seconds {asked.seconds:g}: not within 0..{SECONDS_MAX:g}", file=sys.stderr)
        return 2
    try:
        site = load_site(asked.dir)
        line = _connected(site.run_folder / DOOR)
        copy_site(site, asked.out)
        _write(asked.out, from_zero(_lines(line, asked.seconds)))
        print(finish(asked.out))
    except (ConfigError, RecordingError) as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{error.filename or site.run_folder / DOOR}: {error.strerror}; is field running?", file=sys.stderr)
        return 1
    return 0


def finish(folder: Path) -> str:
    """Replay what was recorded, keep the result beside it, and say in one line how it compares with what field said."""
    site, traffic = read(folder)
    result = replayed(folder, site, traffic)
    (folder / RESULT).write_text("".join(f"{line}\n" for line in result), encoding="utf-8")
    live = Counter(entry.words for entry in traffic if isinstance(entry, Said) and entry.words[0] == "=")
    again: Counter[str] = Counter()
    numbers = {device.name: device.number for device in site.devices.values()}
    for line in result:
        name, what, *rest = line.split()[1:]
        if what == "part" and name in numbers:
            again[f"{numbers[name]} {rest[0]} {rest[2]}"] += 1
    alike = (Counter({_without_quality(words): count for words, count in live.items()}) & again).total()
    verdicts = sum(" verdict " in line for line in result)
    return f"{folder}: {len(traffic)} lines, {live.total()} scans, {alike} of them again on replay, {verdicts} verdicts"


def _without_quality(words: str) -> str:
    _, device, part, _, record = words.split()
    return f"{device} {part} {record}"


def _connected(door: Path) -> socket.socket:
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        line.connect(str(door))
    except OSError:
        line.close()
        raise
    return line


def _lines(line: socket.socket, seconds: float) -> Iterator[str]:
    """Whole lines until the time is over, Ctrl-C, or field hangs up. RecordingError if somebody records already."""
    clock, rest = SystemClock(), b""
    until_ms = clock.monotonic_ms() + int(1000 * seconds)
    with line, contextlib.suppress(KeyboardInterrupt):
        while (left_ms := until_ms - clock.monotonic_ms()) > 0:
            line.settimeout(left_ms / 1000)
            try:
                data = line.recv(PIECE_BYTES)
            except TimeoutError:
                return
            if not data:
                return
            *whole, rest = (rest + data).split(b"\n")
            for each in whole:
                if each == b"busy":
                    raise RecordingError("somebody else records this gateway already")
                yield each.decode()


def _write(folder: Path, lines: Iterator[str]) -> None:
    with (folder / TRAFFIC).open("w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)
