"""A segment file seen through one chunk at a time; a spot that the medium cannot read shows as zeros."""

from __future__ import annotations

import errno
from pathlib import Path

from minegate_agent.link.disk import Disk

CHUNK_BYTES = 1 << 18
_SPOT_BYTES = 4096
# What Linux returns for a bad spot of the medium: block layer EIO and ENODATA (blk_status_t), EREMOTEIO from some
# drives, EUCLEAN from a file system whose own checksum failed. Anything else (too many open files) is not damage.
_MEDIUM_ERRORS = (errno.EIO, errno.ENODATA, errno.EREMOTEIO, errno.EUCLEAN)


class Window:
    """Bytes of the file before `end`. Holds one chunk; a file that is gone looks empty."""

    def __init__(self, disk: Disk, path: Path, end: int) -> None:
        self._disk = disk
        self._path = path
        self._chunk = b""
        self._chunk_at = 0
        self.end = end

    def see(self, at: int, size: int) -> tuple[bytes, int]:
        """A buffer and the index in it of byte `at`; `size` bytes follow unless the file ends before.

        Raises OSError if the disk itself is away, which is not the same as a bad spot.
        """
        index = at - self._chunk_at
        if not (index >= 0 and index + size <= len(self._chunk)):
            self._chunk = self._load(at, min(max(size, CHUNK_BYTES), self.end - at))
            self._chunk_at, index = at, 0
        return self._chunk, index

    def _load(self, at: int, size: int) -> bytes:
        if size <= 0:
            return b""
        try:
            return self._disk.read(self._path, at, size)
        except FileNotFoundError:
            return b""
        except OSError as error:
            if error.errno not in _MEDIUM_ERRORS:
                raise
            return self._around_bad_spots(at, size, error)

    def _around_bad_spots(self, at: int, size: int, error: OSError) -> bytes:
        """Spot by spot, zeros for the bad ones. If nothing can be read the disk is away and nothing is lost yet."""
        spots, bad, position = [], 0, at
        while position < at + size:
            wanted = min(_SPOT_BYTES - position % _SPOT_BYTES, at + size - position)
            try:
                spots.append(self._disk.read(self._path, position, wanted))
            except OSError as spot_error:
                if spot_error.errno not in _MEDIUM_ERRORS:
                    raise
                spots.append(bytes(wanted))
                bad += 1
            position += wanted
        if bad == len(spots) and size > _SPOT_BYTES:
            raise error
        return b"".join(spots)
