"""The segments as readers see them: what is durable in each, and about where each sequence lies. Thread-safe."""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_right
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from minegate_agent.link.store.form import HEADER_BYTES

# A mark per 1/32 of a segment: a reader steps over at most that much, and 250 segments cost 128 KB of RAM.
_MARKS_MAX = 32
_PLACES_MAX = 8  # readers whose place is remembered exactly


@dataclass(slots=True)
class Segment:
    """Durable records `first`..`last` (none if last < first) in the first `size` bytes of the file.

    `level`: how often it was thinned; `bare`: nothing is left in it that may be.
    """

    path: Path
    first: int
    last: int
    size: int
    level: int = 0
    bare: bool = False
    _sequences: array[int] = field(default_factory=lambda: array("Q"))
    _offsets: array[int] = field(default_factory=lambda: array("Q"))

    def mark(self, sequence: int, at: int, spacing: int) -> None:
        """This sequence's record begins at byte `at`; kept if no other mark is near."""
        index = bisect_right(self._offsets, at)
        before = self._offsets[index - 1] if index else HEADER_BYTES
        behind = self._offsets[index] if index < len(self._offsets) else at + spacing
        if at - before >= spacing and behind - at >= spacing and len(self._offsets) < _MARKS_MAX:
            self._sequences.insert(index, sequence)
            self._offsets.insert(index, at)

    def begin(self, after: int) -> int:
        """A byte where a record begins, with no sequence above `after` before it."""
        index = bisect_right(self._sequences, after + 1)
        return self._offsets[index - 1] if index else HEADER_BYTES


class Stretch(NamedTuple):
    """What a reader has to walk: records above `after` up to `last`, between the bytes `begin` and `size`."""

    path: Path
    first: int
    last: int
    begin: int
    size: int


class Shelf:
    """Rising, contiguous segments; the last one grows."""

    def __init__(self, segments: list[Segment], segment_bytes: int, floor: int) -> None:
        self._lock = threading.Lock()
        self._segments = segments
        self._bytes = sum(segment.size for segment in segments)
        self._floor = floor  # what was the last sequence if there is no segment
        self.spacing = segment_bytes // _MARKS_MAX  # bytes between two marks
        self._places: dict[int, tuple[Path | None, int]] = {}  # last sequence read -> where the next record begins

    @property
    def first(self) -> int:
        """Sequence of the first record that can be read; `last + 1` if there is none."""
        with self._lock:
            return self._segments[0].first if self._segments else self._floor + 1

    @property
    def last(self) -> int:
        """Sequence of the last durable record; one less than `first` if there is none."""
        with self._lock:
            return self._segments[-1].last if self._segments else self._floor

    @property
    def tail_is_empty(self) -> bool:
        """Whether nothing durable is in the last segment."""
        with self._lock:
            return not self._segments or self._segments[-1].last < self._segments[-1].first

    @property
    def bytes_used(self) -> int:
        """Bytes of all segments."""
        with self._lock:
            return self._bytes

    def next_above(self, after: int) -> Stretch | None:
        """The oldest segment with records above this sequence, and where to begin in it."""
        with self._lock:
            index = bisect_right(self._segments, after, key=lambda segment: segment.last)
            if index == len(self._segments):
                return None
            segment = self._segments[index]
            path, place = self._places.get(after, (None, 0))
            begin = place if path == segment.path else segment.begin(after)
            return Stretch(segment.path, segment.first, segment.last, begin, segment.size)

    def found(self, path: Path, sequence: int, at: int) -> None:
        """A reader met this record there; worth telling once per `spacing`."""
        with self._lock:
            index = bisect_right(self._segments, sequence, key=lambda segment: segment.first) - 1
            if index >= 0 and self._segments[index].path == path:
                self._segments[index].mark(sequence, at, self.spacing)

    def remember(self, after: int, path: Path, begin: int) -> None:
        """A reader stopped behind this sequence and will go on at that byte."""
        with self._lock:
            self._places.pop(after, None)
            self._places[after] = (path, begin)
            if len(self._places) > _PLACES_MAX:
                del self._places[next(iter(self._places))]

    def add(self, segment: Segment) -> None:
        """A new last segment, in place of one of the same name that held nothing durable."""
        with self._lock:
            if self._segments and self._segments[-1].path == segment.path:
                self._bytes -= self._segments.pop().size
            assert not self._segments or self._segments[-1].last < segment.first, (self._segments[-1], segment)
            self._segments.append(segment)
            self._bytes += segment.size

    def grow(self, last: int, size: int) -> None:
        """The last segment's records up to `last` are durable; they end at byte `size`."""
        with self._lock:
            segment = self._segments[-1]
            segment.mark(segment.last + 1, segment.size, self.spacing)  # here the new group began
            self._bytes += size - segment.size
            segment.last, segment.size = last, size

    def oldest_sealed(self) -> Segment | None:
        """The first segment, unless it is also the last."""
        with self._lock:
            return self._segments[0] if len(self._segments) > 1 else None

    def remove_oldest(self) -> None:
        """Nobody reads the first segment any longer."""
        with self._lock:
            assert len(self._segments) > 1, "the last segment stays"
            self._bytes -= self._segments.pop(0).size

    def sealed(self) -> list[Segment]:
        """All segments but the last; oldest first."""
        with self._lock:
            return self._segments[:-1]

    def replace(self, path: Path, thinned: Segment) -> None:
        """The segment of this path is now the thinned one; a reader that is still in the old file starts again."""
        with self._lock:
            index = bisect_right(self._segments, thinned.first, key=lambda segment: segment.first) - 1
            old = self._segments[index]
            assert old.path == path, (old, thinned)
            self._segments[index] = thinned
            self._bytes += thinned.size - old.size

    def holds(self, path: Path) -> bool:
        """Whether the segment is still to be read."""
        with self._lock:
            return any(segment.path == path for segment in self._segments)
