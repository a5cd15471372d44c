"""What a person may declare of one point for a stated time: that it is calibrated, or that it is lost and excused.

A calibrated point proves nothing and locks its area: gas for a test can neither be hidden in nor hide anything. A
bypass needs the rules' leave, a budget of minutes, and ends by itself; the lost point then locks. One point of an area
at a time, never many at once.
"""

from __future__ import annotations

from dataclasses import replace

from minegate_interlock.state import Bypass, Calibrate, EndSuspension, Event, Input, State, Suspended
from minegate_interlock.terms import Rules

_MINUTE_MS = 60_000
_DAY_MS = 86_400_000


def refusal(rules: Rules, state: State, event: Calibrate | Bypass, now_ms: int) -> str:
    """Why the judge does not take the act, or ""."""
    own = [at for at, limit in enumerate(rules.limits) if limit.point == event.point]
    if not own:
        return f"point {event.point!r} is not one of {sorted({limit.point for limit in rules.limits})}"
    if not event.by.strip() or not event.reason.strip():
        return "a name and a reason are needed"
    allowed = rules.suspension
    longest = allowed.calibration_max_min if isinstance(event, Calibrate) else allowed.bypass_max_min
    if not 1 <= event.minutes <= longest:
        return f"{event.minutes} minutes are not within 1..{longest} of rules.toml"
    areas = {rules.limits[at].area for at in own}
    for limit, given in zip(rules.limits, state.inputs, strict=True):
        if limit.area in areas and limit.point != event.point and _running(given):
            return f"{limit.point} of {limit.area} is not finished: one point of an area at a time"
    return "" if isinstance(event, Calibrate) else _no_bypass(rules, state, event, own, now_ms)


def _no_bypass(rules: Rules, state: State, event: Bypass, own: list[int], now_ms: int) -> str:
    for at in own:
        limit, given = rules.limits[at], state.inputs[at]
        if limit.rule and not given.deviating:
            return f"{event.point} stands under {limit.rule}: without a deviation it cannot be bypassed"
        if given.over:
            return f"{event.point} was last known beyond its limit"
        spent_min = _spent(given.suspended, now_ms)
        if not spent_min + event.minutes <= rules.suspension.bypass_day_min:
            return f"{spent_min} of {rules.suspension.bypass_day_min} minutes of the day are spent"
    return ""


def suspended(rules: Rules, state: State, at: int, event: Event, now_ms: int) -> Input:
    """Input `at` with what the event and the time make of its suspension. A refused act changes nothing."""
    old = state.inputs[at]
    given = _expired(old.suspended, now_ms)
    mine = isinstance(event, Calibrate | Bypass | EndSuspension) and event.point == rules.limits[at].point
    if mine and isinstance(event, EndSuspension):
        given = given._replace(calibrating_ms=None, bypassed_ms=None, by=event.by)
    elif mine and isinstance(event, Calibrate | Bypass) and not refusal(rules, state, event, now_ms):
        given = _begun(given, event, now_ms)
    return old if given is old.suspended else replace(old, suspended=given)


def _begun(given: Suspended, event: Calibrate | Bypass, now_ms: int) -> Suspended:
    until_ms = now_ms + event.minutes * _MINUTE_MS
    given = given._replace(by=event.by, reason=event.reason)
    if isinstance(event, Calibrate):
        return given._replace(calibrating_ms=until_ms)
    # the whole time is spent at once, also if it is ended early
    spent_min = _spent(given, now_ms)
    day_ms = given.day_ms if spent_min and given.day_ms is not None else now_ms
    return given._replace(bypassed_ms=until_ms, spent_min=spent_min + event.minutes, day_ms=day_ms)


def _spent(given: Suspended, now_ms: int) -> int:
    fresh = given.day_ms is None or not now_ms - given.day_ms < _DAY_MS
    return 0 if fresh else given.spent_min


def _expired(given: Suspended, now_ms: int) -> Suspended:
    if given.calibrating_ms is not None and not now_ms < given.calibrating_ms:
        given = given._replace(calibrating_ms=None)
    if given.bypassed_ms is not None and not now_ms < given.bypassed_ms:
        given = given._replace(bypassed_ms=None)
    return given


def _running(given: Input) -> bool:
    return given.suspended.calibrating_ms is not None or given.suspended.bypassed_ms is not None
