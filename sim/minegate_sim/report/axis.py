"""Axes of a plot: round ticks, and where a value lies. Pure."""

from __future__ import annotations

import math
from typing import NamedTuple

WIDTH, LEFT, RIGHT = 1180.0, 62.0, 14.0
TICKS = 5
SECONDS_MAX = 240.0  # up to here seconds are easier than minutes
DECADES_MAX = 7


class Axis(NamedTuple):
    """From `low` to `high` over the pixels `begin` to `end`."""

    low: float
    high: float
    begin: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """The pixel; what lies beyond is kept at the edge."""
        low, high = self._scaled(self.low), self._scaled(self.high)
        share = (self._scaled(value) - low) / (high - low)
        return self.begin + (self.end - self.begin) * min(1.0, max(0.0, share))

    def _scaled(self, value: float) -> float:
        return math.log10(max(value, 1e-6)) if self.log else value

    def ticks(self) -> list[float]:
        """Round values inside."""
        if self.log:
            first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
            return [10.0**power for power in range(first, min(last, first + DECADES_MAX) + 1)]
        step = round_step((self.high - self.low) / TICKS)
        first = math.ceil(self.low / step - 1e-9)
        return [index * step for index in range(first, math.floor(self.high / step + 1e-9) + 1)]


def round_step(least: float) -> float:
    """1, 2 or 5 times a power of ten, at least `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1.0, 2.0, 5.0, 10.0) if factor * power >= least * 0.999)


def time_axis(lasts_s: float) -> Axis:
    """The one that all plots share."""
    return Axis(0.0, lasts_s, LEFT, WIDTH - RIGHT)


def value_axis(values: list[float], floor: float, height: float, top: float, *, log: bool = False) -> Axis:
    """Room for all `values`, from `floor` if they lie above it."""
    finite = [value for value in values if math.isfinite(value)]
    low, high = min([floor, *finite]), max([floor, *finite])
    if log:
        low = 10.0 ** math.floor(math.log10(max(low, 1e-2)))
        return Axis(low, max(10.0 ** math.ceil(math.log10(max(high, low))), 10.0 * low), top + height, top, log=True)
    step = round_step(max((high - low) / TICKS, 1e-6))
    high = step * math.ceil(high / step + 0.05)  # a little air above the highest
    return Axis(step * math.floor(low / step + 1e-9), high if high > low else low + step, top + height, top)


def clock(s: float, lasts_s: float) -> str:
    """Seconds as a person reads them in a run of that length: 75.2, 12:05, 3:20:00."""
    if lasts_s <= SECONDS_MAX:
        return f"{s:g}"
    hours, rest = divmod(round(s), 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if lasts_s >= 3600.0 else f"{minutes}:{seconds:02}"
