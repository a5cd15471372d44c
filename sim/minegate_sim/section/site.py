"""The gateway that fits a section: gateway.toml, rules.toml and the files of its drivers, from the section's file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from minegate_sim.section.plan import Plan, PortPlan
from minegate_sim.section.rules import rules_of
from minegate_sim.section.spoken import DRIVERS, ROBOT_FIELDS, device_files, options, told
from minegate_sim.section.written import table

SLOW_MS = {"meter": 1000, "j1939": 1000, "roadheader": 1000}  # periods of those that no limit depends on
PERIOD_MS = 500
METER_TIMEOUT_MS = 500  # 40 characters at 2400 baud and a turnaround


def site_of(plan: Plan) -> Mapping[str, str]:
    """File name to text."""
    return {"gateway.toml": _gateway(plan), "rules.toml": rules_of(plan), **device_files(plan)}


def is_metered(plan: Plan, port: PortPlan) -> bool:
    """Whether a line is one of meters: DL/T 645 asks for even parity."""
    here = [device for device in plan.device if device.port == port.name]
    return bool(here) and all(device.model == "meter" for device in here)


def _gateway(plan: Plan) -> str:
    parts = [table("gateway", mine="140109000001", id=f"gw-{plan.name}", title_zh=plan.title_zh,
                   title_en=plan.title_en)]  # fmt: skip
    parts += [_port(plan, port) for port in plan.port if any(device.port == port.name for device in plan.device)]
    if plan.robot:
        parts.append(table("[port]", name="robots", kind="mqtt", host="127.0.0.1", tcp_port=1884))
    parts += [*_devices(plan), *_points(plan)]
    parts.append(table("journal", folder="journal", bytes_max=2_000_000_000, commit_ms=100))
    parts.append(table("uplink", host="127.0.0.1", tcp_port=1883))
    parts.append(table("page", enabled=False))
    return "\n".join(parts)


def _port(plan: Plan, port: PortPlan) -> str:
    where = f"sim/{port.name}"
    if port.kind == "can":
        return table("[port]", name=port.name, kind="can", interface="slcan", channel=where, bitrate=port.bit_rate)
    parity = "E" if is_metered(plan, port) else "N"
    return table("[port]", name=port.name, kind="serial", device=where, baud=port.baud, parity=parity)


def _devices(plan: Plan) -> Iterator[str]:
    for number, device in enumerate(plan.device, 1):
        timeout = {"timeout_ms": METER_TIMEOUT_MS} if device.model == "meter" else {}
        yield table("[device]", number=number, name=device.name, port=device.port, driver=DRIVERS[device.model],
                    period_ms=SLOW_MS.get(device.model, PERIOD_MS), **timeout, title_zh=device.title_zh,
                    title_en=device.title_en)  # fmt: skip
        yield table("device.options", **options(plan, device))
    for number, robot in enumerate(plan.robot, len(plan.device) + 1):
        yield table("[device]", number=number, name=robot.name, port="robots", driver="vda5050", period_ms=1000)
        yield table("device.options", manufacturer=robot.manufacturer, serial=robot.serial)


def _points(plan: Plan) -> Iterator[str]:
    numbers = iter(range(1, 65536))
    for device, values in told(plan).items():
        for each in values:
            where = each.sensor
            codes = {"place_zh": where.place_zh, "place_en": where.place_en, "kj_code": where.kj_code} if where else {}
            yield table("[point]", number=next(numbers), name=each.point, device=device, field=each.field,
                        part=each.part, **codes)  # fmt: skip
    for robot in plan.robot:
        for field in ROBOT_FIELDS:
            yield table("[point]", number=next(numbers), name=f"{robot.name}-{field}", device=robot.name, field=field)
