"""The edges between two states, in the words that travel. Pure; the judge does not know that it is being described."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from minegate_interlock.lines import Cause, What
from minegate_interlock.rules import Rules
from minegate_interlock.state import Cut, Event, Input, Power, Reset, State


class Edge(NamedTuple):
    """What changed: `what` about `area`, and the point, value and limit that did it (NaN and "" where there is
    none).
    """

    what: What
    cause: Cause
    area: str
    point: str = ""
    value: float = math.nan
    limit: float = math.nan
    by: str = ""
    reason: str = ""


def edges(rules: Rules, old: State, new: State, event: Event) -> list[Edge]:
    """Everything that changed from `old` to `new` because of `event`, alarms first."""
    found: list[Edge] = []
    for index, (before, after) in enumerate(zip(old.inputs, new.inputs, strict=True)):
        found.extend(_input(rules, index, before, after))
    for index, (was, now) in enumerate(zip(old.areas, new.areas, strict=True)):
        found.extend(_area(rules.areas[index].name, was, now, event))
    return found


def _input(rules: Rules, index: int, before: Input, after: Input) -> Iterator[Edge]:
    limit = rules.limits[index]
    alarm = math.nan if limit.alarm is None else limit.alarm
    if after.alarm and not before.alarm:
        yield Edge(What.ALARM, Cause.LIMIT, limit.area, limit.point, after.value, alarm)
    if before.alarm and not after.alarm:
        yield Edge(What.ALARM_OVER, Cause.NONE, limit.area, limit.point, after.value, alarm)
    if after.cause is before.cause or after.cause is Cause.NONE:
        return
    sign = 1.0 if limit.direction == "rising" else -1.0
    if after.cause is Cause.LIMIT and sign * after.value < sign * limit.cut:
        # locked by nonsense or silence before, heard again, and not yet beyond restore: no limit was passed now
        yield Edge(What.LOCK, Cause.LIMIT, limit.area, limit.point, after.value, limit.restore)
    elif after.cause is Cause.LIMIT:
        yield Edge(What.CUT, Cause.LIMIT, limit.area, limit.point, after.value, limit.cut)
    else:
        yield Edge(What.LOCK, after.cause, limit.area, limit.point, after.value, limit.cut)


def _area(area: str, was: Power, now: Power, event: Event) -> Iterator[Edge]:
    if was.permitted and not now.permitted and now.limit < 0 and now.cause is not Cause.COMMAND:
        yield Edge(What.LOCK, now.cause, area)
    if isinstance(event, Cut) and event.area == area:  # every person's act is told, also the second one's
        yield Edge(What.COMMANDED_CUT, Cause.COMMAND, area, by=now.by, reason=now.reason)
    if now.restorable and not was.restorable:
        yield Edge(What.RESTORABLE, Cause.NONE, area)
    if isinstance(event, Reset) and event.area == area:
        if now.permitted:
            yield Edge(What.RESET, Cause.NONE, area, by=event.by)
        else:
            yield Edge(What.RESET_REFUSED, now.cause, area, by=event.by)
