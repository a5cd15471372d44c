"""The edges between two states, in the words that travel. Pure; the judge does not know that it is being described."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from minegate_interlock.lines import Cause, What
from minegate_interlock.state import (
    Bypass,
    Calibrate,
    Cut,
    EndSuspension,
    Event,
    Fan,
    FreeFan,
    Input,
    Power,
    Reset,
    Seen,
    State,
)  # fmt: skip
from minegate_interlock.terms import FanLock, Limit, Rules, Watch


class Edge(NamedTuple):
    """What changed: `what` about `area`, and the point, value and limit that did it (NaN and "" where there is
    none). `rule` is the library's key.
    """

    what: What
    cause: Cause
    area: str
    point: str = ""
    value: float = math.nan
    limit: float = math.nan
    by: str = ""
    reason: str = ""
    rule: str = ""


def edges(rules: Rules, old: State, new: State, event: Event) -> list[Edge]:
    """Everything that changed from `old` to `new` because of `event`, alarms first."""
    found: list[Edge] = []
    powered = {area.name for area, power in zip(rules.areas, new.areas, strict=True) if power.permitted}
    for index, (before, after) in enumerate(zip(old.inputs, new.inputs, strict=True)):
        limit = rules.limits[index]
        if before is not after:
            limit = limit if after.deviating else limit.then or limit
            found.extend(_input(limit, before, after, event, limit.area in powered))
    for index, (was_seen, seen) in enumerate(zip(old.watches, new.watches, strict=True)):
        found.extend(_watch(rules.watches[index], was_seen, seen))
    for index, (was_fan, fan) in enumerate(zip(old.fans, new.fans, strict=True)):
        found.extend(_fan(rules.fans[index], was_fan, fan, event))
    for index, (was, now) in enumerate(zip(old.areas, new.areas, strict=True)):
        found.extend(_area(rules.areas[index].name, was, now, event))
    found.extend(_refused(rules, old, new, event))
    return found


def _input(limit: Limit, before: Input, after: Input, event: Event, powered: bool) -> Iterator[Edge]:
    yield from _suspension(limit, before, after, event)
    deviation = str(limit.deviation) if limit.deviation is not None else ""
    alarm = math.nan if limit.alarm is None else limit.alarm
    told = {"reason": deviation, "rule": limit.rule}
    calibrating = after.suspended.calibrating_ms is not None
    if before.deviating and not after.deviating:
        yield Edge(What.DEVIATION_OVER, Cause.NONE, limit.area, limit.point, limit=limit.cut, rule=limit.rule)
    if after.alarm and not before.alarm:
        cause = Cause.CALIBRATION if calibrating else Cause.LIMIT
        yield Edge(What.ALARM, cause, limit.area, limit.point, after.value, alarm, **told)
    if before.alarm and not after.alarm:
        yield Edge(What.ALARM_OVER, Cause.NONE, limit.area, limit.point, after.value, alarm, **told)
    if after.cause is before.cause:
        return
    if before.excused and after.cause is Cause.NONE:
        yield Edge(What.POINT_BACK, Cause.NONE, limit.area, limit.point, after.value, rule=limit.rule)
    if after.cause is not Cause.NONE:
        yield _against(limit, after, told, powered)


def _against(limit: Limit, after: Input, told: dict[str, str], powered: bool) -> Edge:
    """`powered`: it speaks against power and power stays, for it was outvoted or is bypassed."""
    sign = 1.0 if limit.direction == "rising" else -1.0
    if powered and after.over:
        return Edge(What.ALARM, Cause.LIMIT, limit.area, limit.point, after.value, limit.cut, **told)
    if powered or after.excused:
        return Edge(What.POINT_LOST, after.cause, limit.area, limit.point, after.value, limit.cut, **told)
    if after.cause is Cause.LIMIT and sign * after.value < sign * limit.cut:
        # locked by nonsense or silence before, heard again, and not yet beyond restore: no limit was passed now
        return Edge(What.LOCK, Cause.LIMIT, limit.area, limit.point, after.value, limit.restore, **told)
    if after.cause is Cause.LIMIT:
        return Edge(What.CUT, Cause.LIMIT, limit.area, limit.point, after.value, limit.cut, **told)
    return Edge(What.LOCK, after.cause, limit.area, limit.point, after.value, limit.cut, **told)


def _suspension(limit: Limit, before: Input, after: Input, event: Event) -> Iterator[Edge]:
    was, now = before.suspended, after.suspended
    minutes = float(event.minutes) if isinstance(event, Calibrate | Bypass) else math.nan
    by = now.by if isinstance(event, EndSuspension) else ""
    pairs = (
        (What.CALIBRATION, What.CALIBRATION_OVER, was.calibrating_ms, now.calibrating_ms),
        (What.BYPASS, What.BYPASS_OVER, was.bypassed_ms, now.bypassed_ms),
    )
    for begun, ended, was_ms, now_ms in pairs:
        if now_ms is not None and now_ms != was_ms:
            yield Edge(begun, Cause.NONE, limit.area, limit.point, minutes, math.nan, now.by, now.reason, limit.rule)
        elif was_ms is not None and now_ms is None:
            yield Edge(ended, Cause.NONE, limit.area, limit.point, math.nan, math.nan, by, was.reason, limit.rule)


def _watch(watch: Watch, was: Seen, now: Seen) -> Iterator[Edge]:
    def told(what: What, cause: Cause) -> Edge:
        return Edge(what, cause, watch.area, watch.point, now.value, watch.alarm, rule=watch.rule)

    if now.alarm and not was.alarm:
        yield told(What.ALARM, Cause.RISE if watch.window_ms else Cause.LIMIT)
    if was.alarm and not now.alarm:
        yield told(What.ALARM_OVER, Cause.NONE)
    if now.lost is not was.lost:
        yield told(What.POINT_LOST, Cause.SILENCE) if now.lost else told(What.POINT_BACK, Cause.NONE)


def _fan(lock: FanLock, was: Fan, now: Fan, event: Event) -> Iterator[Edge]:
    if now.locked and not was.locked:
        yield Edge(What.FAN_LOCKED, Cause.GAS, lock.area, now.point, now.value, lock.lock, "", lock.name, lock.rule)
    by_hand = isinstance(event, FreeFan) and event.name == lock.name
    if by_hand or (was.locked and not now.locked):
        cause = Cause.COMMAND if by_hand else Cause.NONE
        reason = now.reason if by_hand else lock.name
        yield Edge(What.FAN_FREE, cause, lock.area, limit=lock.release, by=now.by, reason=reason, rule=lock.rule)


def _area(area: str, was: Power, now: Power, event: Event) -> Iterator[Edge]:
    if was.permitted and not now.permitted and now.limit < 0 and now.cause is not Cause.COMMAND:
        yield Edge(What.LOCK, now.cause, area)
    if isinstance(event, Cut) and event.area == area:  # every person's act is told, also the second one's
        yield Edge(What.COMMANDED_CUT, Cause.COMMAND, area, by=now.by, reason=now.reason)
    if was.second and not now.second:
        yield Edge(What.SECOND_CUT, Cause.FEED, area)
    if now.restorable and not was.restorable:
        yield Edge(What.RESTORABLE, Cause.NONE, area)
    if isinstance(event, Reset) and event.area == area:
        if now.permitted:
            yield Edge(What.RESET, Cause.NONE, area, by=event.by, reason=event.reason)
        else:
            yield Edge(What.RESET_REFUSED, now.cause, area, by=event.by, reason=event.reason)


def _refused(rules: Rules, old: State, new: State, event: Event) -> Iterator[Edge]:
    """A person asked for a suspension and the judge changed nothing."""
    if not isinstance(event, Calibrate | Bypass):
        return
    own = [at for at, limit in enumerate(rules.limits) if limit.point == event.point]
    if all(old.inputs[at].suspended is new.inputs[at].suspended for at in own):
        area = rules.limits[own[0]].area if own else ""
        yield Edge(What.ACT_REFUSED, Cause.NONE, area, event.point, by=event.by, reason=event.reason)
