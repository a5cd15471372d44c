"""The demo's story: steps wait for what they need, hold, repeat a reset, and fail by name."""

from __future__ import annotations

import pytest

from minegate_tools.demo.story import AGAIN_MS, OUTAGE_S, RESET, STORY, Act, Seen, Step, begin, look

WELL = Seen(permitted=True, contact_closed=True, connected=True)
CUT = Seen(connected=True)

TWO = (
    Step("power", "送电", "power", lambda seen: seen.permitted, again=RESET, hold_s=2, deadline_s=10),
    Step("fan", "停风", "fan", lambda seen: not seen.permitted, acts=(Act("fan", on=False),), deadline_s=5),
)


def test_a_step_begins_with_its_acts_and_ends_after_its_hold() -> None:
    place, acts, _, _ = begin(TWO, 0)
    assert acts == ()
    place, acts, _, _ = look(TWO, place, WELL, 100)
    assert acts == ()  # there is power already: nothing to reset
    place, _, _, _ = look(TWO, place, WELL, 2099)
    assert place.at == 0
    place, acts, over, _ = look(TWO, place, WELL, 2100)
    assert (place.at, acts, over) == (1, (Act("fan", on=False),), False)
    assert look(TWO, place, CUT, 2200).over


def test_a_hold_that_is_broken_begins_anew() -> None:
    place = begin(TWO, 0).place
    place = look(TWO, place, WELL, 100).place
    place = look(TWO, place, CUT, 1900).place
    place = look(TWO, place, WELL, 2000).place
    assert look(TWO, place, WELL, 3999).place.at == 0
    assert look(TWO, place, WELL, 4000).place.at == 1


def test_a_reset_is_tried_again_only_while_it_is_needed() -> None:
    first = look(TWO, begin(TWO, 0).place, CUT, 200)
    assert first.acts == RESET
    assert look(TWO, first.place, CUT, 199 + AGAIN_MS).acts == ()
    assert look(TWO, first.place, CUT, 200 + AGAIN_MS).acts == RESET
    assert look(TWO, first.place, WELL, 200 + 3 * AGAIN_MS).acts == ()


def test_a_step_that_does_not_come_true_fails_with_its_name_and_what_was_seen() -> None:
    place = begin(TWO, 0).place
    assert not look(TWO, place, CUT, 11_999).failed
    failed = look(TWO, place, CUT, 12_000).failed
    assert "'power' did not come true within 12 s" in failed
    assert "permitted=False" in failed


def test_speed_shortens_holds_and_no_deadline() -> None:
    place = look(TWO, begin(TWO, 0).place, WELL, 0).place
    assert look(TWO, place, WELL, 1000, speed=2.0).place.at == 1
    assert not look(TWO, begin(TWO, 0).place, CUT, 11_999, speed=2.0).failed


def test_the_story_of_the_demo_has_a_cut_by_wind_a_cut_by_gas_and_an_outage_between() -> None:
    verbs = [(act.verb, act.on) for step in STORY for act in step.acts]
    assert verbs == [("fan", False), ("broker", False), ("fan", True), ("burst", True), ("broker", True)]
    held = next(step for step in STORY if step.name == "outage")
    assert not held.until(Seen(outage_s=OUTAGE_S - 0.1))
    assert held.until(Seen(outage_s=OUTAGE_S))


@pytest.mark.parametrize("step", STORY, ids=lambda step: step.name)
def test_no_step_is_true_of_a_site_that_nobody_has_heard_of_except_the_fall_of_the_broker(step: Step) -> None:
    never_heard = Seen()
    assert step.until(never_heard) == (step.name in ("fan-stops", "burst", "broker-lost"))
