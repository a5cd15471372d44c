"""What the frequency and current signals of mine sensors mean, with the gaps between their bands.

    200-1000 Hz, 1200-2000 Hz   linear over the range; a little below is negative drift, far below is a broken line,
                                above is overflow
    1/5 mA, 4/20 mA switches    below a tenth of the lower current the line is broken; 0.8-1.2 times it is "stopped",
                                0.8-1.2 times the upper is "running"; the gaps between are a fault, never the last state

Source of the bands: data sheets of KJ substations. A value that is not known is NaN, which is below no limit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

from minegate_drivers.sdk import Quality

DRIFT_SHARE = 0.05  # of the span below the band: still a sensor that has drifted, not a broken line
OVER_SHARE = 0.01  # above the band: what a sensor's own tolerance makes of full scale


class SignalState(IntEnum):
    """What a signal says of itself."""

    GOOD = 0
    NEGATIVE_DRIFT = 1
    LINE_BREAK = 2
    OVERFLOW = 3
    FAULT = 4


QUALITY = {
    SignalState.GOOD: Quality.GOOD,
    SignalState.NEGATIVE_DRIFT: Quality.NEGATIVE_DRIFT,
    SignalState.LINE_BREAK: Quality.LINE_BREAK,
    SignalState.OVERFLOW: Quality.OUT_OF_RANGE,
    SignalState.FAULT: Quality.DEVICE_FAULT,
}


class Signal(NamedTuple):
    """A value, NaN where there is none, and the state."""

    value: float
    state: SignalState


class Frequency(NamedTuple):
    """A band of frequencies that stands for a range: `low_hz` is `low`, `high_hz` is `high`."""

    low_hz: float
    high_hz: float
    low: float
    high: float

    def read(self, hz: float) -> Signal:
        """The meaning of `hz`."""
        span = self.high_hz - self.low_hz
        value = self.low + (hz - self.low_hz) / span * (self.high - self.low)
        if not hz >= self.low_hz - DRIFT_SHARE * span:  # NaN lands here
            return Signal(math.nan, SignalState.LINE_BREAK)
        if hz < self.low_hz:
            return Signal(value, SignalState.NEGATIVE_DRIFT)
        if hz > self.high_hz + OVER_SHARE * span:
            return Signal(math.nan, SignalState.OVERFLOW)
        return Signal(value, SignalState.GOOD)


class Switch(NamedTuple):
    """A current that is `stop_ma` while stopped and `run_ma` while running; the value is 0 or 1."""

    stop_ma: float
    run_ma: float

    def read(self, milliampere: float) -> Signal:
        """The meaning of `milliampere`."""
        if not milliampere >= 0.1 * self.stop_ma:
            return Signal(math.nan, SignalState.LINE_BREAK)
        if 0.8 * self.stop_ma <= milliampere <= 1.2 * self.stop_ma:
            return Signal(0.0, SignalState.GOOD)
        if 0.8 * self.run_ma <= milliampere <= 1.2 * self.run_ma:
            return Signal(1.0, SignalState.GOOD)
        return Signal(math.nan, SignalState.FAULT)


def named(name: str, low: float | None, high: float | None) -> Callable[[float], Signal]:
    """The reader of that name over the range `low`..`high`. ValueError if there is none, or it needs a range."""
    if name in _SWITCHES:
        return _SWITCHES[name].read
    if name not in _BANDS:
        raise ValueError(f"signal {name!r} is not one of {', '.join(NAMES)}")
    if low is None or high is None:
        raise ValueError(f"signal {name!r} needs low and high, the range that the band stands for")
    return Frequency(*_BANDS[name], low, high).read


_BANDS = {"hz_200_1000": (200.0, 1000.0), "hz_1200_2000": (1200.0, 2000.0)}
_SWITCHES = {"ma_1_5": Switch(1.0, 5.0), "ma_4_20": Switch(4.0, 20.0)}
NAMES = (*_BANDS, *_SWITCHES)
