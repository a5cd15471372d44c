"""What people may do, and what it takes: names, reasons, a judge that agrees; and the proof tests they run."""

from __future__ import annotations

import ast
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

import minegate_agent.link
from engine_heading import EngineHeading
from heading import AREA, FAN, T1, T2
from minegate_interlock import proof_dates
from minegate_interlock.lines import Cause, Verb, What
from minegate_interlock.proof_test import FAN_HELD_MS, SELF_TEST_MS, Key, overdue
from minegate_interlock.proof_tests import ProofTests
from minegate_interlock.rules import Rules, Suspension
from place_rules import DAY_S, NOW_S, by_place

LOCK = "1201-fan"


def rules() -> Rules:
    """The heading by place; its head at the face stands under a site's own limit, so that it can be bypassed."""
    own = by_place()
    limits = tuple(replace(limit, rule="") if limit.point == T1 else limit for limit in own.limits)
    return replace(own, limits=limits, suspension=Suspension(30, 10, 15))


@pytest.fixture
def heading() -> EngineHeading:
    return EngineHeading(rules()).powered()


# verb, subject, name, reason, minutes, what the refusal says
REFUSED = [
    (Verb.RESET, "x", "Li", "", 0, "'x' is not one of"), (Verb.RESET, AREA, " ", "", 0, "a name is needed"),
    (Verb.CALIBRATE, "x", "Li", "gas", 5, "'x' is not one of"), (Verb.CALIBRATE, T1, "Li", "", 5, "a reason"),
    (Verb.CALIBRATE, T1, "Li", "gas", 31, "31 minutes are not within 1..30"),
    (Verb.CALIBRATE, T1, "Li", "gas", 0, "0 minutes are not within 1..30"),
    (Verb.BYPASS, T1, "Li", "dead", 11, "11 minutes are not within 1..10"),
    (Verb.BYPASS, T2, "Li", "dead", 5, "stands under heading/T2: without a deviation"),
    (Verb.END, "x", "Li", "", 0, "in no limit"), (Verb.FREE_FAN, "x", "Li", "plan", 0, "'x' is not one of"),
    (Verb.FREE_FAN, LOCK, "Li", " ", 0, "under which plan"), (Verb.TEST, "x", "Li", "", 0, "neither an area nor"),
    (Verb.TEST, AREA, "", "", 0, "a name is needed"), (Verb.CALIBRATED, "x", "Li", "gas", 0, "in no rule"),
    (Verb.CALIBRATED, T1, "Li", "", 0, "a reason"), (99, AREA, "Li", "", 0, "verb 99 is not known"),
]  # fmt: skip


@pytest.mark.parametrize(("verb", "subject", "by", "reason", "minutes", "words"), REFUSED)
def test_an_act_that_lacks_something_is_refused_with_what_it_lacks(
    heading: EngineHeading, verb: Verb, subject: str, by: str, reason: str, minutes: int, words: str
) -> None:
    done, text = heading.command(verb, by, reason, subject, minutes)
    assert not done
    assert words in text
    assert heading.contact


def test_a_calibration_locks_its_area_is_told_and_ends_by_itself(heading: EngineHeading) -> None:
    assert heading.command(Verb.CALIBRATE, "Chen", "2.0 % gas", T1, 1)[0]
    heading.gas(2.0)
    heading.run(1000)
    assert not heading.contact
    told = heading.told()
    (begun,) = [verdict for verdict in told if verdict.what == What.CALIBRATION]
    assert (begun.by, begun.reason, begun.point, begun.value) == ("Chen", "2.0 % gas", T1, 1.0)
    assert [verdict.cause for verdict in told if verdict.what == What.ALARM] == [Cause.CALIBRATION, Cause.RISE]
    done, text = heading.command(Verb.CALIBRATE, "Chen", "both", T2, 1)
    assert not done
    assert "one point of an area at a time" in text
    heading.gas(0.5)
    heading.run(60_000)
    assert len(heading.said(What.CALIBRATION_OVER)) == 1
    assert heading.command(Verb.RESET)[0]


def test_a_bypass_excuses_silence_and_not_gas_and_expires_to_the_safe_side(heading: EngineHeading) -> None:
    point, number = T1, 0
    assert heading.command(Verb.BYPASS, "Chen", "dead head", point, 1)[0]
    names, heading._numbers = heading._numbers, {p: n for p, n in heading._numbers.items() if n != number}
    heading.run(30_000)
    assert heading.contact
    assert [verdict.point for verdict in heading.said(What.POINT_LOST)][:1] == [point]
    heading.run(31_000)
    assert not heading.contact
    assert len([verdict for verdict in heading.told() if verdict.what == What.BYPASS_OVER]) == 1
    heading._numbers = names
    heading.run(500)
    assert heading.command(Verb.RESET)[0]
    assert heading.command(Verb.BYPASS, "Chen", "dead head", point, 10)[0]
    heading.gas(1.6)
    heading.run(500)
    assert not heading.contact


def test_the_day_has_a_budget_of_bypassed_minutes(heading: EngineHeading) -> None:
    assert heading.command(Verb.BYPASS, "Chen", "dead", T1, 10)[0]
    assert heading.command(Verb.END, "Chen", "", T1)[0]
    done, text = heading.command(Verb.BYPASS, "Chen", "dead", T1, 6)
    assert (done, text) == (False, "10 of 15 minutes of the day are spent")


def test_a_refused_act_is_on_record(heading: EngineHeading) -> None:
    heading.command(Verb.BYPASS, "Chen", "dead head", T2, 5)
    (refused,) = heading.said(What.ACT_REFUSED)
    assert (refused.point, refused.by, refused.reason) == (T2, "Chen", "dead head")


def test_a_fan_is_locked_at_its_own_output_and_freed_by_hand(heading: EngineHeading) -> None:
    cabinet = heading.cabinets["fan-lock-1"]
    assert not cabinet.contact
    heading.values[FAN] = 0.0
    heading.gas(3.2)
    heading.run(1000)
    assert cabinet.contact
    done, _ = heading.command(Verb.FREE_FAN, "Zhao", "plan 7", LOCK)
    assert done
    heading.run(1000)
    assert not cabinet.contact


@pytest.mark.parametrize("how", ["cable", "answers"])
def test_a_lost_fan_lock_output_frees_the_fan_and_locks_no_area(heading: EngineHeading, how: str) -> None:
    setattr(heading.cabinets["fan-lock-1"], how, False)
    heading.run(2000)
    assert heading.contact
    (lost,) = heading.said(What.OUTPUT_LOST)
    assert lost.point == "fan-lock-1"
    heading.values[FAN] = 0.0
    heading.gas(3.2)
    heading.run(1500)
    assert how == "answers" or not heading.cabinets["fan-lock-1"].contact


def test_the_only_act_that_link_can_ask_of_the_interlock_is_a_cut() -> None:
    for path in Path(minegate_agent.link.__file__).parent.rglob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        taken = {
            alias.name
            for node in nodes
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("minegate_interlock")
            for alias in node.names
        }
        assert not taken & {"Engine", "Reset", "judge"}, path
        verbs = {
            node.attr
            for node in nodes
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Verb"
        }
        assert verbs <= {"CUT"}, path
        named = [node for node in nodes if isinstance(node, ast.Name) and node.id == "Verb"]
        asked = [node for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)]
        assert len(named) == len([node for node in asked if node.value.id == "Verb"]), path  # type: ignore[attr-defined]


# -- proof tests -----------------------------------------------------------------------------------------------------


def test_a_lock_test_cuts_measures_and_leaves_the_area_locked(heading: EngineHeading) -> None:
    heading.feed_follows = True
    heading.run(1000)
    heading.engine.day(NOW_S, heading.now_ms)
    heading.told()
    done, text = heading.command(Verb.TEST, "Li", "15 days", AREA)
    assert done
    assert "power is off until a reset" in text
    assert "a test is running" in heading.command(Verb.TEST, "Li", "15 days", AREA)[1]
    heading.run(1000)
    told = heading.told()
    (begun,) = [verdict for verdict in told if verdict.what == What.TEST_BEGUN]
    assert (begun.by, begun.reason, math.isnan(begun.value)) == ("Li", "15 days", True)
    (passed,) = [verdict for verdict in told if verdict.what == What.TEST_DONE]
    assert 0 <= passed.value <= 200
    assert "load side dead" in passed.reason
    assert not heading.contact
    assert heading.engine.testing.done[Key("lock", AREA)] == NOW_S
    assert "cut of nothing" in heading.command(Verb.TEST, "Li", "again", AREA)[1]


def test_a_lock_test_with_a_welded_contact_or_a_live_load_fails() -> None:
    for welded in (True, False):
        heading = EngineHeading(rules()).powered()
        heading.engine.day(NOW_S, heading.now_ms)
        heading.feed = 1.0
        heading.cabinets["relay-1"].held = welded
        heading.command(Verb.TEST, "Li", "15 days", AREA)
        heading.run(6000)
        (failed,) = heading.said(What.TEST_FAILED)
        assert ("not read back open" if welded else "not seen dead") in failed.reason
        assert Key("lock", AREA) not in heading.engine.testing.done


def test_a_fan_lock_test_closes_its_contact_for_a_moment_and_lets_it_go(heading: EngineHeading) -> None:
    heading.engine.day(NOW_S, heading.now_ms)
    assert heading.command(Verb.TEST, "Li", "180 days", LOCK)[0]
    closed_ms = 0
    for _ in range(FAN_HELD_MS // 10 + 100):
        heading.run(10)
        closed_ms += 10 * heading.cabinets["fan-lock-1"].contact
    assert 0 < closed_ms <= FAN_HELD_MS
    assert len(heading.said(What.TEST_DONE)) == 1
    assert heading.contact
    heading.values[FAN] = 0.0
    heading.gas(3.2)
    heading.run(500)
    assert "nothing can be tested now" in heading.command(Verb.TEST, "Li", "x", LOCK)[1]


def test_a_fan_lock_that_does_not_close_fails_its_test(heading: EngineHeading) -> None:
    heading.cabinets["fan-lock-1"].held = True
    heading.command(Verb.TEST, "Li", "180 days", LOCK)
    heading.run(FAN_HELD_MS + 200)
    assert "not read back closed" in heading.said(What.TEST_FAILED)[0].reason


def test_what_is_overdue_is_told_once_and_again_only_after_it_was_done() -> None:
    heading = EngineHeading(rules(), {Key("lock", AREA): NOW_S - 15 * DAY_S}).powered()
    heading.engine.day(NOW_S, heading.now_ms)
    late = {(verdict.point, verdict.limit) for verdict in heading.said(What.TEST_OVERDUE)}
    assert late == {(LOCK, 180.0), (T1, 15.0)}
    heading.engine.day(NOW_S + 1, heading.now_ms)
    assert [verdict.point for verdict in heading.said(What.TEST_OVERDUE)] == [AREA]
    heading.engine.day(NOW_S + 2, heading.now_ms)
    assert heading.said(What.TEST_OVERDUE) == []
    assert heading.command(Verb.CALIBRATED, "Chen", "2.00 % gas, 1.98 % read", T1)[0]
    assert [verdict.reason for verdict in heading.said(What.TEST_DONE)] == ["2.00 % gas, 1.98 % read"]
    heading.engine.day(NOW_S + 15 * DAY_S + 3, heading.now_ms)
    assert [verdict.point for verdict in heading.said(What.TEST_OVERDUE)] == [T1]


@pytest.mark.parametrize("utc_s", [math.nan, 0.0, 1e9])
def test_a_clock_that_was_never_set_makes_nothing_overdue_and_dates_nothing(utc_s: float) -> None:
    testing = ProofTests(rules(), {}, {})
    assert list(testing.due(utc_s)) == []
    heading = EngineHeading(rules()).powered()
    heading.engine.day(utc_s, heading.now_ms)
    heading.command(Verb.CALIBRATED, "Chen", "gas", T1)
    assert heading.engine.testing.done == {}


def test_a_test_is_due_after_its_days_and_if_it_was_never_done() -> None:
    test = rules().tests[0]
    assert not overdue(test, NOW_S - 15 * DAY_S, NOW_S)
    assert overdue(test, NOW_S - 15 * DAY_S - 1, NOW_S)
    assert overdue(test, None, NOW_S)


def test_every_output_is_tried_after_start_as_far_as_it_may_be() -> None:
    heading = EngineHeading(rules())
    heading.cabinets["fan-lock-1"].answers = False
    heading.run(SELF_TEST_MS + 100)
    told = {verdict.point: verdict for verdict in heading.told() if verdict.what in (What.TEST_DONE, What.TEST_FAILED)}
    assert {point: What(verdict.what) for point, verdict in told.items()} == {
        "relay-1": What.TEST_DONE, "fan-lock-1": What.TEST_FAILED,
    }  # fmt: skip
    assert "self-test at start" in told["relay-1"].reason


def test_dates_of_tests_survive_on_disk_and_a_strange_file_makes_everything_due(tmp_path: Path) -> None:
    done = {Key("lock", AREA): NOW_S, Key("calibration", "甲烷"): NOW_S - 1}
    proof_dates.write(tmp_path, done)
    assert proof_dates.read(tmp_path) == done
    for text in ("", "{}", "[[1]]", "null", '[["a","b","c"]]', "[" * 100_000, json.dumps([["a", "b", math.nan]])):
        (tmp_path / proof_dates.FILE).write_text(text)
        assert proof_dates.read(tmp_path) == {}
    assert proof_dates.read(tmp_path / "nowhere") == {}
    testing = ProofTests(rules(), done, {})
    testing.changed = True
    proof_dates.keep(tmp_path / "nowhere", testing)
    assert testing.changed
    proof_dates.keep(tmp_path, testing)
    assert not testing.changed
    assert proof_dates.read(tmp_path) == done
