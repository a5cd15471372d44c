"""The heading with its fan lock, vector by vector: area power and fan at every boundary of clauses a, b, d, e, f.

The numbers in the ids are those of the boundary table. Area power is de-energised by any doubt; the fan is locked by
gas that is known to be there while it is known to stand, and by nothing else.
"""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from heading import AREA, FAN, FLOW, GOOD, LOCK_MS, STALE_MS, T1, T2, Story
from minegate_interlock.lines import Cause, What
from minegate_interlock.state import (
    Calibrate,
    Event,
    FreeFan,
    Heard,
    InputsLost,
    Named,
    OutputsUp,
    Reset,
    Tick,
)
from place_rules import by_place

LOCK = "1201-fan"
FACE_OUT = {T1: 3.01, FAN: 0.0, FLOW: 0.5}
OFF = {FAN: 0.0, FLOW: 0.5}

# id, what is heard in turn on a permitted heading, power still permitted, a reset would be taken, fan locked, T1 alarm
VECTORS: list[tuple[str, list[dict[str, float]], bool, bool, bool, bool]] = [
    ("1 below all", [{T1: 0.99}], True, True, False, False),
    ("2 alarm", [{T1: 1.00}], True, True, False, True),
    ("3 below cut", [{T1: 1.49}], True, True, False, True),
    ("4 cut", [{T1: 1.50}], False, False, False, True),
    ("5 restore is below 1.00", [{T1: 1.50}, {T1: 1.00}], False, False, False, True),
    ("6 restore", [{T1: 1.50}, {T1: 0.99}], False, True, False, False),
    ("7 return", [{T2: 1.00}], False, False, False, False),
    ("7 return below", [{T2: 0.99}], True, True, False, False),
    ("8 fan off", [{FAN: 0.0}], False, False, False, False),
    ("9 flow low", [{FLOW: 0.5}], False, False, False, False),
    ("10 not above 3.0", [{T1: 3.00, **OFF}], False, False, False, True),
    ("11 above 3.0", [FACE_OUT], False, False, True, True),
    ("11 return above 3.0", [{T2: 3.01, **OFF}], False, False, True, False),
    ("12 release is below 1.5", [FACE_OUT, {T1: 1.50}], False, False, True, True),
    ("13 release", [FACE_OUT, {T1: 1.49}], False, False, False, True),
    ("13 both have to be below", [{T1: 3.01, T2: 3.01, **OFF}, {T1: 1.49}], False, False, True, True),
    ("12 the fan runs, the lock stays", [FACE_OUT, {FAN: 1.0}], False, False, True, True),
    ("14 fan running", [{T1: 3.01}], False, False, False, True),
    ("18 NaN", [{T1: math.nan}], False, False, False, True),
    ("18 -9999", [{T1: -9999.0}], False, False, False, False),
    ("18 infinity", [{T1: math.inf}], False, False, False, True),
    ("18 minus infinity", [{T1: -math.inf}], False, False, False, False),
    ("18 NaN with the fan off", [{T1: math.nan, **OFF}], False, False, False, True),
    ("18 infinity with the fan off", [{T1: math.inf, **OFF}], False, False, False, True),
    ("18 fan says NaN in gas", [{T1: 3.5, FAN: math.nan}], False, False, False, True),
]


@pytest.mark.parametrize(
    ("heard", "permitted", "takes_reset", "locked", "alarm"),
    [row[1:] for row in VECTORS],
    ids=[row[0] for row in VECTORS],
)
def test_power_and_fan_at_every_boundary(
    heard: list[dict[str, float]], permitted: bool, takes_reset: bool, locked: bool, alarm: bool
) -> None:
    story = Story(by_place()).permitted()
    for step in heard:
        for point, value in step.items():
            story.hear(point, value)
    assert story.area.permitted is permitted
    assert story.state.fans[0].locked is locked
    assert story.state.inputs[0].alarm is alarm
    told = [edge.what for edge in story.take()]
    assert told.count(What.FAN_LOCKED) - told.count(What.FAN_FREE) == locked
    story.tell(Reset(AREA, "Li"))
    assert story.area.permitted is takes_reset


def test_15_silence_cuts_and_leaves_the_fan_free() -> None:
    story = Story(by_place()).permitted()
    story.wait(STALE_MS + 1)
    assert (story.area.permitted, story.area.cause, story.state.fans[0].locked) == (False, Cause.SILENCE, False)


def test_16_the_first_minute_is_locked_and_the_fan_free() -> None:
    story = Story(by_place())
    story.tell(OutputsUp(AREA, True))
    story.now_ms = LOCK_MS - 1
    story.hear_all(**{T1: 0.2, T2: 0.2})
    story.tell(Reset(AREA, "Li"))
    assert (story.area.cause, story.state.fans[0].locked) == (Cause.START, False)


def test_17_there_is_no_input_by_which_an_uplink_could_be_heard() -> None:
    assert by_place().wanted() == {T1, T2, FAN, FLOW, "1201-feed"}
    names = {kind.__name__ for kind in Event.__args__}  # type: ignore[attr-defined]  # a union of classes
    assert names == {
        "Heard", "Named", "InputsLost", "Tick", "OutputsUp", "FeedLive", "Reset", "Cut", "Calibrate", "Bypass",
        "EndSuspension", "FreeFan",
    }  # fmt: skip


FAULTS: list[Event] = [
    Tick(), InputsLost(), Heard(T1, math.nan, 0, LOCK_MS), Heard(T1, 3.5, 16, LOCK_MS), Heard(T1, 4.01, 0, LOCK_MS),
    Heard(T1, 3.5, 0, LOCK_MS - STALE_MS - 1), Named(T1, "ppm"), OutputsUp(AREA, False), Calibrate(T1, 5, "Li", "gas"),
    Heard(FAN, 0.0, 16, LOCK_MS), Heard(FAN, 0.0, 0, LOCK_MS - STALE_MS - 1),
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_fault_never_locks_the_fan(fault: Event) -> None:
    story = Story(by_place()).permitted()
    if not (isinstance(fault, Heard) and fault.point == FAN):
        story.hear(FAN, 0.0)
    story.tell(fault)
    assert not story.state.fans[0].locked
    assert not story.area.permitted


def test_a_point_under_calibration_locks_no_fan_whatever_it_reads() -> None:
    story = Story(by_place()).permitted()
    story.tell(Calibrate(T1, 5, "Li", "test gas"))
    story.hear(FAN, 0.0)
    story.hear(T1, 3.5)
    assert not story.state.fans[0].locked


def test_a_sensor_that_dies_in_gas_does_not_release_the_lock_but_a_person_can() -> None:
    story = Story(by_place()).permitted()
    for point, value in FACE_OUT.items():
        story.hear(point, value)
    story.wait(STALE_MS + 1)
    assert story.state.fans[0].locked
    story.take()
    story.tell(FreeFan(LOCK, "Zhao", "discharge plan 7"))
    assert not story.state.fans[0].locked
    (told,) = story.take()
    assert (told.what, told.cause, told.by, told.reason) == (What.FAN_FREE, Cause.COMMAND, "Zhao", "discharge plan 7")


def test_a_fan_released_by_hand_is_locked_again_only_by_the_next_time() -> None:
    story = Story(by_place()).permitted()
    for point, value in FACE_OUT.items():
        story.hear(point, value)
    story.tell(FreeFan(LOCK, "Zhao", "discharge plan 7"))
    story.hear(T1, 3.4)
    story.hear(FAN, 0.0)
    assert not story.state.fans[0].locked
    story.hear(FAN, 1.0)  # it has run
    assert not story.state.fans[0].locked
    story.hear(FAN, 0.0)
    assert story.state.fans[0].locked


def test_the_second_stage_of_a_series_ventilated_heading_stops_the_fan_at_its_limit_though_it_runs() -> None:
    own = by_place()
    series = replace(
        own.fans[0], points=(T1,), lock=1.5, release=0.5, strict=False, stopped=False, rule="heading-series/T3-fan"
    )
    story = Story(replace(own, fans=(series,))).permitted()
    table = [(1.49, False), (1.5, True), (0.5, True), (0.49, False), (math.nan, False), (1.5, True)]
    for value, locked in table:
        story.hear(T1, value)
        assert story.state.fans[0].locked is locked, value


def test_a_lock_says_who_did_it_and_its_release_is_told() -> None:
    story = Story(by_place()).permitted()
    for point, value in FACE_OUT.items():
        story.hear(point, value)
    locked = next(edge for edge in story.take() if edge.what is What.FAN_LOCKED)
    assert (locked.point, locked.value, locked.limit, locked.rule) == (T1, 3.01, 3.0, "lock/methane-wind")
    assert (locked.area, locked.reason, locked.cause) == (AREA, LOCK, Cause.GAS)
    story.hear(T1, GOOD[T1])
    assert [edge.what for edge in story.take() if edge.what is What.FAN_FREE] == [What.FAN_FREE]


def test_a_rise_is_a_pre_alarm_that_takes_nothing() -> None:
    story = Story(by_place()).permitted()
    story.now_ms += 100_000
    story.hear_all(**{T1: 0.79})
    story.tell(Reset(AREA, "Li"))
    story.take()
    story.hear(T1, 0.80)  # 0.5 -> 0.8 within the window
    (alarm,) = story.take()
    assert (alarm.what, alarm.cause, alarm.rule) == (What.ALARM, Cause.RISE, "trend/methane-rise")
    assert story.area.permitted
    for _ in range(8):  # the low value leaves the window
        story.now_ms += 50_000
        story.hear_all(**{T1: 0.80})
    assert not story.state.watches[0].alarm
