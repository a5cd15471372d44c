"""The heading of `page_site` at work, told to a View as the link process would."""

from __future__ import annotations

import math
import struct

import page_site
from minegate_agent.clock import SystemClock
from minegate_agent.link.view import View
from minegate_interlock.lines import AreaState
from minegate_interlock.reaction import Reactions
from page_site import AREA, PERMITTED, fan, methane, scan, site

CLOCK = SystemClock()


def working() -> View:
    """A heading at work: ten minutes behind it, some events, one sensor out of its range, everything else well."""
    now_ms, utc_ms = CLOCK.monotonic_ms(), CLOCK.utc_ms()
    filled = View(site(), page_site.LIMITS, page_site.TITLES)
    for second in range(600, 0, -1):
        at = {"utc_ms": utc_ms - 1000 * second}
        filled.on_scan(methane(1, 0.42 + 0.12 * math.sin(second / 40) + 0.02 * math.sin(second * 1.7), **at), 1, now_ms)
        filled.on_scan(methane(2, 0.31 + 0.06 * math.sin(second / 55), **at), 2, now_ms)
        filled.on_scan(scan(4, struct.pack("<f", 0.18 + 0.05 * math.cos(second / 30)), part=1, **at), 3, now_ms)
    speak(filled, PERMITTED, 0.42)
    for number, event in enumerate(_events(utc_ms), start=1):
        filled.on_event(number, event)
    filled.on_delivery(184_220, 184_214, True, now_ms - 754_000)
    filled.on_field(True, now_ms - 760_000)
    filled.on_health(_health(), now_ms)
    for point, took in (("1201-T1-ch4", (43, 44, 46, 391)), ("", (661,))):
        reactions = Reactions("relay-1", point)
        for took_ms in took:
            reactions.add(took_ms)
        filled.on_reaction(reactions.record())
    return filled


def speak(view: View, state: AreaState, percent: float, *, running: int = 1) -> None:
    """One moment: every device answers and the interlock says how the area stands."""
    now_ms, utc_ms = CLOCK.monotonic_ms(), CLOCK.utc_ms()
    view.on_scan(methane(1, percent, utc_ms=utc_ms), 10, now_ms)
    view.on_scan(methane(2, 0.31, utc_ms=utc_ms), 11, now_ms)
    view.on_scan(fan(running, 7.42 * running, state.permitted, utc_ms=utc_ms), 12, now_ms)
    view.on_scan(scan(4, struct.pack("<H", 812), utc_ms=utc_ms), 13, now_ms)
    view.on_scan(scan(4, struct.pack("<f", 0.21), part=1, utc_ms=utc_ms), 14, now_ms)
    view.on_interlock(True, now_ms)
    view.on_area(state, now_ms)


def _events(utc_ms: int) -> list[dict[str, object]]:
    at = {"utc_ms": utc_ms - 760_000}
    return [
        {"kind": "started", "from": "link", **at},
        {"kind": "lock", "from": "interlock", "area": AREA, "cause": "start", **at},
        {"kind": "restorable", "from": "interlock", "area": AREA, **at},
        {"kind": "reset", "from": "interlock", "area": AREA, "by": "wang", **at},
        {"kind": "output_closed", "from": "interlock", "area": AREA, **at},
        {"kind": "loss", "from": "field", "reason": "hold_full", "count": 1204, "first": 1, "last": 1204, **at},
        {"kind": "device_back", "from": "field", "device": 3, **at},
    ]


def _health() -> dict[str, object]:
    ports = [
        {"name": "rs485-1", "kind": "serial", "up": True, "utilisation": 0.31, "timeouts": 0, "nonsense": {"crc": 2}},
        {"name": "rs485-2", "kind": "serial", "up": True, "utilisation": 0.12, "timeouts": 1, "nonsense": {}},
        {
            "name": "can-1",
            "kind": "can",
            "up": False,
            "utilisation": 0.0,
            "timeouts": 0,
            "last_error": "no such device",
        },
    ]
    devices = [{"number": n, "up": n != 4, "answered": 700, "answer_ms_p50": 24.0 + n} for n in (1, 2, 3, 4)]
    return {"ports": ports, "devices": devices, "hold": {"items": 3, "bytes": 120, "dropped": 0}}
