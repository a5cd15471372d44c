"""The view shows what is known, with its age, and never more than that."""

from __future__ import annotations

import math
import struct
from typing import Any

import msgspec
import pytest

import page_site
from minegate_agent.clock import ClockQuality
from minegate_agent.link.view import EVENTS_KEPT, EVENTS_SHOWN, View
from minegate_agent.link.view_points import decimals
from minegate_agent.link.view_trend import SAMPLES_MAX
from minegate_drivers.sdk import Field, Quality
from minegate_interlock.lines import Cause
from page_site import CUT, PERMITTED, UTC_MS, area, fan, methane, scan, site


def point(view: View, name: str, now_ms: int = 0) -> dict[str, Any]:
    rows: Any = view.snapshot(now_ms)["points"]
    return next(row for row in rows if row["name"] == name)


def area_row(view: View, now_ms: int = 0) -> dict[str, Any]:
    rows: Any = view.snapshot(now_ms)["areas"]
    assert len(rows) == 1
    return rows[0]  # type: ignore[no-any-return]  # a document is JSON


def test_a_point_that_was_never_heard_has_no_value_no_age_and_is_stale() -> None:
    row = point(View(site()), "1201-T1-ch4", now_ms=5)
    assert (row["value"], row["age_ms"], row["quality"]) == (None, None, ["STALE"])


def test_a_scan_becomes_a_value_in_its_unit_with_its_age() -> None:
    view = View(site(), page_site.LIMITS)
    view.on_scan(methane(1, 0.42), 7, heard_ms=1000)
    row = point(view, "1201-T1-ch4", now_ms=1300)
    assert row["value"] == pytest.approx(0.42)
    assert (row["unit"], row["decimals"], row["quality"], row["age_ms"]) == ("%CH4", 2, [], 300)
    assert (row["sequence"], row["alarm"], row["cut"], row["place_zh"]) == (7, 1.0, 1.5, "掘进工作面 T1")


def test_only_the_newest_scan_of_a_device_part_counts() -> None:
    view = View(site())
    view.on_scan(methane(1, 0.1), 1, heard_ms=0)
    view.on_scan(methane(1, 0.2), 2, heard_ms=1)
    view.on_scan(methane(2, 0.9), 3, heard_ms=2)
    assert point(view, "1201-T1-ch4")["value"] == pytest.approx(0.2)
    assert point(view, "1201-T2-ch4")["value"] == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("record", "quality", "clock", "value", "names"),
    [
        (struct.pack(">HH", 400, 1), 0, 0, 4.0, []),
        (struct.pack(">HH", 401, 1), 0, 0, 4.01, ["OUT_OF_RANGE"]),
        (struct.pack(">HH", 42, 1), Quality.CALIBRATING, 0, 0.42, ["CALIBRATING"]),
        (
            struct.pack(">HH", 42, 1),
            Quality.LINE_BREAK | Quality.NEGATIVE_DRIFT,
            0,
            0.42,
            ["NEGATIVE_DRIFT", "LINE_BREAK"],
        ),
        (struct.pack(">HH", 42, 1), 0, ClockQuality.UNSYNCHRONISED, 0.42, ["CLOCK_UNSYNCHRONISED"]),
        (struct.pack(">HH", 42, 1), 0, ClockQuality.SYNCHRONISED, 0.42, []),
        (b"\x00", 0, 0, None, ["OUT_OF_RANGE"]),  # another version's record: no value, and said so
        (struct.pack(">HH", 42, 1), 1 << 14, 0, 0.42, ["BITS_0x4000"]),
    ],
)
def test_what_is_known_against_a_reading_is_named(
    record: bytes, quality: int, clock: int, value: float | None, names: list[str]
) -> None:
    view = View(site())
    view.on_scan(scan(1, record, quality=quality, clock=clock), 1, heard_ms=0)
    row = point(view, "1201-T1-ch4")
    assert row["value"] == (None if value is None else pytest.approx(value))
    assert row["quality"] == names


@pytest.mark.parametrize("nonsense", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_is_no_value_and_out_of_range(nonsense: float) -> None:
    view = View(site())
    view.on_scan(scan(4, struct.pack("<f", nonsense), part=1), 1, heard_ms=0)
    row = point(view, "1201-rh-ch4")
    assert (row["value"], row["quality"]) == (None, ["OUT_OF_RANGE"])


@pytest.mark.parametrize(
    ("name", "period_ms", "age_ms", "stale"),
    [
        ("1201-T1-ch4", 500, 1500, False),
        ("1201-T1-ch4", 500, 1501, True),
        ("1201-rh-current", 500, 10_000, False),
        ("1201-rh-current", 500, 10_001, True),
        ("1201-rh-current", 5000, 15_000, False),
        ("1201-rh-current", 5000, 15_001, True),
    ],
)
def test_old_is_three_periods_and_ten_seconds_for_who_speaks_by_itself(
    name: str, period_ms: int, age_ms: int, stale: bool
) -> None:
    view = View(site(period_ms=period_ms))
    view.on_scan(methane(1, 0.4), 1, heard_ms=100)
    view.on_scan(scan(4, b"\x10\x00"), 2, heard_ms=100)
    assert ("STALE" in point(view, name, now_ms=100 + age_ms)["quality"]) is stale


def test_a_scan_of_a_device_that_no_point_reads_is_not_kept() -> None:
    view = View(site())
    for number in range(1000):
        view.on_scan(scan(100 + number, b"\x00" * 4), number, heard_ms=0)
    view.on_scan(scan(1, b"\x00" * 4, part=9), 1, heard_ms=0)
    assert {row["value"] for row in view.snapshot(0)["points"]} == {None}  # type: ignore[attr-defined]  # JSON


@pytest.mark.parametrize(
    ("scale", "kind", "shown"),
    [(1.0, ">u2", 0), (0.1, ">u2", 1), (0.01, ">i4", 2), (0.25, "<u1", 2), (10.0, "<u1", 0), (1e-7, "<u8", 4),
     (1.0, "<f4", 2)],
)  # fmt: skip
def test_a_value_is_shown_with_the_decimals_that_it_has(scale: float, kind: str, shown: int) -> None:
    assert decimals(Field("x", kind, scale=scale)) == shown


@pytest.mark.parametrize(
    ("state", "word", "restorable"),
    [
        (PERMITTED, "permitted", False),
        (CUT, "cut", False),
        (area(cause=Cause.COMMAND), "cut", False),
        (area(cause=Cause.START), "locked", False),
        (area(cause=Cause.SILENCE, point="1201-T1-ch4"), "locked", False),
        (area(cause=Cause.NONE, restorable=1), "locked", True),
        (area(cause=Cause.LIMIT, restorable=1), "cut", True),
        (area(permitted=1, restorable=1), "permitted", False),
        (area(permitted=2), "locked", False),
        (area(cause=99), "locked", False),
    ],
)
def test_an_area_is_permitted_cut_or_locked(state: Any, word: str, restorable: bool) -> None:
    view = View(site())
    view.on_interlock(True, 0)
    view.on_area(state, 0)
    row = area_row(view)
    assert (row["state"], row["restorable"]) == (word, restorable)


def test_an_area_carries_cause_value_limit_and_its_clocks_run_on() -> None:
    view = View(site(), titles=page_site.TITLES)
    view.on_interlock(True, 0)
    view.on_area(CUT, 100)
    row = area_row(view, now_ms=1100)
    shown = {key: row[key] for key in ("cause", "point", "value", "limit", "unit", "place_en", "contact", "feed")}
    assert shown == {
        "cause": "limit", "point": "1201-T1-ch4", "value": 1.62, "limit": 1.5, "unit": "%CH4",
        "place_en": "heading face T1", "contact": "open", "feed": "dead",
    }  # fmt: skip
    assert (row["since_ms"], row["age_ms"], row["title_zh"]) == (13_000, 1000, "1201掘进工作面")


def test_the_lease_that_is_left_never_goes_below_nothing() -> None:
    view = View(site())
    view.on_area(PERMITTED, 0)
    assert [area_row(view, now_ms=ms)["lease_left_ms"] for ms in (0, 500, 600)] == [520, 20, 0]


@pytest.mark.parametrize(("up", "age_ms"), [(False, 0), (True, 3001), (False, 3001)])
def test_without_a_fresh_word_of_the_interlock_nothing_is_permitted(up: bool, age_ms: int) -> None:
    view = View(site())
    view.on_interlock(True, 0)
    view.on_area(PERMITTED, 0)
    assert area_row(view, now_ms=3000)["state"] == "permitted"
    view.on_interlock(up, 1)
    row = area_row(view, now_ms=age_ms)
    assert (row["state"], row["fresh"], row["restorable"]) == ("unknown", False, False)


def test_the_newest_events_come_first_and_old_ones_go() -> None:
    view = View(site())
    for number in range(1, EVENTS_KEPT + 51):
        view.on_event(number, {"kind": "alarm", "sequence": 5})
    events: Any = view.snapshot(0)["events"]
    assert [event["journal_sequence"] for event in events] == list(
        range(EVENTS_KEPT + 50, EVENTS_KEPT + 50 - EVENTS_SHOWN, -1)
    )
    assert events[0]["sequence"] == 5


def test_whatever_an_event_or_a_health_record_holds_the_document_is_json() -> None:
    view = View(site())
    odd = {"kind": "cut", "value": math.nan, "rules": b"\x01\x02", "more": {1: (math.inf, None)}, "text": "x" * 9999}
    view.on_event(1, odd)
    view.on_health({"ports": [{"name": "a", "utilisation": math.nan}, 7], "devices": "none", "hold": [1]}, 0)
    view.on_health({"ports": [{"name": "a", "up": True, "nonsense": {"crc": 3}, "odd": object}]}, 0)
    view.on_area(area(), 0)
    document = msgspec.json.decode(msgspec.json.encode(view.snapshot(0)))
    event = document["events"][0]
    assert (event["value"], event["rules"], event["more"]) == (None, "0102", {"1": [None, None]})
    assert len(event["text"]) == 300
    assert document["lines"] == [
        {"name": "a", "up": True, "nonsense": {"crc": 3}, "strays": {}, "bus": {}, "suspects": []}
    ]


def test_devices_are_the_configured_ones_with_what_field_says_of_them() -> None:
    view = View(site())
    row = {"number": 2, "up": False, "timeouts": 4, "answer_ms_p50": 31.5, "secret": 1}
    view.on_health({"devices": [row, {"number": 77, "up": True}], "hold": {"items": 3, "dropped": 0}}, 100)
    document: Any = view.snapshot(400)
    assert [device["up"] for device in document["devices"]] == [None, False, None, None]
    assert "secret" not in document["devices"][1]
    assert (document["hold"], document["health"]) == ({"items": 3, "dropped": 0}, {"heard": 1, "age_ms": 300})


def test_before_field_speaks_the_configured_ports_are_named_and_nothing_is_claimed() -> None:
    lines: Any = View(site()).snapshot(0)["lines"]
    assert [(line["name"], line["up"]) for line in lines] == [("rs485-1", None), ("rs485-2", None), ("can-1", None)]


def test_the_backlog_is_what_is_recorded_and_not_confirmed() -> None:
    view = View(site())
    view.on_delivery(500, 480, True, 0)
    view.on_delivery(900, 480, False, 1000)
    view.on_delivery(950, 480, False, 2000)
    view.on_written(10_000, 40, 3)
    delivery: Any = view.snapshot(4000)["delivery"]
    assert delivery == {
        "configured": True, "last": 950, "confirmed": 480, "waiting": 470, "connected": False, "since_ms": 3000,
        "consumers": [], "written": {"bytes": 10_000, "readings": 40, "bytes_each": 250.0, "thinned": 3},
    }  # fmt: skip


def test_processes_and_disk_are_told() -> None:
    view = View(site(uplink=False))
    view.on_field(True, 10)
    view.on_disk("No space left on device")
    document: Any = view.snapshot(30)
    assert document["processes"] == {"interlock": False, "field": True, "link": True}
    assert document["processes_since_ms"] == {"interlock": None, "field": 20}
    assert document["disk"] == {"ok": False, "error": "No space left on device"}
    assert document["delivery"]["configured"] is False


def test_every_change_grows_the_version() -> None:
    view = View(site())
    changes = [
        lambda: view.on_scan(methane(1, 0.1), 1, 0),
        lambda: view.on_event(1, {"kind": "alarm"}),
        lambda: view.on_area(CUT, 0),
        lambda: view.on_interlock(True, 0),
        lambda: view.on_field(True, 0),
        lambda: view.on_health({}, 0),
        lambda: view.on_delivery(1, 0, True, 0),
        lambda: view.on_disk("full"),
    ]
    for number, change in enumerate(changes, start=1):
        change()
        assert view.version == number


def test_a_trend_has_one_sample_a_second_and_forgets_the_oldest() -> None:
    view = View(site())
    for tick in range(4 * (SAMPLES_MAX + 10)):
        view.on_scan(methane(1, 0.5, utc_ms=UTC_MS + 250 * tick), tick, heard_ms=250 * tick)
    line = view.trends()["1201-T1-ch4"]
    assert len(line["t"]) == len(line["v"]) == SAMPLES_MAX
    assert line["t"][-1] == UTC_MS + 1000 * (SAMPLES_MAX + 9)
    assert line["v"][0] == pytest.approx(0.5)


def test_a_trend_is_kept_of_methane_only_and_told_once_per_mark() -> None:
    view = View(site())
    view.on_scan(methane(1, 0.5), 1, 0)
    view.on_scan(fan(1, 5.0, 1), 2, 0)
    mark = view.trend_mark
    view.on_scan(methane(2, 0.7, utc_ms=UTC_MS + 1000), 3, 0)
    assert set(view.trends()) == {"1201-T1-ch4", "1201-T2-ch4"}
    assert view.trends(after=mark) == {"1201-T2-ch4": {"t": [UTC_MS + 1000], "v": [pytest.approx(0.7)]}}
    assert view.trends(after=view.trend_mark) == {}


def test_a_reading_without_a_value_is_a_hole_in_the_trend() -> None:
    view = View(site())
    view.on_scan(methane(1, 0.5, quality=Quality.LINE_BREAK), 1, 0)
    view.on_scan(scan(4, struct.pack("<f", math.nan), part=1), 2, 0)
    assert {name: line["v"] for name, line in view.trends().items()} == {"1201-T1-ch4": [None], "1201-rh-ch4": [None]}


def test_a_clock_that_steps_back_starts_the_trend_anew() -> None:
    view = View(site())
    for utc_ms in (UTC_MS, UTC_MS + 1000, UTC_MS - 3_600_000):
        view.on_scan(methane(1, 0.5, utc_ms=utc_ms), 1, 0)
    assert view.trends()["1201-T1-ch4"]["t"] == [UTC_MS - 3_600_000]


def test_what_a_loss_tells_machines_is_not_shown_to_people() -> None:
    view = View(site())
    loss = {
        "kind": "loss",
        "from": "link",
        "utc_ms": 1,
        "first": 1,
        "last": 9,
        "count": 4,
        "gone": b"bits",
        "was": b"x",
    }
    view.on_event(7, loss)
    events: Any = view.snapshot(0)["events"]
    assert events[0].keys() == {"kind", "from", "utc_ms", "first", "last", "count", "journal_sequence"}
