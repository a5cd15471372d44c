"""The judge fed from lines instead of a mine: what would it have said? No clock and no output is touched.

A line is `{"ms": 0, "point": "T1", "value": 0.4, "quality": "good"}`; or `{"ms": .., "reset": area, "by": name}`;
or `{"ms": .., "cut": area, "by": name, "reason": text}`. `quality` is the flags' number, a list of their names, or
"good". Between lines the judge ticks on its own grid, so that silence is noticed when the running interlock would
notice it. Outputs are taken to answer.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator

from minegate_interlock.judge import judge
from minegate_interlock.state import Cut, Event, Heard, OutputsUp, Reset, State, Tick, begin
from minegate_interlock.terms import Rules
from minegate_interlock.verdicts import edges

FLAGS = {
    "stale": 1, "out_of_range": 2, "negative_drift": 4, "line_break": 8, "device_fault": 16, "calibrating": 32,
    "suspended": 64, "substituted": 128, "clock_unsynchronised": 256,
}  # fmt: skip
_GAP_MAX_MS = 86_400_000


class LineError(Exception):
    """A line that is not an event. Names the line's number and what is wrong."""


def decide(rules: Rules, lines: Iterable[str]) -> Iterator[dict[str, object]]:
    """One dict per verdict, in order. The first line's `ms` is the start of the interlock. Raises LineError."""
    state: State | None = None
    now_ms = tick_ms = 0  # the last event, the last tick
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        ms, event = _event(rules, line, number)
        if state is None:
            state, now_ms, tick_ms = begin(rules, ms), ms, ms
            for area in rules.areas:
                state = judge(rules, state, OutputsUp(area.name, True), ms)
        if not 0 <= ms - now_ms <= _GAP_MAX_MS:
            raise LineError(f"line {number}: ms = {ms} is not within 0..{_GAP_MAX_MS} after {now_ms}")
        while tick_ms + rules.timing.tick_ms <= ms:
            tick_ms += rules.timing.tick_ms
            after = judge(rules, state, Tick(), tick_ms)
            yield from _told(rules, state, after, Tick(), tick_ms)
            state = after
        after = judge(rules, state, event, ms)
        yield from _told(rules, state, after, event, ms)
        state, now_ms = after, ms


def _told(rules: Rules, old: State, new: State, event: Event, ms: int) -> Iterator[dict[str, object]]:
    for edge in edges(rules, old, new, event):
        verdict: dict[str, object] = {"ms": ms, "what": edge.what.name.lower(), "area": edge.area}
        verdict["cause"] = edge.cause.name.lower()
        texts = {"point": edge.point, "by": edge.by, "reason": edge.reason, "rule": edge.rule}
        numbers = {"value": edge.value, "limit": edge.limit}
        verdict.update({key: text for key, text in texts.items() if text})
        verdict.update({key: number for key, number in numbers.items() if math.isfinite(number)})
        verdict["rules"] = rules.hash[:8].hex()
        yield verdict


def _event(rules: Rules, line: str, number: int) -> tuple[int, Event]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise LineError(f"line {number}: not JSON: {error}") from error
    if not isinstance(row, dict) or not isinstance(row.get("ms"), int):
        raise LineError(f"line {number}: an object with a whole number `ms` is needed")
    ms = row["ms"]
    if "point" in row:
        return ms, Heard(str(row["point"]), _value(row.get("value")), _quality(row.get("quality", 0), number), ms)
    for verb in ("reset", "cut"):
        if verb in row:
            if row[verb] not in [area.name for area in rules.areas]:
                raise LineError(f"line {number}: {verb} = {row[verb]!r} is not an area of the rules")
            by, reason = str(row.get("by", "")), str(row.get("reason", ""))
            return ms, Reset(row[verb], by) if verb == "reset" else Cut(row[verb], by, reason)
    raise LineError(f"line {number}: none of `point`, `reset`, `cut` is given")


def _value(given: object) -> float:
    """A value that is no number is judged as one that proves nothing."""
    if isinstance(given, bool) or not isinstance(given, int | float):
        return math.nan
    return float(given) if abs(given) < 1e300 else math.nan  # a whole number of any length is JSON, too


def _quality(given: object, number: int) -> int:
    if isinstance(given, int) and not isinstance(given, bool):
        return given
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, list):
        raise LineError(f"line {number}: quality = {given!r} is not a number, a name or a list of names")
    flags = 0
    for name in names:
        if name != "good":
            if name not in FLAGS:
                raise LineError(f"line {number}: quality {name!r} is not one of good, {', '.join(FLAGS)}")
            flags |= FLAGS[name]
    return flags
