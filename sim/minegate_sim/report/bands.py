"""Which plots a run needs, one below the other: lines that share an axis, and rows of things that are on or off."""

from __future__ import annotations

from math import isfinite, nan
from typing import NamedTuple

from minegate_sim.report.history import History, Level, Point
from minegate_sim.seen import Seen

LINES_MAX = 6  # in one plot; the eye does not follow more
AIR = ("air_speed", "duct_speed")
BRIDGE_S = 2.5
METHANE_REACH, BACKLOG_REACH, LATENCY_REACH = 1.0, 20.0, 1.0
SWITCHES = ("power", "machine", "pump", "fan")


class Title(NamedTuple):
    """In both languages."""

    zh: str
    en: str


class Line(NamedTuple):
    """`values` belong to the history's times. `steps`: it jumps, and does not move in between."""

    name: str
    values: list[float]
    steps: bool = False


class Band(NamedTuple):
    """One plot of lines. The axis goes at least down to `floor` and up to `reach`, so that noise stays small. `log`:
    decades.
    """

    title: Title
    unit: str
    lines: tuple[Line, ...]
    levels: tuple[Level, ...] = ()
    floor: float = 0.0
    log: bool = False
    reach: float = 0.0


class Row(NamedTuple):
    """Spans of time in which something was on."""

    name: str
    spans: tuple[tuple[float, float], ...]


class Rows(NamedTuple):
    """Rows of one plot. `tone`: how "on" is coloured."""

    title: Title
    rows: tuple[Row, ...]
    tone: str


QUANTITIES = {
    "carbon_monoxide": Title("一氧化碳", "Carbon monoxide"), "smoke": Title("烟雾", "Smoke"),
    "temperature": Title("温度", "Temperature"), "dust": Title("粉尘", "Dust"), "level": Title("水位", "Water level"),
    "pumped": Title("排水量", "Pumped"), "beach": Title("干滩长度", "Dry beach"),
    "phreatic": Title("浸润线埋深", "Phreatic line"), "rain": Title("降雨", "Rain"),
    "displacement": Title("位移", "Displacement"), "velocity": Title("位移速率", "Velocity"),
    "people": Title("人数", "People"), "position": Title("机器人位置", "Position of the robot"),
    "oxygen": Title("氧气", "Oxygen"),
}  # fmt: skip


def bands(history: History) -> list[Band]:
    """Plots of values: methane and air first, then what else is measured here and moves."""
    found = [
        _band(
            history, Title("甲烷", "Methane"), [p for p in history.points if p.quantity == "methane"], "%CH4"
        )._replace(reach=METHANE_REACH),
        _band(history, Title("风速", "Air"), [p for p in history.points if p.quantity in AIR], "m/s"),
    ]
    for quantity, title in QUANTITIES.items():
        points = [p for p in history.points if p.quantity == quantity and _moves(history.values[p.name])]
        if points:
            found.append(_band(history, title, points, points[0].unit))
    return [band for band in found if band.lines]


def delivery(history: History) -> list[Band]:
    """Plots of the way to the mine."""
    late = tuple(
        Line(name, _bridged(history.times, values))
        for name, values in (("freshest reading", history.latest), ("oldest reading", history.oldest))
    )
    waiting = (Line("items not yet delivered", history.backlog, steps=True),)
    return [
        Band(Title("待传数据", "Backlog"), "", waiting, reach=BACKLOG_REACH),
        Band(Title("传输时延", "Latency"), "s", late, floor=0.1, log=True, reach=LATENCY_REACH),
    ]


def contacts(seen: Seen, lasts_s: float) -> Rows:
    """The relays' contacts."""
    names = dict.fromkeys(output for outputs in seen.areas.values() for output in outputs)
    area_of = {output: area for area, outputs in seen.areas.items() for output in outputs}
    rows = [
        Row(f"{name} ({area_of[name]})", _spans([(s, on) for s, one, on in seen.contacts if one == name], lasts_s))
        for name in names
    ]
    return Rows(Title("断电器触点", "Contacts"), tuple(rows), "good")


def power(seen: Seen, lasts_s: float) -> Rows:
    """What has power, and what runs."""
    things = dict.fromkeys((kind, of) for s, kind, of, on in seen.told if kind in SWITCHES)
    ordered = sorted(things, key=lambda thing: SWITCHES.index(thing[0]))
    rows = [
        Row(f"{kind} {of}".rstrip(), _spans([(s, on) for s, k, o, on in seen.told if (k, o) == (kind, of)], lasts_s))
        for kind, of in ordered
    ]
    return Rows(Title("供电与设备", "Power and machines"), tuple(rows), "note")


def processes(history: History, lasts_s: float) -> Rows:
    """The gateway's three processes; shown if one of them was ever away after its start."""
    rows = []
    for name, there in history.processes.items():
        changes = [(s, on) for s, on, was in zip(history.times, there, [False, *there], strict=False) if on != was]
        rows.append(Row(name, _spans(changes, lasts_s)))
    eventful = any(len(row.spans) != 1 for row in rows)
    return Rows(Title("网关进程", "Processes"), tuple(rows) if eventful else (), "faint")


def _band(history: History, title: Title, points: list[Point], unit: str) -> Band:
    """Those with a limit first, then those that move most."""
    limited = {level.point for level in history.levels}
    ordered = sorted(points, key=lambda p: (p.name not in limited, -_span(history.values[p.name])))[:LINES_MAX]
    lines = tuple(Line(point.name, history.values[point.name], steps=not point.unit) for point in ordered)
    names = {point.name for point in ordered}
    return Band(title, unit, lines, tuple(level for level in history.levels if level.point in names))


def _bridged(times: list[float], values: list[float]) -> list[float]:
    """Between two deliveries that follow each other the last one stands."""
    found, last, last_s = [], nan, -BRIDGE_S
    for s, value in zip(times, values, strict=True):
        if isfinite(value):
            last, last_s = value, s
        found.append(last if s - last_s <= BRIDGE_S else nan)
    return found


def _span(values: list[float]) -> float:
    finite = [value for value in values if isfinite(value)]
    return max(finite) - min(finite) if finite else 0.0


def _moves(values: list[float]) -> bool:
    finite = [abs(value) for value in values if isfinite(value)]
    return bool(finite) and _span(values) > 0.02 * max(finite)


def _spans(changes: list[tuple[float, bool]], lasts_s: float) -> tuple[tuple[float, float], ...]:
    """What is first told to go off was on from the beginning: the place said so before anybody listened."""
    found, since = [], 0.0 if changes and not changes[0][1] else None
    for s, on in changes:
        if on and since is None:
            since = s
        elif not on and since is not None:
            found.append((since, s))
            since = None
    return tuple(found if since is None else [*found, (since, lasts_s)])
