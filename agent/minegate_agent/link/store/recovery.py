"""Opening: what is there, and where the last segment really ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from minegate_agent.link.disk import Disk, Entry
from minegate_agent.link.records import origin_of
from minegate_agent.link.store.appear import FRESH_SUFFIX, appear, close_quietly
from minegate_agent.link.store.chain import START, linked
from minegate_agent.link.store.form import (
    HEADER_BYTES,
    STUB,
    Header,
    Name,
    Origin,
    Stored,
    Strange,
    said_by,
    unpack_header,
)
from minegate_agent.link.store.origins import Origins
from minegate_agent.link.store.shelf import Segment
from minegate_agent.link.store.tail import Tail
from minegate_agent.link.store.thinning import NO_READINGS
from minegate_agent.link.store.walk import Walk
from minegate_agent.link.store.window import CHUNK_BYTES, Window

_SEQUENCE_MAX = 2**63


class NotOurs(Exception):  # noqa: N818 - says what the folder is
    """A folder this program must not write to. The text names file and reason."""


class Recovered(NamedTuple):
    """`tail` is None if the next record must start a new segment. `cut_bytes` of a torn tail went.

    `chain` is the hash chain behind the last record.
    """

    segments: list[Segment]
    origins: Origins
    tail: Tail | None
    cut_bytes: int
    chain: bytes


def recover(disk: Disk, folder: Path) -> Recovered:
    """Read every header and walk through the last segment only. Raises NotOurs or OSError."""
    entries = disk.list(folder)
    current, left_over = latest(entries)
    for name in [*(entry.name for entry in entries if entry.name.endswith(FRESH_SUFFIX)), *left_over]:
        disk.delete(folder / name)
    headers = [_header(disk, folder, name.first, entry) for name, entry in current]
    segments = [
        Segment(folder / entry.name, name.first, name.first - 1, entry.size, name.level, name.level == NO_READINGS)
        for name, entry in current
    ]
    for segment, following in pairwise(segments):
        segment.last = following.first - 1
    origins, chain = _before_last(disk, segments, headers)
    if not segments:
        return Recovered(segments, origins, None, 0, chain)
    disk.sync_folder(folder)  # the process before may have failed to, and what is appended now needs the file's name
    newest = headers[-1]
    trusted = newest is not None and not newest.thinned
    tail, cut_bytes, chain = _reopen(disk, segments[-1], origins, chain, trusted=trusted)
    return Recovered(segments, origins, tail, cut_bytes, chain)


def latest(entries: Iterable[Entry]) -> tuple[list[tuple[Name, Entry]], list[str]]:
    """The segments in order, and the names of files that a more thinned one stands for."""
    found: dict[int, tuple[Name, Entry]] = {}
    left_over: list[str] = []
    for entry in entries:
        name = said_by(entry.name)
        if name is None:
            continue
        other = found.setdefault(name.first, (name, entry))
        if other[0].level < name.level:
            found[name.first] = (name, entry)
            left_over.append(other[1].name)
        elif other[0] != name:
            left_over.append(entry.name)
    return sorted(found.values()), left_over


def _header(disk: Disk, folder: Path, first: int, entry: Entry) -> Header | None:
    """None if it is damaged: the name says where the segment starts, and other headers know the origins."""
    path = folder / entry.name
    try:
        header = unpack_header(Window(disk, path, min(entry.size, HEADER_BYTES)).see(0, HEADER_BYTES)[0])
    except Strange as strange:
        if strange.format:
            raise NotOurs(f"{path}: {strange}") from strange
        return None
    return header if header.first == first else None


def _before_last(disk: Disk, segments: list[Segment], headers: list[Header | None]) -> tuple[Origins, bytes]:
    """Origins and chain: the newest whole header's, and what the segments between it and the last one add."""
    newest = next((i for i in reversed(range(len(headers))) if headers[i] is not None), 0)
    header = headers[newest] if headers else None
    origins = Origins(header.origins if header is not None else None)
    chain = header.chain if header is not None else START
    for segment in segments[newest:-1]:
        for stored in Walk(Window(disk, segment.path, segment.size), HEADER_BYTES, segment.first - 1, segment.last):
            chain = _followed(stored, origins, chain)
    return origins, chain


def _followed(stored: Stored, origins: Origins, chain: bytes) -> bytes:
    if stored.klass == STUB:
        return chain
    origins.note(origin_in(stored))
    return linked(chain, stored.sequence, stored.klass, stored.body)


def origin_in(stored: Stored) -> Origin | None:
    """What was said beside the body goes before what the body says of itself."""
    return stored.origin or origin_of(stored.klass, stored.body)


def _reopen(
    disk: Disk, last: Segment, origins: Origins, chain: bytes, *, trusted: bool
) -> tuple[Tail | None, int, bytes]:
    """Find the end of the last segment, cut what is behind it, and make durable what a killed process had written.

    Without that sync a record could be delivered out of the page cache, vanish in a power cut, and its sequence be
    given to another record.
    """
    walk = Walk(Window(disk, last.path, last.size), HEADER_BYTES, last.first - 1, _SEQUENCE_MAX)
    for stored in walk:
        chain = _followed(stored, origins, chain)
    cut_bytes = max(last.size - walk.whole, 0)
    last.last, last.size = walk.sequence, max(walk.whole, HEADER_BYTES)
    file = disk.open(last.path)
    try:
        if cut_bytes:
            file.truncate(last.size)  # a torn tail was never acknowledged, so nobody was promised it
        file.fdatasync()
    except OSError:
        close_quietly(file)
        file = appear(disk, last.path, _chunks(disk, last))  # after a failed sync only a new file can be trusted
    tail = Tail(last.path, last.size, file)
    tail.trusted = trusted  # a thinned segment or one without a header is not written on
    return tail, cut_bytes, chain


def _chunks(disk: Disk, segment: Segment) -> Iterator[bytes]:
    window = Window(disk, segment.path, segment.size)
    for at in range(0, segment.size, CHUNK_BYTES):
        buffer, index = window.see(at, CHUNK_BYTES)
        yield buffer[index : index + CHUNK_BYTES]
