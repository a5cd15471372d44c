"""The gateway that fits a section: the texts of gateway.toml and rules.toml, from the section's own file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping

from minegate_sim.section.plan import QUANTITIES, DevicePlan, Plan, SensorPlan
from minegate_sim.section.wiring import counts_per_unit

DRIVERS = {"gas_head": "gas_head", "node": "wire_node", "roadheader": "dbc"}
RULE_QUANTITY = {"ch4": "methane", "co": "carbon_monoxide", "o2": "oxygen", "feed": "feed_state"}
TIMING = "[timing]\ntick_ms = 50\npower_on_lock_s = 60\nlease_ms = 600\nrenew_ms = 150\nfeed_check_ms = 2000\n"
Value = str | int | float | bool


def site_of(plan: Plan) -> Mapping[str, str]:
    """File name to text. Devices for which there is no driver yet are on their lines, and not in the site."""
    return {"gateway.toml": _gateway(plan), "rules.toml": _rules(plan)}


def _gateway(plan: Plan) -> str:
    spoken = [device for device in plan.device if device.model in DRIVERS]
    parts = [_table("gateway", mine="140109000001", id=f"gw-{plan.name}", title_zh=plan.title_zh,
                    title_en=plan.title_en)]  # fmt: skip
    for port in plan.port:
        if not any(device.port == port.name for device in spoken):
            continue
        if port.kind == "can":
            parts.append(_table("[port]", name=port.name, kind="can", interface="slcan", channel=f"sim/{port.name}",
                                bitrate=port.bit_rate))  # fmt: skip
        else:
            parts.append(_table("[port]", name=port.name, kind="serial", device=f"sim/{port.name}", baud=port.baud))
    if plan.robot:
        parts.append(_table("[port]", name="robots", kind="mqtt", host="127.0.0.1", tcp_port=1884))
    parts += _devices(plan, spoken)
    numbers = iter(range(1, 65536))
    for device in spoken:
        parts += _points(plan, device, numbers)
    for robot in plan.robot:
        parts += [_table("[point]", number=next(numbers), name=f"{robot.name}-{key}", device=robot.name, field=field)
                  for key, field in (("battery", "battery"), ("x", "x"), ("ch4", "ch4"))]  # fmt: skip
    parts.append(_table("journal", folder="journal", bytes_max=2_000_000_000, commit_ms=100))
    parts.append(_table("uplink", host="127.0.0.1", tcp_port=1883))
    parts.append(_table("page", enabled=False))
    return "\n".join(parts)


def _devices(plan: Plan, spoken: list[DevicePlan]) -> Iterator[str]:
    for number, device in enumerate(spoken, 1):
        period_ms = 1000 if device.model == "roadheader" else 500
        yield _table("[device]", number=number, name=device.name, port=device.port, driver=DRIVERS[device.model],
                     period_ms=period_ms, title_zh=device.title_zh, title_en=device.title_en)  # fmt: skip
        if device.model == "gas_head":
            sensor = _sensor(plan, device.sensors[0])
            low, high = sensor_range(sensor)
            yield _table("device.options", station=device.address, low=low, high=high)
        elif device.model == "node":
            yield _table("device.options", node=device.address, age_max_ms=1000,
                         channels="; ".join(_channels(plan, device)))  # fmt: skip
        else:
            yield _table("device.options", file="roadheader.dbc")
    for number, robot in enumerate(plan.robot, len(spoken) + 1):
        yield _table("[device]", number=number, name=robot.name, port="robots", driver="vda5050", period_ms=1000)
        yield _table("device.options", manufacturer=robot.manufacturer, serial=robot.serial)


def _channels(plan: Plan, device: DevicePlan) -> Iterator[str]:
    for number, (point, field) in enumerate(_fields(plan, device).items()):
        sensor = _sensor(plan, point)
        low, high = sensor_range(sensor)
        unit = QUANTITIES[sensor.quantity][0]
        quantity = RULE_QUANTITY.get(sensor.quantity, sensor.quantity)
        yield (
            f"{number} {field} quantity={quantity} {f'unit={unit} ' if unit else ''}"
            f"scale={1.0 / counts_per_unit(sensor):g} low={low:g} high={high:g}"
        )


def _fields(plan: Plan, device: DevicePlan) -> dict[str, str]:
    """Field name by point: the quantity, with a number where there are several."""
    quantities = [_sensor(plan, point).quantity for point in device.sensors]
    several, seen, found = Counter(quantities), Counter[str](), {}
    for point, quantity in zip(device.sensors, quantities, strict=True):
        seen[quantity] += 1
        found[point] = quantity if several[quantity] == 1 else f"{quantity}_{seen[quantity]}"
    return found


def _points(plan: Plan, device: DevicePlan, numbers: Iterator[int]) -> Iterator[str]:
    if device.model == "roadheader":
        yield _table("[point]", number=next(numbers), name=f"{device.name}-cutter", device=device.name,
                     field="CutterCurrent")  # fmt: skip
        return
    fields = {device.sensors[0]: "ch4"} if device.model == "gas_head" else _fields(plan, device)
    for point, field in fields.items():
        sensor = _sensor(plan, point)
        yield _table("[point]", number=next(numbers), name=point, device=device.name, field=field,
                     place_zh=sensor.place_zh, place_en=sensor.place_en, kj_code=sensor.kj_code)  # fmt: skip


def _rules(plan: Plan) -> str:
    ports = {port.name: port for port in plan.port}
    parts = [TIMING]
    parts += [_table("[output]", name=area.output, kind="node", device=f"sim/{area.output}",
                     baud=ports[area.output].baud, node=area.node, relay=0) for area in plan.area]  # fmt: skip
    for area in plan.area:
        given: dict[str, Value] = {"feed_point": area.feed_point} if area.feed_point else {}
        parts.append(
            _table("[area]", name=area.name, title_zh=area.title_zh, title_en=area.title_en, **given)
            + f"outputs = {json.dumps([area.output])}\n"
        )
    for limit in plan.limit:
        sensor = _sensor(plan, limit.point)
        low, high = sensor_range(sensor)
        extra: dict[str, Value] = {"alarm": limit.alarm} if limit.alarm is not None else {}
        parts.append(
            _table("[limit]", area=limit.area, point=limit.point, unit=QUANTITIES[sensor.quantity][0],
                   direction=limit.direction, low=low, high=high, cut=limit.cut, restore=limit.restore,
                   stale_ms=limit.stale_ms, source=limit.source, **extra)
        )  # fmt: skip
    return "\n".join(parts)


def sensor_range(sensor: SensorPlan) -> tuple[float, float]:
    """What it can show."""
    _, low, high, _, _ = QUANTITIES[sensor.quantity]
    return sensor.low if sensor.low is not None else low, sensor.high if sensor.high is not None else high


def _sensor(plan: Plan, point: str) -> SensorPlan:
    return next(sensor for sensor in plan.sensor if sensor.point == point)


def _table(head: str, **values: Value) -> str:
    """A TOML table; JSON's spelling of these values is TOML's too."""
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    return "\n".join([f"[{head}]", *lines]) + "\n"
