"""Air and methane of a heading: fan -> duct -> face -> road -> return. Pure; seconds, cubic metres, parts of volume.

The heading is a row of well-mixed volumes (tanks in series: Levenspiel, Chemical Reaction Engineering, ch. 14): the
face zone, `ROAD_CELLS` pieces of road, the zone at the mouth. With m methane in a volume V and the flow f through it,

    dm/dt = inflow of methane - f * m / V       f = fresh air + gas emitted so far (what comes in drives as much out)

so a front takes (road volume / flow) seconds from face to return, spread by 1 / sqrt(cells), and stands still with the
fan. Each step is implicit Euler from face to mouth: what leaves a volume enters the next one, so methane is conserved
to rounding (`balance_m3`), and is never negative or more than pure gas, however long the step. Layering under the roof,
natural draught and diffusion are left out.

Sizes are those of a small heading in coal: 12 m2 of road, 500 m3/min from a local fan of 2 x 30 kW through a duct of
0.8 m; 0.7 m/s in the road, inside the 0.25-4 m/s of the Coal Mine Safety Regulations (art. 136, recalled).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

ROAD_M2 = 12.0
FACE_M3 = 10.0 * ROAD_M2  # the last 10 m, stirred by the jet of the duct
ROAD_CELLS = 6
ROAD_CELL_M3 = 20.0 * ROAD_M2 / ROAD_CELLS
RETURN_M3 = 5.0 * ROAD_M2
VOLUMES_M3 = (FACE_M3, *([ROAD_CELL_M3] * ROAD_CELLS), RETURN_M3)
LENGTH_M = sum(VOLUMES_M3) / ROAD_M2

DUCT_M2 = math.pi * 0.4**2
FAN_M3_S = 500.0 / 60.0
SPIN_UP_S = 2.0  # time constants of the air column with the impeller; a stopped fan is braked by its own air
SPIN_DOWN_S = 2.5

INTAKE = 0.0002  # the intake air of a gassy mine is not free of methane
RIBS_M3_S = 0.3 / 60.0  # what the walls of the whole road give off


@dataclass(frozen=True, slots=True)
class Wind:
    """What acts on the air. `duct_intact`: share of the fan's air that reaches the face; the mouth gets the rest."""

    fan_on: bool = True
    duct_intact: float = 1.0
    face_m3_s: float = 2.5 / 60.0


@dataclass(frozen=True, slots=True)
class Air:
    """The state. `ch4_m3[i]` is the methane in `VOLUMES_M3[i]`; `entered_m3`, `left_m3` are what ever came and went."""

    fan_m3_s: float
    duct_m3_s: float  # what arrives at the end of the duct
    ch4_m3: tuple[float, ...]
    entered_m3: float = 0.0
    left_m3: float = 0.0
    burst_m3: float = 0.0  # still to come of a burst, at `burst_m3_s`
    burst_m3_s: float = 0.0

    def percent(self, position_m: float) -> float:
        """% CH4 at `position_m` metres from the mouth; linear between the middles of the volumes."""
        middles = _MIDDLES_M
        fractions = [100.0 * m / v for m, v in zip(self.ch4_m3, VOLUMES_M3, strict=True)]
        if position_m >= middles[0]:
            return fractions[0]
        for index in range(1, len(middles)):
            if position_m >= middles[index]:
                share = (position_m - middles[index]) / (middles[index - 1] - middles[index])
                return fractions[index] + share * (fractions[index - 1] - fractions[index])
        return fractions[-1]

    @property
    def duct_m_s(self) -> float:
        """Air speed at the end of the duct."""
        return self.duct_m3_s / DUCT_M2

    @property
    def road_m_s(self) -> float:
        """Air speed in the road behind the face."""
        return self.duct_m3_s / ROAD_M2

    @property
    def balance_m3(self) -> float:
        """Methane that the books cannot explain; zero up to rounding."""
        return sum(self.ch4_m3) + self.left_m3 - self.entered_m3


def _middles() -> tuple[float, ...]:
    behind, found = LENGTH_M, []
    for volume in VOLUMES_M3:
        length = volume / ROAD_M2
        found.append(behind - length / 2)
        behind -= length
    return tuple(found)


_MIDDLES_M = _middles()


def steady(wind: Wind) -> Air:
    """The heading after a long time in this wind with the fan on."""
    fresh, flow, methane = _inflows(FAN_M3_S, wind, wind.face_m3_s)
    total, found = 0.0, []
    through = 0.0
    for index, volume in enumerate(VOLUMES_M3):
        through += flow[index]
        total += methane[index] + INTAKE * fresh[index]
        found.append(volume * total / through)
    held = tuple(found)
    return Air(FAN_M3_S, FAN_M3_S * wind.duct_intact, held, entered_m3=sum(held))


def burst(air: Air, m3: float, over_s: float) -> Air:
    """Let `m3` of methane break out at the face within `over_s` seconds, on top of what a burst still owes."""
    left = air.burst_m3 + m3
    return replace(air, burst_m3=left, burst_m3_s=left / over_s)


def step(air: Air, wind: Wind, dt_s: float) -> Air:
    """The air `dt_s` later."""
    target = FAN_M3_S if wind.fan_on else 0.0
    tau_s = SPIN_UP_S if target > air.fan_m3_s else SPIN_DOWN_S
    fan = target + (air.fan_m3_s - target) * math.exp(-dt_s / tau_s)
    out = min(air.burst_m3, air.burst_m3_s * dt_s)
    fresh, flow, methane = _inflows(fan, wind, wind.face_m3_s + out / dt_s)
    carried = through = entered = 0.0
    held = []
    for index, volume in enumerate(VOLUMES_M3):
        through += flow[index]
        coming = methane[index] + INTAKE * fresh[index]
        now = (air.ch4_m3[index] + dt_s * (carried + coming)) / (1.0 + dt_s * through / volume)
        carried = through * now / volume
        entered += dt_s * coming
        held.append(now)
    return Air(
        fan,
        fan * wind.duct_intact,
        tuple(held),
        air.entered_m3 + entered,
        air.left_m3 + dt_s * carried,
        air.burst_m3 - out,
        air.burst_m3_s if air.burst_m3 > out else 0.0,
    )


def _inflows(fan_m3_s: float, wind: Wind, face_m3_s: float) -> tuple[list[float], list[float], list[float]]:
    """Per volume, in m3/s: fresh air, all that enters from outside the row, and the methane given off there."""
    last = len(VOLUMES_M3) - 1
    fresh = [0.0] * (last + 1)
    fresh[0] = fan_m3_s * wind.duct_intact
    fresh[last] = fan_m3_s * (1.0 - wind.duct_intact)
    methane = [face_m3_s, *([RIBS_M3_S / ROAD_CELLS] * ROAD_CELLS), 0.0]
    return fresh, [air + gas for air, gas in zip(fresh, methane, strict=True)], methane
