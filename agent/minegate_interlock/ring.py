"""The last verdicts, numbered without gaps, for a link that comes late. The oldest go first; the numbers show it."""

from __future__ import annotations

from collections import deque

from minegate_interlock.lines import Verdict
from minegate_interlock.verdicts import Edge

KEPT = 1024


class Ring:
    """Verdicts of one boot. `next_number` minus what a reader has is what it is owed, as far as it is still kept."""

    def __init__(self, boot: int, rules: bytes) -> None:
        self.boot = boot
        self.next_number = 1
        self._rules = rules
        self._kept: deque[tuple[int, int, Edge]] = deque(maxlen=KEPT)

    def add(self, edge: Edge, now_ms: int) -> None:
        """Keep one edge that happened at `now_ms`."""
        self._kept.append((self.next_number, now_ms, edge))
        self.next_number += 1

    def after(self, number: int, now_ms: int) -> list[Verdict]:
        """Every kept verdict behind `number`, oldest first, with its age at `now_ms`."""
        return [
            Verdict(
                self.boot, own, edge.what, edge.cause, min(max(0, now_ms - at_ms), 0xFFFFFFFF), edge.area, edge.point,
                edge.value, edge.limit, edge.by, edge.reason, self._rules, edge.rule,
            )
            for own, at_ms, edge in self._kept
            if own > number
        ]  # fmt: skip
