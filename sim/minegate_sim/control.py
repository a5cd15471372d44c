"""What may be asked of a running heading: one JSON object per line in, one out (sim/COMMANDS.md has the list)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from math import isfinite

from minegate_sim.bus import faults
from minegate_sim.bus.which import port_of
from minegate_sim.heading import Heading
from minegate_sim.physics import EMISSION_M3_MIN_MAX
from minegate_sim.watch import parse

BURST_M3, BURST_S = 1.8, 3.0  # lifts a face of 120 m3 by some 1.4 % CH4
BURST_M3_MAX, BURST_S_MAX = 1000.0, 3600.0
LINE_BYTES_MAX = 65_536

Wish = Mapping[str, object]


def obey(heading: Heading, line: bytes, now_ms: float) -> bytes:
    """Do what one line asks; the answer's line. A wish that makes no sense changes nothing and says why."""
    try:
        wish = json.loads(line)
        if not isinstance(wish, dict):
            raise ValueError("a command is a JSON object")
        answer = {"ok": True, **do(heading, wish, now_ms)}
    except (ValueError, RecursionError) as error:
        answer = {"ok": False, "error": str(error)}
    return json.dumps(answer).encode() + b"\n"


def do(heading: Heading, wish: Wish, now_ms: float) -> Wish:
    """Do one thing. ValueError says what makes no sense; then nothing has changed."""
    command = _COMMANDS.get(str(wish.get("do")))
    if command is None:
        raise ValueError(f"do {wish.get('do')!r} is not one of {', '.join(_COMMANDS)}")
    return command(heading, wish, now_ms)


def names() -> tuple[str, ...]:
    """What may be wished for."""
    return tuple(_COMMANDS)


def _fan(heading: Heading, wish: Wish, now_ms: float) -> Wish:
    heading.control(replace(heading.controls, fan_on=_flag(wish, "run")), now_ms)
    return {}


def _duct(heading: Heading, wish: Wish, now_ms: float) -> Wish:
    heading.control(replace(heading.controls, duct_intact=_number(wish, "intact", 1.0)), now_ms)
    return {}


def _emission(heading: Heading, wish: Wish, now_ms: float) -> Wish:
    heading.control(replace(heading.controls, emission_m3_min=_number(wish, "m3_min", EMISSION_M3_MIN_MAX)), now_ms)
    return {}


def _burst(heading: Heading, wish: Wish, now_ms: float) -> Wish:
    over_s = _number(wish, "s", BURST_S_MAX, BURST_S)
    if not over_s > 0:
        raise ValueError(f"s: {over_s:g} is not above 0")
    heading.burst(_number(wish, "m3", BURST_M3_MAX, BURST_M3), over_s, now_ms)
    return {}


def _mains(heading: Heading, wish: Wish, now_ms: float) -> Wish:
    heading.control(replace(heading.controls, mains_on=_flag(wish, "on")), now_ms)
    return {}


def _bypass(heading: Heading, wish: Wish, now_ms: float) -> Wish:
    heading.control(replace(heading.controls, bypassed=_flag(wish, "on")), now_ms)
    return {}


def _fault(heading: Heading, wish: Wish, now_ms: float) -> Wish:
    device, fault, value = str(wish.get("device")), str(wish.get("fault")), wish.get("value")
    if device not in heading.faults:
        raise ValueError(f"device {device!r} is not one of {', '.join(heading.faults)}")
    heading.faults[device].set(fault, value)
    heading.note(now_ms, "fault", device=device, fault=fault, value=value)
    return {}


def _cable(heading: Heading, wish: Wish, now_ms: float) -> Wish:
    port = str(wish.get("port"))
    if port not in heading.ends:
        raise ValueError(f"port {port!r} is not one of {', '.join(heading.ends)}")
    heading.ends[port].is_cut = _flag(wish, "cut")
    heading.note(now_ms, "cable", port=port, cut=wish["cut"])
    return {}


def _bus(heading: Heading, wish: Wish, now_ms: float) -> Wish:
    """`{"do": "bus", "port": "rs485-1", "on": true, "fault": {"fault": "noise", "bit_error_rate": 0.001}}`; without a
    port that of the device.
    """
    given = wish.get("fault")
    if not isinstance(given, dict):
        raise ValueError(f"fault: {given!r} is not a table with the key 'fault'")
    fault = faults.parse(given)
    port = str(wish["port"]) if "port" in wish else port_of(heading.buses, fault)
    if port not in heading.buses:
        raise ValueError(f"port {port!r} is not one of {', '.join(heading.buses)}")
    if _flag(wish, "on"):
        heading.buses[port].begin(fault, now_ms)
    else:
        heading.buses[port].end(fault)
    heading.note(now_ms, "bus", port=port, on=wish["on"], fault=given)
    return {}


def _watch(heading: Heading, wish: Wish, now_ms: float) -> Wish:
    direction = wish.get("direction", "rising")
    heading.watch(parse(f"{wish.get('point')}:{wish.get('limit')}:{direction}"))
    return {}


def _truth(heading: Heading, wish: Wish, now_ms: float) -> Wish:
    air = heading.state.air
    return {
        "ms": round(now_ms),
        "answers": heading.answers(),
        "values": heading.values(),
        "contact_closed": heading.relay.closed,
        "powered": heading.controls.powered,
        "fan_on": heading.controls.fan_on,
        "collisions": {port: wire.collisions for port, wire in heading.wires.items()},
        "lost_bytes": {port: wire.lost_bytes for port, wire in heading.wires.items()},
        "ch4_m3": sum(air.ch4_m3),
        "balance_m3": air.balance_m3,
    }


_COMMANDS: dict[str, Callable[[Heading, Wish, float], Wish]] = {
    "fan": _fan, "duct": _duct, "emission": _emission, "burst": _burst, "mains": _mains, "bypass": _bypass,
    "fault": _fault, "cable": _cable, "bus": _bus, "watch": _watch, "truth": _truth,
}  # fmt: skip


def _flag(wish: Wish, key: str) -> bool:
    value = wish.get(key)
    if not isinstance(value, bool):
        raise ValueError(f"{key}: {value!r} is not true or false")
    return value


def _number(wish: Wish, key: str, high: float, absent: float | None = None) -> float:
    value = wish.get(key, absent)
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or not 0 <= value <= high:
        raise ValueError(f"{key}: {value!r} is not a number within 0..{high:g}")
    return float(value)
