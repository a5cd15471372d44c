"""A file of the simulated disk, and what a power cut makes of writes that were under way. Pure."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

SECTOR_BYTES = 512


@dataclass(eq=False)
class Inode:
    """Known by its own identity, as an inode is."""

    now: bytearray = field(default_factory=bytearray)  # what a read sees
    durable: bytearray = field(default_factory=bytearray)  # what a power cut leaves at least
    unsynced: list[tuple[int, bytes | None]] = field(default_factory=list)  # (at, written) or (size, None): truncated


class Tear(NamedTuple):
    """What a power cut leaves of the writes that were under way: the first `at` bytes of them, or all but sector `at`
    of the file, which reads as zeros or as it was before.
    """

    kind: Literal["prefix", "zeroed", "stale"]
    at: int


def apply(content: bytearray, at: int, data: bytes | None) -> None:
    """Write at that byte, or cut to that size."""
    if data is None:
        del content[at:]
        content.extend(bytes(at - len(content)))
        return
    content.extend(bytes(max(at - len(content), 0)))
    content[at : at + len(data)] = data


def torn_so(inode: Inode, tear: Tear) -> bytearray:
    """What the medium has of the file then."""
    content, left = bytearray(inode.durable), tear.at if tear.kind == "prefix" else sys.maxsize
    for at, data in inode.unsynced:
        apply(content, at, data if data is None else data[:left])
        left -= len(data or b"")
        if left <= 0:
            break
    if tear.kind != "prefix":
        for at, data in inode.unsynced:
            _lose_sector(content, inode.durable, tear, at, at + len(data or b""))
    return content


def _lose_sector(content: bytearray, before: bytearray, tear: Tear, begin: int, end: int) -> None:
    """Of what was written from `begin` to `end`; what else is in the sector keeps its bytes."""
    begin, end = max(begin, tear.at * SECTOR_BYTES), min(end, (tear.at + 1) * SECTOR_BYTES, len(content))
    if begin < end:
        old = before[begin:end] if tear.kind == "stale" else b""
        content[begin:end] = bytes(old).ljust(end - begin, b"\0")
