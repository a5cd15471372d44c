"""One process's hold on the gateway's disk: dead for it when the process is dead, whoever still asks."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from minegate_agent.link.disk import Entry, OpenFile
from minegate_sim.disk import Killed, PowerCut, SimDisk

Result = TypeVar("Result")


class HeldFile:
    """See OpenFile."""

    def __init__(self, held: HeldDisk, file: OpenFile) -> None:
        self._held = held
        self._file = file

    def write_at(self, at: int, data: bytes) -> None:
        """See OpenFile."""
        self._held.do(lambda: self._file.write_at(at, data))

    def truncate(self, size: int) -> None:
        """See OpenFile."""
        self._held.do(lambda: self._file.truncate(size))

    def fdatasync(self) -> None:
        """See OpenFile."""
        self._held.do(self._file.fdatasync)

    def close(self) -> None:
        """See OpenFile."""
        self._file.close()


class HeldDisk:
    """See Disk. `dies(error)` is called when the disk ends the process: a kill or a power cut at an operation."""

    def __init__(self, disk: SimDisk, dies: Callable[[Exception], None]) -> None:
        self._disk = disk
        self._dies = dies
        self._revoked = False
        self._locks: list[Callable[[], None]] = []

    def revoke(self) -> None:
        """The process is gone: the kernel releases its locks, and nothing more is written."""
        self._revoked = True
        for release in self._locks:
            release()
        self._locks.clear()

    def do(self, operation: Callable[[], Result]) -> Result:
        """The operation, as long as the process lives."""
        if self._revoked:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        try:
            return operation()
        except (Killed, PowerCut) as death:
            self.revoke()
            self._dies(death)
            raise OSError(errno.EIO, os.strerror(errno.EIO)) from death

    def make_folder(self, folder: Path) -> None:
        """See Disk."""
        self.do(lambda: self._disk.make_folder(folder))

    def lock(self, folder: Path) -> Callable[[], None]:
        """See Disk."""
        release = self.do(lambda: self._disk.lock(folder))
        self._locks.append(release)
        return release

    def list(self, folder: Path) -> list[Entry]:
        """See Disk."""
        return self.do(lambda: self._disk.list(folder))

    def create(self, path: Path) -> OpenFile:
        """See Disk."""
        return HeldFile(self, self.do(lambda: self._disk.create(path)))

    def open(self, path: Path) -> OpenFile:
        """See Disk."""
        return HeldFile(self, self.do(lambda: self._disk.open(path)))

    def read(self, path: Path, at: int, size: int) -> bytes:
        """See Disk."""
        return self.do(lambda: self._disk.read(path, at, size))

    def delete(self, path: Path) -> None:
        """See Disk."""
        self.do(lambda: self._disk.delete(path))

    def replace(self, old: Path, new: Path) -> None:
        """See Disk."""
        self.do(lambda: self._disk.replace(old, new))

    def sync_folder(self, folder: Path) -> None:
        """See Disk."""
        self.do(lambda: self._disk.sync_folder(folder))

    def free_bytes(self, folder: Path) -> int:
        """See Disk."""
        return self.do(lambda: self._disk.free_bytes(folder))
