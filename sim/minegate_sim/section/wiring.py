"""The devices of a section on their lines: each model shows what its sensors show, as its registers have it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from math import nan
from typing import Protocol

from minegate_sim.bus.can_bus import CanBus
from minegate_sim.bus.framing import Framing
from minegate_sim.bus.rs485 import Rs485
from minegate_sim.devices.dlt645_meter import Dlt645Meter
from minegate_sim.devices.j1939_node import ELECTRIC, ENGINE, HOURS, TEMPERATURE, J1939Node
from minegate_sim.devices.modbus_slave import ModbusSlave
from minegate_sim.devices.relay_board import RelayBoard
from minegate_sim.devices.roadheader import Roadheader
from minegate_sim.devices.sensor_node import SensorBoard
from minegate_sim.far_end import FarEnd, LineDevice
from minegate_sim.faults import Faults
from minegate_sim.noise import source
from minegate_sim.section.ground import Ground
from minegate_sim.section.plan import DevicePlan, Plan, PortPlan, SensorPlan
from minegate_sim.section.sensor import Sensor
from minegate_sim.slcan import CanNode, Slcan

MEASURING, OVER_RANGE = 1, 4  # of a gas head's status word
GAS_HEAD_COUNTS = 100.0  # per % CH4
MODBUS_COUNTS = 100.0  # registers of a plain slave are hundredths
VOLTAGE_V, POWER_FACTOR = 660.0, 0.85
METER_RATIO = 10.0  # of its current transformers: the display ends at 79.9999 kW


class Named(Protocol):
    """What every device has."""

    name: str
    faults: Faults


def counts_per_unit(sensor: SensorPlan) -> float:
    """Counts of a node's channel for one unit: fine enough for its range."""
    return {"displacement": 10.0, "velocity": 10.0, "ch4": 1000.0}.get(sensor.quantity, 100.0)


class Wiring:
    """`ends` by port name, `buses` behind them, `show(dt_s, now_ms)` after each step of the ground."""

    def __init__(
        self, plan: Plan, ground: Ground, sensors: Mapping[str, Sensor], seed: int, now_ms: float,
        moved: Callable[[str, float, bool], None],
    ) -> None:  # fmt: skip
        self.ends: dict[str, FarEnd] = {}
        self.lines: dict[str, Rs485] = {}
        self.cans: dict[str, CanBus] = {}
        self.devices: dict[str, Named] = {}
        self.relays: dict[str, RelayBoard] = {}
        self._shows: list[Callable[[float, float], None]] = []
        self._values: list[Callable[[], dict[str, float]]] = []
        self._plan, self._ground, self._sensors = plan, ground, sensors
        self._seed, self._now_ms = seed, now_ms
        self._points = {sensor.point: sensor for sensor in plan.sensor}
        self._nonce = source(seed, "boot nonces")
        for port in plan.port:
            self._port(port, moved)

    def show(self, dt_s: float, now_ms: float) -> None:
        """Hand every device what its sensors show now."""
        for show in self._shows:
            show(dt_s, now_ms)

    def values(self) -> dict[str, float]:
        """What the devices would answer now, by point; NaN if they would not. The first device with a point counts."""
        found: dict[str, float] = {}
        for values in reversed(self._values):
            found |= values()
        return found

    def answers(self) -> dict[str, int]:
        """Per device: answers given or frames sent."""
        found = {name: count for line in self.lines.values() for name, count in line.answers.items()}
        for can in self.cans.values():
            found |= {device.name: can.controllers[device.name].sent for device in can.devices}
        return found

    def _port(self, port: PortPlan, moved: Callable[[str, float, bool], None]) -> None:
        here = [device for device in self._plan.device if device.port == port.name]
        chance = source(self._seed, port.name)
        if port.kind == "can":
            nodes = [self._can_node(device) for device in here]
            can = CanBus(nodes, chance, bit_rate=port.bit_rate, now_ms=self._now_ms)
            self.cans[port.name] = can
            self.ends[port.name] = Slcan((can.taps["near"],), can.taps["near"])
            return
        devices: Sequence[LineDevice]
        if port.kind == "relay":
            devices = [self._relay(port, moved)]
        else:
            devices = [self._line_device(device, port, chance) for device in here]
        metered = bool(here) and all(device.model == "meter" for device in here)  # DL/T 645 asks for even parity
        framing = Framing(port.baud, parity="E" if metered else "N")
        line = Rs485(devices, source(self._seed, f"{port.name} line"), framing=framing)
        self.lines[port.name] = line
        self.ends[port.name] = line.taps["near"]

    def _relay(self, port: PortPlan, moved: Callable[[str, float, bool], None]) -> RelayBoard:
        area = next(area for area in self._plan.area if area.output == port.name)
        board = RelayBoard(
            f"{port.name}-board", area.node, self._nonce.randrange(1, 65536),
            lambda at_ms, closed: moved(area.name, at_ms, closed), self._now_ms,
        )  # fmt: skip
        self.relays[area.name] = board
        self.devices[board.name] = board
        return board

    def _line_device(self, plan: DevicePlan, port: PortPlan, chance: random.Random) -> LineDevice:
        made: LineDevice
        if plan.model == "gas_head":
            made = self._gas_head(plan, port)
        elif plan.model == "node":
            made = self._node(plan)
        elif plan.model == "meter":
            made = self._meter(plan)
        else:
            made = self._modbus(plan, port)
        self.devices[plan.name] = made
        return made

    def _gas_head(self, plan: DevicePlan, port: PortPlan) -> ModbusSlave:
        head = ModbusSlave(plan.name, plan.address, registers=2, baud=port.baud)
        sensor, point = self._sensors[plan.sensors[0]], self._points[plan.sensors[0]]
        high = point.high if point.high is not None else 4.0

        def show(dt_s: float, now_ms: float) -> None:
            if not head.faults.frozen and not head.faults.dead:
                over = OVER_RANGE if sensor.shown >= high else 0
                head.registers[:] = [round(sensor.shown * GAS_HEAD_COUNTS), MEASURING | over]

        self._shows.append(show)
        self._values.append(lambda: _answered(head, plan.sensors, head.registers, [GAS_HEAD_COUNTS]))
        return head

    def _modbus(self, plan: DevicePlan, port: PortPlan) -> ModbusSlave:
        slave = ModbusSlave(plan.name, plan.address, registers=len(plan.sensors), holding=16, coils=8, baud=port.baud)

        def show(dt_s: float, now_ms: float) -> None:
            if not slave.faults.frozen and not slave.faults.dead:
                values = [self._sensors[point].shown * MODBUS_COUNTS for point in plan.sensors]
                slave.registers[:] = [min(0xFFFF, max(0, round(value))) for value in values]

        self._shows.append(show)
        counts = [MODBUS_COUNTS] * len(plan.sensors)
        self._values.append(lambda: _answered(slave, plan.sensors, slave.registers, counts))
        return slave

    def _node(self, plan: DevicePlan) -> SensorBoard:
        board = SensorBoard(plan.name, plan.address, [0] * len(plan.sensors), self._nonce.randrange(1, 65536))

        counts = [counts_per_unit(self._points[point]) for point in plan.sensors]

        def show(dt_s: float, now_ms: float) -> None:
            shown = [self._sensors[point].shown for point in plan.sensors]
            board.measure([round(value * per) for value, per in zip(shown, counts, strict=True)], now_ms)

        self._shows.append(show)
        self._values.append(lambda: _answered(board, plan.sensors, board.values, counts))
        return board

    def _meter(self, plan: DevicePlan) -> Dlt645Meter:
        meter = Dlt645Meter(plan.name, plan.number)
        machines = [machine.name for machine in self._plan.machine if machine.area == plan.of]

        def show(dt_s: float, now_ms: float) -> None:
            kw = sum(self._ground.power_kw(name) for name in machines) / METER_RATIO
            live = VOLTAGE_V if self._ground.areas[plan.of].powered else 0.0
            meter.measure(kw, live, POWER_FACTOR, dt_s)

        self._shows.append(show)
        return meter

    def _can_node(self, plan: DevicePlan) -> CanNode:
        if plan.model == "j1939":
            messages = (ENGINE, TEMPERATURE, HOURS, ELECTRIC)
            node = J1939Node(plan.name, plan.address, messages, lambda: self._machine(plan.of), self._now_ms)
            self.devices[plan.name] = node
            return node
        header = Roadheader(plan.name, source(self._seed, plan.name), self._now_ms)
        self.devices[plan.name] = header
        place = _Surroundings(self._ground, plan.of)
        self._shows.append(lambda dt_s, now_ms: header.measure(self._ground.machines[plan.of], place, dt_s))
        return header

    def _machine(self, name: str) -> dict[str, float]:
        machine = self._ground.machines[name]
        return {
            "speed_rpm": 1480.0 if machine.running else 0.0,
            "coolant_c": machine.oil_c - 5.0,
            "oil_c": machine.oil_c,
            "hours": 1210.0 + machine.run_s / 3600.0,
            "battery_v": 24.0,
        }


def _answered(device: Named, points: Sequence[str], raw: Sequence[int], counts: Sequence[float]) -> dict[str, float]:
    if device.faults.dead:
        return dict.fromkeys(points, nan)
    return {point: value / per for point, value, per in zip(points, raw, counts, strict=False)}


class _Surroundings:
    """The air around a machine, as a roadheader's own sensors ask for it: where its source is."""

    def __init__(self, ground: Ground, machine: str) -> None:
        self._ground = ground
        source_plan = next((one for one in ground.plan.source if one.works_with == machine), None)
        self._road = source_plan.road if source_plan is not None else ground.plan.road[0].name
        self._at_m = (source_plan.at_m or 0.0) if source_plan is not None else 0.0

    def percent(self, position_m: float) -> float:
        return self._ground.at("ch4", self._road, self._at_m)

    @property
    def road_m_s(self) -> float:
        return self._ground.at("air_speed", self._road, self._at_m)
