"""When a value is not believed although it could be true: it stands still, it leaps, or it contradicts another sensor.

Each is looked for only where the rule asks for it. What is doubtful locks; it never shows that gas has gone.
"""

from __future__ import annotations

import math
from dataclasses import replace

from minegate_interlock.lines import Cause
from minegate_interlock.state import Doubted, Heard, Input
from minegate_interlock.terms import NO_DOUBT, Doubt, Limit


def doubted(limit: Limit, old: Input, event: Heard) -> Input:
    """The input with what this reading, its own or a neighbour's, says about it. `value` and `seen_ms` stay."""
    doubt = limit.doubt
    if doubt is NO_DOUBT:
        return old
    given = old.doubted
    if event.point == limit.point:
        given = _apart(doubt, _own(limit, old, event), event.value, event)
    elif event.point == doubt.agrees_with:
        given = _apart(doubt, given._replace(other=event.value), old.value, event)
    if event.point in doubt.neighbours:
        given = _neighbour(doubt, given, event)
    return old if given is old.doubted else replace(old, doubted=given)


def reason_to_doubt(doubt: Doubt, given: Doubted, now_ms: int) -> Cause:
    """Cause.NONE, or why the value is not believed at `now_ms`."""
    if given.jumped:
        return Cause.JUMP
    if given.moved and given.flat_ms is not None and now_ms - given.flat_ms >= doubt.frozen_ms:
        return Cause.FROZEN
    if given.apart_ms is not None and now_ms - given.apart_ms >= doubt.agrees_ms:
        return Cause.APART
    return Cause.NONE


def _own(limit: Limit, old: Input, event: Heard) -> Doubted:
    given = old.doubted._replace(jumped=_jumped(limit, old, event))
    if event.value == old.value and given.flat_ms is not None:
        return given
    return given._replace(flat_ms=event.seen_ms, moved=False, others=())


def _jumped(limit: Limit, old: Input, event: Heard) -> bool:
    """Over a silence nothing is known of the way between two values."""
    if old.seen_ms is None or not 0 <= event.seen_ms - old.seen_ms <= limit.stale_ms:
        return False
    took_s = max(event.seen_ms - old.seen_ms, 1) / 1000  # two readings of one millisecond
    return abs(event.value - old.value) > limit.doubt.rate_max_per_s * took_s


def _neighbour(doubt: Doubt, given: Doubted, event: Heard) -> Doubted:
    others = given.others or (math.nan,) * len(doubt.neighbours)
    at = doubt.neighbours.index(event.point)
    if math.isnan(others[at]):
        return given._replace(others=(*others[:at], event.value, *others[at + 1 :]))
    if not given.moved and abs(event.value - others[at]) >= doubt.neighbour_move:
        return given._replace(moved=True)
    return given


def _apart(doubt: Doubt, given: Doubted, own: float, event: Heard) -> Doubted:
    if not abs(own - given.other) > doubt.agrees_within:  # NaN: one of them says nothing, and is lost by itself
        return given if given.apart_ms is None else given._replace(apart_ms=None)
    return given if given.apart_ms is not None else given._replace(apart_ms=event.seen_ms)
