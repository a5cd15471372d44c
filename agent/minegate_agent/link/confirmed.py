"""What one consumer has confirmed: all up to a sequence, and islands above it where live data ran ahead. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

ISLANDS_MAX = 4096  # more are forgotten from the top: what is not known to be confirmed is sent again

Range = tuple[int, int]  # first and last sequence, both in it


class Confirmed:
    """Disjoint ranges in rising order; the first begins at the beginning of the journal and ends at `upto`."""

    def __init__(self, upto: int, islands: Iterable[Range] = ()) -> None:
        self.upto = upto
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in sorted(islands):
            self.add(first, last)

    @property
    def islands(self) -> list[Range]:
        """The ranges above `upto`, rising."""
        return list(zip(self._firsts, self._lasts, strict=True))

    def add(self, first: int, last: int) -> None:
        """`first`..`last` are confirmed; an empty range changes nothing."""
        first = max(first, self.upto + 1)
        if not first <= last:
            return
        begin = bisect_left(self._lasts, first - 1)  # ranges that touch become one
        end = bisect_right(self._firsts, last + 1)
        if begin < end:
            first, last = min(first, self._firsts[begin]), max(last, self._lasts[end - 1])
        self._firsts[begin:end], self._lasts[begin:end] = [first], [last]
        if self._firsts[0] == self.upto + 1:
            self.upto = self._lasts[0]
            del self._firsts[0], self._lasts[0]
        del self._firsts[ISLANDS_MAX:], self._lasts[ISLANDS_MAX:]

    def covers(self, sequence: int) -> bool:
        """Whether this sequence is confirmed."""
        return self.covers_all(sequence, sequence)

    def covers_all(self, first: int, last: int) -> bool:
        """Whether every sequence of the range is confirmed."""
        if last <= self.upto:
            return True
        index = bisect_right(self._firsts, first) - 1
        return index >= 0 and last <= self._lasts[index]

    def gaps(self, upto: int) -> list[Range]:
        """What is not confirmed of the sequences up to `upto`."""
        edges = [self.upto, *(edge for island in self.islands for edge in island), upto + 1]
        pairs = zip(edges[::2], edges[1::2], strict=True)
        return [(last + 1, min(first - 1, upto)) for last, first in pairs if last + 1 <= min(first - 1, upto)]
