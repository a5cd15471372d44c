"""How long cuts took: from the reading that decided, whole on its line, to the contact that was read back open."""

from __future__ import annotations

import struct

from minegate_interlock.lines import Reaction

# Milliseconds, upper edges; a longer one falls into the last bucket. Fine where the targets are: 3, 15, 50, 400, 1000
# and 2000.
EDGES_MS = (3, 5, 10, 15, 30, 50, 100, 200, 400, 1000, 2000)
_COUNTS = struct.Struct(f"<{len(EDGES_MS) + 1}I")
_COUNT_MAX = 0xFFFF_FFFF


class Reactions:
    """One path's histogram since the start: an output, and the point that decided or ""."""

    def __init__(self, output: str, point: str) -> None:
        self._output = output
        self._point = point
        self._counts = [0] * (len(EDGES_MS) + 1)
        self._worst_ms = 0

    def add(self, took_ms: float) -> None:
        """One cut."""
        bucket = next((at for at, edge in enumerate(EDGES_MS) if took_ms <= edge), len(EDGES_MS))
        self._counts[bucket] = min(self._counts[bucket] + 1, _COUNT_MAX)
        self._worst_ms = max(self._worst_ms, min(int(took_ms), _COUNT_MAX))

    def record(self) -> Reaction:
        """As it travels."""
        return Reaction(self._output, self._point, self._worst_ms, _COUNTS.pack(*self._counts))


def counts_of(record: Reaction) -> tuple[int, ...]:
    """How many cuts fell into each bucket; the last has no upper edge. struct.error if it is no histogram."""
    return _COUNTS.unpack(record.counts)


def quantile_ms(record: Reaction, share: float) -> int | None:
    """The upper edge under which `share` of the cuts lie (the worst one in the last bucket); None without a cut."""
    counts = counts_of(record)
    needed, seen = share * sum(counts), 0
    for at, count in enumerate(counts):
        seen += count
        if count and seen >= needed:
            return min(EDGES_MS[at], record.worst_ms) if at < len(EDGES_MS) else record.worst_ms
    return None
