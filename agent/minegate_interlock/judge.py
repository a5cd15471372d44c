"""The decision. No clock, no log, no I/O: a state, an event and the time go in, a state comes out.

The law, in the order in which this file says it:

1. An input allows power only while it was heard within `stale_ms`, in the rule's unit, without a flag against it,
   within low..high, without a doubt that the rule looks for, while nobody calibrates it, and has not passed its cut
   limit since it was last below its restore limit for as long as the rule asks.
2. An area is locked by any input that does not allow power (by a vote of inputs, where the rules say so), by an output
   that does not answer, by a person's cut, and for the first `power_on_lock_s` after start (AQ 6201-2006 wording,
   clause f). A bypass excuses one lost input and never a passed limit.
3. Only a person's reset permits power, and only while nothing of 2 stands. Nothing else ever does.

Fans stand under another law (fan.py), alarms under a third (watch.py). Comparisons are written so that NaN and infinity
land on the safe side.
"""

from __future__ import annotations

from dataclasses import replace

from minegate_interlock.doubt import doubted, reason_to_doubt
from minegate_interlock.fan import fan_after
from minegate_interlock.lines import Cause
from minegate_interlock.state import (
    Cut,
    Event,
    FeedLive,
    Heard,
    Input,
    InputsLost,
    Named,
    OutputsUp,
    Power,
    Reset,
    State,
)  # fmt: skip
from minegate_interlock.suspension import suspended
from minegate_interlock.terms import Area, Limit, Rules, in_force
from minegate_interlock.vote import speak_together
from minegate_interlock.watch import seen_after

# Quality flags (minegate_drivers.sdk.Quality) under which a value proves nothing. Only CLOCK_UNSYNCHRONISED (256) is
# absent: ages are measured on monotonic clocks. An unknown flag locks.
HARMLESS_FLAGS = 256


def judge(rules: Rules, state: State, event: Event, now_ms: int) -> State:
    """The state after `event` at `now_ms` (monotonic milliseconds). Total: no event and no value raises."""
    elapsed_ms = now_ms - state.started_ms
    limits = [in_force(limit, elapsed_ms) for limit in rules.limits]
    inputs = tuple(_input(rules, limit, at, state, event, now_ms) for at, limit in enumerate(limits))
    return State(
        state.started_ms,
        inputs,
        tuple(_power(rules, at, state, inputs, event, now_ms) for at in range(len(rules.areas))),
        tuple(seen_after(rules.watches[at], state, at, event, now_ms) for at in range(len(rules.watches))),
        tuple(fan_after(rules, at, state.fans[at], inputs, event, elapsed_ms) for at in range(len(rules.fans))),
    )


def _input(rules: Rules, limit: Limit, at: int, state: State, event: Event, now_ms: int) -> Input:
    new = suspended(rules, state, at, event, now_ms)
    if isinstance(event, Heard):
        new = doubted(limit, new, event)
        new = _heard(limit, new, event) if event.point == limit.point else new
    elif isinstance(event, Named) and event.point == limit.point:
        new = replace(new, unit_differs=event.unit != limit.unit)
    elif isinstance(event, Reset) and event.area == limit.area:
        new = _alarm_taken_back(limit, new)
    elif isinstance(event, InputsLost) and new.seen_ms is not None:
        new = replace(new, seen_ms=now_ms - limit.stale_ms - 1)  # silent from now on, however young the last word is
    cause, deviating = _cause(limit, new, now_ms), limit.deviation is not None
    same = cause is new.cause and deviating is new.deviating
    return new if same else replace(new, cause=cause, deviating=deviating)


def _heard(limit: Limit, old: Input, event: Heard) -> Input:
    sign = 1.0 if limit.direction == "rising" else -1.0
    value = sign * event.value
    # a value that proves nothing may pass the cut limit, but it never shows that the restore limit is met again
    proves = not event.quality & ~HARMLESS_FLAGS and limit.low <= event.value <= limit.high and not old.doubted.jumped
    below_ms = _below_ms(limit, old, event) if proves and value < sign * limit.restore else None
    restored = below_ms is not None and event.seen_ms - below_ms >= limit.restore_hold_ms
    over = not value < sign * limit.cut or (old.over and not restored)
    alarm = _alarms(limit, event.value) or (old.alarm and limit.alarm_release == "manual")
    return replace(
        old, value=event.value, quality=event.quality, seen_ms=event.seen_ms, over=over, alarm=alarm, below_ms=below_ms
    )


def _alarms(limit: Limit, value: float) -> bool:
    sign = 1.0 if limit.direction == "rising" else -1.0
    return limit.alarm is not None and not sign * value < sign * limit.alarm


def _alarm_taken_back(limit: Limit, old: Input) -> Input:
    """A person has seen it: an alarm that is released by hand ends, unless its value still stands."""
    alarm = old.alarm and _alarms(limit, old.value)
    return old if alarm is old.alarm else replace(old, alarm=alarm)


def _below_ms(limit: Limit, old: Input, event: Heard) -> int:
    """Since when it has been below restore. A silence starts the wait anew: nobody knows what happened in it."""
    if old.below_ms is None or old.seen_ms is None or not event.seen_ms - old.seen_ms <= limit.stale_ms:
        return event.seen_ms
    return old.below_ms


def _cause(limit: Limit, given: Input, now_ms: int) -> Cause:
    if given.unit_differs:
        return Cause.UNIT
    if given.suspended.calibrating_ms is not None:
        return Cause.CALIBRATION
    if given.seen_ms is None:
        return Cause.NEVER_HEARD
    if not 0 <= now_ms - given.seen_ms <= limit.stale_ms:
        return Cause.SILENCE
    if given.quality & ~HARMLESS_FLAGS:
        return Cause.FAULT
    if not limit.low <= given.value <= limit.high:
        return Cause.NONSENSE
    doubt = reason_to_doubt(limit.doubt, given.doubted, now_ms)
    if doubt is not Cause.NONE:
        return doubt
    return Cause.LIMIT if given.over else Cause.NONE


def _power(rules: Rules, at: int, state: State, inputs: tuple[Input, ...], event: Event, now_ms: int) -> Power:
    old = state.areas[at]
    name = rules.areas[at].name
    new = _told(old, rules.areas[at], event)
    cause, limit = _against(rules, name, new, state.started_ms, inputs, now_ms)
    if cause is not Cause.NONE:
        value = inputs[limit].value if limit >= 0 else float("nan")
        since_ms = now_ms if old.permitted else old.since_ms
        return replace(new, permitted=False, restorable=False, cause=cause, limit=limit, value=value, since_ms=since_ms)
    if isinstance(event, Reset) and event.area == name:
        since_ms = old.since_ms if old.permitted else now_ms
        return Power(permitted=True, outputs_up=True, cause=Cause.NONE, by=event.by, since_ms=since_ms, second=True)
    return replace(new, restorable=not new.permitted)


def _told(old: Power, own: Area, event: Event) -> Power:
    """What a person or an output said, if it was about this area."""
    if isinstance(event, OutputsUp) and event.area == own.name:
        return replace(old, outputs_up=event.up)
    if isinstance(event, Cut) and event.area == own.name:
        return replace(old, commanded=True, by=event.by, reason=event.reason)
    if isinstance(event, Reset) and event.area == own.name:
        return replace(old, commanded=False)
    if isinstance(event, FeedLive) and event.area == own.name and own.second and not old.permitted:
        return replace(old, second=False)
    return old


def _against(
    rules: Rules, area: str, power: Power, started_ms: int, inputs: tuple[Input, ...], now_ms: int
) -> tuple[Cause, int]:
    """What speaks first against power, and the limit it comes from (-1: none). A passed limit speaks before all
    else.
    """
    standing: list[tuple[Cause, int]] = [
        (given.cause, index)
        for index, given in enumerate(inputs)
        if rules.limits[index].area == area and given.cause is not Cause.NONE and not given.excused
    ]
    standing = speak_together(rules, area, inputs, standing)
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
