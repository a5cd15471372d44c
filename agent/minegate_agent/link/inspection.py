"""Looking through a journal without opening it: reads only, needs no lock, works beside the process that writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from minegate_agent.link.disk import OS_DISK, Disk, Entry
from minegate_agent.link.store.chain import START
from minegate_agent.link.store.form import HEADER_BYTES, STUB, Name, Strange, unpack_header
from minegate_agent.link.store.reader import Record
from minegate_agent.link.store.recovery import latest
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
    thinned: bool = False


class Gap(NamedTuple):
    """Sequences `first`..`last` should be in this file from this byte on and are not."""

    file: str
    offset: int
    first: int
    last: int


class Thinned(NamedTuple):
    """Sequences `first`..`last` were taken out of this file to keep the byte budget; a loss event tells of them."""

    file: str
    first: int
    last: int


class Torn(NamedTuple):
    """Bytes behind the last whole record of the last file: a write that was cut short, or one that is going on."""

    file: str
    offset: int
    size: int


Seen = SegmentSeen | Record | Gap | Thinned | Torn


def inspect(folder: Path, disk: Disk = OS_DISK, first: int = 1, last: int = _SEQUENCE_MAX) -> Iterator[Seen]:
    """Everything in the order of the files. Raises OSError; what is damaged is yielded, never raised.

    Files that hold nothing from `first` to `last` are passed over.

    A file that the running site gives up or thins meanwhile is passed over from there on, or read on in its new form.
    """
    current, _ = latest(disk.list(folder))
    followers = [*(name.first for name, _ in current[1:]), None]
    for (name, entry), following in zip(current, followers, strict=False):
        if name.first > last or (following is not None and following <= first):
            continue
        after = name.first - 1
        yield _segment(disk, folder, name, entry)
        for seen in _records(disk, folder, entry, after, following):
            if isinstance(seen, Gap) and (changed := _changed(disk, folder, name, entry)):
                yield from _records(disk, folder, changed[0], after, following) if changed[0] else ()
                break
            yield seen
            if isinstance(seen, Record | Thinned):
                after = seen.sequence if isinstance(seen, Record) else seen.last


def _changed(disk: Disk, folder: Path, name: Name, entry: Entry) -> tuple[Entry | None] | None:
    """None if the file is still there; else what stands for it now, if anything does."""
    entries = disk.list(folder)
    if any(each.name == entry.name for each in entries):
        return None
    return (next((each for found, each in latest(entries)[0] if found.first == name.first), None),)


def _segment(disk: Disk, folder: Path, name: Name, entry: Entry) -> SegmentSeen:
    file, first, size = entry.name, name.first, entry.size
    try:
        header = unpack_header(Window(disk, folder / file, min(size, HEADER_BYTES)).see(0, HEADER_BYTES)[0])
    except Strange as strange:
        return SegmentSeen(file, first, size, str(strange), {})
    strange_name = "" if header.first == first else f"header says it starts at {header.first}"
    if header.thinned != bool(name.level):
        strange_name = f"header says it is {'thinned' if header.thinned else 'whole'}"
    return SegmentSeen(file, first, size, strange_name, header.origins, header.chain, header.checksum, header.thinned)


def _records(
    disk: Disk, folder: Path, entry: Entry, after: int, following: int | None
) -> Iterator[Record | Gap | Thinned | Torn]:
    """Everything above `after` in this file."""
    file = entry.name
    last = _SEQUENCE_MAX if following is None else following - 1
    walk = Walk(Window(disk, folder / file, entry.size), HEADER_BYTES, after, last)
    expected, whole = after + 1, HEADER_BYTES
    for stored in walk:
        begin = max(expected, stored.sequence - stored.gone)
        if begin > expected:
            yield Gap(file, whole, expected, begin - 1)
        upto = stored.sequence if stored.klass == STUB else stored.sequence - 1
        if upto >= begin:
            yield Thinned(file, begin, upto)
        if stored.klass != STUB:
            yield Record(stored.sequence, stored.klass, stored.body)
        expected, whole = stored.sequence + 1, stored.end
    if following is not None and expected <= last:
        yield Gap(file, whole, expected, last)
    if following is None and walk.whole < entry.size:
        yield Torn(file, walk.whole, entry.size - walk.whole)
