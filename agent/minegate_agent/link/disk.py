"""The few things the journal asks of a disk, and the operating system's disk.

Tests and the simulator bring a second disk that forgets what was not synced, tears writes and fails on request.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol


class Entry(NamedTuple):
    """One file of a folder."""

    name: str
    size: int


class OpenFile(Protocol):
    """A file that is being written. Every operation raises OSError; a failed write may have written a part."""

    def write_at(self, at: int, data: bytes) -> None:
        """Write all of `data` at byte `at`; a gap before it reads as zeros. Not durable before `fdatasync`."""

    def truncate(self, size: int) -> None:
        """Cut the file to `size` bytes."""

    def fdatasync(self) -> None:
        """Return when content and size survive a power cut. After an error what was not synced is anybody's guess."""

    def close(self) -> None:
        """Give the descriptor back. Makes nothing durable."""


class Disk(Protocol):
    """Every operation raises OSError."""

    def make_folder(self, folder: Path) -> None:
        """Create the folder and its parents unless they exist."""

    def lock(self, folder: Path) -> Callable[[], None]:
        """Hold the folder for this writer; return what releases it. BlockingIOError while another one holds it."""

    def list(self, folder: Path) -> list[Entry]:
        """The files of the folder in no order."""

    def create(self, path: Path) -> OpenFile:
        """A new empty file, in place of an old one of that name. The name is durable after `sync_folder`."""

    def open(self, path: Path) -> OpenFile:
        """An existing file, for writing."""

    def read(self, path: Path, at: int, size: int) -> bytes:
        """Up to `size` bytes from byte `at`; fewer only at the end of the file."""

    def delete(self, path: Path) -> None:
        """Remove the name. Durable after `sync_folder`."""

    def replace(self, old: Path, new: Path) -> None:
        """Give the file `old` the name `new`, in place of a file of that name. Durable after `sync_folder`."""

    def sync_folder(self, folder: Path) -> None:
        """Return when the names in the folder survive a power cut."""

    def free_bytes(self, folder: Path) -> int:
        """What may still be written below this folder."""


class OsFile:
    """A descriptor of the operating system."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write_at(self, at: int, data: bytes) -> None:
        """See OpenFile."""
        left = memoryview(data)
        while left:
            written = os.pwrite(self._descriptor, left, at)
            left, at = left[written:], at + written

    def truncate(self, size: int) -> None:
        """See OpenFile."""
        os.ftruncate(self._descriptor, size)

    def fdatasync(self) -> None:
        """See OpenFile."""
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        """See OpenFile."""
        os.close(self._descriptor)


class OsDisk:
    """The operating system's files."""

    def make_folder(self, folder: Path) -> None:
        """See Disk."""
        if folder.is_dir():
            return
        folder.mkdir(parents=True, exist_ok=True)
        self.sync_folder(folder.parent)

    def lock(self, folder: Path) -> Callable[[], None]:
        """See Disk. The kernel releases the lock of a process that was killed."""
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise
        return lambda: os.close(descriptor)

    def list(self, folder: Path) -> list[Entry]:
        """See Disk."""
        with os.scandir(folder) as entries:
            return [Entry(entry.name, entry.stat().st_size) for entry in entries if entry.is_file()]

    def create(self, path: Path) -> OpenFile:
        """See Disk."""
        return OsFile(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640))

    def open(self, path: Path) -> OpenFile:
        """See Disk."""
        return OsFile(os.open(path, os.O_WRONLY | os.O_CLOEXEC))

    def read(self, path: Path, at: int, size: int) -> bytes:
        """See Disk."""
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.pread(descriptor, size, at)  # regular files answer in full except at their end
        finally:
            os.close(descriptor)

    def delete(self, path: Path) -> None:
        """See Disk."""
        path.unlink()

    def replace(self, old: Path, new: Path) -> None:
        """See Disk."""
        old.replace(new)

    def sync_folder(self, folder: Path) -> None:
        """See Disk."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def free_bytes(self, folder: Path) -> int:
        """See Disk."""
        free = os.statvfs(folder)
        return free.f_bavail * free.f_frsize


OS_DISK: Disk = OsDisk()
