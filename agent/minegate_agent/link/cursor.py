"""How far a consumer has confirmed: one number that survives a power cut at any moment and never goes back."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from minegate_agent.link.disk import OS_DISK, Disk, OpenFile
from minegate_agent.link.store.appear import appear, close_quietly

# Two slots, written in turn, a flash page apart: a write that tears one leaves the other.
_SLOT_APART = 4096
_SLOT = struct.Struct("<4sQQ")  # magic, how many moves there were, sequence
_CRC = struct.Struct("<I")
_SLOT_BYTES = _SLOT.size + _CRC.size
_MAGIC = b"mgc1"


class Cursor:
    """The watermark of one consumer. After a failure it is too low at worst: what was delivered is sent again."""

    def __init__(self, file: OpenFile, moves: int, sequence: int, trouble: str) -> None:
        self._file = file
        self._moves = moves
        self.sequence = sequence
        self.trouble = trouble

    @classmethod
    def open(cls, path: Path, disk: Disk = OS_DISK) -> Cursor:
        """Open or create. If no slot is whole, `sequence` is 0 and `trouble` says so in one line. Raises OSError.

        With a journal that no longer begins at 1, follow with `move(journal.first_sequence - 1)`.
        """
        try:
            found = disk.read(path, 0, _SLOT_APART + _SLOT_BYTES)
        except FileNotFoundError:
            disk.make_folder(path.parent)
            return cls(appear(disk, path, [_pack(0, 0)]), 0, 0, "")
        slots = [slot for at in (0, _SLOT_APART) if (slot := _unpack(found[at : at + _SLOT_BYTES])) is not None]
        if not slots:
            trouble = f"{path}: both slots damaged; everything the journal keeps is delivered again"
            return cls(appear(disk, path, [_pack(0, 0)]), 0, 0, trouble)
        moves, sequence = max(slots)
        return cls(_reopen(path, disk), moves, sequence, "")

    def move(self, sequence: int) -> None:
        """Returns when the disk has it; a lower sequence than the present one changes nothing. Waits for the disk.

        After an OSError `sequence` is the old one; the next move writes the same slot again.
        """
        if not sequence > self.sequence:
            return
        moves = self._moves + 1
        self._file.write_at(_SLOT_APART * (moves % 2), _pack(moves, sequence))
        self._file.fdatasync()
        self._moves, self.sequence = moves, sequence

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


def _pack(moves: int, sequence: int) -> bytes:
    slot = _SLOT.pack(_MAGIC, moves, sequence)
    return slot + _CRC.pack(zlib.crc32(slot))


def _unpack(data: bytes) -> tuple[int, int] | None:
    """(moves, sequence) of a whole slot."""
    if len(data) != _SLOT_BYTES or _CRC.unpack_from(data, _SLOT.size)[0] != zlib.crc32(data[: _SLOT.size]):
        return None
    magic, moves, sequence = _SLOT.unpack_from(data)
    return (moves, sequence) if magic == _MAGIC else None
