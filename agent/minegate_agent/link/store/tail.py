"""The segment that is being written. It is trusted until a sync fails, and never after."""

from __future__ import annotations

import contextlib
from pathlib import Path

from minegate_agent.link.disk import Disk, OpenFile
from minegate_agent.link.store.appear import appear, close_quietly
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
        """A new segment with a durable header and name. Raises OSError."""
        path = folder / name_of(header.first)
        return cls(path, HEADER_BYTES, appear(disk, path, [pack_header(header)]))

    def write(self, group: bytes) -> None:
        """Returns when the group is durable behind all others. After an OSError nothing has changed.

        If writing failed, the next try writes over what this one left. If syncing failed, the kernel may have marked
        pages as clean that never reached the disk, and a second sync would succeed without them (PostgreSQL 2018,
        "fsyncgate"): what is not durable must be written again elsewhere.
        """
        self._file.write_at(self.size, group)
        try:
            self._file.fdatasync()
        except OSError:
            self.trusted = False
            with contextlib.suppress(OSError):
                self._file.truncate(self.size)  # or the next process would read it from the cache and believe it
            raise
        self.size += len(group)

    def close(self) -> None:
        """Nothing is made durable by it."""
        close_quietly(self._file)
