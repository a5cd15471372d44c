"""The rule library: every number as the tables have it, a site that may tighten and must justify what it loosens."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

import minegate_interlock
from heading import AREA, FAN, FLOW, LOCK_MS, T1, T2, Story
from heading import rules as by_limit
from minegate_interlock.library import EDITIONS, FILES, entries, library_hash, source
from minegate_interlock.lines import What
from minegate_interlock.rules import Limit, OutputClass, Rules, RulesError, Watch, load
from minegate_interlock.state import Heard, Reset
from place_rules import BY_PLACE, DAY_S, MARCH_2027_S, NOW_S, by_place, with_place

NONE = None
# row of the methane table, class/id, alarm, cut, restore: a second statement, typed from the table, not from the file
METHANE = [
    (1, "longwall/T0", 1.0, 1.5, 1.0), (2, "longwall/T1", 1.0, 1.5, 1.0), (3, "longwall-outburst/T1", 1.0, 1.5, 1.0),
    (4, "longwall/T2", 1.0, 1.0, 1.0), (5, "longwall-outburst/T3", 0.5, 0.5, 0.5),
    (6, "longwall-series/T4", 0.5, 0.5, 0.5), (7, "longwall-two-returns/T5", 1.0, 1.5, 1.0),
    (7, "longwall-two-returns/T6", 1.0, 1.0, 1.0), (8, "longwall/T7", 2.5, 2.5, 2.5), (9, "longwall/T8", 1.0, 1.0, 1.0),
    (10, "longwall/return-middle", 1.0, 1.0, 1.0), (11, "machine/shearer", 1.0, 1.5, 1.0),
    (12, "heading/T1", 1.0, 1.5, 1.0), (13, "heading/T2", 1.0, 1.0, 1.0), (14, "heading-series/T3", 0.5, 0.5, 0.5),
    (16, "heading-outburst/intake", 0.5, 0.5, 0.5), (17, "heading-twin/mixed-return", 1.0, 1.0, 1.0),
    (18, "heading/middle", 1.0, 1.0, 1.0), (19, "machine/heading-machine", 1.0, 1.5, 1.0),
    (20, "district/return", 1.0, 1.0, 1.0), (21, "main/return", 0.75, NONE, 0.75),
    (22, "haulage/loading", 0.5, 0.5, 0.5), (23, "haulage/downwind", 0.5, 0.5, 0.5),
    (24, "vehicle/battery-locomotive", 0.5, 0.5, 0.5), (25, "vehicle/diesel", 0.5, 0.5, 0.5),
    (26, "bunker/coal", 1.5, 1.5, 1.5), (27, "surface/belt-gallery", 1.5, 1.5, 1.5),
    (28, "surface/drainage-pump", 0.5, NONE, 0.5), (29, "drainage/downwind", 1.0, 1.0, 1.0),
    (30, "chamber/intake", 0.5, 0.5, 0.5), (31, "shaft/belt-return", 0.5, 0.7, 0.7),
]  # fmt: skip
RECALLED = {16, 17, 18, 19, 20, 21, 24, 25, 26, 27, 28, 29, 30, 31}
# rule, unit, direction, alarm
AIR = [
    ("air/carbon-monoxide", "ppm", "rising", 24.0), ("air/nitrogen-dioxide", "ppm", "rising", 2.5),
    ("air/sulphur-dioxide", "ppm", "rising", 5.0), ("air/hydrogen-sulphide", "ppm", "rising", 6.6),
    ("air/ammonia", "ppm", "rising", 40.0), ("air/carbon-dioxide", "%", "rising", 0.5),
    ("air/oxygen", "%", "falling", 20.0), ("air/temperature-face", "°C", "rising", 30.0),
    ("air/temperature-chamber", "°C", "rising", 34.0), ("air/smoke", "", "rising", 0.5),
    ("wind/face-min", "m/s", "falling", 0.25), ("wind/face-max", "m/s", "rising", 4.0),
    ("wind/rock-heading-min", "m/s", "falling", 0.15), ("wind/district-min", "m/s", "falling", 0.25),
    ("wind/district-max", "m/s", "rising", 6.0), ("wind/main-max", "m/s", "rising", 8.0),
    ("wind/shaft-max", "m/s", "rising", 8.0),
]  # fmt: skip


@pytest.mark.parametrize(("row", "key", "alarm", "cut", "restore"), METHANE, ids=[row[1] for row in METHANE])
def test_a_place_of_the_methane_table_has_its_numbers(
    row: int, key: str, alarm: float, cut: float | None, restore: float
) -> None:
    rule = entries()[key]
    assert (rule["alarm"], rule.get("cut"), rule["restore"]) == (alarm, cut, restore)
    assert (rule["unit"], rule["direction"]) == ("%CH4", "rising")
    assert rule["clause"] == f"methane table, row {row}"
    assert rule["flag"] == ("R" if row in RECALLED else "S")
    assert rule["kind"] == ("limit" if cut is not None else "watch")


def test_every_row_of_the_table_is_there_and_no_other() -> None:
    methane = [key for key, rule in entries().items() if rule["clause"].startswith("methane table")]
    assert sorted(methane) == sorted(row[1] for row in METHANE)
    fan = entries()["heading-series/T3-fan"]  # row 15 is a lock of a fan
    assert (fan["kind"], fan["lock_at"], fan["release_below"]) == ("fan", 1.5, 0.5)
    assert {row[0] for row in METHANE} | {15} == set(range(1, 32))


@pytest.mark.parametrize(("key", "unit", "direction", "alarm"), AIR, ids=[row[0] for row in AIR])
def test_a_limit_of_the_air_has_its_number_and_takes_nothing_away(
    key: str, unit: str, direction: str, alarm: float
) -> None:
    rule = entries()[key]
    assert (rule["kind"], rule["unit"], rule["direction"], rule["alarm"]) == ("watch", unit, direction, alarm)
    assert "cut" not in rule


def test_every_rule_that_cuts_or_locks_has_a_time_to_do_it_with_flag_and_source() -> None:
    acting = {key: rule for key, rule in entries().items() if rule["kind"] in ("limit", "fan")}
    assert len(acting) > 30
    for key, rule in acting.items():
        assert (rule["reaction_ms"], rule["reaction_flag"]) == (2000, "R"), key
        assert "AQ 6201" in rule["reaction_source"]


def test_every_rule_says_where_it_comes_from_in_every_edition_it_is_in() -> None:
    for key, rule in entries().items():
        assert rule["flag"] in ("S", "R", "Sc", "D", "V"), key
        assert rule["zh"]
        assert rule["en"]
        assert set(rule["editions"]) <= set(EDITIONS), key
        for edition in rule["editions"]:
            assert rule["articles"][edition] in source(key, edition)
            assert rule["clause"] in source(key, edition)
    assert entries()["lock/power-on"]["power_on_lock_s"] == 60
    lock = entries()["lock/methane-wind"]
    assert (lock["lock_above"], lock["release_below"]) == (3.0, 1.5)


def test_every_rule_can_be_named_by_a_site_and_judged_by() -> None:
    own_numbers = {"lock/duct-flow": "cut = 2.0\nrestore = 2.5\n", "people/head-count": "alarm = 9.0\nrestore = 9.0\n"}
    for key, rule in entries().items():
        if rule["kind"] in ("fan", "law"):
            continue
        edition = rule["editions"][-1]
        rules = load(with_place(key, own_numbers.get(key, ""), edition).encode(), "r")
        made = next(made for made in rules.every_rule() if made.point == "X")
        assert made.rule == key
        assert isinstance(made, Limit if rule["kind"] == "limit" else Watch)
        assert made.source == source(key, edition)


def test_the_heading_by_place_judges_by_the_numbers_of_the_heading_by_limit() -> None:
    def numbers(rules: Rules) -> dict[str, tuple[object, ...]]:
        return {r.point: (r.direction, r.alarm, r.cut, r.restore, r.low, r.high, r.stale_ms) for r in rules.limits}

    assert numbers(by_place()) == numbers(by_limit())
    assert {limit.rule for limit in by_place().limits} == {
        "heading/T1", "heading/T2", "lock/fan-running", "lock/duct-flow",
    }  # fmt: skip


def test_the_hash_covers_the_library_only_where_it_is_used() -> None:
    rules = by_place()
    assert rules.file_hash == hashlib.sha256(BY_PLACE.encode()).digest()
    assert rules.hash == hashlib.sha256(rules.file_hash + library_hash()).digest()
    assert by_limit().hash == by_limit().file_hash
    folder = Path(minegate_interlock.__file__).parent / "library"
    read = b"".join((folder / file).read_bytes() for file in FILES)
    assert library_hash() == hashlib.sha256(read).digest()


# -- tighten and loosen ----------------------------------------------------------------------------------------------

DEVIATION = 'deviation = { reason = "trial of a new head", approver = "Chief Zhao", until = 2027-03-31 }\n'
TIGHT = [
    ("heading/T1", "cut = 1.2\n", "cut", 1.2), ("heading/T1", "alarm = 0.8\n", "alarm", 0.8),
    ("heading/T1", "restore = 0.8\n", "restore", 0.8), ("heading/T2", "alarm = 0.5\n", "alarm", 0.5),
    ("air/oxygen", "alarm = 20.5\nrestore = 21.0\n", "alarm", 20.5),
]  # fmt: skip
LOOSE = [
    ("heading/T1", "cut = 1.6\n", "cut = 1.6 is looser than 1.5"),
    ("heading/T1", "alarm = 1.2\n", "alarm = 1.2 is looser than 1"),
    ("heading/T1", "restore = 1.1\n", "restore = 1.1 is looser than 1"),
    ("lock/fan-running", "cut = 0.4\n", "cut = 0.4 is looser than 0.5"),
    ("air/oxygen", "alarm = 19.5\n", "alarm = 19.5 is looser than 20"),
    ("air/carbon-monoxide", "alarm = 25.0\n", "alarm = 25 is looser than 24"),
]


@pytest.mark.parametrize(("key", "own", "name", "value"), TIGHT)
def test_a_site_may_tighten_a_number(key: str, own: str, name: str, value: float) -> None:
    rules = load(with_place(key, own).encode(), "r")
    made = next(made for made in rules.every_rule() if made.point == "X")
    assert getattr(made, name) == value


@pytest.mark.parametrize(("key", "own", "words"), LOOSE)
def test_a_looser_number_without_a_deviation_is_refused_with_the_statute_beside_it(
    key: str, own: str, words: str
) -> None:
    with pytest.raises(RulesError) as refused:
        load(with_place(key, own).encode(), "r")
    assert words in str(refused.value)
    assert key in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_deviation_holds_until_its_day_and_then_the_statute_holds_again() -> None:
    text = with_place("heading/T1", "cut = 1.8\n" + DEVIATION)
    rules = load(text.encode(), "r", MARCH_2027_S - 100)
    limit = next(limit for limit in rules.limits if limit.point == "X")
    assert (limit.cut, limit.deviation and limit.deviation.left_ms) == (1.8, 100_000)
    story = Story(replace(rules, limits=(limit,), fans=(), watches=()))
    story.healthy()
    story.hear("X", 0.5)
    story.tell(Reset(AREA, "Li"))
    story.take()
    story.hear("X", 1.6)
    assert story.area.permitted
    (alarm,) = story.take()
    assert "trial of a new head" in alarm.reason
    assert "Chief Zhao" in alarm.reason
    assert "2027-03-31" in alarm.reason
    assert alarm.rule == "heading/T1"
    story.now_ms = 99_999
    story.hear("X", 1.6)
    assert story.area.permitted
    story.now_ms = 100_000
    story.hear("X", 1.6)
    assert not story.area.permitted
    told = story.take()
    assert [edge.what for edge in told] == [What.DEVIATION_OVER, What.CUT]
    assert (told[1].limit, told[1].reason) == (1.5, "")


@pytest.mark.parametrize("utc_s", [None, float("nan"), 0.0, MARCH_2027_S, MARCH_2027_S + 1])
def test_without_a_clock_that_can_be_believed_or_after_its_day_no_deviation_holds(utc_s: float | None) -> None:
    text = with_place("heading/T1", "cut = 1.8\n" + DEVIATION)
    limit = next(limit for limit in load(text.encode(), "r", utc_s).limits if limit.point == "X")
    story = Story(replace(by_place(), limits=(limit,), fans=(), watches=()))
    story.tell(Heard("X", 1.6, 0, 0))
    assert story.state.inputs[0].over
    assert [edge.limit for edge in story.take() if edge.what is What.CUT] == [1.5]


def test_a_tight_number_stays_tight_when_a_deviation_of_another_ends() -> None:
    text = with_place("heading/T1", "alarm = 0.7\ncut = 1.8\n" + DEVIATION)
    limit = next(limit for limit in load(text.encode(), "r", NOW_S).limits if limit.point == "X")
    assert limit.then is not None
    assert (limit.then.alarm, limit.then.cut, limit.then.deviation) == (0.7, 1.5, None)


REFUSED = [
    (("[library]\nedition", "[library]\nediton"), "'editon'"),
    (('"coal-2025"', '"coal-1992"'), "'coal-1992' is not one of coal-2007, coal-2022, coal-2025"),
    (('class = "heading"\nid = "T1"', 'class = "heading"\nid = "T9"'), "ids of this class are heading/T1, heading/T2"),
    (('class = "heading"\nid = "T1"', 'class = "headin"\nid = "T1"'), "classes are air"),
    (('class = "heading"\nid = "T1"', 'class = "longwall"\nid = "T7"'), "not in force in edition 'coal-2025'"),
    (('class = "heading"\nid = "T1"', 'class = "lock"\nid = "power-on"'), "kept for every area"),
    (('class = "heading"\nid = "T1"', 'class = "lock"\nid = "methane-wind"'), "it is a [[fan_lock]]"),
    (('id = "methane-wind"', 'id = "fan-running"'), "does not lock a fan"),
    (("cut = 2.0 ", "rest = 2.0 #"), "unknown key 'rest'"),
    (("power_on_lock_s = 60", "power_on_lock_s = 59"), "59 is below 60 of 'lock/power-on'"),
    (('point = "1201-T1-ch4"\nstale_ms = 1200', 'point = "1201-T1-ch4"\nstale_ms = 1200\nrise = 0.2'), "no meaning"),
    (('outputs = ["fan-lock-1"]', 'outputs = ["relay-1"]'), "fan-lock-1"),
    (('outputs = ["relay-1"]', 'outputs = ["fan-lock-1"]'), "'relay-1' is not among"),
    (('run_point = "1201-fan-run"', 'run_point = "1201-fan"'), "'1201-fan' is not one of"),
    (("stale_ms = 1200\ncut = 2.0", "stale_ms = 1400\ncut = 2.0"), "stale_ms = 1400 is above 1350"),
    (('kind = "lock"\nsubject = "heading-1201"', 'kind = "lock"\nsubject = "x"'), "subject 'x' is not one of"),
    (('kind = "calibration"', 'kind = "smell"'), "'smell' is not one of lock, fan-lock, calibration"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "words"), REFUSED, ids=[row[1] for row in REFUSED])
def test_what_does_not_fit_the_library_is_refused_in_one_line(change: tuple[str, str], words: str) -> None:
    assert change[0] in BY_PLACE
    with pytest.raises(RulesError) as refused:
        load(BY_PLACE.replace(*change, 1).encode(), "site/rules.toml")
    assert words in str(refused.value)
    assert str(refused.value).startswith("site/rules.toml: ")
    assert "\n" not in str(refused.value)


PLACES_REFUSED = [
    ("heading/T1", "cut = 1.8\ndeviation = { reason = 'a', approver = 'b' }\n", "'until' is missing"),
    ("heading/T1", "cut = 1.8\ndeviation = { reason = 'a', approver = 'b', until = 'soon' }\n", "a date such as"),
    ("heading/T1", "cut = 1.8\ndeviation = 'trust me'\n", "a table is needed"),
    ("heading/T1", "deviation = { reason = 'a', approver = 'b', until = 2027-01-31 }\n", "without a number"),
    ("heading/T1", "cut = 1.8\ndeviation = { reason = 'a', approver = 'b', until = 2037-01-31 }\n", "366 days"),
    ("lock/duct-flow", "", "needs the site's own cut and restore"),
    ("lock/duct-flow", "cut = 2.0\nrestore = 2.0\nalarm = 2.0\n", "has no alarm"),
    ("people/head-count", "", "needs the site's own alarm and restore"),
    ("main/return", "cut = 1.0\n", "'cut' has no meaning"),
    ("trend/methane-rise", "alarm = 1.0\n", "'alarm' has no meaning"),
    ("robot/methane", "alarm_release = 'automatic'\n", "looser than 'manual'"),
    ("heading/T1", "alarm_release = 'never'\n", "not automatic or manual"),
    ("heading/T1", "frozen_s = 600\n", "belong together"),
    ("heading/T1", "agrees_with = '1201-T1-ch4'\n", "belong together"),
    ("heading/T1", "agrees_with = 'nobody'\nagrees_within = 0.3\n", "'nobody' is not one of"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "own", "words"), PLACES_REFUSED)
def test_a_place_with_keys_that_make_no_sense_is_refused(key: str, own: str, words: str) -> None:
    with pytest.raises(RulesError, match=words.replace("(", r"\(")):
        load(with_place(key, own).encode(), "r", NOW_S)


@pytest.mark.parametrize("table", ['[[place]]\narea = "a"\n', '[[fan_lock]]\nname = "a"\n'])
def test_a_place_without_an_edition_is_refused(table: str) -> None:
    with pytest.raises(RulesError, match="needs \\[library\\] edition, one of coal-2007, coal-2022, coal-2025"):
        load(table.encode(), "r")


def test_the_class_of_an_output_follows_from_its_table_and_is_no_setting() -> None:
    rules = by_place()
    assert [output.output_class for output in rules.outputs] == [OutputClass.AREA_POWER]
    assert [output.output_class for output in rules.fan_outputs] == [OutputClass.FAN_LOCK]
    assert sorted(rules.wanted()) == sorted([T1, T2, FAN, FLOW, "1201-feed"])
    assert rules.timing.power_on_lock_s * 1000 == LOCK_MS
    assert DAY_S == 86_400
