"""The air of a section: flows, and everything it carries, on one set of roads. Seconds, cubic metres, parts of volume.

`network.py` gives the flows, `transport.py` moves each substance, `resistance.py` says what roads, falls and fans do.
Flow settles at once, fans within seconds; what the air carries drives it through its warmth (one step late).

What settles: dust at a few mm/s (floor and walls, k = v_s / height), heat to the rock by h per / (rho cp A) with h = 8
W/m2K (McPherson, ch. 15, order of magnitude). Methane, CO, used-up oxygen and smoke stay in the air.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from minegate_sim.section.network import AIR_KG_M3, Ends, Net
from minegate_sim.section.resistance import Fan, draught_pa, fall, spun
from minegate_sim.section.transport import Rows, advance, faces

SUBSTANCES = ("ch4", "co", "o2_used", "smoke", "dust", "heat")  # m3, m3, m3, g, g, m3 K above the rock
OXYGEN = 0.2095
HEAT_W_M2K = 8.0
AIR_J_KGK = 1005.0
DUST_M_S = 0.004
SETTLING_S = 600.0  # one step of the long run that a section begins with
SETTLING_STEPS = 40


class Road(NamedTuple):
    """`resistance` in N s2/m8; `rise_m` from begin to end."""

    name: str
    begin: str
    end: str
    length_m: float
    area_m2: float
    cells: int
    resistance: float
    rise_m: float = 0.0
    fan: Fan | None = None


class Source(NamedTuple):
    """`per_s` of a substance given off in a road at `at_m` from its begin; None: along all of it."""

    substance: str
    road: str
    at_m: float | None
    per_s: float


class Air:
    """`outside` is the name of the node where air comes from and goes to; `intake`: what it carries there."""

    def __init__(self, roads: Sequence[Road], outside: str, intake: Mapping[str, float]) -> None:
        self.roads = {road.name: road for road in roads}
        self.open_share = dict.fromkeys(self.roads, 1.0)
        self.leaks: dict[str, float] = {}  # resistance of a road that somebody tore open or closed
        self.speeds = {road.name: 1.0 for road in roads if road.fan is not None}
        self.entered, self.left, self.settled = (dict.fromkeys(SUBSTANCES, 0.0) for _ in range(3))
        self._intake = {name: float(intake.get(name, 0.0)) for name in SUBSTANCES}
        self._number = {name: index for index, name in enumerate(self.roads)}
        nodes = [outside, *dict.fromkeys(node for road in roads for node in road[1:3] if node != outside)]
        at = {node: index for index, node in enumerate(nodes)}
        self.net = Net(len(nodes), [Ends(at[road.begin], at[road.end]) for road in roads])
        self._volumes: Rows = tuple((road.length_m * road.area_m2 / road.cells,) * road.cells for road in roads)
        self._decay = {name: _decay(name, roads) for name in SUBSTANCES}
        self.amounts: dict[str, Rows] = {
            name: tuple(tuple(self._intake[name] * v for v in row) for row in self._volumes) for name in SUBSTANCES
        }
        self.flows = tuple(0.0 for _ in roads)

    def settle(self, sources: Sequence[Source]) -> None:
        """As it is after a long time with all fans on."""
        for _ in range(SETTLING_STEPS):
            self.step(SETTLING_S, frozenset(), sources)
        self.entered = {name: sum(map(sum, rows)) for name, rows in self.amounts.items()}
        self.left, self.settled = dict.fromkeys(SUBSTANCES, 0.0), dict.fromkeys(SUBSTANCES, 0.0)

    def step(self, dt_s: float, stopped: Iterable[str], sources: Sequence[Source]) -> None:
        """Let `dt_s` pass with the fans of the roads `stopped` off."""
        still = set(stopped)
        self.speeds = {name: spun(speed, name not in still, dt_s) for name, speed in self.speeds.items()}
        given = {name: self._rows(source for source in sources if source.substance == name) for name in SUBSTANCES}
        self.flows = self._blow(given["ch4"])
        sides = faces(self.flows, given["ch4"])
        for name in SUBSTANCES:
            if not (any(map(any, self.amounts[name])) or any(map(any, given[name])) or self._intake[name]):
                continue  # nothing of it is anywhere
            moved = advance(self.net, sides, self._volumes, self.amounts[name], given[name], self._decay[name],
                            self._intake[name], dt_s)  # fmt: skip
            self.amounts[name] = moved.amounts
            self.entered[name] += moved.entered
            self.left[name] += moved.left
            self.settled[name] += moved.settled

    def content(self, substance: str, road: str, at_m: float) -> float:
        """Per cubic metre at `at_m` from the road's begin; linear between the middles of the cells."""
        number, plan = self._number[road], self.roads[road]
        row = [amount / volume for amount, volume in
               zip(self.amounts[substance][number], self._volumes[number], strict=True)]  # fmt: skip
        place = min(max(at_m / plan.length_m * plan.cells - 0.5, 0.0), plan.cells - 1.0)
        below = min(int(place), plan.cells - 1)
        above = min(below + 1, plan.cells - 1)
        return row[below] + (place - below) * (row[above] - row[below])

    def flow_m3_s(self, road: str) -> float:
        """From the road's begin to its end."""
        return self.flows[self._number[road]]

    def speed_m_s(self, road: str) -> float:
        """How fast the air moves, whichever way."""
        return abs(self.flow_m3_s(road)) / (self.roads[road].area_m2 * self.open_share[road])

    def balance(self, substance: str) -> float:
        """What the books cannot explain; zero up to rounding."""
        stored = sum(map(sum, self.amounts[substance]))
        return stored + self.left[substance] + self.settled[substance] - self.entered[substance]

    def _blow(self, born: Rows) -> tuple[float, ...]:
        weight, push_pa, inflow = [], [], [0.0] * self.net.nodes
        for number, (name, road) in enumerate(self.roads.items()):
            resistance = self.leaks.get(name, road.resistance) + fall(self.open_share[name], road.area_m2)
            warmth = self._warmth(number)
            driven = road.fan.push_pa(self.speeds[name]) if road.fan is not None else 0.0
            weight.append(resistance + (road.fan.weight if road.fan is not None else 0.0))
            push_pa.append(driven + draught_pa(road.rise_m, warmth))
            inflow[self.net.roads[number].end] += sum(born[number])
        return self.net.flows(weight, push_pa, inflow, near=self.flows)

    def _warmth(self, number: int) -> float:
        return sum(self.amounts["heat"][number]) / sum(self._volumes[number])

    def _rows(self, sources: Iterable[Source]) -> Rows:
        rows = [[0.0] * len(volumes) for volumes in self._volumes]
        for source in sources:
            row, plan = rows[self._number[source.road]], self.roads[source.road]
            if source.at_m is None:
                for index in range(plan.cells):
                    row[index] += source.per_s / plan.cells
            else:
                row[min(int(source.at_m / plan.length_m * plan.cells), plan.cells - 1)] += source.per_s
        return tuple(map(tuple, rows))


def _decay(substance: str, roads: Sequence[Road]) -> list[float]:
    if substance == "heat":
        return [HEAT_W_M2K * 3.8 / (AIR_KG_M3 * AIR_J_KGK * math.sqrt(road.area_m2)) for road in roads]
    if substance == "dust":
        return [DUST_M_S / math.sqrt(road.area_m2) for road in roads]
    return [0.0] * len(roads)
