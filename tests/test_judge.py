"""The judge, clause by clause: the tables are the rule set of one heading with its boundary values.

Numbers in the names of the vectors are those of a boundary table for AQ 6201-2006 clauses a, b, d, f and f2. Clause e
(the fan lock) has no output here; what is asked of it is that no input of this interlock reaches a fan.
"""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from heading import AREA, FAN, FLOW, GOOD, LOCK_MS, STALE_MS, T1, T2, Story, rules
from minegate_drivers.sdk import Quality
from minegate_interlock.lines import Cause, What
from minegate_interlock.rules import Area, Output, OutputClass, Rules
from minegate_interlock.state import Cut, Event, Heard, InputsLost, Named, OutputsUp, Reset, Tick

NAN, INF = math.nan, math.inf

# vector, what is heard on top of a healthy heading, permitted afterwards, alarm of the first input
VECTORS = [
    ("1 below all", {T1: 0.99}, True, False),
    ("2 alarm at its limit", {T1: 1.00}, True, True),
    ("3 below cut", {T1: 1.49}, True, True),
    ("3 the last float below cut", {T1: math.nextafter(1.5, 0)}, True, True),
    ("4 cut at its limit", {T1: 1.50}, False, True),
    ("4 above cut", {T1: 1.51}, False, True),
    ("7 return below", {T2: 0.99}, True, False),
    ("7 return at its limit", {T2: 1.00}, False, False),
    ("8 fan stopped, flow good", {FAN: 0.0}, False, False),
    ("8 fan at the middle", {FAN: 0.5}, False, False),
    ("8 fan running", {FAN: 0.51}, True, False),
    ("9 flow at its limit", {FLOW: 2.0}, False, False),
    ("9 flow above its limit", {FLOW: 2.01}, True, False),
    ("9 flow low", {FLOW: 1.0}, False, False),
    ("10 and 11 gas, fan and flow", {T1: 3.01, FAN: 0.0, FLOW: 0.0}, False, True),
    ("14 gas with the fan running", {T1: 3.01}, False, True),
    ("the top of the range", {T1: 4.0}, False, True),
    ("the bottom of the range", {T1: 0.0, T2: 0.0}, True, False),
]


@pytest.mark.parametrize(("heard", "permitted", "alarm"), [v[1:] for v in VECTORS], ids=[v[0] for v in VECTORS])
def test_a_reading_cuts_exactly_at_its_limit(heard: dict[str, float], permitted: bool, alarm: bool) -> None:
    story = Story().permitted()
    for point, value in heard.items():
        story.hear(point, value)
    assert story.area.permitted is permitted
    assert story.state.inputs[0].alarm is alarm
    told = [edge.what for edge in story.take()]
    assert (What.CUT in told) is not permitted
    assert (What.ALARM in told) is (alarm or heard.get(T2, 0.0) >= 1.0)


# point, value that cuts, value that does not restore, value that restores (vectors 5 and 6)
RESTORES = [(T1, 1.5, 1.0, 0.99), (T2, 1.0, 1.0, 0.99), (FAN, 0.0, 0.5, 1.0), (FLOW, 2.0, 2.5, 2.51)]


@pytest.mark.parametrize(("point", "cut", "still", "restored"), RESTORES)
def test_after_a_cut_only_a_value_beyond_restore_and_then_a_person_gives_power_back(
    point: str, cut: float, still: float, restored: float
) -> None:
    story = Story().permitted()
    story.hear(point, cut)
    story.hear(point, still)
    story.tell(Reset(AREA, "Li"))
    assert not story.area.permitted
    assert story.area.cause is Cause.LIMIT
    story.hear(point, restored)
    assert (story.area.permitted, story.area.restorable) == (False, True)
    story.wait(1000)
    assert not story.area.permitted
    story.tell(Reset(AREA, "Li"))
    assert story.area.permitted


def test_a_value_between_restore_and_cut_neither_cuts_nor_restores() -> None:
    story = Story().permitted()
    story.hear(T1, 1.2)
    assert story.area.permitted
    story.hear(T1, 1.5)
    story.hear(T1, 1.2)
    assert (story.area.permitted, story.area.restorable) == (False, False)


NONSENSE = [NAN, INF, -INF, -9999.0, -0.01, 4.01, 1e308]


@pytest.mark.parametrize("value", NONSENSE)
def test_a_value_that_cannot_be_is_no_value_and_locks(value: float) -> None:
    story = Story().permitted()
    story.hear(T2, value)
    assert (story.area.permitted, story.area.cause) == (False, Cause.NONSENSE)
    story.tell(Reset(AREA, "Li"))
    assert not story.area.permitted
    told = story.take()
    assert [edge.what for edge in told if edge.area == AREA][-1] is What.RESET_REFUSED


@pytest.mark.parametrize(("value", "quality"), [(-9999.0, 0), (NAN, 0), (0.0, 32), (0.0, 16), (0.0, 512)])
def test_a_value_that_proves_nothing_does_not_show_that_gas_went_away(value: float, quality: int) -> None:
    story = Story().permitted()
    story.hear(T1, 1.6)
    story.hear(T1, value, quality)
    story.hear(T1, 1.2)
    assert (story.area.permitted, story.area.cause, story.area.restorable) == (False, Cause.LIMIT, False)


@pytest.mark.parametrize("flag", [*Quality, Quality(0)])
def test_every_quality_flag_but_the_clock_locks(flag: Quality) -> None:
    story = Story().permitted()
    story.hear(T1, 0.5, int(flag))
    harmless = flag in (Quality.GOOD, Quality.CLOCK_UNSYNCHRONISED)
    assert story.area.permitted is harmless
    assert story.area.cause is (Cause.NONE if harmless else Cause.FAULT)


@pytest.mark.parametrize("quality", [512, 1 << 15, 256 | 16, 256 | 1])
def test_an_unknown_flag_and_a_flag_beside_the_clock_lock(quality: int) -> None:
    story = Story().permitted()
    story.hear(T1, 0.5, quality)
    assert story.area.cause is Cause.FAULT


@pytest.mark.parametrize("silent", [T1, T2, FAN, FLOW])
def test_silence_locks_one_millisecond_after_stale_ms(silent: str) -> None:
    story = Story().permitted()
    story.now_ms += STALE_MS
    for point in GOOD:
        if point != silent:
            story.hear(point, GOOD[point])
    story.tell(Tick())
    assert story.area.permitted
    story.wait(1)
    assert (story.area.permitted, story.area.cause) == (False, Cause.SILENCE)
    assert [edge.point for edge in story.take() if edge.what is What.LOCK] == [silent]


def test_the_same_value_said_again_is_heard_but_a_frozen_one_that_arrives_old_is_silence() -> None:
    story = Story().permitted()
    for _ in range(10):
        story.now_ms += 1000
        story.hear_all()
    assert story.area.permitted
    story.hear(T1, 0.5, age_ms=STALE_MS)
    assert story.area.permitted
    story.hear(T1, 0.5, age_ms=STALE_MS + 1)
    assert story.area.cause is Cause.SILENCE


def test_a_reading_from_the_future_is_as_good_as_silence() -> None:
    story = Story().permitted()
    story.hear(T1, 0.5, age_ms=-1)
    assert story.area.cause is Cause.SILENCE


def test_another_unit_than_the_rules_locks_until_the_right_one_is_named() -> None:
    story = Story().permitted()
    story.tell(Named(T1, "%LEL"))
    assert (story.area.permitted, story.area.cause) == (False, Cause.UNIT)
    story.tell(Named(T1, "%CH4"))
    assert story.area.restorable


def test_the_death_of_field_locks_at_once_until_every_point_is_heard_again() -> None:
    story = Story().permitted()
    story.tell(InputsLost())
    assert (story.area.permitted, story.area.cause) == (False, Cause.SILENCE)
    story.hear_all()
    assert (story.area.permitted, story.area.restorable) == (False, True)


def test_the_death_of_field_does_not_forget_a_limit_that_was_passed() -> None:
    story = Story().permitted()
    story.hear(T1, 1.5)
    story.tell(InputsLost())
    for point in (T2, FAN, FLOW):
        story.hear(point, GOOD[point])
    story.hear(T1, 1.2)
    assert (story.area.restorable, story.area.cause) == (False, Cause.LIMIT)


def test_the_first_minute_is_locked_however_healthy_it_is() -> None:
    story = Story()
    story.tell(OutputsUp(AREA, True))
    story.now_ms = LOCK_MS - 1
    story.hear_all()
    story.tell(Reset(AREA, "Li"))
    assert (story.area.permitted, story.area.cause) == (False, Cause.START)
    story.wait(1)
    assert (story.area.permitted, story.area.restorable) == (False, True)
    story.tell(Reset(AREA, "Li"))
    assert story.area.permitted
    assert story.area.by == "Li"


def test_a_point_that_was_never_heard_locks() -> None:
    story = Story()
    story.tell(OutputsUp(AREA, True))
    story.now_ms = LOCK_MS
    for point in (T1, T2, FAN):
        story.hear(point, GOOD[point])
    story.tell(Reset(AREA, "Li"))
    assert (story.area.permitted, story.area.cause) == (False, Cause.NEVER_HEARD)


def test_an_output_that_is_lost_locks_and_its_return_gives_nothing_back() -> None:
    story = Story().permitted()
    story.tell(OutputsUp(AREA, False))
    assert (story.area.permitted, story.area.cause) == (False, Cause.FAULT)
    story.tell(OutputsUp(AREA, True))
    assert (story.area.permitted, story.area.restorable) == (False, True)


def test_a_person_cuts_at_once_and_with_a_name() -> None:
    story = Story().permitted()
    story.tell(Cut(AREA, "Wang", "smoke"))
    assert (story.area.permitted, story.area.restorable, story.area.cause) == (False, False, Cause.COMMAND)
    edge = story.take()[0]
    assert (edge.what, edge.by, edge.reason) == (What.COMMANDED_CUT, "Wang", "smoke")
    story.tell(Reset(AREA, "Li"))
    assert story.area.permitted


def test_a_passed_limit_is_named_before_every_other_cause() -> None:
    story = Story().permitted()
    story.tell(Cut(AREA, "Wang", ""))
    story.tell(OutputsUp(AREA, False))
    story.hear(FLOW, NAN)
    story.hear(T2, 1.7)
    story.tell(Reset(AREA, "Li"))
    refused = story.take()[-1]
    assert (refused.what, refused.cause, refused.by) == (What.RESET_REFUSED, Cause.LIMIT, "Li")
    assert (story.area.limit, story.area.value) == (1, 1.7)


LOCKING: list[Event] = [
    Heard(T1, 1.5, 0, LOCK_MS), Heard(T2, NAN, 0, LOCK_MS), Heard(FAN, 1.0, 16, LOCK_MS), Named(FLOW, "m3/s"),
    OutputsUp(AREA, False), InputsLost(), Cut(AREA, "Wang", "test"),
]  # fmt: skip
HEALING: list[Event] = [
    *(Heard(point, value, 0, LOCK_MS) for point, value in GOOD.items()), *(Named(limit.point, limit.unit) for limit in
    rules().limits), OutputsUp(AREA, True), Tick(), Reset("another", "Li"), Cut("another", "Li", ""),
]  # fmt: skip


@pytest.mark.parametrize("lock", LOCKING, ids=lambda event: type(event).__name__)
def test_nothing_permits_but_a_reset_whatever_locked(lock: Event) -> None:
    story = Story().permitted()
    story.tell(lock)
    assert not story.area.permitted
    for event in HEALING:
        story.tell(event)
        assert not story.area.permitted
    story.tell(Reset(AREA, "Li"))
    assert story.area.permitted


def _two_areas() -> Rules:
    own = rules()
    second = tuple(replace(limit, area="two", point="two-" + limit.point) for limit in own.limits)
    return replace(
        own,
        outputs=(*own.outputs, Output("relay-2", "relay-2", 10)),
        areas=(*own.areas, Area("two", ("relay-2",))),
        limits=own.limits + second,
    )


@pytest.mark.parametrize("first", [0, 1])
def test_two_areas_are_cut_and_reset_each_by_itself(first: int) -> None:
    story = Story(_two_areas())
    names = [area.name for area in story.rules.areas]
    for name in names:
        story.tell(OutputsUp(name, True))
    story.now_ms = LOCK_MS
    for prefix in ("", "two-"):
        for point, value in GOOD.items():
            story.hear(prefix + point, value)
    story.tell(Reset(names[first], "Li"))
    assert [power.permitted for power in story.state.areas] == [first == 0, first == 1]
    story.tell(Reset(names[1 - first], "Li"))
    story.hear(("", "two-")[first] + T1, 1.5)
    story.tell(OutputsUp("neither", False))
    assert [power.permitted for power in story.state.areas] == [first == 1, first == 0]


def test_one_point_may_limit_two_areas_with_different_numbers() -> None:
    own = rules()
    shared = replace(own.limits[0], area="two", cut=2.0)
    story = Story(
        replace(
            own,
            outputs=(*own.outputs, Output("relay-2", "relay-2", 10)),
            areas=(*own.areas, Area("two", ("relay-2",))),
            limits=(*own.limits, shared),
        )
    ).permitted()
    story.hear(T1, 1.7)
    assert [power.permitted for power in story.state.areas] == [False, True]


def test_an_output_of_the_rules_is_always_area_power_and_never_a_fan() -> None:
    assert {output.output_class for output in rules().outputs} == {OutputClass.AREA_POWER}
    with pytest.raises(TypeError):
        Output("fan", "x", 1, output_class=OutputClass.FAN_LOCK)  # type: ignore[call-arg]  # that it is no setting is the test
