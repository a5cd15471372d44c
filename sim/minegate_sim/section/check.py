"""What one key of a section file cannot know of another: names exist, are not used twice, places are inside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Protocol

from minegate_interlock.library import entries
from minegate_sim.section.plan import OF_PLACE, OF_THING, QUANTITIES, DevicePlan, Plan, SensorPlan
from minegate_sim.section.spoken import ROBOT_FIELDS

OUTSIDE = "outside"


def check(plan: Plan, file: str) -> None:
    """ValueError names file, table, name, key and value of the first thing that does not fit."""
    try:
        _names(plan)
        _air(plan)
        _things(plan)
        for sensor in plan.sensor:
            _sensor(plan, sensor)
        for device in plan.device:
            _device(plan, device)
        _lines(plan)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error


def things(plan: Plan) -> Mapping[str, Sequence[str]]:
    """Names by what a quantity can be of."""
    return {
        "fan_run": [duct.name for duct in plan.duct] + [road.name for road in plan.road if road.fan is not None],
        "duct_speed": [duct.name for duct in plan.duct],
        "feed": [area.name for area in plan.area],
        "run": [machine.name for machine in plan.machine] + [pump.name for sump in plan.sump for pump in sump.pumps],
        "power": [machine.name for machine in plan.machine],
        "level": [sump.name for sump in plan.sump] + [pond.name for pond in plan.pond],
        "pumped": [sump.name for sump in plan.sump],
        **{key: [pond.name for pond in plan.pond] for key in ("beach", "phreatic", "rain")},
        **{key: [slope.name for slope in plan.slope] for key in ("displacement", "velocity")},
        "people": [crew.name for crew in plan.crew],
    }


def _names(plan: Plan) -> None:
    pumps = [pump.name for sump in plan.sump for pump in sump.pumps]
    bodies = (plan.road, plan.duct, plan.source, plan.area, plan.machine, plan.sump, plan.pond, plan.slope, plan.crew)
    _once("name", [*(one.name for table in bodies for one in _named(table)), *pumps])
    _once("sensor point", (sensor.point for sensor in plan.sensor))
    _once("port", (port.name for port in plan.port))
    _once("device", chain((device.name for device in plan.device), (robot.name for robot in plan.robot)))


class Named(Protocol):
    """A table with a name."""

    @property
    def name(self) -> str: ...


def _named(table: Sequence[Named]) -> Sequence[Named]:
    return table


def _air(plan: Plan) -> None:
    if plan.duct and not plan.road:
        raise ValueError(f"duct {plan.duct[0].name}: there is no road")
    nodes = {node for road in plan.road for node in (road.begin, road.end)}
    if plan.road and OUTSIDE not in nodes:
        raise ValueError(f"road: none begins or ends at {OUTSIDE!r}")
    for duct in plan.duct:
        for key in ("begin", "end", "mouth"):
            _one_of(f"duct {duct.name}: {key}", getattr(duct, key), nodes)
    for source in plan.source:
        _inside(plan, f"source {source.name}", source.road, source.at_m or 0.0)
        if source.works_with:
            _one_of(f"source {source.name}: works_with", source.works_with, (m.name for m in plan.machine))


def _things(plan: Plan) -> None:
    pumps = [pump for sump in plan.sump for pump in sump.pumps]
    powered = [(f"machine {one.name}", one.area) for one in plan.machine]
    powered += [(f"pump {one.name}", one.area) for one in pumps]
    powered += [(f"fan of {road.name}", road.fan.area) for road in plan.road if road.fan is not None]
    powered += [(f"fan of {duct.name}", duct.fan.area) for duct in plan.duct]
    for what, area in powered:
        if area:
            _one_of(f"{what}: area", area, (one.name for one in plan.area))
    for pump in pumps:
        if not pump.stop_m < pump.start_m:
            raise ValueError(f"pump {pump.name}: stop_m {pump.stop_m:g} is not below start_m {pump.start_m:g}")
    for pond in plan.pond:
        if not pond.level_m < pond.crest_m or not pond.sill_m <= pond.crest_m:
            raise ValueError(f"pond {pond.name}: level_m and sill_m are not below crest_m {pond.crest_m:g}")
    for name, way in chain(((one.name, one.way) for one in plan.crew), ((one.name, one.way) for one in plan.robot)):
        for road in way:
            _one_of(f"{name}: way", road, (one.name for one in plan.road))


def _sensor(plan: Plan, sensor: SensorPlan) -> None:
    where = f"sensor {sensor.point}"
    _one_of(f"{where}: quantity", sensor.quantity, QUANTITIES)
    if sensor.quantity in OF_PLACE:
        if sensor.of:
            raise ValueError(f"{where}: {sensor.quantity} is measured at a road and at_m, not of {sensor.of!r}")
        _inside(plan, where, sensor.road, sensor.at_m)
    else:
        _one_of(f"{where}: of ({OF_THING[sensor.quantity]})", sensor.of, things(plan)[sensor.quantity])
    usual = QUANTITIES[sensor.quantity]
    low = sensor.low if sensor.low is not None else usual[1]
    high = sensor.high if sensor.high is not None else usual[2]
    if not low < high:
        raise ValueError(f"{where}: low {low:g} is not below high {high:g}")


def _device(plan: Plan, device: DevicePlan) -> None:
    where = f"device {device.name}"
    port = next((port for port in plan.port if port.name == device.port), None)
    if port is None:
        raise ValueError(f"{where}: port {device.port!r} is not one of {', '.join(p.name for p in plan.port)}")
    kind = "can" if device.model in ("j1939", "roadheader") else "rs485"
    if port.kind != kind:
        raise ValueError(f"{where}: model {device.model} needs a port of kind {kind}, {port.name} is {port.kind}")
    for point in device.sensors:
        _one_of(f"{where}: sensors", point, (sensor.point for sensor in plan.sensor))
    if device.model == "gas_head":
        quantities = [sensor.quantity for sensor in plan.sensor if sensor.point in device.sensors]
        if quantities != ["ch4"]:
            raise ValueError(f"{where}: a gas_head has one sensor of quantity ch4, not {quantities!r}")
    if device.model in ("j1939", "roadheader"):
        _one_of(f"{where}: of", device.of, (machine.name for machine in plan.machine))
    if device.model == "meter":
        _one_of(f"{where}: of", device.of, (area.name for area in plan.area))


def _lines(plan: Plan) -> None:
    for port in plan.port:
        here = [device for device in plan.device if device.port == port.name]
        _once(f"port {port.name}: address", (str(d.address) for d in here if d.model not in ("meter", "roadheader")))
    relays = {port.name for port in plan.port if port.kind == "relay"}
    for area in plan.area:
        _one_of(f"area {area.name}: output", area.output, relays)
        if area.feed_point:
            _one_of(f"area {area.name}: feed_point", area.feed_point, (sensor.point for sensor in plan.sensor))
    _once("output", (area.output for area in plan.area))
    for limit in plan.limit:
        _one_of(f"limit of {limit.point}: area", limit.area, (area.name for area in plan.area))
        others = [*limit.neighbours, *([limit.agrees_with] if limit.agrees_with is not None else [])]
        for point in (limit.point, *others):
            _one_of("limit: point", point, (sensor.point for sensor in plan.sensor))
    for place in plan.place:
        _one_of(f"place of {place.point}: area", place.area, (area.name for area in plan.area))
        ridden = [f"{robot.name}-{field}" for robot in plan.robot for field in ROBOT_FIELDS]
        _one_of("place: point", place.point, [*(sensor.point for sensor in plan.sensor), *ridden])
        _one_of(f"place of {place.point}: rule", place.rule, entries())


def _inside(plan: Plan, where: str, name: str, at_m: float) -> None:
    road = next((road for road in plan.road if road.name == name), None)
    if road is None:
        raise ValueError(f"{where}: road {name!r} is not one of {', '.join(road.name for road in plan.road)}")
    if not at_m <= road.length_m:
        raise ValueError(f"{where}: at_m {at_m:g} is beyond the {road.length_m:g} m of {name}")


def _one_of(where: str, name: str, known: Iterable[str]) -> None:
    listed = list(known)
    if name not in listed:
        raise ValueError(f"{where}: {name!r} is not one of {', '.join(listed) or 'none'}")


def _once(what: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{what} {name!r} is given twice")
        seen.add(name)
