"""One line of JSON as an event for the judge, and an event as its line: what `decide` reads and golden files keep."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

from minegate_interlock.state import (
    Bypass,
    Calibrate,
    Cut,
    EndSuspension,
    Event,
    FeedLive,
    FreeFan,
    Heard,
    InputsLost,
    Named,
    OutputsUp,
    Reset,
    Tick,
)
from minegate_interlock.terms import Rules

FLAGS = {
    "stale": 1, "out_of_range": 2, "negative_drift": 4, "line_break": 8, "device_fault": 16, "calibrating": 32,
    "suspended": 64, "substituted": 128, "clock_unsynchronised": 256,
}  # fmt: skip
_WORDS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}

Row = dict[str, Any]


class LineError(Exception):
    """A line that is not an event. Says what is wrong."""


def event_of(rules: Rules, line: str) -> tuple[int, Event]:
    """(ms, event). Raises LineError."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise LineError(f"not JSON: {error}") from error
    if not isinstance(row, dict) or not isinstance(row.get("ms"), int):
        raise LineError("an object with a whole number `ms` is needed")
    for verb, make in _VERBS.items():
        if verb in row:
            _known(rules, verb, row[verb])
            return row["ms"], make(row)
    raise LineError(f"none of {', '.join(f'`{verb}`' for verb in _VERBS)} is given")


def line_of(ms: int, event: Event) -> str:
    """The line that `event_of` reads as this event at `ms`."""
    row: Row = {"ms": ms}
    if isinstance(event, Heard):
        row |= {
            "point": event.point,
            "value": _spoken(event.value),
            "quality": event.quality,
            "age_ms": ms - event.seen_ms,
        }
    elif isinstance(event, Named):
        row |= {"point": event.point, "unit": event.unit}
    elif isinstance(event, Tick | InputsLost):
        row["tick" if isinstance(event, Tick) else "lost"] = True
    else:
        verb = next(verb for verb, kind in _KINDS.items() if isinstance(event, kind))
        first, *rest = event._asdict().items()
        row |= {verb: first[1], **dict(rest)}
    return json.dumps(row, ensure_ascii=False)


_KINDS: dict[str, type] = {
    "reset": Reset, "cut": Cut, "outputs": OutputsUp, "feed_live": FeedLive, "calibrate": Calibrate, "bypass": Bypass,
    "end": EndSuspension, "free_fan": FreeFan,
}  # fmt: skip


def _text(row: Row, key: str) -> str:
    return str(row.get(key, ""))


def _reading(row: Row) -> Event:
    if "unit" in row:
        return Named(_text(row, "point"), _text(row, "unit"))
    age_ms = row.get("age_ms", 0)
    if not isinstance(age_ms, int):
        raise LineError(f"age_ms = {age_ms!r} is not a whole number")
    return Heard(_text(row, "point"), _value(row.get("value")), _quality(row.get("quality", 0)), row["ms"] - age_ms)


def _suspension(kind: type[Calibrate | Bypass], verb: str) -> Callable[[Row], Event]:
    def make(row: Row) -> Event:
        minutes = row.get("minutes", 0)
        if not isinstance(minutes, int):
            raise LineError(f"minutes = {minutes!r} is not a whole number")
        return kind(row[verb], minutes, _text(row, "by"), _text(row, "reason"))

    return make


# `point` is last: a line about a person's act may name one as well
_VERBS: dict[str, Callable[[Row], Event]] = {
    "reset": lambda row: Reset(row["reset"], _text(row, "by"), _text(row, "reason")),
    "cut": lambda row: Cut(row["cut"], _text(row, "by"), _text(row, "reason")),
    "outputs": lambda row: OutputsUp(row["outputs"], row.get("up") is True),
    "feed_live": lambda row: FeedLive(row["feed_live"]),
    "calibrate": _suspension(Calibrate, "calibrate"),
    "bypass": _suspension(Bypass, "bypass"),
    "end": lambda row: EndSuspension(row["end"], _text(row, "by")),
    "free_fan": lambda row: FreeFan(row["free_fan"], _text(row, "by"), _text(row, "reason")),
    "lost": lambda _: InputsLost(),
    "tick": lambda _: Tick(),
    "point": _reading,
}


def _known(rules: Rules, verb: str, name: object) -> None:
    """A person's act about nothing is a mistake in the file; a reading of a point without a rule is only unheard."""
    areas = [area.name for area in rules.areas]
    points = [limit.point for limit in rules.limits]
    rooms = dict.fromkeys(("reset", "cut", "outputs", "feed_live"), ("an area", areas))
    rooms |= dict.fromkeys(("calibrate", "bypass", "end"), ("a point", points))
    rooms["free_fan"] = ("a fan lock", [fan.name for fan in rules.fans])
    what, known = rooms.get(verb, ("", []))
    if what and name not in known:
        raise LineError(f"{verb} = {name!r} is not {what} of the rules")


def _value(given: object) -> float:
    """A value that is no number is judged as one that proves nothing."""
    if isinstance(given, str):
        return _WORDS.get(given, math.nan)
    if isinstance(given, bool) or not isinstance(given, int | float):
        return math.nan
    return float(given) if abs(given) < 1e300 else math.nan  # a whole number of any length is JSON, too


def _spoken(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


def _quality(given: object) -> int:
    if isinstance(given, int) and not isinstance(given, bool):
        return given
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, list):
        raise LineError(f"quality = {given!r} is not a number, a name or a list of names")
    flags = 0
    for name in names:
        if name != "good":
            if name not in FLAGS:
                raise LineError(f"quality {name!r} is not one of good, {', '.join(FLAGS)}")
            flags |= FLAGS[name]
    return flags
