"""A disk in memory that forgets what was not synced, tears writes, and fails or loses power at the n-th operation.

A second real implementation of `minegate_agent.link.disk.Disk`: what chance decides comes from the seed.
"""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from minegate_agent.link.disk import Entry, OpenFile
from minegate_sim.torn import SECTOR_BYTES, Inode, Tear, apply, torn_so

SPOT_BYTES = 4096


class PowerCut(Exception):  # noqa: N818 - says what happened
    """From here on nothing reaches the disk."""


class Killed(Exception):  # noqa: N818 - says what happened
    """The process ends here; what the kernel holds stays, and the next process sees it."""


POWER_CUT = 0
KILL = -1


_Change = Callable[[dict[Path, Inode]], object]


class _SimFile:
    def __init__(self, disk: SimDisk, inode: Inode) -> None:
        self._disk = disk
        self._inode = inode

    def write_at(self, at: int, data: bytes) -> None:
        room = self._disk.room_for(self._inode, at + len(data))
        written = data[: max(room - at, 0)] if room < at + len(data) else data
        error = self._disk.step("write_at")
        if error:
            written = written[: self._disk.chance.randint(0, len(written))]
        apply(self._inode.now, at, written)
        self._inode.unsynced.append((at, written))
        self._disk.finish(error or (errno.ENOSPC if len(written) < len(data) else 0))

    def truncate(self, size: int) -> None:
        error = self._disk.step("truncate")
        if not error:
            apply(self._inode.now, size, None)
            self._inode.unsynced.append((size, None))
        self._disk.finish(error)

    def fdatasync(self) -> None:
        error = self._disk.step("fdatasync")
        if error:
            # As Linux does: what a failed sync did not write is clean afterwards, and no later sync writes it.
            self._inode.durable = self._disk.torn(self._inode)
            self._inode.unsynced.clear()
        elif not self._disk.dead:  # else it is torn when the power is back
            for at, data in self._inode.unsynced:
                apply(self._inode.durable, at, data)
            self._inode.unsynced.clear()
        self._disk.finish(error)

    def close(self) -> None:
        pass


class SimDisk:
    """`faults`: operation number (from 1) to errno, POWER_CUT or KILL. Only operations that change something count."""

    def __init__(self, seed: int = 0, *, capacity: int | None = None) -> None:
        self.chance = random.Random(seed)
        self.capacity = capacity
        self.faults: dict[int, int] = {}
        self.operations = 0
        self.log: list[str] = []
        self.dead = False
        self.failing = 0  # errno of every operation for as long as it stands here
        self.bad_spots: set[tuple[str, int]] = set()
        self._names: dict[Path, Inode] = {}
        self._durable_names: dict[Path, Inode] = {}
        self._unsynced_names: list[tuple[Path, _Change]] = []  # by folder
        self._kill = False
        self._locked: set[Path] = set()

    def step(self, what: str) -> int:
        """Count one operation; the errno it fails with, or 0."""
        if self.dead:
            raise PowerCut(what)
        self.operations += 1
        self.log.append(what)
        fault = self.faults.get(self.operations)
        self.dead = fault == POWER_CUT
        self._kill = fault == KILL
        return self.failing if fault is None or self.dead or self._kill else fault

    def finish(self, error: int) -> None:
        """What the caller of the operation gets to see."""
        if self.dead:
            raise PowerCut(self.log[-1])
        if self._kill:
            self._locked.clear()
            raise Killed(self.log[-1])
        if error:
            raise OSError(error, os.strerror(error))

    def room_for(self, inode: Inode, size: int) -> int:
        """Up to which size the file may grow."""
        if self.capacity is None:
            return size
        others = sum(len(other.now) for other in self._names.values() if other is not inode)
        return min(size, max(self.capacity - others, len(inode.now)))

    def torn(self, inode: Inode) -> bytearray:
        """What the medium may hold of a file if the unsynced part was under way: nothing, all, a prefix, or a sieve."""
        mode = self.chance.choice(("nothing", "all", "prefix", "prefix with garbage", "sieve"))
        content = bytearray(inode.durable)
        if mode == "nothing":
            return content
        left = self.chance.randint(0, sum(len(data or b"") for _, data in inode.unsynced))
        for at, data in inode.unsynced:
            if data is None or mode == "all":
                apply(content, at, data)
            elif mode == "sieve":
                self._sieve(content, at, data)
            else:
                kept, rest = data[:left], data[left:]
                left -= len(kept)
                apply(content, at, kept + (self.chance.randbytes(len(rest)) if "garbage" in mode else b""))
        return content

    def _sieve(self, content: bytearray, at: int, data: bytes) -> None:
        """The file has its length, but only some sectors came through; the others read as they were, or as zeros."""
        content.extend(bytes(max(at + len(data) - len(content), 0)))
        position = at
        while position < at + len(data):
            end = min(position - position % SECTOR_BYTES + SECTOR_BYTES, at + len(data))
            if self.chance.random() < 0.5:
                content[position:end] = data[position - at : end - at]
            position = end

    def after_power_cut(self, seed: int) -> SimDisk:
        """The disk as it is found when power is back, by chance."""
        in_order = self.chance.random() < 0.5  # as with a journaling file system
        kept = self.chance.randint(0, len(self._unsynced_names))
        every = range(len(self._unsynced_names))
        names = {index for index in every if (index < kept if in_order else self.chance.random() < 0.5)}
        return self._found(seed, names, self.torn)

    def every_power_cut(self, stride: int = 1) -> Iterator[SimDisk]:
        """Each disk that may be found: every prefix of what was under way (in steps of `stride` bytes), every one of
        its sectors zeroed or stale; and with that, every number of renames and deletions, in their order.
        """
        every = len(self._unsynced_names)
        for kept in range(every + 1):
            for tear in self._tears(stride):
                yield self._found(0, set(range(kept)), partial(torn_so, tear=tear))

    def _tears(self, stride: int) -> Iterator[Tear]:
        writes = [each for inode in set(self._inodes()) for each in inode.unsynced if each[1]]
        size = max((sum(len(data or b"") for _, data in inode.unsynced) for inode in self._inodes()), default=0)
        yield from (Tear("prefix", at) for at in [*range(0, size, stride), size])
        sectors = {at // SECTOR_BYTES for begin, data in writes for at in range(begin, begin + len(data or b""))}
        for sector in sorted(sectors):
            yield Tear("zeroed", sector)
            yield Tear("stale", sector)

    def _inodes(self) -> list[Inode]:
        return [*self._names.values(), *self._durable_names.values()]

    def _found(self, seed: int, kept: set[int], torn: Callable[[Inode], bytearray]) -> SimDisk:
        """With these of the unsynced names."""
        found = SimDisk(seed, capacity=self.capacity)
        names = dict(self._durable_names)
        for index, (_, change) in enumerate(self._unsynced_names):
            if index in kept:
                change(names)
        for path, inode in names.items():
            content = torn(inode)
            found._names[path] = Inode(bytearray(content), bytearray(content))
        found._durable_names = dict(found._names)
        return found

    def fill(self, left: int) -> None:
        """Let the disk take `left` bytes more than it holds."""
        self.capacity = sum(len(inode.now) for inode in self._names.values()) + left

    def damage(self, path: Path, at: int, data: bytes) -> None:
        """The medium no longer holds what was written there."""
        for content in (self._names[path].now, self._names[path].durable):
            content[at : at + len(data)] = data

    def content(self, path: Path) -> bytes:
        """What the file reads as."""
        return bytes(self._names[path].now)

    def make_folder(self, folder: Path) -> None:
        """See Disk. Folders are not modelled; they are always there."""

    def lock(self, folder: Path) -> Callable[[], None]:
        """See Disk."""
        if folder in self._locked:
            raise BlockingIOError(errno.EAGAIN, str(folder))
        self._locked.add(folder)
        return lambda: self._locked.discard(folder)

    def list(self, folder: Path) -> list[Entry]:
        """See Disk. In an order that nobody should rely on."""
        found = [Entry(path.name, len(inode.now)) for path, inode in self._names.items() if path.parent == folder]
        self.chance.shuffle(found)
        return found

    def create(self, path: Path) -> OpenFile:
        """See Disk."""
        inode = Inode()
        self._rename(path.parent, self.step("create"), lambda names: names.update({path: inode}))
        return _SimFile(self, inode)

    def open(self, path: Path) -> OpenFile:
        """See Disk."""
        return _SimFile(self, self._inode(path))

    def read(self, path: Path, at: int, size: int) -> bytes:
        """See Disk."""
        if self.dead:
            raise PowerCut("read")
        content = self._inode(path).now[at : at + size]
        if any(
            (path.name, spot) in self.bad_spots for spot in range(at // SPOT_BYTES, (at + size - 1) // SPOT_BYTES + 1)
        ):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return bytes(content)

    def delete(self, path: Path) -> None:
        """See Disk."""
        self._inode(path)
        self._rename(path.parent, self.step("delete"), lambda names: names.pop(path, None))

    def replace(self, old: Path, new: Path) -> None:
        """See Disk."""
        inode = self._inode(old)

        def rename(names: dict[Path, Inode]) -> None:
            names.pop(old, None)
            names[new] = inode

        self._rename(new.parent, self.step("replace"), rename)

    def sync_folder(self, folder: Path) -> None:
        """See Disk."""
        error = self.step("sync_folder")
        if not error and not self.dead:
            for where, change in self._unsynced_names:
                if where == folder:
                    change(self._durable_names)
            self._unsynced_names = [unsynced for unsynced in self._unsynced_names if unsynced[0] != folder]
        self.finish(error)

    def free_bytes(self, folder: Path) -> int:
        """See Disk."""
        used = sum(len(inode.now) for inode in self._names.values())
        return 1 << 40 if self.capacity is None else max(self.capacity - used, 0)

    def _inode(self, path: Path) -> Inode:
        if path not in self._names:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        return self._names[path]

    def _rename(self, folder: Path, error: int, change: _Change) -> None:
        if not error:
            change(self._names)
            self._unsynced_names.append((folder, change))
        self.finish(error)
