"""A fire at a belt: smoulders, then grows with the square of time to its peak, and what it gives to the air. Pure.

Growth Q = a t^2 with a = 0.0029 / 0.0117 / 0.0469 kW/s2 for slow, medium, fast (NFPA 92, annex). A conveyor belt burns
with some 20 MJ/kg; per kg burnt some 60 g of CO (150 g while it smoulders: little heat, much CO) and 80 g of soot
(order of magnitude of rubber and PVC in the SFPE Handbook, ch. 36, recalled). Oxygen: 13.1 MJ per kg (Huggett 1980).
Soot dims light by 8.7 m2/g (Mulholland and Croarkin 2000). Water takes it down with a time constant.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from minegate_sim.section.air import AIR_J_KGK, Source
from minegate_sim.section.network import AIR_KG_M3

GROWTH_KW_S2 = {"slow": 0.0029, "medium": 0.0117, "fast": 0.0469}
SMOULDER_KW = 15.0
HEAT_MJ_KG = 20.0
CO_FLAME, CO_SMOULDER, SOOT = 0.06, 0.15, 0.08  # kg per kg burnt
CO_KG_M3, O2_KG_M3 = 1.15, 1.31
OXYGEN_MJ_KG = 13.1
QUENCH_S = 90.0
SMOKE_M2_G = 8.7


@dataclass(frozen=True, slots=True)
class Fire:
    """At `at_m` of `road`. `age_s` since it began; `left` is the share that water has not put out."""

    road: str
    at_m: float
    growth_kw_s2: float = GROWTH_KW_S2["slow"]
    smoulder_s: float = 120.0
    peak_kw: float = 2000.0
    age_s: float = 0.0
    left: float = 1.0

    @property
    def heat_kw(self) -> float:
        """As it burns now."""
        flaming_s = max(0.0, self.age_s - self.smoulder_s)
        grown = min(self.peak_kw, SMOULDER_KW + self.growth_kw_s2 * flaming_s * flaming_s)
        kindled = min(1.0, self.age_s / max(1.0, self.smoulder_s))
        return self.left * grown * kindled

    def gives(self) -> tuple[Source, ...]:
        """To the air, per second."""
        kw = self.heat_kw
        burnt_kg_s = kw / (HEAT_MJ_KG * 1000.0)
        co = CO_FLAME if self.age_s > self.smoulder_s else CO_SMOULDER
        return (
            Source("heat", self.road, self.at_m, kw * 1000.0 / (AIR_KG_M3 * AIR_J_KGK)),
            Source("co", self.road, self.at_m, burnt_kg_s * co / CO_KG_M3),
            Source("smoke", self.road, self.at_m, burnt_kg_s * SOOT * 1000.0),
            Source("o2_used", self.road, self.at_m, kw / (OXYGEN_MJ_KG * 1000.0) / O2_KG_M3),
        )


def burn(fire: Fire, water: bool, dt_s: float) -> Fire:
    """The fire `dt_s` later."""
    return replace(fire, age_s=fire.age_s + dt_s, left=fire.left * math.exp(-dt_s / QUENCH_S) if water else fire.left)
