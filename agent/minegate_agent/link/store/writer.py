"""From waiting records to durable segments: how much goes to which file, and when a new one begins."""

from __future__ import annotations

from pathlib import Path

from minegate_agent.link.disk import Disk
from minegate_agent.link.store.form import Header
from minegate_agent.link.store.pending import Waiting
from minegate_agent.link.store.shelf import Segment, Shelf
from minegate_agent.link.store.tail import Tail


class Writer:
    """Used by whoever commits, one at a time."""

    def __init__(self, disk: Disk, folder: Path, shelf: Shelf, tail: Tail | None, segment_bytes: int) -> None:
        self._disk = disk
        self._folder = folder
        self._shelf = shelf
        self._tail = tail
        self._segment_bytes = segment_bytes

    def write(self, group: list[Waiting], origins: dict[int, int], chain: bytes) -> list[Waiting]:
        """Make durable as much of the group as one segment takes, at least one record; what that was.

        `origins` and `chain` are those of everything before the group. After an OSError nothing of it is durable.
        """
        tail = self._tail_for(group[0], origins, chain)
        room = self._segment_bytes - tail.size - len(group[0].packed)
        fitting = group[:1]
        for waiting in group[1:]:
            room -= len(waiting.packed)
            if not room >= 0:
                break
            fitting.append(waiting)
        tail.write(b"".join(waiting.packed for waiting in fitting))
        self._shelf.grow(fitting[-1].sequence, tail.size)
        return fitting

    def _tail_for(self, waiting: Waiting, origins: dict[int, int], chain: bytes) -> Tail:
        """The segment this record goes to, started if need be. Within a segment no sequence is left out."""
        tail = self._tail
        if tail is not None and tail.trusted and waiting.sequence == self._shelf.last + 1:
            fits = tail.size + len(waiting.packed) <= self._segment_bytes
            if fits or self._shelf.tail_is_empty:
                return tail
        fresh = Tail.start(self._disk, self._folder, Header(waiting.sequence, origins, chain))
        self.close()
        self._tail = fresh
        self._shelf.add(Segment(fresh.path, waiting.sequence, waiting.sequence - 1, fresh.size))
        return fresh

    def close(self) -> None:
        """Give the file back."""
        if self._tail is not None:
            self._tail.close()
