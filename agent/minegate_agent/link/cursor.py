"""How far a consumer has confirmed: a number and the ranges above it, which survive a power cut at any moment."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from minegate_agent.link.confirmed import Range
from minegate_agent.link.disk import OS_DISK, Disk, OpenFile
from minegate_agent.link.store.appear import appear, close_quietly

# Two slots, written in turn, a flash page apart: a write that tears one leaves the other.
_SLOT_APART = 4096
_SLOT = struct.Struct("<4sQQI")  # magic, how many moves there were, sequence, how many ranges above it
_RANGE = struct.Struct("<QQ")
_CRC = struct.Struct("<I")
_MAGIC = b"mgc2"
RANGES_MAX = 200  # what fits one slot; the largest are kept, the others are delivered again after a restart


class _Slot(NamedTuple):
    moves: int
    sequence: int
    ranges: tuple[Range, ...]


_NEW = _Slot(0, 0, ())


class Cursor:
    """The watermark of one consumer. After a failure it is too low at worst: what was delivered is sent again."""

    def __init__(self, file: OpenFile, slot: _Slot, trouble: str) -> None:
        self._file = file
        self._slot = slot
        self.trouble = trouble

    @property
    def sequence(self) -> int:
        """Everything up to it is confirmed."""
        return self._slot.sequence

    @property
    def highest(self) -> int:
        """No sequence above it is confirmed."""
        return self._slot.ranges[-1][1] if self._slot.ranges else self._slot.sequence

    @property
    def ranges(self) -> list[Range]:
        """What else is."""
        return list(self._slot.ranges)

    @classmethod
    def open(cls, path: Path, disk: Disk = OS_DISK) -> Cursor:
        """Open or create. If no slot is whole, `sequence` is 0 and `trouble` says so in one line. Raises OSError.

        With a journal that no longer begins at 1, follow with `move(journal.first_sequence - 1)`.
        """
        try:
            found = disk.read(path, 0, 2 * _SLOT_APART)
        except FileNotFoundError:
            disk.make_folder(path.parent)
            return cls(appear(disk, path, [_pack(_NEW)]), _NEW, "")
        slots = [slot for at in (0, _SLOT_APART) if (slot := _unpack(found[at : at + _SLOT_APART])) is not None]
        if not slots:
            trouble = f"{path}: both slots damaged; everything the journal keeps is delivered again"
            return cls(appear(disk, path, [_pack(_NEW)]), _NEW, trouble)
        return cls(_reopen(path, disk), max(slots), "")

    def move(self, sequence: int, ranges: Sequence[Range] = ()) -> None:
        """Returns when the disk has it; a lower sequence than the present one changes nothing. Waits for the disk.

        `ranges` are what is confirmed above it. After an OSError everything is as before; the next move writes the same
        slot again.
        """
        kept = sorted(sorted(ranges, key=lambda each: each[0] - each[1])[:RANGES_MAX])
        if sequence < self.sequence or (sequence == self.sequence and kept == self.ranges):
            return
        slot = _Slot(self._slot.moves + 1, sequence, tuple(kept))
        self._file.write_at(_SLOT_APART * (slot.moves % 2), _pack(slot))
        self._file.fdatasync()
        self._slot = slot

    def close(self) -> None:
        """Give the file back."""
        self._file.close()


def _reopen(path: Path, disk: Disk) -> OpenFile:
    """Name and content as they were found are durable: the process before may have ended between write and sync."""
    file = disk.open(path)
    try:
        file.fdatasync()
        disk.sync_folder(path.parent)
    except OSError:
        close_quietly(file)
        raise
    return file


def _pack(slot: _Slot) -> bytes:
    ranges = b"".join(_RANGE.pack(*each) for each in slot.ranges)
    packed = _SLOT.pack(_MAGIC, slot.moves, slot.sequence, len(slot.ranges)) + ranges
    return packed + _CRC.pack(zlib.crc32(packed))


def _unpack(data: bytes) -> _Slot | None:
    """A whole slot."""
    if len(data) < _SLOT.size:
        return None
    magic, moves, sequence, count = _SLOT.unpack_from(data)
    if magic != _MAGIC or count > RANGES_MAX:
        return None
    end = _SLOT.size + count * _RANGE.size
    if data[end : end + _CRC.size] != _CRC.pack(zlib.crc32(data[:end])):
        return None
    return _Slot(moves, sequence, tuple(_RANGE.iter_unpack(data[_SLOT.size : end])))
