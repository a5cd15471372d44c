"""What can be proved of thinned segments: nothing is missing but what loss events declare, and the rest is as it was.

The events come later in the journal than the segments they tell of, so each segment waits here for its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from minegate_agent.link.ledger import BadLedger, mask


class Finding(NamedTuple):
    """Something between `first` and `last` is not as it was written."""

    first: int
    last: int
    what: str


class _Segment:
    """A thinned one, as read. `behind`: the chain that the next header knows, if it knows one. `missing`: bit `n` is 1
    if the segment says that `first + n` was taken out, and no loss event has told of it yet.
    """

    def __init__(self, first: int, before: bytes) -> None:
        self.first = first
        self.last = first - 1
        self.before = before
        self.kept = before
        self.behind: bytes | None = None
        self.missing = 0
        self.told: set[bytes] = set()  # what thinnings say they have kept; the last one may not be done yet
        self.strange = ""

    def thinning(self, event: Mapping[str, Any]) -> None:
        """One more of it. Each must have started from what the whole segment was, or from what an earlier one left."""
        was, kept = event.get("was"), event.get("kept")
        agrees = was in self.told or self.behind in (None, was)
        if event.get("before") != self.before or not agrees:
            self.strange = "it had been changed before it was thinned"
        if isinstance(kept, bytes):
            self.told.add(kept)

    def finding(self) -> str:
        """What is wrong with it; empty if all is as the ledger says."""
        if self.missing:
            return "records were taken out that no loss event declares"
        if not self.told:
            return "thinned, and no loss event says what was kept"
        if self.kept not in self.told:
            return "what is left is not what was kept when it was thinned"
        return self.strange


class ThinnedProof:
    """Fed in the order of the files."""

    def __init__(self) -> None:
        self.count = 0
        self._segments: list[_Segment] = []
        self._open: _Segment | None = None

    @property
    def inside(self) -> bool:
        """Whether a thinned segment is being read."""
        return self._open is not None

    def begins(self, first: int, before: bytes) -> None:
        """A thinned segment, and the chain before it."""
        self._open = _Segment(first, before)
        self._segments.append(self._open)

    def hole(self, first: int, last: int) -> None:
        """Sequences that the segment says were taken out."""
        self.count += last - first + 1
        if self._open is not None:
            self._open.missing |= ((1 << last - first + 1) - 1) << first - self._open.first

    def ends(self, last: int, kept: bytes, behind: bytes | None) -> bool:
        """The next header follows, and knows this chain if it is whole. Whether it was a thinned segment that ended."""
        segment, self._open = self._open, None
        if segment is None:
            return False
        segment.last, segment.kept, segment.behind = last, kept, behind
        return True

    def covers(self, sequence: int) -> bool:
        """Whether it lies in a thinned segment."""
        if self._open is not None and sequence >= self._open.first:
            return True
        return any(segment.first <= sequence <= segment.last for segment in self._segments)

    def ledger(self, event: Mapping[str, Any]) -> None:
        """A loss event of the journal."""
        first, last = event.get("first"), event.get("last")
        if type(first) is not int or type(last) is not int:
            return
        for segment in self._segments:
            if segment.first <= last and first <= segment.last:
                self._tell(segment, event)

    def _tell(self, segment: _Segment, event: Mapping[str, Any]) -> None:
        try:
            first, bits = mask(event)
        except BadLedger as bad:
            segment.strange = str(bad)
            return
        shift = first - segment.first
        segment.missing &= ~(bits << shift if shift >= 0 else bits >> -shift)
        if "gone" in event:
            segment.thinning(event)

    def findings(self) -> Iterator[Finding]:
        """What is not as the ledger says."""
        for segment in self._segments:
            if what := segment.finding():
                yield Finding(segment.first, max(segment.last, segment.first), what)
