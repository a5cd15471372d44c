"""What the world itself will do, and when. Events of one moment happen in the order in which they were entered."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

NEVER = float("inf")


class Timeline:
    """True time in milliseconds, from 0."""

    def __init__(self) -> None:
        self.now_ms = 0.0
        self._order = count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []

    def at(self, ms: float, do: Callable[[], None]) -> None:
        """Do it at `ms`; what lies in the past is done next."""
        heapq.heappush(self._events, (max(ms, self.now_ms), next(self._order), do))

    def after(self, ms: float, do: Callable[[], None]) -> None:
        """Do it `ms` from now."""
        self.at(self.now_ms + ms, do)

    def due_ms(self) -> float:
        """When the next event is."""
        return self._events[0][0] if self._events else NEVER

    def run_due(self) -> bool:
        """Everything that is due now, also what that brings about now. Whether there was anything."""
        events, happened = self._events, False
        while events and events[0][0] <= self.now_ms:
            heapq.heappop(events)[2]()
            happened = True
        return happened

    def now(self) -> float:
        """True time, for whoever keeps a clock by it."""
        return self.now_ms
