"""A process's clocks as they are in a mine: monotonic time that runs a little fast, and a wall clock that jumps.

True time is the simulator's: milliseconds from the start of the run, with fractions. No process ever sees it.
"""

from __future__ import annotations

from collections.abc import Callable

from minegate_agent.clock import ClockQuality

DRIFT_PPM_MAX = 500.0  # a bad quartz has 100; adjtimex(2) slews by 500 at most
UTC_AT_START_MS = 1_767_225_600_000  # 2026-01-01 00:00 UTC: a run has a date, and always the same one


class SimClock:
    """See minegate_agent.clock.Clock. `offset_ms`: what this process's monotonic clock says at true time 0."""

    def __init__(self, true_ms: Callable[[], float], *, offset_ms: float = 0.0, drift_ppm: float = 0.0) -> None:
        assert abs(drift_ppm) <= DRIFT_PPM_MAX, drift_ppm
        self._true_ms = true_ms
        self._offset_ms = offset_ms
        self._rate = 1.0 + drift_ppm / 1e6
        self._wall_ms = 0.0
        self._quality = ClockQuality.SYNCHRONISED

    def monotonic_s(self) -> float:
        """Seconds with fractions, for an event loop."""
        return (self._offset_ms + self._true_ms() * self._rate) / 1000.0

    def true_at_ms(self, monotonic_s: float) -> float:
        """The true time at which this clock will say `monotonic_s`."""
        return (monotonic_s * 1000.0 - self._offset_ms) / self._rate

    def monotonic_ms(self) -> int:
        """See Clock."""
        return int(self._offset_ms + self._true_ms() * self._rate)

    def utc_ms(self) -> int:
        """See Clock."""
        return UTC_AT_START_MS + int(self._true_ms() * self._rate + self._wall_ms)

    def quality(self) -> ClockQuality:
        """See Clock."""
        return self._quality

    def step(self, ms: float, quality: ClockQuality = ClockQuality.SYNCHRONISED) -> None:
        """Somebody sets the wall clock; it says `ms` more from now on."""
        self._wall_ms += ms
        self._quality = quality
