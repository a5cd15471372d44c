"""The tables of rules.toml: which keys each has, what they are, their bounds. What does not fit is refused here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minegate_interlock.lines import NAME_BYTES, UNIT_BYTES
from minegate_interlock.terms import REACTION_MAX_MS

SOURCE_BYTES_MAX = 1000
DEVIATION_BYTES_MAX = 48  # reason, approver and date share the 160 bytes of a verdict's text
_EPOCH_DAY = 719_163  # date.toordinal() of 1970-01-01
_DAY_S = 86_400

_INT, _FLOAT, _TEXT, _NAMES = "a whole number", "a number", "a text", "a list of names"
_DATE, _TABLE = "a date such as 2027-01-31", "a table"
# key -> (what it is, lowest, highest, must it be given)
Keys = Mapping[str, tuple[str, float, float, bool]]

_OUTPUT: Keys = {  # which of them a kind has is said in output_kinds.py
    "name": (_TEXT, 1, NAME_BYTES, True),
    "kind": (_TEXT, 1, 40, False),
    "device": (_TEXT, 1, 200, False),
    "baud": (_INT, 1200, 115_200, False),
    "node": (_INT, 1, 255, False),
    "relay": (_INT, 0, 0, False),
    "key_file": (_TEXT, 1, 200, False),
    "interface": (_TEXT, 1, 40, False),
    "channel": (_TEXT, 1, 200, False),
    "bitrate": (_INT, 10_000, 1_000_000, False),
    "chip": (_TEXT, 1, 200, False),
    "line": (_INT, 0, 1023, False),
    "watchdog_line": (_INT, 0, 1023, False),
    "watchdog_ms": (_INT, 100, REACTION_MAX_MS, False),
    "read_back": (_INT, 0, 1023, False),
    "read_back_closed": (_INT, 0, 1, False),
}
_DOUBT: Keys = {
    "rate_max_per_s": (_FLOAT, 1e-6, 1e9, False),
    "frozen_s": (_INT, 60, 86_400, False),
    "neighbours": (_NAMES, 1, 4, False),
    "neighbour_move": (_FLOAT, 1e-6, 1e9, False),
    "agrees_with": (_TEXT, 1, NAME_BYTES, False),
    "agrees_within": (_FLOAT, 0, 1e9, False),
    "agrees_s": (_INT, 0, 3600, False),
}
_JUDGED: Keys = {
    "restore_hold_s": (_INT, 0, 3600, False),
    "alarm_release": (_TEXT, 1, 10, False),
}
KEYS: dict[str, Keys] = {
    "timing": {
        "tick_ms": (_INT, 10, 200, False),
        "power_on_lock_s": (_INT, 0, 3600, False),
        "lease_ms": (_INT, 100, REACTION_MAX_MS, False),
        "renew_ms": (_INT, 50, 1000, False),
        "feed_check_ms": (_INT, 200, 60_000, False),
    },
    "output": _OUTPUT,
    "area": {
        "name": (_TEXT, 1, NAME_BYTES, True),
        "outputs": (_NAMES, 1, 8, True),
        "second": (_NAMES, 1, 8, False),
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
        "reaction_ms": (_INT, 100, REACTION_MAX_MS, False),
        "source": (_TEXT, 1, SOURCE_BYTES_MAX, True),
        **_JUDGED,
        **_DOUBT,
    },
    "library": {"edition": (_TEXT, 1, 40, True)},
    "place": {
        "area": (_TEXT, 1, NAME_BYTES, True),
        "class": (_TEXT, 1, NAME_BYTES, True),
        "id": (_TEXT, 1, NAME_BYTES, True),
        "point": (_TEXT, 1, NAME_BYTES, True),
        "stale_ms": (_INT, 100, 600_000, True),
        "reaction_ms": (_INT, 100, REACTION_MAX_MS, False),
        "low": (_FLOAT, -1e9, 1e9, False),
        "high": (_FLOAT, -1e9, 1e9, False),
        "alarm": (_FLOAT, -1e9, 1e9, False),
        "cut": (_FLOAT, -1e9, 1e9, False),
        "restore": (_FLOAT, -1e9, 1e9, False),
        "rise": (_FLOAT, 1e-6, 1e9, False),
        "window_s": (_INT, 10, 3600, False),
        "deviation": (_TABLE, 0, 0, False),
        **_JUDGED,
        **_DOUBT,
    },
    "deviation": {
        "reason": (_TEXT, 1, DEVIATION_BYTES_MAX, True),
        "approver": (_TEXT, 1, DEVIATION_BYTES_MAX, True),
        "until": (_DATE, 0, 0, True),
    },
    "fan_output": _OUTPUT,
    "fan_lock": {
        "name": (_TEXT, 1, NAME_BYTES, True),
        "class": (_TEXT, 1, NAME_BYTES, True),
        "id": (_TEXT, 1, NAME_BYTES, True),
        "area": (_TEXT, 1, NAME_BYTES, True),
        "run_point": (_TEXT, 1, NAME_BYTES, True),
        "points": (_NAMES, 1, 8, True),
        "outputs": (_NAMES, 1, 4, True),
    },
    "vote": {
        "name": (_TEXT, 1, NAME_BYTES, True),
        "area": (_TEXT, 1, NAME_BYTES, True),
        "points": (_NAMES, 2, 3, True),
        "votes": (_TEXT, 4, 4, True),
        "degraded": (_TEXT, 1, 10, True),
    },
    "calibration": {"max_min": (_INT, 1, 240, True)},
    "bypass": {"max_min": (_INT, 0, 480, True), "day_min": (_INT, 0, 480, True)},
    "proof_test": {
        "kind": (_TEXT, 1, 20, True),
        "subject": (_TEXT, 1, NAME_BYTES, True),
        "days": (_INT, 1, 400, True),
        "source": (_TEXT, 1, SOURCE_BYTES_MAX, True),
    },
}
ROWS_MAX = 256  # of each table: what a gateway of one section can need, several times over


class UnfitError(Exception):
    """What is wrong with the rules, in one line without the file's name."""


def rows(tables: Mapping[str, object], table: str, needed: bool = False) -> list[dict[str, Any]]:
    """The checked rows of `[[table]]`. Raises UnfitError."""
    found = tables.get(table, [])
    if not isinstance(found, list) or (needed and not found):
        raise UnfitError(f"at least one [[{table}]] is needed")
    if len(found) > ROWS_MAX:
        raise UnfitError(f"{len(found)} tables [[{table}]] are more than {ROWS_MAX}")
    return [checked(f"{table} {number}", row) for number, row in enumerate(found, 1)]


def checked(where: str, row: object) -> dict[str, Any]:
    """The row of the table that `where` starts with: known keys, right kinds, within bounds. Raises UnfitError."""
    keys = KEYS[where.split()[0]]
    if not isinstance(row, dict):
        raise UnfitError(f"{where}: a table is needed, {row!r} is none")
    for key in row:
        if key not in keys:
            raise UnfitError(f"{where}: unknown key {key!r}; known are {', '.join(keys)}")
    for key, (_, _, _, needed) in keys.items():
        if needed and key not in row:
            raise UnfitError(f"{where}: key {key!r} is missing")
    return {key: _value(f"{where}: {key}", value, *keys[key][:3]) for key, value in row.items()}


def day_s(date: object) -> int:
    """Seconds from 1970 to the beginning of a date as TOML gives it, UTC."""
    return int((date.toordinal() - _EPOCH_DAY) * _DAY_S)  # type: ignore[attr-defined]  # a datetime.date, by _DATE


def _value(where: str, value: object, what: str, low: float, high: float) -> object:
    if what is _NAMES:
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            raise UnfitError(f"{where} = {value!r} is not {what}")
        _within(where, value, len(value), low, high, "names")
        return tuple(value)
    if what is _TEXT:
        if not isinstance(value, str):
            raise UnfitError(f"{where} = {value!r} is not {what}")
        _within(where, value, len(value.encode()), low, high, "bytes of UTF-8")  # records have so much room
        return value
    if what is _DATE and type(value).__name__ != "date":  # `datetime` is a clock, and clocks are not imported here
        raise UnfitError(f"{where} = {value!r} is not {what}")
    if what in (_DATE, _TABLE):
        return value
    return _number(where, value, what, low, high)


def _number(where: str, value: object, what: str, low: float, high: float) -> float:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole and not (what is _FLOAT and isinstance(value, float)):
        raise UnfitError(f"{where} = {value!r} is not {what}")
    assert isinstance(value, int | float)
    _within(where, value, value, low, high, "")
    return float(value) if what is _FLOAT else value


def _within(where: str, value: object, measure: float, low: float, high: float, unit: str) -> None:
    if not low <= measure <= high:  # NaN is not within; infinity is above every limit
        raise UnfitError(f"{where} = {value!r} is not within {low:g}..{high:g} {unit}".rstrip())
