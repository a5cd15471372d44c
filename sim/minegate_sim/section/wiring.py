"""The devices of a section on their lines: each model shows what its sensors show, as its registers have it."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from math import nan
from typing import Protocol

from minegate_sim.bus.can_bus import CanBus
from minegate_sim.bus.faults import Dead
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
from minegate_sim.section.plan import DevicePlan, Plan, PortPlan
from minegate_sim.section.sensor import Sensor
from minegate_sim.section.site import is_metered
from minegate_sim.section.spoken import node_counts, register_of, told
from minegate_sim.slcan import CanNode, Slcan

MEASURING, OVER_RANGE = 1, 4  # of a gas head's status word
GAS_HEAD_COUNTS = 100.0  # per % CH4
VOLTAGE_V, POWER_FACTOR = 660.0, 0.85
METER_RATIO = 40.0  # of its current transformers: the display ends at 79.9999 kW, and 3 MW are behind it
J1939_VALUES = ("speed_rpm", "torque_percent", "oil_c")
ENERGY, POWER, VOLTAGE = 0x00010000, 0x02030000, 0x02010100


class Named(Protocol):
    """What every device has."""

    name: str
    faults: Faults


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
        self._names = {name: [each.point for each in values] for name, values in told(plan).items()}
        self._nonce = source(seed, "boot nonces")
        for port in plan.port:
            self._port(port, moved)

    def show(self, dt_s: float, now_ms: float) -> None:
        """Hand every device what its sensors show now."""
        for show in self._shows:
            show(dt_s, now_ms)

    def values(self) -> dict[str, float]:
        """What the devices would answer now, by point; NaN if they would not, or if nobody would hear them."""
        found: dict[str, float] = {}
        for values in self._values:
            found |= values()
        return found

    def ill(self, device: str, fault: str, value: object, now_ms: float) -> None:
        """Set one fault of a device. On CAN the bus has to know who has no supply: it does not acknowledge."""
        for can in self.cans.values():
            if device in can.controllers and fault == "dead" and isinstance(value, bool):
                (can.begin(Dead(device), now_ms) if value else can.end(Dead(device)))
                return
        self.devices[device].faults.set(fault, value)

    def _answered(self, device: str, values: Callable[[], Sequence[float]]) -> None:
        """From now on `values` are what the device's points say, as long as it can be heard."""
        points, port = self._names[device], next(one.port for one in self._plan.device if one.name == device)

        def answered() -> dict[str, float]:
            bus = self.lines.get(port) or self.cans[port]
            if self.devices[device].faults.dead or not bus.reaches(device):
                return dict.fromkeys(points, nan)
            return dict(zip(points, values(), strict=True))

        self._values.append(answered)

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
        framing = Framing(port.baud, parity="E" if is_metered(self._plan, port) else "N")
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
        self._answered(plan.name, lambda: [head.registers[0] / GAS_HEAD_COUNTS])
        return head

    def _modbus(self, plan: DevicePlan, port: PortPlan) -> ModbusSlave:
        slave = ModbusSlave(plan.name, plan.address, registers=len(plan.sensors), holding=16, coils=8, baud=port.baud)
        shown_as = [register_of(self._points[point]) for point in plan.sensors]

        def show(dt_s: float, now_ms: float) -> None:
            if not slave.faults.frozen and not slave.faults.dead:
                shown = [self._sensors[point].shown for point in plan.sensors]
                pairs = zip(shown, shown_as, strict=True)
                slave.registers[:] = [round(value * register.counts) & 0xFFFF for value, register in pairs]

        def values() -> list[float]:
            pairs = zip(slave.registers, shown_as, strict=True)
            return [_number(raw, register.type) / register.counts for raw, register in pairs]

        self._shows.append(show)
        self._answered(plan.name, values)
        return slave

    def _node(self, plan: DevicePlan) -> SensorBoard:
        board = SensorBoard(plan.name, plan.address, [0] * len(plan.sensors), self._nonce.randrange(1, 65536))

        counts = [node_counts(self._points[point]) for point in plan.sensors]

        def show(dt_s: float, now_ms: float) -> None:
            shown = [self._sensors[point].shown for point in plan.sensors]
            board.measure([round(value * per) for value, per in zip(shown, counts, strict=True)], now_ms)

        self._shows.append(show)
        self._answered(plan.name, lambda: [raw / per for raw, per in zip(board.values, counts, strict=True)])
        return board

    def _meter(self, plan: DevicePlan) -> Dlt645Meter:
        meter = Dlt645Meter(plan.name, plan.number)
        machines = [machine.name for machine in self._plan.machine if machine.area == plan.of]

        def show(dt_s: float, now_ms: float) -> None:
            kw = sum(self._ground.power_kw(name) for name in machines) / METER_RATIO
            live = VOLTAGE_V if self._ground.areas[plan.of].powered else 0.0
            meter.measure(kw, live, POWER_FACTOR, dt_s)

        self._shows.append(show)
        self._answered(plan.name, lambda: [meter.values[key] for key in (ENERGY, POWER, VOLTAGE)])
        return meter

    def _can_node(self, plan: DevicePlan) -> CanNode:
        if plan.model == "j1939":
            messages = (ENGINE, TEMPERATURE, HOURS, ELECTRIC)
            node = J1939Node(plan.name, plan.address, messages, lambda: self._machine(plan.of), self._now_ms)
            self.devices[plan.name] = node
            self._answered(plan.name, lambda: [self._machine(plan.of)[key] for key in J1939_VALUES])
            return node
        header = Roadheader(plan.name, source(self._seed, plan.name), self._now_ms)
        self.devices[plan.name] = header
        place = _Surroundings(self._ground, plan.of)
        self._shows.append(lambda dt_s, now_ms: header.measure(self._ground.machines[plan.of], place, dt_s))
        self._answered(plan.name, lambda: [header.values["CutterCurrent"], header.values["MachineMethane"]])
        return header

    def _machine(self, name: str) -> dict[str, float]:
        machine = self._ground.machines[name]
        return {
            "speed_rpm": 1480.0 if machine.running else 0.0,
            "torque_percent": 85.0 if machine.cutting else 20.0 if machine.running else 0.0,
            "coolant_c": machine.oil_c - 5.0,
            "oil_c": machine.oil_c,
            "hours": 1210.0 + machine.run_s / 3600.0,
            "battery_v": 24.0,
        }


def _number(raw: int, kind: str) -> int:
    return raw - 0x10000 if kind == "i16" and raw & 0x8000 else raw


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
