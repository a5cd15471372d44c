"""How long cuts took, from the reading that decided, whole on its line, to the contact that was read back open; and how
late ticks were.
"""

from __future__ import annotations

import struct
from bisect import bisect_left

from minegate_interlock.lines import Lateness, Reaction

# Milliseconds, upper edges; a longer one falls into the last bucket. Fine where the targets are: 3, 15, 50, 400, 1000
# and 2000.
EDGES_MS = (3, 5, 10, 15, 30, 50, 100, 200, 400, 1000, 2000)
_COUNTS = struct.Struct(f"<{len(EDGES_MS) + 1}I")
_COUNT_MAX = 0xFFFF_FFFF


class Buckets:
    """Times in milliseconds, counted; it never takes more room."""

    def __init__(self) -> None:
        self.worst_ms = 0
        self._counts = [0] * (len(EDGES_MS) + 1)

    def add(self, took_ms: float) -> None:
        """One more."""
        bucket = bisect_left(EDGES_MS, took_ms)
        self._counts[bucket] = min(self._counts[bucket] + 1, _COUNT_MAX)
        self.worst_ms = max(self.worst_ms, min(int(took_ms), _COUNT_MAX))

    def packed(self) -> bytes:
        """The counts as they travel."""
        return _COUNTS.pack(*self._counts)


class Reactions(Buckets):
    """One path's histogram since the start: an output, and the point that decided or ""."""

    def __init__(self, output: str, point: str) -> None:
        super().__init__()
        self._output = output
        self._point = point

    def record(self) -> Reaction:
        """As it travels."""
        return Reaction(self._output, self._point, self.worst_ms, self.packed())


def counts_of(record: Reaction | Lateness) -> tuple[int, ...]:
    """How many fell into each bucket; the last has no upper edge. struct.error if it is no histogram."""
    return _COUNTS.unpack(record.counts)


def quantile_ms(record: Reaction | Lateness, share: float) -> int | None:
    """The upper edge under which `share` of them lie (the worst one in the last bucket); None without any."""
    counts = counts_of(record)
    needed, seen = share * sum(counts), 0
    for at, count in enumerate(counts):
        seen += count
        if count and seen >= needed:
            return min(EDGES_MS[at], record.worst_ms) if at < len(EDGES_MS) else record.worst_ms
    return None
