"""A recording: a folder with the site as it was, what went over its buses, and what came of it. Read and written here.

gateway.toml, rules.toml ...    the site, and the files that its drivers need; no key
traffic.rec                     lines of field's record.sock (minegate_agent/field/tap.py), times from 0
result.txt                      what the code of that day made of it (replayed.py)
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from minegate_agent.config import ConfigError
from minegate_agent.site import Site, load_site
from minegate_drivers.catalogue import find
from minegate_drivers.ports import CanFrame, Message

TRAFFIC, RESULT = "traffic.rec", "result.txt"
SITE = ("gateway.toml", "rules.toml")
LINES_MAX = 20_000_000
_FRAME = re.compile(r"([0-9A-F]{3}|[0-9A-F]{8})#((?:[0-9a-f]{2})*)")


class RecordingError(Exception):
    """A recording that cannot be read. One line: file, line, what is wrong."""


class Asked(NamedTuple):
    """A request on a line: for which device, and how long it might take."""

    ms: float
    port: str
    device: int
    wait_ms: float
    data: bytes


class Came(NamedTuple):
    """Something heard on a port."""

    ms: float
    port: str
    what: bytes | CanFrame | Message


class Said(NamedTuple):
    """What field made of it at once: `words` as they stand in the file, without the time."""

    ms: float
    words: str


class Lost(NamedTuple):
    """So many lines did not get into the file here."""

    lines: int


Entry = Asked | Came | Said | Lost


def read(folder: Path) -> tuple[Site, list[Entry]]:
    """The site and the traffic of a recording. Raises RecordingError."""
    path = folder / TRAFFIC
    try:
        site = load_site(folder)
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError, ConfigError) as error:
        raise RecordingError(f"{folder}: {error}") from error
    kinds = {port.name: port.kind for port in site.config.port}
    return site, list(_entries(path, lines, kinds))


def _entries(path: Path, lines: Iterable[str], kinds: Mapping[str, str]) -> Iterator[Entry]:
    for number, line in enumerate(lines, 1):
        try:
            yield _entry(line, kinds)
        except (ValueError, KeyError, IndexError) as error:
            raise RecordingError(f"{path}:{number}: {line[:80]!r} is no line of a recording") from error


def _entry(line: str, kinds: Mapping[str, str]) -> Entry:
    if line.startswith("lost "):
        return Lost(int(line[5:]))
    time, _, rest = line.partition(" ")
    if rest[:1] in "=!":
        return Said(float(time), rest)
    port, way, what = rest.split(" ", 2)
    if kinds[port] == "serial" and way == ">":
        device, wait_ms, data = what.split(" ")
        return Asked(float(time), port, int(device), float(wait_ms), bytes.fromhex(data))
    heard: bytes | CanFrame | Message
    if kinds[port] == "serial":
        heard = bytes.fromhex(what)
    elif kinds[port] == "can":
        heard = _frame(what)
    else:
        topic, _, payload = what.partition(" ")
        heard = Message(topic, payload.encode())
    return Came(float(time), port if way == "<" else f">{port}", heard)


def _frame(text: str) -> CanFrame:
    found = _FRAME.fullmatch(text)
    if found is None:
        raise ValueError(text)
    return CanFrame(int(found[1], 16), bytes.fromhex(found[2]), len(found[1]) == 8)


def from_zero(lines: Iterable[str]) -> Iterator[str]:
    """The lines of a stream with the first one's time as 0; bounded by LINES_MAX."""
    begun_ms: float | None = None
    for number, line in enumerate(lines):
        if number >= LINES_MAX:
            return
        if line.startswith("lost "):
            yield line
            continue
        time, _, rest = line.partition(" ")
        begun_ms = float(time) if begun_ms is None else begun_ms
        yield f"{float(time) - begun_ms:.3f} {rest}"


def copy_site(site: Site, folder: Path) -> None:
    """Put what replaying needs into `folder`: the two files, and those that drivers name; never a key."""
    folder.mkdir(parents=True, exist_ok=True)
    names = {name for name in SITE if (site.folder / name).is_file()}
    for device in site.config.device:
        for key, option in find(device.driver).options.items():
            name = device.options.get(key, option.default)
            if option.file and isinstance(name, str) and (site.folder / name).is_file():
                names.add(name)
    for name in sorted(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(site.folder / name, folder / name)
