"""How a CAN message keeps to its own rate: when it is late, how late it was at worst. No I/O."""

from __future__ import annotations

LATE_PERIODS = 3.0
LATE_MIN_MS = 100.0  # what a held-up loop may add must not make a 10 ms message late


class Rhythm:
    """One message that should come every `period_ms`."""

    __slots__ = ("_heard_ms", "_late_after_ms", "heard", "lag_max_ms", "late", "period_ms", "times_late")

    def __init__(self, period_ms: float, now_ms: float) -> None:
        self.period_ms = period_ms
        self.heard = 0
        self.late = False
        self.times_late = 0
        self.lag_max_ms = 0.0
        self._heard_ms = now_ms  # before the first frame: since we listen
        self._late_after_ms = max(LATE_PERIODS * period_ms, LATE_MIN_MS)

    def hear(self, at_ms: float) -> None:
        """It came at `at_ms`."""
        lag_ms = at_ms - self._heard_ms - self.period_ms
        if lag_ms > self.lag_max_ms and self.heard:
            self.lag_max_ms = lag_ms
        self._heard_ms = at_ms
        self.heard += 1
        self.late = False

    def lag_ms(self, now_ms: float) -> float:
        """How long it is overdue, 0 if it is not."""
        return max(0.0, now_ms - self._heard_ms - self.period_ms)

    def look(self, now_ms: float) -> bool:
        """True if it is late now."""
        if not now_ms - self._heard_ms <= self._late_after_ms and not self.late:
            self.late = True
            self.times_late += 1
        return self.late
