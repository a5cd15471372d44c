"""The lock of a local fan. It is the opposite of an area's: losing ventilation to a fault is worse than no lock.

1. Only readings that are known to be true lock a fan: gas beyond the limit and, where the rule says so, a fan that is
   known to stand still. Silence, nonsense, a flag, a doubt, a calibration: no lock.
2. A lock is released when every methane point of it is known to be below the release limit, or by a person's hand.
3. A fan that was released by hand is not locked again by what had locked it, only by the next time.
"""

from __future__ import annotations

from dataclasses import replace

from minegate_interlock.state import Event, Fan, FreeFan, Input
from minegate_interlock.terms import FanLock, Rules, in_force


def fan_after(rules: Rules, at: int, old: Fan, inputs: tuple[Input, ...], event: Event, elapsed_ms: int) -> Fan:
    """The fan's lock after `event`, with the inputs as they are after it."""
    lock = rules.fans[at]
    methane = [_input_of(rules, point, inputs) for point in lock.points]
    beyond = [place for place, given in enumerate(methane) if given.known and _beyond(lock, given.value)]
    if lock.stopped and not _stands_still(rules, lock.run_point, inputs, elapsed_ms):
        beyond = []
    if isinstance(event, FreeFan) and event.name == lock.name:
        return Fan(freed=bool(beyond), by=event.by, reason=event.reason)
    if old.locked:
        clear = all(given.known and given.value < lock.release for given in methane)
        return Fan() if clear else old
    if not beyond:
        return replace(old, freed=False) if old.freed else old
    if old.freed:
        return old
    return Fan(locked=True, point=lock.points[beyond[0]], value=methane[beyond[0]].value)


def _beyond(lock: FanLock, value: float) -> bool:
    return value > lock.lock if lock.strict else value >= lock.lock


def _stands_still(rules: Rules, point: str, inputs: tuple[Input, ...], elapsed_ms: int) -> bool:
    at = _index(rules, point)
    limit, given = in_force(rules.limits[at], elapsed_ms), inputs[at]
    sign = 1.0 if limit.direction == "rising" else -1.0
    return given.known and sign * given.value >= sign * limit.cut


def _input_of(rules: Rules, point: str, inputs: tuple[Input, ...]) -> Input:
    return inputs[_index(rules, point)]


def _index(rules: Rules, point: str) -> int:
    return next(at for at, limit in enumerate(rules.limits) if limit.point == point)
