"""Every reachable state of the heading's rule set, and the safety properties in each of them.

The inputs are cut into the values around their limits, nonsense, flags, age and units; the acts of people, outputs and
the clock come with them. A node is the judge's state together with what really was said (`Facts`, kept by this file in
its own way); two nodes are one if nothing that can happen tells them apart. The walk ends when nothing new is found.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest

from heading import AREA, FAN, FLOW, LOCK_MS, STALE_MS, T1, T2
from minegate_interlock.judge import judge
from minegate_interlock.lines import Cause
from minegate_interlock.state import (
    Calibrate,
    Cut,
    EndSuspension,
    Event,
    FreeFan,
    Heard,
    InputsLost,
    Named,
    OutputsUp,
    Reset,
    State,
    Tick,
    begin,
)
from minegate_interlock.terms import Rules
from place_rules import by_place

NAN = math.nan
LOCK = "1201-fan"
UNITS = {T1: "%CH4", T2: "%CH4", FAN: "", FLOW: "m/s"}
GOOD = {T1: 0.5, T2: 0.5, FAN: 1.0, FLOW: 8.0}
FAULT_FLAG = 16
WAITS_MS = (STALE_MS + 1, LOCK_MS)


@dataclass(frozen=True)
class Said:
    """What was last said of a point, and whether it has passed its cut limit since it was last shown to be restored."""

    value: float = NAN
    good: bool = False  # in range, without a flag
    fresh: bool = False
    unit: bool = True
    latched: bool = False


@dataclass(frozen=True)
class Facts:
    """The truth as this file keeps it."""

    said: dict[str, Said] = field(default_factory=lambda: dict.fromkeys(UNITS, Said()))
    up: bool = False
    commanded: bool = False
    calibrating: bool = False
    minute_over: bool = False


Step = tuple[Event, int]  # what happens, after how long


class Space:
    """A rule set and what can happen to it."""

    def __init__(self, rules: Rules, values: dict[str, list[float]], acts: bool) -> None:
        self.rules = rules
        self.points = list(values)
        self._values = values
        self._acts = acts

    def steps(self) -> Iterator[Step]:
        """Everything that can happen. Readings carry the time of the judge, set when they are told."""
        for point, values in self._values.items():
            yield from ((Heard(point, value, 0, 0), 0) for value in values)
            yield Heard(point, GOOD[point], FAULT_FLAG, 0), 0
            yield Heard(point, GOOD[point], 0, -STALE_MS - 1), 0
        yield from ((Tick(), wait_ms) for wait_ms in WAITS_MS)
        yield InputsLost(), 0
        yield from ((OutputsUp(AREA, up), 0) for up in (False, True))
        yield Reset(AREA, "Li"), 0
        yield Cut(AREA, "Li", "smoke"), 0
        if self._acts:
            yield FreeFan(LOCK, "Zhao", "plan"), 0
            yield Calibrate(T1, 1, "Li", "gas"), 0
            yield EndSuspension(T1, "Li"), 0
            yield from ((Named(T1, unit), 0) for unit in ("ppm", "%CH4"))


def _after(facts: Facts, event: Event, wait_ms: int) -> Facts:
    said = dict(facts.said)
    if wait_ms:  # every wait is longer than any reading stays true
        said = {point: replace(own, fresh=False) for point, own in said.items()}
        over = facts.minute_over or wait_ms >= LOCK_MS
        calibrating = facts.calibrating and wait_ms < 60_000
        return replace(facts, said=said, minute_over=over, calibrating=calibrating)
    if isinstance(event, Heard):
        said[event.point] = _heard(said[event.point], event)
    elif isinstance(event, InputsLost):
        said = {point: replace(own, fresh=False) for point, own in said.items()}
    elif isinstance(event, Named):
        said[event.point] = replace(said[event.point], unit=event.unit == UNITS[event.point])
    elif isinstance(event, OutputsUp):
        return replace(facts, up=event.up)
    elif isinstance(event, Cut):
        return replace(facts, commanded=True)
    elif isinstance(event, Reset):
        return replace(facts, commanded=False)
    elif isinstance(event, Calibrate | EndSuspension):
        return replace(facts, calibrating=isinstance(event, Calibrate))
    return replace(facts, said=said)


def _heard(old: Said, event: Heard) -> Said:
    value, point = event.value, event.point
    good = event.quality == 0 and 0.0 <= value <= {T1: 4.0, T2: 4.0, FAN: 1.0, FLOW: 30.0}[point]
    passed = math.isnan(value) or {T1: value >= 1.5, T2: value >= 1.0, FAN: value <= 0.5, FLOW: value <= 2.0}[point]
    restored = good and {T1: value < 1.0, T2: value < 1.0, FAN: value > 0.5, FLOW: value > 2.5}[point]
    return Said(value, good, event.seen_ms >= 0, old.unit, passed or (old.latched and not restored))


def _safe(facts: Facts) -> bool:
    """Whether power may be on by these facts: the table of the rules, in one line each."""
    inside = all(own.fresh and own.good and own.unit and not own.latched for own in facts.said.values())
    return inside and facts.up and not facts.commanded and facts.minute_over and not facts.calibrating


def _fan_may_be_locked(facts: Facts) -> bool:
    """Gas above 3.0 that is known to be there while the fan is known to stand."""

    def known(point: str) -> bool:
        own = facts.said[point]
        return own.fresh and own.good and own.unit and not (point == T1 and facts.calibrating)

    gas = any(known(point) and facts.said[point].value > 3.0 for point in (T1, T2))
    return gas and known(FAN) and facts.said[FAN].value <= 0.5


Node = tuple[State, Facts, int]


def _key(node: Node) -> object:
    """What of a node can matter later. A value that is not true now matters no more, except by what it has latched."""
    state, facts, _ = node
    inputs = tuple(
        (given.cause, given.over, given.alarm, given.unit_differs, given.suspended.calibrating_ms is not None)
        + ((given.value,) if given.known else ())
        for given in state.inputs
    )
    power, fan = state.areas[0], state.fans[0]
    marks = (power.permitted, power.restorable, power.commanded, power.outputs_up, power.second, power.cause)
    said = tuple(
        (own.good, own.fresh, own.unit, own.latched, own.value if own.good and own.fresh else None)
        for own in facts.said.values()
    )
    return inputs, marks, (fan.locked, fan.freed), said, facts.up, facts.commanded, facts.calibrating, facts.minute_over


def _told(space: Space, node: Node, step: Step) -> Node:
    state, facts, now_ms = node
    event, wait_ms = step
    now_ms += wait_ms
    facts = _after(facts, event, wait_ms)
    if isinstance(event, Heard):
        event = event._replace(seen_ms=now_ms + event.seen_ms)
    return judge(space.rules, state, event, now_ms), facts, now_ms


def _check(before: Node, after: Node, event: Event) -> None:
    """The properties by name."""
    (old, _, _), (new, facts, _) = before, after
    power = new.areas[0]
    assert not power.permitted or _safe(facts), "power is never permitted while a cut condition holds or is unknown"
    assert power.permitted or not old.areas[0].permitted or not _safe(facts), "power is not cut without a cause"
    if power.permitted and not old.areas[0].permitted:
        assert isinstance(event, Reset), "only a person's reset permits power"
    if new.fans[0].locked and not old.fans[0].locked:
        assert _fan_may_be_locked(facts), "a fan is never locked by a fault"
    if not power.permitted:
        assert power.restorable == _safe(facts), "a reset is offered exactly while it would be safe"
        assert power.restorable or power.cause is not Cause.NONE, "a lock always has a stated cause"


def _healed(space: Space, node: Node) -> Node:
    """What people can always do: mend every device, wait, end what they began, ask."""
    steps: list[Step] = [(EndSuspension(T1, "Li"), 0), (OutputsUp(AREA, True), 0), (Tick(), LOCK_MS)]
    steps += [(Named(point, UNITS[point]), 0) for point in space.points]
    steps += [(Heard(point, GOOD[point], 0, 0), 0) for point in space.points]
    steps += [(Reset(AREA, "Li"), 0)]
    for step in steps:
        node = _told(space, node, step)
    return node


def explore(space: Space) -> tuple[int, int]:
    """(states, transitions), every one of them checked."""
    start: Node = (begin(space.rules, 0), Facts({point: Said() for point in space.points}), 0)
    known, waiting, transitions = {_key(start)}, deque([start]), 0
    steps = list(space.steps())
    while waiting:
        node = waiting.popleft()
        for step in steps:
            after = _told(space, node, step)
            transitions += 1
            _check(node, after, step[0])
            key = _key(after)
            if key not in known:
                known.add(key)
                waiting.append(after)
                healed = _healed(space, after)
                assert healed[0].areas[0].permitted, "a lock always has a reachable release"
                assert not healed[0].fans[0].locked, "a fan lock always has a reachable release"
    return len(known), transitions


def _heading(points: tuple[str, ...]) -> Rules:
    """The heading with these points only. Its pre-alarm decides nothing and has a clock of its own."""
    own = by_place()
    limits = tuple(limit for limit in own.limits if limit.point in points)
    fan = replace(own.fans[0], points=tuple(point for point in own.fans[0].points if point in points))
    return replace(own, limits=limits, fans=(fan,), watches=())


SMALL = {T1: [0.99, 1.5, 3.01], FAN: [0.0, 1.0]}
WHOLE = {T1: [0.99, 1.5, 3.01], T2: [0.99, 3.01], FAN: [0.0, 1.0], FLOW: [2.0, 2.51]}


def test_no_reachable_state_of_face_and_fan_breaks_a_safety_property(capsys: pytest.CaptureFixture[str]) -> None:
    states, transitions = explore(Space(_heading((T1, FAN)), SMALL, acts=True))
    with capsys.disabled():
        print(f"\nface and fan: {states} states, {transitions} transitions, each safe")
    assert states > 500


@pytest.mark.long
def test_no_reachable_state_of_the_heading_breaks_a_safety_property(capsys: pytest.CaptureFixture[str]) -> None:
    states, transitions = explore(Space(_heading((T1, T2, FAN, FLOW)), WHOLE, acts=False))
    with capsys.disabled():
        print(f"\nwhole heading: {states} states, {transitions} transitions, each safe")
    assert states > 10_000
