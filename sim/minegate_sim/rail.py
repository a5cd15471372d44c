"""The inspection robot as a body on its rail: to the face and back, and to its dock at the mouth to charge. Pure.

It carries its own battery (intrinsically safe), so the power of the area does not stop it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from minegate_sim.air import LENGTH_M

RAIL_M = LENGTH_M - 5.0  # ends before the jet of the duct
SPEED_M_S = 0.5
LOW, FULL = 25.0, 95.0  # % charge: goes home below, leaves the dock above
MOVING_PER_S = 20.0 / 3600.0
RESTING_PER_S = 5.0 / 3600.0
CHARGING_PER_S = 60.0 / 3600.0


@dataclass(frozen=True, slots=True)
class Rail:
    """`x_m` from the mouth (dock at 0); `heading` +1 to the face, -1 back; `charge` in %."""

    x_m: float = 0.0
    heading: int = 1
    charge: float = 80.0
    charging: bool = False
    stopped: bool = False  # emergency stop

    @property
    def speed_m_s(self) -> float:
        """As it moves now."""
        return 0.0 if self.charging or self.stopped or self.charge <= 0.0 else SPEED_M_S


def step(rail: Rail, dt_s: float, rail_m: float = RAIL_M) -> Rail:
    """The robot `dt_s` later on a rail of `rail_m`."""
    if rail.charging:
        charge = min(100.0, rail.charge + CHARGING_PER_S * dt_s)
        return replace(rail, charge=charge, charging=charge < FULL)
    speed = rail.speed_m_s
    charge = max(0.0, rail.charge - (MOVING_PER_S if speed else RESTING_PER_S) * dt_s)
    x_m = rail.x_m + rail.heading * speed * dt_s
    if x_m >= rail_m:
        return replace(rail, x_m=rail_m, heading=-1, charge=charge)
    if x_m <= 0.0:
        return replace(rail, x_m=0.0, heading=1, charge=charge, charging=charge <= LOW and not rail.stopped)
    return replace(rail, x_m=x_m, heading=-1 if charge <= LOW else rail.heading, charge=charge)
