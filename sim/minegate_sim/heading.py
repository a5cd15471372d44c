"""Heading 1201: physics and devices as one thing that is stepped. No I/O, no clock: times are arguments.

Device names, station numbers, port names and point names are those of the example site (agent/example).
"""

from __future__ import annotations

from dataclasses import replace

from minegate_sim import air as airs
from minegate_sim import physics
from minegate_sim.bus.can_bus import CanBus
from minegate_sim.bus.rs485 import Rs485, Tap
from minegate_sim.devices.gas_head import GasHead
from minegate_sim.devices.rail_robot import RailRobot
from minegate_sim.devices.relay_board import RelayBoard
from minegate_sim.devices.roadheader import Roadheader
from minegate_sim.devices.sensor_node import SensorBoard
from minegate_sim.noise import source
from minegate_sim.physics import Controls
from minegate_sim.place import Truth
from minegate_sim.slcan import Slcan
from minegate_sim.watch import Watch, Watches

TICK_MS = 50.0  # one step of the physics
BEHIND_MS_MAX = 5000.0  # a process that was stopped for longer does not run after the time it missed

T1_M = airs.LENGTH_M - 5.0  # T1 hangs within 5 m of the face, T2 10-15 m from the mouth
T2_M = 10.0
OUTPUT = "relay-1"
ROBOT_MANUFACTURER, ROBOT_SERIAL = "minegate", "rail-1"


class Heading:
    """`ends` are the far ends of its lines by port name; the caller runs them, and steps the heading every TICK_MS.

    `speed`: seconds of the heading in one second of the clock. Buses, relay and contactor keep the clock's pace.
    """

    def __init__(self, seed: int, now_ms: float, speed: float = 1.0) -> None:
        self.controls = Controls()
        self.state = physics.begin(self.controls)
        self.watches = Watches()
        self._speed = speed
        self._next_ms = now_ms
        self._truths: list[Truth] = []
        self.note(now_ms, "contact_open", contact=OUTPUT)
        self.note(now_ms, "fan_on")
        self.note(now_ms, "power_off")
        nonce = source(seed, "boot nonces")
        self.heads = tuple(GasHead(name, at, source(seed, name)) for name, at in (("T1-head", 1), ("T2-head", 2)))
        self.fan_node = SensorBoard("fan-node", 3, (1, 0, 0), nonce.randrange(1, 65536))
        self.relay = RelayBoard("relay", 9, nonce.randrange(1, 65536), self._contact_moved, now_ms)
        self.roadheader = Roadheader("roadheader", source(seed, "roadheader"), now_ms)
        self.robot = RailRobot("rail-robot", ROBOT_MANUFACTURER, ROBOT_SERIAL, source(seed, "rail-robot"), now_ms)
        self.wires = {
            "rs485-1": Rs485(self.heads, source(seed, "rs485-1")),
            "rs485-2": Rs485((self.fan_node,), source(seed, "rs485-2")),
            "relay-1": Rs485((self.relay,), source(seed, "relay-1")),
        }
        self.can_bus = CanBus((self.roadheader,), source(seed, "can-1"), now_ms=now_ms)
        self.can = Slcan((self.can_bus.taps["near"],), self.can_bus.taps["near"])
        self.buses: dict[str, Rs485 | CanBus] = {**self.wires, "can-1": self.can_bus}
        self.ends: dict[str, Tap | Slcan] = {name: wire.taps["near"] for name, wire in self.wires.items()}
        self.ends["can-1"] = self.can
        self.faults = {device.name: device.faults for wire in self.wires.values() for device in wire.devices}
        self.faults |= {device.name: device.faults for device in (self.roadheader, self.robot)}
        self._measure(0.0, now_ms)

    def step(self, now_ms: float) -> None:
        """Let the time until `now_ms` pass."""
        if now_ms - self._next_ms > BEHIND_MS_MAX:
            self.note(now_ms, "stood_still", since_ms=round(self._next_ms))
            self._next_ms = now_ms
        while self._next_ms <= now_ms:
            self._tick(self._next_ms)
            self._next_ms += TICK_MS

    def due_ms(self) -> float:
        """When the next tick is due."""
        return self._next_ms

    def control(self, controls: Controls, now_ms: float) -> None:
        """Change what people and rock do; the contact stays where the relay has it."""
        before, closed = self.controls, self.controls.contact_closed
        self.controls = replace(controls, contact_closed=closed)
        if controls.fan_on != before.fan_on:
            self.note(now_ms, "fan_on" if controls.fan_on else "fan_off")
        self._look_at_power(now_ms)

    def burst(self, m3: float, over_s: float, now_ms: float) -> None:
        """Methane breaks out at the face."""
        self.state = replace(self.state, air=airs.burst(self.state.air, m3, over_s))
        self.note(now_ms, "burst", m3=m3, over_s=over_s)

    def watch(self, watch: Watch) -> None:
        """Note when this limit is reached. ValueError if no sensor has that point."""
        if watch.point not in self.values():
            raise ValueError(f"watch: point {watch.point!r} is not one of {', '.join(self.values())}")
        self.watches.add(watch)

    def values(self) -> dict[str, float]:
        """What each device would answer now, by point name, in the unit of the point."""
        running, flow, feed = self.fan_node.values
        machine = self.roadheader.values
        return {
            "1201-T1-ch4": self.heads[0].shown_percent,
            "1201-T2-ch4": self.heads[1].shown_percent,
            "1201-fan-run": float(running),
            "1201-duct-flow": round(flow * 0.01, 2),
            "1201-feed": float(feed),
            "1201-rh-cutter": machine["CutterCurrent"],
            "1201-rh-oil": machine["OilTemperature"],
            "1201-rh-ch4": machine["MachineMethane"],
            "1201-rh-gas-lock": machine["GasLock"],
            "robot-battery": self.robot.rail.charge,
            "robot-x": self.robot.rail.x_m,
            "robot-ch4": self.robot.gases["CH4"],
        }

    def answers(self) -> dict[str, int]:
        """Per device: answers given, frames or messages sent."""
        counted = {name: count for wire in self.wires.values() for name, count in wire.answers.items()}
        return {**counted, self.roadheader.name: self.roadheader.sent, self.robot.name: self.robot.sent}

    def note(self, at_ms: float, what: str, **fields: object) -> None:
        """Add a line of truth."""
        self._truths.append(Truth(at_ms, what, fields))

    def take_truths(self) -> list[Truth]:
        """What happened since the last call."""
        taken, self._truths = self._truths, []
        return taken

    def _tick(self, at_ms: float) -> None:
        dt_s = TICK_MS / 1000.0 * self._speed
        self.state = physics.step(self.state, self.controls, dt_s)
        self._measure(dt_s, at_ms)
        values = self.values()
        for reached in self.watches.look(values):
            value = values[reached.point]
            self.note(at_ms, "over_limit", point=reached.point, value=round(value, 4), limit=reached.limit)

    def _measure(self, dt_s: float, at_ms: float) -> None:
        air = self.state.air
        for head, position_m in zip(self.heads, (T1_M, T2_M), strict=True):
            head.measure(air.percent(position_m), dt_s, at_ms)
        flow = round(air.duct_m_s * 100.0)
        self.fan_node.measure((int(self.controls.fan_on), flow, int(self.controls.powered)), at_ms)
        self.roadheader.measure(self.state.machine, air, dt_s)
        self.robot.measure(self.state.rail, air.percent(self.state.rail.x_m), dt_s)

    def _contact_moved(self, at_ms: float, closed: bool) -> None:
        self.controls = replace(self.controls, contact_closed=closed)
        self.note(at_ms, "contact_closed" if closed else "contact_open", contact=OUTPUT)
        self._look_at_power(at_ms)

    def _look_at_power(self, at_ms: float) -> None:
        powered = self.controls.powered
        if powered != self.state.powered:
            self.state = replace(self.state, powered=powered)
            self.note(at_ms, "power_on" if powered else "power_off")
