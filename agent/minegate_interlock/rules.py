"""rules.toml as frozen values, or one line that says what is wrong. Reads no file: the text is handed in.

Numbers of the regulations stand in the site's rules.toml with their source beside them, never here.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from minegate_interlock.lines import NAME_BYTES, UNIT_BYTES

BAUD_RATES = (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)

# AQ 6201: from over-limit to open contact. The one number that no rules file can stretch.
REACTION_MAX_MS = 2000

# PERMIT 19 bytes and RELAY_STATE 21 on the line, 10 bits each (8N1). A slower line would queue PERMITs that an OPEN
# waits behind, each of them good for another lease.
_EXCHANGE_BYTES = 40
_SEALED_EXCHANGE_BYTES = 48  # SIGNED_PERMIT takes 27


class RulesError(Exception):
    """Rules that cannot be judged by. One line: file, key, value, limit."""


class OutputClass(Enum):
    """What an output does when everything is lost. Which class an output has is never a setting."""

    AREA_POWER = "area power"  # de-energises: losing it cuts
    FAN_LOCK = "fan lock"  # energises to lock: losing it must never stop ventilation (AQ 6201-2006 clause f)


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds of the loop and the lease. `power_on_lock_s` default: AQ 6201-2006 wording, clause f (recalled)."""

    tick_ms: int = 50
    power_on_lock_s: int = 60
    lease_ms: int = 600
    renew_ms: int = 150
    feed_check_ms: int = 2000


@dataclass(frozen=True, slots=True)
class Output:
    """One relay of one node on a serial line that belongs to the interlock alone."""

    name: str
    device: str
    node: int
    baud: int = 9600
    relay: int = 0
    kind: str = "node"
    key_file: str = ""  # 32 hexadecimal digits that the node has as well; relative to the rules file

    output_class = OutputClass.AREA_POWER


@dataclass(frozen=True, slots=True)
class Area:
    """What is cut together. `feed_point` measures the load side."""

    name: str
    outputs: tuple[str, ...]
    title_zh: str = ""
    title_en: str = ""
    feed_point: str = ""


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit of one point for one area. Rising: alarm and cut at >=, restore at <; falling: mirrored."""

    area: str
    point: str
    unit: str
    low: float
    high: float
    cut: float
    restore: float
    stale_ms: int
    source: str
    alarm: float | None = None
    direction: str = "rising"


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything the interlock knows. `hash` is the SHA-256 of the file as read; 8 bytes of it travel in each
    verdict.
    """

    timing: Timing
    outputs: tuple[Output, ...]
    areas: tuple[Area, ...]
    limits: tuple[Limit, ...]
    hash: bytes


_INT, _FLOAT, _TEXT, _NAMES = "a whole number", "a number", "a text", "a list of names"
# table -> key -> (what it is, lowest, highest, must it be given)
_KEYS: dict[str, dict[str, tuple[str, float, float, bool]]] = {
    "timing": {
        "tick_ms": (_INT, 10, 200, False),
        "power_on_lock_s": (_INT, 0, 3600, False),
        "lease_ms": (_INT, 100, REACTION_MAX_MS, False),
        "renew_ms": (_INT, 50, 1000, False),
        "feed_check_ms": (_INT, 200, 60_000, False),
    },
    "output": {
        "name": (_TEXT, 1, NAME_BYTES, True),
        "kind": (_TEXT, 1, 40, False),
        "device": (_TEXT, 1, 200, True),
        "baud": (_INT, 1200, 115_200, False),
        "node": (_INT, 1, 255, True),
        "relay": (_INT, 0, 0, False),
        "key_file": (_TEXT, 1, 200, False),
    },
    "area": {
        "name": (_TEXT, 1, NAME_BYTES, True),
        "outputs": (_NAMES, 1, 8, True),
        "title_zh": (_TEXT, 0, 240, False),
        "title_en": (_TEXT, 0, 240, False),
        "feed_point": (_TEXT, 1, NAME_BYTES, False),
    },
    "limit": {
        "area": (_TEXT, 1, NAME_BYTES, True),
        "point": (_TEXT, 1, NAME_BYTES, True),
        "unit": (_TEXT, 0, UNIT_BYTES, True),
        "low": (_FLOAT, -1e9, 1e9, True),
        "high": (_FLOAT, -1e9, 1e9, True),
        "alarm": (_FLOAT, -1e9, 1e9, False),
        "cut": (_FLOAT, -1e9, 1e9, True),
        "restore": (_FLOAT, -1e9, 1e9, True),
        "direction": (_TEXT, 1, 10, False),
        "stale_ms": (_INT, 100, REACTION_MAX_MS, True),
        "source": (_TEXT, 1, 1000, True),
    },
}


def load(text: bytes, name: str) -> Rules:
    """The rules in `text`; `name` is the file's name for messages. Raises RulesError."""
    try:
        return _rules(text)
    except _UnfitError as error:
        raise RulesError(f"{name}: {error}") from error


class _UnfitError(Exception):
    pass


def _rules(text: bytes) -> Rules:
    try:
        tables = tomllib.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # ValueError: also bytes that are no UTF-8, and endless digits
        raise _UnfitError(f"not TOML: {error}") from error
    for key in tables:
        if key not in _KEYS:
            raise _UnfitError(f"unknown table [{key}]; known are {', '.join(_KEYS)}")
    timing = Timing(**_checked("timing", tables.get("timing", {})))
    rules = Rules(
        timing,
        tuple(Output(**row) for row in _rows(tables, "output")),
        tuple(Area(**row) for row in _rows(tables, "area")),
        tuple(Limit(**row) for row in _rows(tables, "limit")),
        hashlib.sha256(text).digest(),
    )
    _names(rules)
    for limit in rules.limits:
        _limit(limit, timing)
    if not 2 * timing.renew_ms < timing.lease_ms:
        raise _UnfitError(f"timing: renew_ms {timing.renew_ms} is not below half of lease_ms {timing.lease_ms}")
    return rules


def _rows(tables: Mapping[str, object], table: str) -> list[dict[str, Any]]:
    rows = tables.get(table, [])
    if not isinstance(rows, list) or not rows:
        raise _UnfitError(f"at least one [[{table}]] is needed")
    return [_checked(f"{table} {number}", row) for number, row in enumerate(rows, 1)]


def _checked(where: str, row: object) -> dict[str, Any]:
    keys = _KEYS[where.split()[0]]
    if not isinstance(row, dict):
        raise _UnfitError(f"{where}: a table is needed, {row!r} is none")
    for key in row:
        if key not in keys:
            raise _UnfitError(f"{where}: unknown key {key!r}; known are {', '.join(keys)}")
    for key, (_, _, _, needed) in keys.items():
        if needed and key not in row:
            raise _UnfitError(f"{where}: key {key!r} is missing")
    return {key: _value(f"{where}: {key}", value, *keys[key][:3]) for key, value in row.items()}


def _value(where: str, value: object, what: str, low: float, high: float) -> object:
    if what is _NAMES:
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            raise _UnfitError(f"{where} = {value!r} is not {what}")
        _within(where, value, len(value), low, high, "names")
        return tuple(value)
    if what is _TEXT:
        if not isinstance(value, str):
            raise _UnfitError(f"{where} = {value!r} is not {what}")
        _within(where, value, len(value.encode()), low, high, "bytes of UTF-8")  # records have so much room
        return value
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole and not (what is _FLOAT and isinstance(value, float)):
        raise _UnfitError(f"{where} = {value!r} is not {what}")
    assert isinstance(value, int | float)
    _within(where, value, value, low, high, "")
    return float(value) if what is _FLOAT else value


def _within(where: str, value: object, measure: float, low: float, high: float, unit: str) -> None:
    if not low <= measure <= high:  # NaN is not within; infinity is above every limit
        raise _UnfitError(f"{where} = {value!r} is not within {low:g}..{high:g} {unit}".rstrip())


def _names(rules: Rules) -> None:
    _once("output", [output.name for output in rules.outputs])
    _once("area", [area.name for area in rules.areas])
    _once("limit", [f"{limit.area}/{limit.point}" for limit in rules.limits])
    _once("output device", [output.device for output in rules.outputs])
    _once("output", [name for area in rules.areas for name in area.outputs], "is given to two areas")
    for output in rules.outputs:
        _output(output, rules.areas, rules.timing)
    outputs = {output.name for output in rules.outputs}
    for area in rules.areas:
        for name in area.outputs:
            if name not in outputs:
                raise _UnfitError(f"area {area.name!r}: output {name!r} is not one of {sorted(outputs)}")
        if not any(limit.area == area.name for limit in rules.limits):
            raise _UnfitError(f"area {area.name!r} has no [[limit]]: power would be permitted without a reason")
    areas = {area.name for area in rules.areas}
    for limit in rules.limits:
        if limit.area not in areas:
            raise _UnfitError(f"limit of {limit.point!r}: area {limit.area!r} is not one of {sorted(areas)}")


def _output(output: Output, areas: tuple[Area, ...], timing: Timing) -> None:
    if output.baud not in BAUD_RATES:
        raise _UnfitError(f"output {output.name!r}: baud = {output.baud} is not one of {BAUD_RATES}")
    exchange_ms = (_SEALED_EXCHANGE_BYTES if output.key_file else _EXCHANGE_BYTES) * 10 * 1000 / output.baud
    if not exchange_ms <= timing.tick_ms:
        raise _UnfitError(
            f"output {output.name!r}: baud = {output.baud}: a frame and its answer take {exchange_ms:.0f} ms, more than"
            f" tick_ms = {timing.tick_ms}: an OPEN would wait behind PERMITs"
        )
    if not any(output.name in area.outputs for area in areas):
        raise _UnfitError(f"output {output.name!r} is not among the outputs of any [[area]]")
    if output.kind != "node":
        raise _UnfitError(f"output {output.name!r}: kind = {output.kind!r} is not 'node'")


def _once(what: str, names: list[str], trouble: str = "is given twice") -> None:
    for name in names:
        if names.count(name) > 1:
            raise _UnfitError(f"{what} {name!r} {trouble}")


def _limit(limit: Limit, timing: Timing) -> None:
    where = f"limit of {limit.point!r} in {limit.area!r}"
    if limit.direction not in ("rising", "falling"):
        raise _UnfitError(f"{where}: direction = {limit.direction!r} is not rising or falling")
    sign = 1 if limit.direction == "rising" else -1
    if not limit.low < limit.high:
        raise _UnfitError(f"{where}: low = {limit.low:g} is not below high = {limit.high:g}")
    if not limit.low <= limit.cut <= limit.high:
        raise _UnfitError(f"{where}: cut = {limit.cut:g} is not within low {limit.low:g} and high {limit.high:g}")
    if not sign * limit.restore <= sign * limit.cut:
        raise _UnfitError(f"{where}: restore = {limit.restore:g} is on the wrong side of cut = {limit.cut:g}")
    if limit.alarm is not None and not sign * limit.alarm <= sign * limit.cut:
        raise _UnfitError(f"{where}: alarm = {limit.alarm:g} is on the wrong side of cut = {limit.cut:g}")
    rest = REACTION_MAX_MS - timing.tick_ms - timing.lease_ms
    if not limit.stale_ms <= rest:
        raise _UnfitError(
            f"{where}: stale_ms = {limit.stale_ms} is above {rest} = {REACTION_MAX_MS} ms - tick_ms {timing.tick_ms}"
            f" - lease_ms {timing.lease_ms}: silence would not cut in time"
        )
