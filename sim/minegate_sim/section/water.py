"""Water in a sump with its pumps, and in a tailings pond with its spillway and beach. Pure; cubic metres, seconds.

Books close: volume now + what left - what came = what was there, to rounding, for any step.

* Sump: a box. Pumps start at one level and stop at a lower one, while they have power; they take what is there and no
  more. What is above the brim stands in the road, which is wider.
* Pond: area grows with the level (the beach is flat), V = A h + b h^2 / 2. Rain falls on the catchment; a spillway of
  width w above its sill gives Q = 1.7 w h^1.5 (broad-crested weir, SI units; Chow, Open-Channel Hydraulics, ch. 3),
  taken implicitly: the level after a step is the one at which inflow, outflow and storage agree. Dry beach = freeboard
  over beach slope. The phreatic line follows the pond with a lag of days and rises as the beach shortens.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

WEIR = 1.7
HALVINGS = 200
FLOOD_TIMES = 20.0  # a flooded road is this much wider than the sump
MM_H = 1.0 / 3.6e6  # in m/s


@dataclass(frozen=True, slots=True)
class Pump:
    """Starts at or above `start_m`, stops at or below `stop_m`."""

    name: str
    m3_h: float
    start_m: float
    stop_m: float
    running: bool = False


@dataclass(frozen=True, slots=True)
class Sump:
    """`volume_m3` in a box of `area_m2` and `depth_m`; `came_m3` and `left_m3` are the books."""

    area_m2: float
    depth_m: float
    volume_m3: float
    pumps: tuple[Pump, ...]
    came_m3: float = 0.0
    left_m3: float = 0.0
    pumped_m3_h: float = 0.0

    @property
    def level_m(self) -> float:
        """Above the floor of the sump."""
        brim_m3 = self.area_m2 * self.depth_m
        if self.volume_m3 <= brim_m3:
            return self.volume_m3 / self.area_m2
        return self.depth_m + (self.volume_m3 - brim_m3) / (self.area_m2 * FLOOD_TIMES)


def fill(sump: Sump, inflow_m3_h: float, powered: Iterable[str], dt_s: float) -> Sump:
    """The sump `dt_s` later; `powered`: pumps that could run."""
    live = set(powered)
    pumps = tuple(
        replace(
            pump,
            running=pump.name in live
            and (sump.level_m >= pump.start_m or (pump.running and sump.level_m > pump.stop_m)),
        )
        for pump in sump.pumps
    )
    hours = dt_s / 3600.0
    came = inflow_m3_h * hours
    wanted = sum(pump.m3_h for pump in pumps if pump.running) * hours
    left = min(wanted, sump.volume_m3 + came)
    return replace(
        sump, volume_m3=sump.volume_m3 + came - left, pumps=pumps, came_m3=sump.came_m3 + came,
        left_m3=sump.left_m3 + left, pumped_m3_h=left / hours if hours > 0.0 else sump.pumped_m3_h,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pond:
    """Levels in metres above the bottom of the pond. `widening_m`: the area that each metre of level adds, m2/m."""

    area_m2: float
    widening_m: float
    catchment_m2: float
    crest_m: float
    sill_m: float
    spill_width_m: float
    beach_slope: float
    volume_m3: float
    phreatic_lag_s: float
    phreatic_m: float  # depth of the phreatic line below the outer slope
    blocked: bool = False  # the spillway
    came_m3: float = 0.0
    left_m3: float = 0.0

    @property
    def level_m(self) -> float:
        """Of the water."""
        return _level(self, self.volume_m3)

    @property
    def freeboard_m(self) -> float:
        """Crest above water; below zero the dam is overtopped."""
        return self.crest_m - self.level_m

    @property
    def beach_m(self) -> float:
        """Dry beach between water and crest."""
        return max(0.0, self.freeboard_m) / self.beach_slope

    @property
    def phreatic_goal_m(self) -> float:
        """Depth that the line settles at: shallower with a shorter beach (a straight line through the dam)."""
        return PHREATIC_DEEP_M * self.beach_m / (self.beach_m + PHREATIC_HALF_M)


PHREATIC_DEEP_M, PHREATIC_HALF_M = 12.0, 60.0


def rain(pond: Pond, rain_mm_h: float, inflow_m3_h: float, dt_s: float) -> Pond:
    """The pond `dt_s` later."""
    came = (inflow_m3_h / 3600.0 + rain_mm_h * MM_H * pond.catchment_m2) * dt_s
    most = pond.volume_m3 + came
    low, high = 0.0, most
    for _ in range(HALVINGS):  # more left inside is more spilled: one crossing
        middle = (low + high) / 2.0
        if middle in (low, high):
            break
        if middle + dt_s * _spill(pond, middle) > most:
            high = middle
        else:
            low = middle
    volume = low if _spill(pond, most) > 0.0 else most
    keep = math.exp(-dt_s / pond.phreatic_lag_s)
    after = replace(pond, volume_m3=volume, came_m3=pond.came_m3 + came, left_m3=pond.left_m3 + (most - volume))
    goal = after.phreatic_goal_m
    return replace(after, phreatic_m=goal + (pond.phreatic_m - goal) * keep)


def _level(pond: Pond, volume_m3: float) -> float:
    return 2.0 * volume_m3 / (pond.area_m2 + math.sqrt(pond.area_m2**2 + 2.0 * pond.widening_m * volume_m3))


def _spill(pond: Pond, volume_m3: float) -> float:
    level = _level(pond, volume_m3)
    width_m = 0.0 if pond.blocked else pond.spill_width_m
    return _weir(width_m, level - pond.sill_m) + _weir(OVERTOPPED_M, level - pond.crest_m)


def _weir(width_m: float, above_m: float) -> float:
    return WEIR * width_m * above_m * math.sqrt(above_m) if above_m > 0.0 else 0.0


OVERTOPPED_M = 200.0  # length of the crest
