"""What each device of a section speaks of, and how the gateway reads it: driver, options, points, files of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from minegate_sim.section.plan import QUANTITIES, DevicePlan, Plan, SensorPlan
from minegate_sim.section.written import Value, table

DRIVERS = {
    "gas_head": "gas_head", "node": "wire_node", "modbus": "modbus", "meter": "dlt645", "j1939": "j1939",
    "roadheader": "dbc",
}  # fmt: skip
QUANTITY_NAMES = {"ch4": "methane", "co": "carbon_monoxide", "o2": "oxygen", "feed": "feed_state"}
ROBOT_FIELDS = ("battery", "x", "ch4", "co", "temperature")
REGISTER_MAX = {"u16": 0xFFFF, "i16": 0x7FFF}
J1939_DBC, J1939_MESSAGES = "engine_j1939.dbc", "EEC1,ET1"
METER_ITEMS = (
    "00010000 energy XXXXXX.XX unit=kWh quantity=energy low=0 high=999999",
    "02030000 power XX.XXXX unit=kW quantity=power low=0 high=79.9999 signed",
    "02010100 voltage XXX.X unit=V quantity=voltage low=0 high=800",
)


class Told(NamedTuple):
    """One value of a device that has a name in the gateway. `sensor`: where it comes from, if it is a sensor's."""

    point: str
    field: str
    part: int = 0
    sensor: SensorPlan | None = None


class Register(NamedTuple):
    """How a plain Modbus slave shows a sensor: counts per unit, and as what."""

    counts: float
    type: str


def told(plan: Plan) -> dict[str, tuple[Told, ...]]:
    """What each device tells, by its name. Where two speak of one sensor, the second one puts its name before."""
    taken: set[str] = set()
    found: dict[str, tuple[Told, ...]] = {}
    for device in plan.device:
        if device.model in _OWN:
            found[device.name] = tuple(
                Told(f"{device.name}-{name}", field, part) for name, field, part in _OWN[device.model]
            )
            continue
        fields = ["ch4"] if device.model == "gas_head" else _fields(plan, device)
        said = []
        for point, field in zip(device.sensors, fields, strict=True):
            name = point if point not in taken else f"{device.name}-{point}"
            taken.add(point)
            said.append(Told(name, field, 0, sensor_of(plan, point)))
        found[device.name] = tuple(said)
    return found


def options(plan: Plan, device: DevicePlan) -> dict[str, Value]:
    """The options of its driver."""
    return _OPTIONS[device.model](plan, device)


def device_files(plan: Plan) -> Mapping[str, str]:
    """Files that drivers need beside gateway.toml: the map of each plain Modbus slave."""
    return {f"{device.name}.toml": _map(plan, device) for device in plan.device if device.model == "modbus"}


def node_counts(sensor: SensorPlan) -> float:
    """Counts of a node's channel for one unit: fine enough for its range."""
    return {"displacement": 10.0, "velocity": 10.0, "ch4": 1000.0}.get(sensor.quantity, 100.0)


def register_of(sensor: SensorPlan) -> Register:
    """The finest of hundredths, tenths, ones ... in which the sensor's range fits into one register."""
    low, high = sensor_range(sensor)
    kind = "i16" if low < 0.0 else "u16"
    counts = 100.0
    while max(abs(low), high) * counts > REGISTER_MAX[kind]:
        counts /= 10.0
    return Register(counts, kind)


def sensor_range(sensor: SensorPlan) -> tuple[float, float]:
    """What it can show."""
    _, low, high, _, _ = QUANTITIES[sensor.quantity]
    return sensor.low if sensor.low is not None else low, sensor.high if sensor.high is not None else high


def sensor_of(plan: Plan, point: str) -> SensorPlan:
    """The sensor of that point."""
    return next(sensor for sensor in plan.sensor if sensor.point == point)


def quantity_of(sensor: SensorPlan) -> str:
    """The field's word for what it measures."""
    return QUANTITY_NAMES.get(sensor.quantity, sensor.quantity)


def _fields(plan: Plan, device: DevicePlan) -> list[str]:
    """Field names: the quantity, with a number where there are several."""
    quantities = [sensor_of(plan, point).quantity for point in device.sensors]
    several, seen, found = Counter(quantities), Counter[str](), []
    for quantity in quantities:
        seen[quantity] += 1
        found.append(quantity if several[quantity] == 1 else f"{quantity}_{seen[quantity]}")
    return found


def _head_options(plan: Plan, device: DevicePlan) -> dict[str, Value]:
    low, high = sensor_range(sensor_of(plan, device.sensors[0]))
    return {"station": device.address, "low": low, "high": high}


def _node_options(plan: Plan, device: DevicePlan) -> dict[str, Value]:
    return {"node": device.address, "age_max_ms": 1000, "channels": "; ".join(_channels(plan, device))}


def _channels(plan: Plan, device: DevicePlan) -> Iterator[str]:
    for number, (point, field) in enumerate(zip(device.sensors, _fields(plan, device), strict=True)):
        sensor = sensor_of(plan, point)
        low, high = sensor_range(sensor)
        unit = QUANTITIES[sensor.quantity][0]
        yield (
            f"{number} {field} quantity={quantity_of(sensor)} {f'unit={unit} ' if unit else ''}"
            f"scale={1.0 / node_counts(sensor):g} low={low:g} high={high:g}"
        )


def _map(plan: Plan, device: DevicePlan) -> str:
    parts = [
        table("device", name=device.name.lower().replace("-", "_").replace(".", "_"),
              title_en=device.title_en or device.name, title_zh=device.title_zh or device.name,
              source=f"section {plan.name}", table="input"),
    ]  # fmt: skip
    for number, (point, field) in enumerate(zip(device.sensors, _fields(plan, device), strict=True)):
        sensor = sensor_of(plan, point)
        low, high = sensor_range(sensor)
        register = register_of(sensor)
        parts.append(
            table("[field]", name=field, register=number, type=register.type, scale=1.0 / register.counts,
                  unit=QUANTITIES[sensor.quantity][0], quantity=quantity_of(sensor), low=low, high=high)
        )  # fmt: skip
    return "\n".join(parts)


_OPTIONS: dict[str, Callable[[Plan, DevicePlan], dict[str, Value]]] = {
    "gas_head": _head_options,
    "node": _node_options,
    "modbus": lambda plan, device: {"map": f"{device.name}.toml", "station": device.address},
    "meter": lambda plan, device: {"address": device.number, "items": "; ".join(METER_ITEMS)},
    "j1939": lambda plan, device: {"file": J1939_DBC, "source": device.address, "messages": J1939_MESSAGES},
    "roadheader": lambda plan, device: {"file": "roadheader.dbc"},
}
_OWN = {  # devices that speak of a machine and not of sensors: name, field, part
    "meter": (("energy", "energy", 0), ("power", "power", 1), ("voltage", "voltage", 2)),
    "j1939": (("speed", "EngineSpeed", 0), ("torque", "EngineTorque", 0), ("oil", "OilTemperature", 1)),
    "roadheader": (("cutter", "CutterCurrent", 0), ("ch4", "MachineMethane", 2)),
}
