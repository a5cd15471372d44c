"""The bodies of a section and what couples them. `step(dt_s)`, and `value(sensor)` of the fields. No I/O, no clock.

What couples them: a contact powers its area; power lets machines cut, belts run and pumps lift; cutting gives off gas
and dust; fans, which have a supply of their own, carry it away; a fire at a belt warms the air that carries its smoke.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import pi

from minegate_sim import machine as machines
from minegate_sim import rail as rails
from minegate_sim.machine import Machine
from minegate_sim.noise import source as chance_of
from minegate_sim.rail import Rail
from minegate_sim.section import slope as slopes
from minegate_sim.section import water
from minegate_sim.section.air import OXYGEN, Air, Road, Source
from minegate_sim.section.check import OUTSIDE
from minegate_sim.section.fire import SMOKE_M2_G, Fire, burn
from minegate_sim.section.people import Crew
from minegate_sim.section.plan import Plan, PondPlan, RoadPlan, SensorPlan, SumpPlan
from minegate_sim.section.resistance import Fan, friction, leak
from minegate_sim.section.slope import Slope
from minegate_sim.section.water import Pond, Pump, Sump

STEP_S_MAX = 2.0
SMOKE_ALARM_PER_M = 0.1  # extinction at which a smoke sensor at a belt responds
IDLE_SHARE = 0.3  # of its power that a machine takes without cutting
FIRES_MAX = 8
DOCK_M = 5.0  # the robot's rail ends before the face


@dataclass(slots=True)
class Area:
    """Power of an area. `bypassed`: somebody bridged the contact."""

    contact_closed: bool = False
    mains_on: bool = True
    bypassed: bool = False

    @property
    def powered(self) -> bool:
        """Whether the load side has voltage."""
        return self.mains_on and (self.contact_closed or self.bypassed)


@dataclass(slots=True)
class Burst:
    """Gas (and dust) that breaks out: `left_m3` to come at `m3_s`."""

    road: str
    at_m: float
    left_m3: float
    m3_s: float
    dust_g_m3: float = 0.0


class Ground:
    """Everything that moves by itself, by name."""

    def __init__(self, plan: Plan, seed: int) -> None:
        self.plan = plan
        self.areas = {area.name: Area() for area in plan.area}
        self.machines = {machine.name: Machine() for machine in plan.machine}
        self.sources = {one.name: one for one in plan.source}
        self.stopped: set[str] = set()  # fans that somebody switched off
        self.fires: list[Fire] = []
        self.bursts: list[Burst] = []
        self.water_on = False
        self.rain_mm_h = 0.0
        self.inflows = {sump.name: sump.inflow_m3_h for sump in plan.sump}
        self.sumps = {one.name: _sump(one) for one in plan.sump}
        self.ponds = {one.name: _pond(one) for one in plan.pond}
        self.slopes = {one.name: Slope(mm_s=one.creep_mm_d / 86_400.0) for one in plan.slope}
        lengths = {road.name: road.length_m for road in plan.road}
        self.crews = {
            one.name: Crew([(road, lengths[road]) for road in one.way], one.people, one.first_tag,
                           chance_of(seed, f"crew {one.name}"))
            for one in plan.crew
        }  # fmt: skip
        self.rails = {one.name: Rail() for one in plan.robot}
        self.ways = {one.name: [(road, lengths[road]) for road in one.way] for one in plan.robot}
        self.air = Air(_roads(plan), OUTSIDE, _intake(plan)) if plan.road else None
        if self.air is not None:
            self.air.settle(self._given())

    def step(self, dt_s: float) -> None:
        """Let `dt_s` pass, in steps of at most STEP_S_MAX."""
        count = max(1, -int(-dt_s // STEP_S_MAX))
        for _ in range(count):
            self._step(dt_s / count)

    def powered(self, area: str) -> bool:
        """Whether a thing of that area has power; what has none named has a supply of its own."""
        return not area or self.areas[area].powered

    def running_fan(self, name: str) -> bool:
        """Of a duct or a road."""
        return name not in self._still()

    def running(self, name: str) -> bool:
        """Of a machine or a pump."""
        if name in self.machines:
            return self.machines[name].running
        return any(pump.running for sump in self.sumps.values() for pump in sump.pumps if pump.name == name)

    def power_kw(self, name: str) -> float:
        """What a machine takes."""
        plan = next(one for one in self.plan.machine if one.name == name)
        machine = self.machines[name]
        full = machine.running if plan.kind == "belt" else machine.cutting
        return plan.power_kw * (1.0 if full else IDLE_SHARE if machine.running else 0.0)

    def robot_at(self, name: str) -> tuple[str, float]:
        """Road and metres from its begin."""
        x_m = self.rails[name].x_m
        for road, length_m in self.ways[name]:
            if x_m <= length_m:
                return road, x_m
            x_m -= length_m
        return self.ways[name][-1]

    def at(self, quantity: str, road: str, at_m: float) -> float:
        """A field at a place, in the unit of the quantity."""
        assert self.air is not None, road
        ch4 = self.air.content("ch4", road, at_m)
        match quantity:
            case "ch4":
                return 100.0 * ch4
            case "co":
                return 1e6 * self.air.content("co", road, at_m)
            case "o2":
                return 100.0 * max(0.0, OXYGEN * (1.0 - ch4) - self.air.content("o2_used", road, at_m))
            case "temperature":
                return self.plan.rock_c + self.air.content("heat", road, at_m)
            case "smoke":
                return float(SMOKE_M2_G * self.air.content("smoke", road, at_m) >= SMOKE_ALARM_PER_M)
            case "dust":
                return 1000.0 * self.air.content("dust", road, at_m)
        return self.air.speed_m_s(road)

    def value(self, sensor: SensorPlan) -> float:
        """The true value at a sensor."""
        of = _OF_THING.get(sensor.quantity)
        return of(self, sensor.of) if of is not None else self.at(sensor.quantity, sensor.road, sensor.at_m)

    # ---- what happens

    def _step(self, dt_s: float) -> None:
        for one in self.plan.machine:
            self.machines[one.name] = machines.step(self.machines[one.name], self.powered(one.area), dt_s)
        for sump in self.plan.sump:
            live = [pump.name for pump in sump.pumps if self.powered(pump.area)]
            self.sumps[sump.name] = water.fill(self.sumps[sump.name], self.inflows[sump.name], live, dt_s)
        for pond in self.plan.pond:
            self.ponds[pond.name] = water.rain(self.ponds[pond.name], self.rain_mm_h, pond.inflow_m3_h, dt_s)
        self.slopes = {name: slopes.creep(slope, dt_s) for name, slope in self.slopes.items()}
        for crew in self.crews.values():
            crew.walk(dt_s)
        for name, rail in self.rails.items():
            length_m = max(1.0, sum(length for _, length in self.ways[name]) - DOCK_M)
            self.rails[name] = rails.step(rail, dt_s, length_m)
        if self.air is not None:
            self.air.step(dt_s, self._still(), [*self._given(), *self._broken_out(dt_s)])
            self.fires = [burn(fire, self.water_on, dt_s) for fire in self.fires]

    def _given(self) -> list[Source]:
        found = []
        for one in self.sources.values():
            if one.works_with and not self.machines[one.works_with].cutting:
                continue
            found.append(Source("ch4", one.road, one.at_m, one.ch4_m3_min / 60.0))
            found.append(Source("dust", one.road, one.at_m, one.dust_g_s))
        for fire in self.fires:
            found += fire.gives()
        return found

    def _broken_out(self, dt_s: float) -> list[Source]:
        found = []
        for burst in self.bursts:
            m3 = min(burst.left_m3, burst.m3_s * dt_s)
            burst.left_m3 -= m3
            found.append(Source("ch4", burst.road, burst.at_m, m3 / dt_s))
            found.append(Source("dust", burst.road, burst.at_m, m3 * burst.dust_g_m3 / dt_s))
        self.bursts = [burst for burst in self.bursts if burst.left_m3 > 0.0]
        return found

    def _still(self) -> set[str]:
        fans = [(f"{duct.name}-fan", duct.fan.area) for duct in self.plan.duct]
        fans += [(road.name, road.fan.area) for road in self.plan.road if road.fan is not None]
        off = {name for name, area in fans if not self.powered(area)} | self.stopped
        return off | {f"{name}-fan" for name in off} | {name.removesuffix("-fan") for name in off}

    def tear(self, name: str, intact: float) -> None:
        """Of the air of a duct only the share `intact` arrives."""
        assert self.air is not None
        duct = next(duct for duct in self.plan.duct if duct.name == name)
        self.air.leaks[f"{name}-leak"] = leak(duct.resistance, intact)


def _duct_speed(ground: Ground, name: str) -> float:
    assert ground.air is not None
    duct = next(duct for duct in ground.plan.duct if duct.name == name)
    return max(0.0, ground.air.flow_m3_s(name)) / (pi / 4.0 * duct.diameter_m**2)


def _level(ground: Ground, name: str) -> float:
    return ground.sumps[name].level_m if name in ground.sumps else ground.ponds[name].level_m


_OF_THING: dict[str, Callable[[Ground, str], float]] = {
    "fan_run": lambda ground, name: float(ground.running_fan(name)),
    "duct_speed": _duct_speed,
    "feed": lambda ground, name: float(ground.areas[name].powered),
    "run": lambda ground, name: float(ground.running(name)),
    "power": lambda ground, name: ground.power_kw(name),
    "level": _level,
    "pumped": lambda ground, name: ground.sumps[name].pumped_m3_h,
    "beach": lambda ground, name: ground.ponds[name].beach_m,
    "phreatic": lambda ground, name: ground.ponds[name].phreatic_m,
    "rain": lambda ground, name: ground.rain_mm_h,
    "displacement": lambda ground, name: ground.slopes[name].moved_mm,
    "velocity": lambda ground, name: ground.slopes[name].mm_s * 3600.0,
    "people": lambda ground, name: float(ground.crews[name].count()),
}


def _roads(plan: Plan) -> list[Road]:
    roads = [_road(one) for one in plan.road]
    for duct in plan.duct:
        area, joint = pi / 4.0 * duct.diameter_m**2, f"{duct.name}-joint"
        fan = Fan(duct.fan.shut_off_pa, duct.fan.flow_max_m3_s)
        roads += [
            Road(f"{duct.name}-fan", duct.begin, joint, 2.0, area, 1, 0.01 * duct.resistance, fan=fan),
            Road(duct.name, joint, duct.end, duct.length_m, area, 3, duct.resistance),
            Road(f"{duct.name}-leak", joint, duct.mouth, 2.0, area, 1, leak(duct.resistance, duct.intact)),
        ]
    return roads


def _road(one: RoadPlan) -> Road:
    resistance = friction(one.friction, one.length_m, one.area_m2) + one.shock
    fan = Fan(one.fan.shut_off_pa, one.fan.flow_max_m3_s) if one.fan is not None else None
    return Road(one.name, one.begin, one.end, one.length_m, one.area_m2, one.cells, resistance, one.rise_m, fan)


def _intake(plan: Plan) -> dict[str, float]:
    return {"ch4": plan.intake_ch4_percent / 100.0, "heat": plan.intake_c - plan.rock_c}


def _sump(one: SumpPlan) -> Sump:
    pumps = tuple(Pump(pump.name, pump.m3_h, pump.start_m, pump.stop_m) for pump in one.pumps)
    return Sump(one.area_m2, one.depth_m, one.area_m2 * one.level_m, pumps)


def _pond(one: PondPlan) -> Pond:
    volume = one.area_m2 * one.level_m + one.widening_m * one.level_m**2 / 2.0
    pond = Pond(one.area_m2, one.widening_m, one.catchment_m2, one.crest_m, one.sill_m, one.spill_width_m,
                one.beach_slope, volume, one.phreatic_lag_h * 3600.0, 0.0)  # fmt: skip
    return replace(pond, phreatic_m=pond.phreatic_goal_m)
