"""The judge fed from lines instead of a mine: what would it have said? No clock and no output is touched.

A line is `{"ms": 0, "point": "T1", "value": 0.4, "quality": "good"}`; or `{"ms": .., "reset": area, "by": name}`;
or `{"ms": .., "cut": area, "by": name, "reason": text}`; spoken.py has them all. `quality` is the flags' number, a list
of their names, or "good". Between lines the judge ticks on its own grid, so that silence is noticed when the running
interlock would notice it. Outputs are taken to answer until a line says otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from minegate_interlock.judge import judge
from minegate_interlock.spoken import LineError, event_of
from minegate_interlock.state import Event, OutputsUp, State, Tick, begin
from minegate_interlock.terms import Rules
from minegate_interlock.verdicts import edges

__all__ = ["LineError", "decide"]

_GAP_MAX_MS = 86_400_000


def decide(rules: Rules, lines: Iterable[str]) -> Iterator[dict[str, object]]:
    """One dict per verdict, in order. The first line's `ms` is the start of the interlock. Raises LineError."""
    state: State | None = None
    now_ms = tick_ms = 0  # the last event, the last tick
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            ms, event = event_of(rules, line)
        except LineError as error:
            raise LineError(f"line {number}: {error}") from error
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
