"""Looking through a journal without opening it: reads only, needs no lock, works beside the process that writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from minegate_agent.link.disk import OS_DISK, Disk
from minegate_agent.link.store.chain import START
from minegate_agent.link.store.form import HEADER_BYTES, Strange, first_of, unpack_header
from minegate_agent.link.store.reader import Record
from minegate_agent.link.store.walk import Walk
from minegate_agent.link.store.window import Window

_SEQUENCE_MAX = 2**63


class SegmentSeen(NamedTuple):
    """A file, before its records. `strange` is empty or says what its header is; `origins` as in the header."""

    file: str
    first: int
    size: int
    strange: str
    origins: dict[int, int]
    chain: bytes = START
    checksum: int = 0


class Gap(NamedTuple):
    """Sequences `first`..`last` should be in this file from this byte on and are not."""

    file: str
    offset: int
    first: int
    last: int


class Torn(NamedTuple):
    """Bytes behind the last whole record of the last file: a write that was cut short, or one that is going on."""

    file: str
    offset: int
    size: int


Seen = SegmentSeen | Record | Gap | Torn


def inspect(folder: Path, disk: Disk = OS_DISK) -> Iterator[Seen]:
    """Everything in the order of the files. Raises OSError; what is damaged is yielded, never raised."""
    sized = sorted((first, entry) for entry in disk.list(folder) if (first := first_of(entry.name)) is not None)
    followers = [first for first, _ in sized[1:]]
    for (first, entry), following in zip(sized, [*followers, None], strict=True):
        window = Window(disk, folder / entry.name, entry.size)
        yield _segment(window, entry.name, first, entry.size)
        yield from _records(window, entry.name, first, following)


def _segment(window: Window, file: str, first: int, size: int) -> SegmentSeen:
    try:
        header = unpack_header(window.see(0, HEADER_BYTES)[0])
    except Strange as strange:
        return SegmentSeen(file, first, size, str(strange), {})
    renamed = "" if header.first == first else f"header says it starts at {header.first}"
    return SegmentSeen(file, first, size, renamed, header.origins, header.chain, header.checksum)


def _records(window: Window, file: str, first: int, following: int | None) -> Iterator[Record | Gap | Torn]:
    last = _SEQUENCE_MAX if following is None else following - 1
    walk = Walk(window, HEADER_BYTES, first - 1, last)
    expected, whole = first, HEADER_BYTES
    for stored in walk:
        if stored.sequence > expected:
            yield Gap(file, whole, expected, stored.sequence - 1)
        yield Record(stored.sequence, stored.klass, stored.body)
        expected, whole = stored.sequence + 1, stored.end
    if following is not None and expected <= last:
        yield Gap(file, whole, expected, last)
    if following is None and walk.whole < window.end:
        yield Torn(file, walk.whole, window.end - walk.whole)
