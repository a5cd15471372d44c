"""What air meets and what drives it: friction of roads and ducts, falls of roof, fan curves, draught. Pure.

Sources: McPherson, Subsurface Ventilation Engineering, ch. 5 (R = k L per / A^3; shock loss X rho / 2 A^2) and ch. 10
(fan laws: flow with the speed, pressure with its square); Weisbach's contraction for an opening (Idelchik, Handbook of
Hydraulic Resistance, ch. 4). Natural draught is the weight of the air column: rho g dz dT / T.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from minegate_sim.section.network import AIR_KG_M3

GRAVITY_M_S2 = 9.81
AIR_K = 297.0
SEALED = 1e9  # N s2/m8: a duct or stopping that lets nothing through
SHARE_MIN = 1e-6


class Fan(NamedTuple):
    """H(Q) = shut_off_pa n^2 - (shut_off_pa / flow_max^2) Q|Q| at relative speed n; a stopped fan is a resistance."""

    shut_off_pa: float
    flow_max_m3_s: float  # at no pressure

    def push_pa(self, speed: float) -> float:
        """The part that does not depend on the flow."""
        return self.shut_off_pa * speed * speed

    @property
    def weight(self) -> float:
        """The part that falls with the flow, as a resistance in N s2/m8."""
        return self.shut_off_pa / self.flow_max_m3_s**2


def friction(k_kg_m3: float, length_m: float, area_m2: float) -> float:
    """Resistance in N s2/m8 of a road with the perimeter of an arched section, 3.8 sqrt(A)."""
    return k_kg_m3 * length_m * 3.8 * math.sqrt(area_m2) / area_m2**3


def fall(open_share: float, area_m2: float) -> float:
    """What a fall of roof adds that leaves `open_share` of the section open; none at 1, sealed at 0."""
    if not open_share > SHARE_MIN:
        return SEALED
    contraction = 0.62 + 0.38 * open_share**3
    shock = (1.0 / (contraction * open_share) - 1.0) ** 2
    return min(SEALED, shock * AIR_KG_M3 / (2.0 * area_m2**2))


def leak(duct: float, intact: float) -> float:
    """Resistance of the holes in a duct of resistance `duct` of whose air the share `intact` arrives at its end."""
    lost = 1.0 - intact
    if not lost > SHARE_MIN:
        return SEALED
    return max(duct * SHARE_MIN, min(SEALED, duct * (intact / lost) ** 2))


def draught_pa(rise_m: float, warmer_k: float) -> float:
    """Push along a road that rises `rise_m` and whose air is `warmer_k` warmer than the rest."""
    return AIR_KG_M3 * GRAVITY_M_S2 * rise_m * warmer_k / AIR_K


def spun(speed: float, running: bool, dt_s: float) -> float:
    """Relative speed of a fan `dt_s` later; it runs up and is braked by its own air within seconds."""
    goal = 1.0 if running else 0.0
    tau_s = SPIN_UP_S if goal > speed else SPIN_DOWN_S
    return speed - (goal - speed) * math.expm1(-dt_s / tau_s)


SPIN_UP_S, SPIN_DOWN_S = 2.0, 2.5
