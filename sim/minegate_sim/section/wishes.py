"""What can happen in a section when somebody wishes it: a table of wishes (README.md has the list). No I/O, no clock.

The wishes of the heading mean the same here; where there is one duct, source or area, its name may be left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from math import isfinite
from typing import TYPE_CHECKING

import msgspec

from minegate_sim.bus import faults
from minegate_sim.bus.can_bus import CanBus
from minegate_sim.bus.rs485 import Rs485
from minegate_sim.bus.which import port_of
from minegate_sim.section.fire import GROWTH_KW_S2, Fire
from minegate_sim.section.ground import FIRES_MAX, Burst
from minegate_sim.section.slope import accelerate, stabilise
from minegate_sim.watch import parse

if TYPE_CHECKING:
    from minegate_sim.section.section import Section

Wish = Mapping[str, object]
BURST_M3, BURST_S = 1.8, 3.0
BURSTS_MAX = 20
OUTBURST_DUST_G_M3 = 2000.0  # coal comes with the gas of an outburst: order of magnitude


def obey(section: Section, line: bytes, now_ms: float) -> bytes:
    """Do what one line of JSON asks; the answer's line. A wish that makes no sense changes nothing and says why."""
    try:
        wish = json.loads(line)
        if not isinstance(wish, dict):
            raise ValueError("a wish is a JSON object")
        answer = {"ok": True, **do(section, wish, now_ms)}
    except (ValueError, RecursionError) as error:
        answer = {"ok": False, "error": str(error)}
    return json.dumps(answer).encode() + b"\n"


def do(section: Section, wish: Wish, now_ms: float) -> Mapping[str, object]:
    """Do one thing. ValueError says what makes no sense; then nothing has changed."""
    command = _WISHES.get(str(wish.get("do")))
    if command is None:
        raise ValueError(f"do {wish.get('do')!r} is not one of {', '.join(_WISHES)}")
    answer = command(section, wish, now_ms)
    section.look(now_ms)
    return answer


def names() -> tuple[str, ...]:
    """What may be wished for."""
    return tuple(_WISHES)


def _fan(section: Section, wish: Wish, now_ms: float) -> Wish:
    roads = [road.name for road in section.plan.road if road.fan is not None]
    ducts = [duct.name for duct in section.plan.duct]
    name = _name(wish, "fan", [*ducts, *roads], usual=ducts or roads)
    if _flag(wish, "run"):
        section.ground.stopped.discard(name)
    else:
        section.ground.stopped.add(name)
    return {}


def _duct(section: Section, wish: Wish, now_ms: float) -> Wish:
    name = _name(wish, "duct", [duct.name for duct in section.plan.duct])
    section.ground.tear(name, _number(wish, "intact", 0.0, 1.0))
    return {}


def _emission(section: Section, wish: Wish, now_ms: float) -> Wish:
    name = _name(wish, "source", section.ground.sources)
    changed = msgspec.structs.replace(section.ground.sources[name], ch4_m3_min=_number(wish, "m3_min", 0.0, 100.0))
    section.ground.sources[name] = changed
    return {}


def _burst(section: Section, wish: Wish, now_ms: float, dust_g_m3: float = 0.0) -> Wish:
    road, at_m = _place(section, wish)
    m3, over_s = _number(wish, "m3", 0.0, 1e5, BURST_M3), _number(wish, "s", 0.1, 36_000.0, BURST_S)
    if len(section.ground.bursts) >= BURSTS_MAX:
        raise ValueError(f"burst: {BURSTS_MAX} are going on already")
    section.ground.bursts.append(Burst(road, at_m, m3, m3 / over_s, dust_g_m3))
    section.note(now_ms, "burst", m3=m3, over_s=over_s, road=road)
    return {}


def _outburst(section: Section, wish: Wish, now_ms: float) -> Wish:
    return _burst(section, wish, now_ms, OUTBURST_DUST_G_M3)


def _fall(section: Section, wish: Wish, now_ms: float) -> Wish:
    """Roof falls: the road narrows, and what was above it comes with it."""
    road, at_m = _place(section, wish)
    assert section.ground.air is not None
    open_share = _number(wish, "open", 0.0, 1.0, 0.2)
    section.ground.air.open_share[road] = max(open_share, 1e-3)
    m3 = _number(wish, "m3", 0.0, 1e5, 0.0)
    if m3 > 0.0:
        section.ground.bursts.append(Burst(road, at_m, m3, m3 / 10.0))
    section.note(now_ms, "fall", road=road, open=open_share, m3=m3)
    return {}


def _mains(section: Section, wish: Wish, now_ms: float) -> Wish:
    section.ground.areas[_name(wish, "area", section.ground.areas)].mains_on = _flag(wish, "on")
    return {}


def _bypass(section: Section, wish: Wish, now_ms: float) -> Wish:
    section.ground.areas[_name(wish, "area", section.ground.areas)].bypassed = _flag(wish, "on")
    return {}


def _fire(section: Section, wish: Wish, now_ms: float) -> Wish:
    road, at_m = _place(section, wish)
    growth = _name(wish, "growth", GROWTH_KW_S2, usual=["slow"])
    if len(section.ground.fires) >= FIRES_MAX:
        raise ValueError(f"fire: {FIRES_MAX} burn already")
    smoulder_s, peak_kw = _number(wish, "smoulder_s", 1.0, 36_000.0, 120.0), _number(wish, "peak_kw", 1.0, 1e5, 2000.0)
    section.ground.fires.append(Fire(road, at_m, GROWTH_KW_S2[growth], smoulder_s, peak_kw))
    section.note(now_ms, "fire", road=road, at_m=at_m)
    return {}


def _water(section: Section, wish: Wish, now_ms: float) -> Wish:
    section.ground.water_on = _flag(wish, "on")
    return {}


def _inflow(section: Section, wish: Wish, now_ms: float) -> Wish:
    section.ground.inflows[_name(wish, "sump", section.ground.sumps)] = _number(wish, "m3_h", 0.0, 1e5)
    return {}


def _rain(section: Section, wish: Wish, now_ms: float) -> Wish:
    section.ground.rain_mm_h = _number(wish, "mm_h", 0.0, 300.0)
    return {}


def _spillway(section: Section, wish: Wish, now_ms: float) -> Wish:
    ponds = section.ground.ponds
    name = _name(wish, "pond", ponds)
    ponds[name] = replace(ponds[name], blocked=_flag(wish, "blocked"))
    return {}


def _slide(section: Section, wish: Wish, now_ms: float) -> Wish:
    slopes = section.ground.slopes
    name = _name(wish, "slope", slopes)
    slopes[name] = accelerate(slopes[name], _number(wish, "fails_in_s", 1.0, 1e7))
    return {}


def _stabilise(section: Section, wish: Wish, now_ms: float) -> Wish:
    slopes = section.ground.slopes
    name = _name(wish, "slope", slopes)
    slopes[name] = stabilise(slopes[name])
    return {}


def _enter(section: Section, wish: Wish, now_ms: float) -> Wish:
    section.ground.crews[_name(wish, "crew", section.ground.crews)].enter(int(_number(wish, "people", 0.0, 500.0)))
    return {}


def _evacuate(section: Section, wish: Wish, now_ms: float) -> Wish:
    chosen = [_name(wish, "crew", section.ground.crews)] if "crew" in wish else list(section.ground.crews)
    for name in chosen:
        section.ground.crews[name].ordered_out = True
    section.note(now_ms, "evacuate", crews=chosen)
    return {}


def _calibrate(section: Section, wish: Wish, now_ms: float) -> Wish:
    section.sensors[_name(wish, "sensor", section.sensors, usual=[])].calibrate()
    return {}


def _fault(section: Section, wish: Wish, now_ms: float) -> Wish:
    """Of a device (sim/COMMANDS.md), or of the sensor of a point."""
    fault, value = str(wish.get("fault")), wish.get("value")
    if "sensor" in wish:
        section.sensors[_name(wish, "sensor", section.sensors)].set(fault, value)
    elif (name := _name(wish, "device", section.devices, usual=[])) in section.robots:
        section.robots[name].faults.set(fault, value)
    else:
        section.wiring.ill(name, fault, value, now_ms)
    section.note(now_ms, "fault", of=wish.get("device", wish.get("sensor")), fault=fault, value=value)
    return {}


def _bus(section: Section, wish: Wish, now_ms: float) -> Wish:
    """`{"do": "bus", "port": "rs485-1", "on": true, "fault": {"fault": "noise", "bit_error_rate": 0.001}}`; without a
    port that of the device.
    """
    buses: dict[str, Rs485 | CanBus] = {**section.wiring.lines, **section.wiring.cans}
    given = wish.get("fault")
    if not isinstance(given, dict):
        raise ValueError(f"fault: {given!r} is not a table with the key 'fault'")
    fault = faults.parse(given)
    port = _name(wish, "port", buses, usual=[]) if "port" in wish else port_of(buses, fault)
    bus = buses[port]
    if _flag(wish, "on"):
        bus.begin(fault, now_ms)
    else:
        bus.end(fault)
    section.note(now_ms, "bus", port=port, on=wish["on"], fault=given)
    return {}


def _cable(section: Section, wish: Wish, now_ms: float) -> Wish:
    return _bus(section, {"port": wish.get("port"), "on": wish.get("cut"), "fault": {"fault": "cut"}}, now_ms)


def _watch(section: Section, wish: Wish, now_ms: float) -> Wish:
    section.watch(parse(f"{wish.get('point')}:{wish.get('limit')}:{wish.get('direction', 'rising')}"))
    return {}


def _truth(section: Section, wish: Wish, now_ms: float) -> Wish:
    air = section.ground.air
    wiring = section.wiring
    return {
        "ms": round(now_ms),
        "answers": section.answers(),
        "values": {point: value if isfinite(value) else None for point, value in section.values().items()},
        "truths": section.truths(),
        "contacts": section.contacts(),
        "collisions": {port: line.collisions for port, line in wiring.lines.items()},
        "lost_bytes": {port: line.lost_bytes for port, line in wiring.lines.items()},
        "can": {port: _can(can, now_ms) for port, can in wiring.cans.items()},
        "balance_m3": air.balance("ch4") if air is not None else 0.0,
    }


def _can(can: CanBus, now_ms: float) -> Wish:
    states = {name: controller.state.value for name, controller in can.controllers.items()}
    return {"load": round(can.load(now_ms), 4), "errors": can.errors, "states": states}


_WISHES: dict[str, Callable[[Section, Wish, float], Wish]] = {
    "fan": _fan, "duct": _duct, "emission": _emission, "burst": _burst, "outburst": _outburst, "fall": _fall,
    "mains": _mains, "bypass": _bypass, "fire": _fire, "water": _water, "inflow": _inflow, "rain": _rain,
    "spillway": _spillway, "slide": _slide, "stabilise": _stabilise, "enter": _enter, "evacuate": _evacuate,
    "calibrate": _calibrate, "fault": _fault, "bus": _bus, "cable": _cable, "watch": _watch, "truth": _truth,
}  # fmt: skip


def _place(section: Section, wish: Wish) -> tuple[str, float]:
    """Road and metres; without a road, where the first source is."""
    roads = {road.name: road.length_m for road in section.plan.road}
    first = next((one for one in section.ground.sources.values() if one.at_m is not None), None)
    road = _name(wish, "road", roads, usual=[first.road] if first is not None else [])
    usual_m = first.at_m if first is not None and first.road == road and first.at_m is not None else roads[road] / 2.0
    return road, _number(wish, "at_m", 0.0, roads[road], usual_m)


def _name(wish: Wish, key: str, known: Iterable[str], usual: Iterable[str] | None = None) -> str:
    """The name under `key`; left out, the first of `usual` (of all, if None)."""
    listed = list(known)
    first = next(iter(listed if usual is None else usual), None)
    name = wish.get(key, first)
    if not isinstance(name, str) or name not in listed:
        raise ValueError(f"{key}: {name!r} is not one of {', '.join(listed) or 'none: there is none here'}")
    return name


def _flag(wish: Wish, key: str) -> bool:
    value = wish.get(key)
    if not isinstance(value, bool):
        raise ValueError(f"{key}: {value!r} is not true or false")
    return value


def _number(wish: Wish, key: str, low: float, high: float, absent: float | None = None) -> float:
    value = wish.get(key, absent)
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or not low <= value <= high:
        raise ValueError(f"{key}: {value!r} is not a number within {low:g}..{high:g}")
    return float(value)
