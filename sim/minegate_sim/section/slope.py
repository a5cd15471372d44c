"""A slope that creeps, and sometimes runs away: displacement by the inverse-velocity law. Pure; millimetres, seconds.

Voight (1989) with exponent 2, Fukuzono (1985): dv/dt = A v^2, so that 1/v falls in a straight line to zero at the time
of failure, v = 1 / (A (t_f - t)) and displacement grows by ln(v1 / v0) / A: stepped exactly, for any step. At V_MAX
the mass is down; it comes to rest. Before it accelerates, and after it was stabilised, it creeps at a constant rate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

V_MAX_MM_S = 50.0
A_PER_MM = 0.02  # a day before failure some 2 mm/h, an hour before 50: as in published pit slides, order of magnitude
CREEP_MM_S = 0.5 / 86_400.0
RUN_OUT_MM = 20_000.0


@dataclass(frozen=True, slots=True)
class Slope:
    """`a_per_mm` is A of the law; 0 while it only creeps."""

    moved_mm: float = 0.0
    mm_s: float = CREEP_MM_S
    a_per_mm: float = 0.0
    down: bool = False

    @property
    def fails_in_s(self) -> float:
        """What the line of inverse velocity says; infinite while it creeps."""
        return 1.0 / (self.a_per_mm * self.mm_s) if self.a_per_mm > 0.0 and not self.down else math.inf


def accelerate(slope: Slope, fails_in_s: float) -> Slope:
    """From now on it runs towards failure; water in the crack, or the toe cut away. The sooner, the faster already."""
    if slope.down:
        return slope
    a_per_mm = min(A_PER_MM, 1.0 / (slope.mm_s * fails_in_s))  # never slower than it crept
    return replace(slope, a_per_mm=a_per_mm, mm_s=1.0 / (a_per_mm * fails_in_s))


def stabilise(slope: Slope) -> Slope:
    """Drained, or loaded at its toe: back to creep."""
    return replace(slope, mm_s=CREEP_MM_S, a_per_mm=0.0) if not slope.down else slope


def creep(slope: Slope, dt_s: float) -> Slope:
    """The slope `dt_s` later."""
    if slope.a_per_mm <= 0.0 or slope.down:
        return replace(slope, moved_mm=slope.moved_mm + slope.mm_s * dt_s)
    to_fall_s = slope.fails_in_s - 1.0 / (slope.a_per_mm * V_MAX_MM_S)
    ran_s = min(dt_s, max(0.0, to_fall_s))
    faster = 1.0 / (1.0 / slope.mm_s - slope.a_per_mm * ran_s)
    moved = slope.moved_mm + math.log(faster / slope.mm_s) / slope.a_per_mm
    if dt_s < to_fall_s:
        return replace(slope, moved_mm=moved, mm_s=faster)
    return Slope(moved + RUN_OUT_MM, 0.0, 0.0, down=True)
