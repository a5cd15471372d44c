"""What the tables of votes, watches, second outputs and acts refuse, and what a vote of another area cannot do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from heading import AREA, EXAMPLE, FLOW, T1, T2, Story, rules
from minegate_interlock.fitness import fit
from minegate_interlock.forms import ROWS_MAX, UnfitError
from minegate_interlock.lines import Cause, Command, Verb, What
from minegate_interlock.orders import answer, order
from minegate_interlock.places import _reaction
from minegate_interlock.proof_test import Finding, Key, Running, find_lock
from minegate_interlock.rules import RulesError, Suspension, Vote, Watch, load
from minegate_interlock.state import Bypass, Cut, FreeFan, Heard, OutputsUp, Reset
from place_rules import by_place

TEXT = EXAMPLE.read_text(encoding="utf-8")
VOTE = f'[[vote]]\nname = "v"\narea = "{AREA}"\npoints = ["{T1}", "{T2}"]\nvotes = "1oo2"\ndegraded = "lock"\n'
REFUSED = [
    (VOTE.replace("1oo2", "3oo4"), ["vote 'v'", "'3oo4'", "1oo2, 2oo3"]),
    (VOTE.replace("1oo2", "2oo3"), ["vote 'v'", "2oo3 needs 3 points", "2 are given"]),
    (VOTE.replace('"lock"', '"2oo2"'), ["vote 'v'", "'2oo2'", "1oo1, lock"]),
    (VOTE + VOTE.replace('"v"', '"w"').replace(T1, FLOW), ["one of its points votes twice", AREA]),
    ("[[proof_test]]\n" * (ROWS_MAX + 1), [str(ROWS_MAX + 1), "[[proof_test]]", str(ROWS_MAX)]),
]


@pytest.mark.parametrize(("tables", "named"), REFUSED)
def test_tables_that_do_not_fit_are_one_line(tables: str, named: list[str]) -> None:
    with pytest.raises(RulesError) as refused:
        load(f"{TEXT}\n{tables}".encode(), "rules.toml")
    assert [word for word in named if word not in str(refused.value)] == []


def test_second_outputs_need_a_measured_load() -> None:
    blind = TEXT.replace('feed_point = "1201-feed"', 'second = ["relay-2"]').replace(
        "[[area]]", '[[output]]\nname = "relay-2"\ndevice = "sim/relay-2"\nnode = 8\n[[area]]', 1
    )
    with pytest.raises(RulesError, match="second needs a feed_point"):
        load(blind.encode(), "rules.toml")


def test_a_vote_under_a_statute_takes_a_deviation_and_a_watch_restores_on_its_right_side() -> None:
    own = by_place()
    with pytest.raises(UnfitError, match="stands under 'heading/T1', where each point trips alone"):
        fit(replace(own, votes=(Vote("v", AREA, (T1, T2), 1, "lock"),)))
    watch = Watch(AREA, T1, "%CH4", 0.0, 4.0, 1.0, 1.2, 1200, "a source")
    with pytest.raises(UnfitError, match=r"restore = 1\.2 is on the wrong side of alarm = 1"):
        fit(replace(rules(), watches=(watch,)))


def test_a_site_may_shorten_the_time_that_a_rule_allows_and_never_stretch_it() -> None:
    found = {"reaction_ms": 1000}  # stricter than any rule that ships today
    assert _reaction("place 1", "heading/T1", {}, found) == 1000
    assert _reaction("place 1", "heading/T1", {"reaction_ms": 800}, found) == 800
    with pytest.raises(UnfitError, match=r"place 1: reaction_ms = 1500 is looser than 1000 of 'heading/T1'"):
        _reaction("place 1", "heading/T1", {"reaction_ms": 1500}, found)


def test_a_vote_of_another_area_outvotes_nobody_here() -> None:
    story = Story(replace(rules(), votes=(Vote("v", "elsewhere", (T1, T2), 2, "lock"),))).permitted()
    story.hear(T1, 1.5)
    assert not story.area.permitted


def test_a_point_that_was_bypassed_and_speaks_again_is_told_back() -> None:
    story = Story(replace(rules(), suspension=Suspension(30, 30, 60))).permitted()
    story.tell(Heard(T1, 0.5, 16, story.now_ms))
    assert not story.area.permitted
    story.tell(Bypass(T1, 10, "Li", "head is being changed"))
    story.take()
    story.hear(T1, 0.5)
    assert [(edge.what, edge.point) for edge in story.take() if edge.what is What.POINT_BACK] == [(What.POINT_BACK, T1)]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (Command(Verb.END, "x", "Li", ""), "point 'x' is in no limit"),
        (Command(Verb.FREE_FAN, "x", "Li", "plan"), "fan lock 'x' is not one of ['1201-fan']"),
        (Command(Verb.FREE_FAN, "1201-fan", "Li", " "), "a reason is needed"),
        (Command(Verb.CUT, "x", "Li", ""), f"area 'x' is not one of ['{AREA}']"),
        (Command(99, AREA, "Li", ""), "verb 99 is not known"),
    ],
)
def test_an_act_about_nothing_known_is_refused_in_words(command: Command, words: str) -> None:
    own = by_place()
    event, refused = order(own, Story(own).state, command, 0)
    assert event is None
    assert words in refused


def test_the_answer_to_a_reset_says_what_stands_against_it() -> None:
    story = Story()
    own = story.rules
    cut, reset = Cut(AREA, "Li", ""), Reset(AREA, "Li")
    assert order(own, story.state, Command(Verb.CUT, AREA, "Li", ""), 0) == (cut, "")
    assert answer(own, story.state, cut, 0) == (True, f"{AREA}: power is not permitted until a reset")
    for area in own.areas:
        story.tell(OutputsUp(area.name, True))
    story.hear_all()
    assert answer(own, story.state, reset, 1000) == (
        False, f"{AREA}: still locked: start, 60 s of the power-on lock are left"
    )  # fmt: skip
    story.hear(T1, 1.6)
    words = f"{AREA}: still locked: limit, {T1} = 1.6 %CH4, cut 1.5, restore 1"
    assert answer(own, story.state, reset, 1000) == (False, words)
    story.hear(T1, 0.5)
    story.tell(OutputsUp(AREA, False))
    assert answer(own, story.state, reset, 1000) == (False, f"{AREA}: still locked: fault")


def test_a_fan_that_is_freed_by_hand_is_answered() -> None:
    own = by_place()
    state = Story(own).state
    event, refused = order(own, state, Command(Verb.FREE_FAN, "1201-fan", "Li", "plan 7"), 0)
    assert (event, refused) == (FreeFan("1201-fan", "Li", "plan 7"), "")
    assert event is not None
    assert answer(own, state, event, 0) == (True, "1201-fan: fan lock released by hand")


def test_a_lock_test_whose_contact_took_too_long_fails_although_it_opened() -> None:
    running = Running(Key("lock", AREA), "Li", 0, opened_ms=2001)
    found = find_lock(running, True, 2000, 2050)
    assert found == Finding(False, 2001, "contact open after 2001 ms, 2000 ms are allowed")


def test_gas_behind_a_lost_reading_is_not_bypassed() -> None:
    story = Story(replace(rules(), suspension=Suspension(30, 30, 60))).permitted()
    story.hear(T1, 1.6)
    story.tell(Heard(T1, 0.5, 16, story.now_ms))  # a fault proves nothing
    event, refused = order(story.rules, story.state, Command(Verb.BYPASS, T1, "Li", "lost", 10), story.now_ms)
    assert isinstance(event, Bypass)
    assert f"{T1} was last known beyond its limit" in refused
    assert story.area.cause is Cause.FAULT
