"""The decision. No clock, no log, no I/O: a state, an event and the time go in, a state comes out.

The law, in the order in which this file says it:

1. An input allows power only while it was heard within `stale_ms`, in the rule's unit, without a flag against it,
   within low..high, and has not passed its cut limit since it was last below its restore limit.
2. An area is locked by any input that does not allow power, by an output that does not answer, by a person's cut,
   and for the first `power_on_lock_s` after start (AQ 6201-2006 wording, clause f).
3. Only a person's reset permits power, and only while nothing of 2 stands. Nothing else ever does.

Comparisons are written so that NaN and infinity land on the safe side.
"""

from __future__ import annotations

from dataclasses import replace

from minegate_interlock.lines import Cause
from minegate_interlock.rules import Limit, Rules
from minegate_interlock.state import Cut, Event, Heard, Input, InputsLost, Named, OutputsUp, Power, Reset, State

# Quality flags (minegate_drivers.sdk.Quality) under which a value proves nothing. Only CLOCK_UNSYNCHRONISED (256) is
# absent: ages are measured on monotonic clocks. An unknown flag locks.
HARMLESS_FLAGS = 256


def judge(rules: Rules, state: State, event: Event, now_ms: int) -> State:
    """The state after `event` at `now_ms` (monotonic milliseconds). Total: no event and no value raises."""
    inputs = tuple(_input(limit, old, event, now_ms) for limit, old in zip(rules.limits, state.inputs, strict=True))
    areas = tuple(_power(rules, index, state, inputs, event, now_ms) for index in range(len(rules.areas)))
    return State(state.started_ms, inputs, areas)


def _input(limit: Limit, old: Input, event: Event, now_ms: int) -> Input:
    new = old
    if isinstance(event, Heard) and event.point == limit.point:
        new = _heard(limit, old, event)
    elif isinstance(event, Named) and event.point == limit.point:
        new = replace(old, unit_differs=event.unit != limit.unit)
    elif isinstance(event, InputsLost) and old.seen_ms is not None:
        new = replace(old, seen_ms=now_ms - limit.stale_ms - 1)  # silent from now on, however young the last word is
    cause = _cause(limit, new, now_ms)
    return new if cause is new.cause else replace(new, cause=cause)


def _heard(limit: Limit, old: Input, event: Heard) -> Input:
    sign = 1.0 if limit.direction == "rising" else -1.0
    value = sign * event.value
    # a value that proves nothing may pass the cut limit, but it never shows that the restore limit is met again
    proves = not event.quality & ~HARMLESS_FLAGS and limit.low <= event.value <= limit.high
    restored = proves and value < sign * limit.restore
    over = not value < sign * limit.cut or (old.over and not restored)
    alarm = limit.alarm is not None and not value < sign * limit.alarm
    return replace(old, value=event.value, quality=event.quality, seen_ms=event.seen_ms, over=over, alarm=alarm)


def _cause(limit: Limit, given: Input, now_ms: int) -> Cause:
    if given.unit_differs:
        return Cause.UNIT
    if given.seen_ms is None:
        return Cause.NEVER_HEARD
    if not 0 <= now_ms - given.seen_ms <= limit.stale_ms:
        return Cause.SILENCE
    if given.quality & ~HARMLESS_FLAGS:
        return Cause.FAULT
    if not limit.low <= given.value <= limit.high:
        return Cause.NONSENSE
    return Cause.LIMIT if given.over else Cause.NONE


def _power(rules: Rules, index: int, state: State, inputs: tuple[Input, ...], event: Event, now_ms: int) -> Power:
    old = state.areas[index]
    name = rules.areas[index].name
    new = _told(old, name, event)
    cause, limit = _against(rules, name, new, state.started_ms, inputs, now_ms)
    if cause is not Cause.NONE:
        value = inputs[limit].value if limit >= 0 else float("nan")
        since_ms = now_ms if old.permitted else old.since_ms
        return replace(new, permitted=False, restorable=False, cause=cause, limit=limit, value=value, since_ms=since_ms)
    if isinstance(event, Reset) and event.area == name:
        since_ms = old.since_ms if old.permitted else now_ms
        return Power(permitted=True, outputs_up=True, cause=Cause.NONE, by=event.by, since_ms=since_ms)
    return replace(new, restorable=not new.permitted)


def _told(old: Power, area: str, event: Event) -> Power:
    """What a person or an output said, if it was about this area."""
    if isinstance(event, OutputsUp) and event.area == area:
        return replace(old, outputs_up=event.up)
    if isinstance(event, Cut) and event.area == area:
        return replace(old, commanded=True, by=event.by, reason=event.reason)
    if isinstance(event, Reset) and event.area == area:
        return replace(old, commanded=False)
    return old


def _against(
    rules: Rules, area: str, power: Power, started_ms: int, inputs: tuple[Input, ...], now_ms: int
) -> tuple[Cause, int]:
    """What speaks first against power, and the limit it comes from (-1: none). A passed limit speaks before all
    else.
    """
    standing = [
        (given.cause, index)
        for index, given in enumerate(inputs)
        if rules.limits[index].area == area and given.cause is not Cause.NONE
    ]
    passed = [found for found in standing if found[0] is Cause.LIMIT]
    if passed:
        return passed[0]
    if power.commanded:
        return Cause.COMMAND, -1
    if standing:
        return standing[0]
    if not power.outputs_up:
        return Cause.FAULT, -1
    if not now_ms - started_ms >= rules.timing.power_on_lock_s * 1000:
        return Cause.START, -1
    return Cause.NONE, -1
