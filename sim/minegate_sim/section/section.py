"""A section as a place: its ground, sensors and devices as one thing that is stepped. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from minegate_sim.devices.rail_robot import RailRobot
from minegate_sim.far_end import FarEnd
from minegate_sim.noise import source
from minegate_sim.place import Speaker, Truth
from minegate_sim.section import wishes
from minegate_sim.section.check import check
from minegate_sim.section.ground import Ground
from minegate_sim.section.plan import QUANTITIES, Plan, SensorPlan, parse
from minegate_sim.section.sensor import Sensor
from minegate_sim.section.site import site_of
from minegate_sim.section.wiring import Wiring
from minegate_sim.watch import Watch, Watches

BEHIND_MS_MAX = 5000.0
_FOLDER = files("minegate_sim.section") / "sections"


def shipped() -> dict[str, str]:
    """The sections that come with the package: name and title."""
    return {name: load(name).title_en for name in names()}


def names() -> list[str]:
    """Of the sections that come with the package."""
    return sorted(entry.name.removesuffix(".toml") for entry in _FOLDER.iterdir() if entry.name.endswith(".toml"))


def load(name: str) -> Plan:
    """A shipped section by name, or a file by its path. OSError if it cannot be read, ValueError if it is wrong."""
    inside = _FOLDER / f"{name}.toml"
    if "/" not in name and inside.is_file():
        text, file = inside.read_text(encoding="utf-8"), f"{name}.toml"
    else:
        text, file = Path(name).read_text(encoding="utf-8"), name
    plan = parse(text, file)
    check(plan, file)
    return plan


class Section:
    """See Place. `speed`: seconds of the section in one second of the clock; buses and relays keep the clock's pace."""

    def __init__(self, plan: Plan, seed: int, now_ms: float = 0.0, speed: float = 1.0) -> None:
        self.plan = plan
        self.ground = Ground(plan, seed)
        self.sensors = {one.point: _sensor(one, seed) for one in plan.sensor}
        self.watches = Watches()
        self.robots = {
            one.name: RailRobot(one.name, one.manufacturer, one.serial, source(seed, one.name), now_ms)
            for one in plan.robot
        }
        self.speed = speed
        self._next_ms = now_ms
        self._truths = [Truth(now_ms, "contact_open", {"contact": area.output}) for area in plan.area]
        self._were: dict[str, bool] = {}
        self.wiring = Wiring(plan, self.ground, self.sensors, seed, now_ms, self._contact_moved)
        self._measure(0.0, now_ms)
        self._notice(now_ms)

    @property
    def ends(self) -> Mapping[str, FarEnd]:
        """See Place."""
        return self.wiring.ends

    @property
    def speakers(self) -> Mapping[str, Speaker]:
        """See Place."""
        return self.robots

    @property
    def devices(self) -> tuple[str, ...]:
        """See Place."""
        return (*self.wiring.devices, *self.robots)

    def site(self) -> Mapping[str, str]:
        """See Place."""
        return site_of(self.plan)

    def step(self, now_ms: float) -> None:
        """See Place."""
        if now_ms - self._next_ms > BEHIND_MS_MAX:
            self.note(now_ms, "stood_still", since_ms=round(self._next_ms))
            self._next_ms = now_ms
        while self._next_ms <= now_ms:
            self._tick(self._next_ms)
            self._next_ms += self.plan.tick_ms

    def due_ms(self) -> float:
        """See Place."""
        return self._next_ms

    def values(self) -> dict[str, float]:
        """See Place."""
        found = {name: round(sensor.shown, 4) for name, sensor in self.sensors.items()} | self.wiring.values()
        for name, robot in self.robots.items():
            found |= {f"{name}-x": robot.rail.x_m, f"{name}-battery": robot.rail.charge}
            gases = robot.gases
            found |= {f"{name}-ch4": gases["CH4"], f"{name}-co": gases["CO"], f"{name}-temperature": gases["TEMP"]}
        return found

    def truths(self) -> dict[str, float]:
        """See Place: what there really is at each sensor, and where each robot is."""
        found = {one.point: self.ground.value(one) for one in self.plan.sensor}
        for name in self.robots:
            road, at_m = self.ground.robot_at(name)
            for quantity in ("ch4", "co", "temperature"):
                found[f"{name}-{quantity}"] = self.ground.at(quantity, road, at_m)
        return found

    def contacts(self) -> dict[str, bool]:
        """See Place."""
        return {area.output: self.ground.areas[area.name].contact_closed for area in self.plan.area}

    def answers(self) -> dict[str, int]:
        """Per device: answers given, frames or messages sent."""
        return {**self.wiring.answers(), **{name: robot.sent for name, robot in self.robots.items()}}

    def do(self, wish: Mapping[str, object], now_ms: float) -> Mapping[str, object]:
        """See Place; the wishes are in the README of the folder."""
        return wishes.do(self, wish, now_ms)

    def watch(self, watch: Watch) -> None:
        """Note when this limit is reached. ValueError if no sensor has that point."""
        if watch.point not in self.values():
            raise ValueError(f"watch: point {watch.point!r} is not one of {', '.join(self.values())}")
        self.watches.add(watch)

    def note(self, at_ms: float, what: str, **fields: object) -> None:
        """Add a line of truth."""
        self._truths.append(Truth(at_ms, what, fields))

    def take_truths(self) -> list[Truth]:
        """See Place."""
        taken, self._truths = self._truths, []
        return taken

    def look(self, now_ms: float) -> None:
        """After something was changed from outside: what came of it at once."""
        self._notice(now_ms)

    def _tick(self, at_ms: float) -> None:
        dt_s = self.plan.tick_ms / 1000.0 * self.speed
        self.ground.step(dt_s)
        self._measure(dt_s, at_ms)
        self._notice(at_ms)
        values = self.values()
        for reached in self.watches.look(values):
            value = round(values[reached.point], 4)
            self.note(at_ms, "over_limit", point=reached.point, value=value, limit=reached.limit)

    def _measure(self, dt_s: float, at_ms: float) -> None:
        for one in self.plan.sensor:
            self.sensors[one.point].measure(self.ground.value(one), dt_s)
        for name, robot in self.robots.items():
            road, at_m = self.ground.robot_at(name)
            robot.measure(
                self.ground.rails[name], self.ground.at("ch4", road, at_m), dt_s,
                co_ppm=self.ground.at("co", road, at_m), temperature_c=self.ground.at("temperature", road, at_m),
                oxygen_percent=self.ground.at("o2", road, at_m),
            )  # fmt: skip
        self.wiring.show(dt_s, at_ms)

    def _contact_moved(self, area: str, at_ms: float, closed: bool) -> None:
        self.ground.areas[area].contact_closed = closed
        output = next(one.output for one in self.plan.area if one.name == area)
        self.note(at_ms, "contact_closed" if closed else "contact_open", contact=output)
        self._notice(at_ms)

    def _notice(self, at_ms: float) -> None:
        """Tell of everything that is switched on or off, has fallen or run over."""
        for name, now in self._states().items():
            if self._were.get(name) != now:
                kind, _, of = name.partition(" ")
                if name in self._were or kind in ("power", "fan"):
                    self.note(at_ms, f"{kind}_{'on' if now else 'off'}", of=of)
                self._were[name] = now

    def _states(self) -> dict[str, bool]:
        ground = self.ground
        found = {f"power {name}": area.powered for name, area in ground.areas.items()}
        fans = [duct.name for duct in self.plan.duct] + [road.name for road in self.plan.road if road.fan is not None]
        found |= {f"fan {name}": ground.running_fan(name) for name in fans}
        found |= {f"machine {name}": machine.running for name, machine in ground.machines.items()}
        found |= {f"pump {pump.name}": pump.running for sump in ground.sumps.values() for pump in sump.pumps}
        found |= {f"flood {one.name}": ground.sumps[one.name].level_m > one.depth_m for one in self.plan.sump}
        found |= {f"overtopped {name}": pond.freeboard_m < 0.0 for name, pond in ground.ponds.items()}
        found |= {f"slide {name}": slope.down for name, slope in ground.slopes.items()}
        return found


def _sensor(plan: SensorPlan, seed: int) -> Sensor:
    _, low, high, lag_s, noise = QUANTITIES[plan.quantity]
    return Sensor(
        source(seed, plan.point),
        lag_s=plan.lag_s if plan.lag_s is not None else lag_s,
        noise=plan.noise if plan.noise is not None else noise,
        low=plan.low if plan.low is not None else low,
        high=plan.high if plan.high is not None else high,
        drift_per_day=plan.drift_per_day,
    )
