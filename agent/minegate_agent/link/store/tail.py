"""The segment that is being written. It is trusted until a sync fails, and never after."""

from __future__ import annotations

import contextlib
from pathlib import Path

from minegate_agent.link.disk import Disk, OpenFile
from minegate_agent.link.store.form import HEADER_BYTES, Header, name_of, pack_header


class Tail:
    """Bytes up to `size` are durable; a try that failed may have left anything behind them."""

    def __init__(self, path: Path, size: int, file: OpenFile) -> None:
        self.path = path
        self.size = size
        self.trusted = True
        self._file = file

    @classmethod
    def start(cls, disk: Disk, folder: Path, header: Header) -> Tail:
        """A new segment with a durable header and name. It appears whole or not at all; raises OSError."""
        path = folder / name_of(header.first)
        fresh = path.with_suffix(".new")
        file = disk.create(fresh)
        try:
            file.write_at(0, pack_header(header))
            file.fdatasync()
            disk.replace(fresh, path)
            disk.sync_folder(folder)
        except OSError:
            _close(file)
            raise
        return cls(path, HEADER_BYTES, file)

    def write(self, group: bytes) -> None:
        """Returns when the group is durable behind all others. After an OSError nothing has changed.

        If writing failed, the next try writes over what this one left. If syncing failed, the kernel may have marked
        pages as clean that never reached the disk, and a second sync would succeed without them (PostgreSQL 2018,
        "fsyncgate"): what is not durable must be written again elsewhere.
        """
        self._file.write_at(self.size, group)
        self.trusted = False
        self._file.fdatasync()
        self.trusted = True
        self.size += len(group)

    def close(self) -> None:
        """Nothing is made durable by it, so an error of it says nothing."""
        _close(self._file)


def _close(file: OpenFile) -> None:
    with contextlib.suppress(OSError):
        file.close()
