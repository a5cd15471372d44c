"""Devices that are not ours in a section of ours: a maker's sensor or robot on its own port, read by its own driver.

    Guest("gecko-7", driver="gecko", device=my_robot, kind="mqtt", points={"gecko-ch4": "ch4"})

`device` is what speaks: on a line of kind "rs485" a far_end.LineDevice, on a bus of kind "can" a slcan.CanNode, on the
underground broker ("mqtt") a place.Speaker. If it has `measure(surroundings, dt_s)`, it is told at every step of the
section what it can feel. Faults can be wished for if it has `faults`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from minegate_sim.bus.can_bus import CanBus
from minegate_sim.bus.framing import Framing
from minegate_sim.bus.rs485 import Rs485
from minegate_sim.noise import source
from minegate_sim.place import Speaker
from minegate_sim.section.ground import Ground
from minegate_sim.section.plan import Plan
from minegate_sim.section.section import Section
from minegate_sim.section.spoken import ROBOT_FIELDS, told
from minegate_sim.section.written import Value, table
from minegate_sim.slcan import Slcan

BROKER_PORT = "robots"
GUESTS_MAX = 32
Kind = Literal["rs485", "can", "mqtt"]


@dataclass(frozen=True)
class Guest:
    """`points`: names in the gateway, and the fields of the driver's layout that they are (`field` or `part:field`)."""

    name: str
    driver: str
    device: Any
    kind: Kind
    port: str = BROKER_PORT
    options: Mapping[str, Value] = field(default_factory=dict)
    points: Mapping[str, str] = field(default_factory=dict)
    period_ms: int = 500
    timeout_ms: int = 200
    baud: int = 9600
    bit_rate: int = 250_000


class Surroundings(NamedTuple):
    """What a device can feel. `at` takes a quantity (ch4, co, o2, temperature, smoke, dust, air_speed) and a place."""

    ground: Ground
    plan: Plan

    def at(self, quantity: str, road: str, at_m: float) -> float:
        """The field there, in the unit of the quantity (plan.py, QUANTITIES)."""
        return self.ground.at(quantity, road, at_m)

    def powered(self, area: str) -> bool:
        """Whether that area has power."""
        return self.ground.powered(area)


class Visited(Section):
    """A section with guests. ValueError if a port is of another kind, or of the section itself."""

    def __init__(self, plan: Plan, guests: Sequence[Guest], seed: int, now_ms: float = 0.0, speed: float = 1.0) -> None:
        if len(guests) > GUESTS_MAX:
            raise ValueError(f"{len(guests)} guests are more than {GUESTS_MAX}")
        self.guests = tuple(guests)
        super().__init__(plan, seed, now_ms, speed)
        for port in dict.fromkeys(guest.port for guest in guests if guest.kind != "mqtt"):
            self._open(port, seed, now_ms)
        self.wiring.devices |= {guest.device.name: guest.device for guest in guests if hasattr(guest.device, "faults")}
        self._measure(0.0, now_ms)

    @property
    def speakers(self) -> Mapping[str, Speaker]:
        """See Place."""
        return {**super().speakers, **{guest.name: guest.device for guest in self.guests if guest.kind == "mqtt"}}

    def site(self) -> Mapping[str, str]:
        """See Place."""
        files = dict(super().site())
        files["gateway.toml"] += "\n" + "\n".join(self._tables())
        return files

    def _open(self, port: str, seed: int, now_ms: float) -> None:
        here = [guest for guest in self.guests if guest.port == port]
        if port in self.wiring.ends or len({guest.kind for guest in here}) > 1:
            raise ValueError(f"guest {here[0].name}: port {port!r} is one of the section's, or has two kinds of guests")
        devices = [guest.device for guest in here]
        if here[0].kind == "can":
            can = CanBus(devices, source(seed, port), bit_rate=here[0].bit_rate, now_ms=now_ms)
            self.wiring.cans[port] = can
            self.wiring.ends[port] = Slcan((can.taps["near"],), can.taps["near"])
        else:
            line = Rs485(devices, source(seed, port), framing=Framing(here[0].baud))
            self.wiring.lines[port] = line
            self.wiring.ends[port] = line.taps["near"]

    def _measure(self, dt_s: float, at_ms: float) -> None:
        super()._measure(dt_s, at_ms)
        around = Surroundings(self.ground, self.plan)
        for guest in self.guests:
            if hasattr(guest.device, "measure"):
                guest.device.measure(around, dt_s)

    def _tables(self) -> list[str]:
        parts = [_port(next(g for g in self.guests if g.port == port)) for port in self._new_ports()]
        number = len(self.plan.device) + len(self.plan.robot)
        point = sum(map(len, told(self.plan).values())) + len(ROBOT_FIELDS) * len(self.plan.robot)
        for guest in self.guests:
            number += 1
            parts.append(table("[device]", number=number, name=guest.name, port=guest.port, driver=guest.driver,
                               period_ms=guest.period_ms, timeout_ms=guest.timeout_ms))  # fmt: skip
            parts += [table("device.options", **guest.options)] if guest.options else []
            for name, where in guest.points.items():
                point += 1
                part, _, of = where.rpartition(":")
                parts.append(
                    table("[point]", number=point, name=name, device=guest.name, field=of, part=int(part or 0))
                )
        return parts

    def _new_ports(self) -> list[str]:
        there = {BROKER_PORT} if self.plan.robot else set()
        return [port for port in dict.fromkeys(guest.port for guest in self.guests) if port not in there]


def _port(guest: Guest) -> str:
    where = f"sim/{guest.port}"
    if guest.kind == "mqtt":
        return table("[port]", name=guest.port, kind="mqtt", host="127.0.0.1", tcp_port=1884)
    if guest.kind == "can":
        return table("[port]", name=guest.port, kind="can", interface="slcan", channel=where, bitrate=guest.bit_rate)
    return table("[port]", name=guest.port, kind="serial", device=where, baud=guest.baud)
