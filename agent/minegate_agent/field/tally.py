"""How much this field process has produced, in a file that survives kill -9: written before an item goes anywhere.

Two slots in a memory map, written in turn, each with its own sum, so that a process that dies in the middle of one
leaves the other. The page cache outlives the process. It does not outlive the machine: link says so (link/intake.py).
"""

from __future__ import annotations

import mmap
import os
import struct
import zlib
from pathlib import Path

_SLOT = struct.Struct("<IQI")  # boot, number, CRC-32 of both
_HEAD = struct.Struct("<IQ")
_FILE_BYTES = 64


class Tally:
    """`previous` is (boot, number) of the process before this one, or None; `boot` and `number` are this one's."""

    def __init__(self, path: Path, boot: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            if os.fstat(descriptor).st_size < _FILE_BYTES:
                os.truncate(descriptor, _FILE_BYTES)
            self._map = mmap.mmap(descriptor, _FILE_BYTES)
        finally:
            os.close(descriptor)
        self.previous = self._read()
        self.boot = boot
        self.number = 0
        self._map[:] = bytes(_FILE_BYTES)
        self._write()

    def next(self) -> int:
        """The number of the item that is being produced now."""
        self.number += 1
        self._write()
        return self.number

    def close(self) -> None:
        """Let go of the file."""
        self._map.close()

    def _write(self) -> None:
        number = self.number
        total = zlib.crc32(_HEAD.pack(self.boot, number))
        _SLOT.pack_into(self._map, number % 2 * _SLOT.size, self.boot, number, total)

    def _read(self) -> tuple[int, int] | None:
        return _newest(self._map)


def noted(path: Path) -> tuple[int, int] | None:
    """(boot, number) that the file at `path` holds now, for somebody who only looks; None if it holds nothing."""
    try:
        held = path.read_bytes()
    except FileNotFoundError:
        return None
    return _newest(held) if len(held) == _FILE_BYTES else None


def _newest(held: bytes | mmap.mmap) -> tuple[int, int] | None:
    found = []
    for slot in (0, _SLOT.size):
        boot, number, total = _SLOT.unpack_from(held, slot)
        if boot and zlib.crc32(_HEAD.pack(boot, number)) == total:
            found.append((number, boot))
    if not found:
        return None
    number, boot = max(found)
    return boot, number
