"""What a sensor makes of the field at its place: lag, noise, drift, and the ways it can be ill. Pure.

First-order lag (exact for any step), a slowly straying zero, a steady drift, and a sensitivity: a catalytic bead that
is poisoned (silicones, sulphur) loses it for good, half of it in `POISON_HALF_S`; calibrating restores both.
"""

from __future__ import annotations

import math
import random
from math import isfinite

from minegate_sim.noise import Wander

POISON_HALF_S = 600.0
STRAY_S = 8.0
DAY_S = 86_400.0
FAULTS = ("frozen", "poisoned", "drift_per_day", "offset")


class Sensor:
    """`lag_s` 0: follows at once. `low`..`high` is what it can show."""

    def __init__(
        self, chance: random.Random, *, lag_s: float, noise: float, low: float, high: float, drift_per_day: float = 0.0
    ) -> None:
        self.shown = low
        self.frozen = False
        self.poisoned = False
        self.drift_per_day = drift_per_day
        self._lag_s = lag_s
        self._low, self._high = low, high
        self._zero = Wander(chance, noise, STRAY_S)
        self._drifted = 0.0
        self._gain = 1.0
        self._felt: float | None = None

    def measure(self, true: float, dt_s: float) -> float:
        """Its value after `dt_s` in a field of `true`."""
        if self._felt is None:
            self._felt = true  # it has hung here for long
        follow = 1.0 if self._lag_s <= 0.0 else -math.expm1(-dt_s / self._lag_s)
        self._felt += (true - self._felt) * follow
        self._drifted += self.drift_per_day * dt_s / DAY_S
        if self.poisoned:
            self._gain *= 0.5 ** (dt_s / POISON_HALF_S)
        strayed = self._zero.step(dt_s)
        if not self.frozen:
            value = self._felt * self._gain + self._drifted + strayed
            self.shown = min(self._high, max(self._low, value))
        return self.shown

    def calibrate(self) -> None:
        """Zero and sensitivity as new. A poisoned bead goes on being poisoned."""
        self._drifted, self._gain = 0.0, 1.0

    def set(self, name: str, value: object) -> None:
        """One fault by name; `drift_per_day` and `offset` are numbers. ValueError names fault, value and limit."""
        if name in ("frozen", "poisoned"):
            if not isinstance(value, bool):
                raise ValueError(f"fault {name}: {value!r} is not true or false")
            setattr(self, name, value)
        elif name in ("drift_per_day", "offset"):
            span = self._high - self._low
            if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
                raise ValueError(f"fault {name}: {value!r} is not a number")
            if not abs(value) <= 100.0 * span:
                raise ValueError(f"fault {name}: {value:g} is not within +-{100.0 * span:g}")
            if name == "offset":
                self._drifted = float(value)
            else:
                self.drift_per_day = float(value)
        else:
            raise ValueError(f"fault {name!r} is not one of {', '.join(FAULTS)}")
