"""Alarms that take nothing away: limits of the air, too many people, a rise that comes too fast."""

from __future__ import annotations

import math
from dataclasses import replace

from minegate_interlock.state import Event, Heard, InputsLost, Named, Reset, Seen, State
from minegate_interlock.terms import Watch

HARMLESS_FLAGS = 256  # as in judge.py
STRETCHES = 7  # of a sixth of the window each: at least the whole window is remembered, at most 7/6 of it


def seen_after(watch: Watch, state: State, at: int, event: Event, now_ms: int) -> Seen:
    """What is known of the watch's point after `event`."""
    old = new = state.watches[at]
    if isinstance(event, Heard) and event.point == watch.point:
        new = _heard(watch, old, event)
    elif isinstance(event, Named) and event.point == watch.point:
        new = replace(old, unit_differs=event.unit != watch.unit)
    elif isinstance(event, InputsLost):
        new = replace(old, seen_ms=now_ms - watch.stale_ms - 1)
    elif isinstance(event, Reset) and event.area == watch.area:
        new = replace(old, alarm=old.over)
    lost = _lost(watch, new, state.started_ms, now_ms)
    return new if lost is new.lost else replace(new, lost=lost)


def _lost(watch: Watch, given: Seen, started_ms: int, now_ms: int) -> bool:
    if given.seen_ms is None:  # never heard is silence, too
        return given.unit_differs or not now_ms - started_ms <= watch.stale_ms
    silent = not 0 <= now_ms - given.seen_ms <= watch.stale_ms
    return given.unit_differs or silent or not _proves(watch, given.value)


def _heard(watch: Watch, old: Seen, event: Heard) -> Seen:
    value = event.value if not event.quality & ~HARMLESS_FLAGS else math.nan
    if not _proves(watch, value):
        return replace(old, value=math.nan, seen_ms=event.seen_ms)  # the alarm stays as it was
    lows, stretch = _lows(watch, old, value, event.seen_ms) if watch.window_ms else ((), 0)
    measure = value - min(lows) if lows else value
    sign = 1.0 if watch.direction == "rising" else -1.0
    over = sign * measure >= sign * watch.alarm or (old.over and not sign * measure < sign * watch.restore)
    alarm = over or (old.alarm and watch.alarm_release == "manual")
    return Seen(value, event.seen_ms, old.unit_differs, old.lost, over, alarm, lows, stretch)


def _lows(watch: Watch, old: Seen, value: float, seen_ms: int) -> tuple[tuple[float, ...], int]:
    """The lowest value of each of the last stretches, the newest last, and the newest's number."""
    stretch = seen_ms // (watch.window_ms // (STRETCHES - 1))
    lows = old.lows or (math.inf,) * STRETCHES
    passed = min(max(0, stretch - old.stretch), STRETCHES)
    lows = (*lows, *(math.inf,) * passed)[-STRETCHES:]
    return (*lows[:-1], min(lows[-1], value)), max(stretch, old.stretch)


def _proves(watch: Watch, value: float) -> bool:
    return watch.low <= value <= watch.high
