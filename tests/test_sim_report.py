"""The report of a run: one file that opens without a network, the verdict on top, everything on one time axis."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

import minegate_sim
from browser import open_browser
from minegate_sim.report.axis import clock, round_step, time_axis, value_axis
from minegate_sim.report.bands import power
from minegate_sim.report.history import History, true_s
from minegate_sim.report.page import page
from minegate_sim.run import Outcome, run
from minegate_sim.scenario import At, Expect, Scenario
from minegate_sim.virtual.clocks import UTC_AT_START_MS

SCENARIO = Scenario(
    place="heading",
    title="A <burst> & an outage",
    seed=5,
    lasts_s=40.0,
    rules={"power_on_lock_s": 2},
    at=[
        At(t=8.0, what="reset"),
        At(t=12.0, what="broker_silent", for_s=15.0),
        At(t=16.0, wish={"do": "burst", "m3": 3.0}),
        At(t=20.0, what="clock_step", value=3600.0),
    ],
    expect=[
        Expect(words="contact 1201 opens within 2 s of point 1201-T1-ch4 reaching 1.5", after_s=16.0),
        Expect(words="backlog drained within 10 s", after_s=27.0),
        Expect(words="contact 1201 stays closed", after_s=10.0),
    ],
)


@cache
def outcome() -> Outcome:
    return run(SCENARIO, keep_history=True)


def history() -> History:
    found = outcome().history
    assert found is not None
    return found


def test_a_browser_opens_it_without_a_network_and_without_a_complaint(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(page(outcome(), history()), encoding="utf-8")
    with open_browser(tmp_path) as browser:
        browser.open(path.as_uri())
        browser.see(
            "未通过", "Broken", "A <burst> & an outage", "contact 1201 stays closed", "moved at", "甲烷 Methane"
        )
        browser.see(
            "风速 Air", "供电与设备 Power", "断电器触点 Contacts", "待传数据 Backlog", "传输时延 Latency", "断电 cut"
        )
        lines = browser.run("return [...document.querySelectorAll('path.line')].map(p => p.getTotalLength())")
        assert len(lines) > 6
        assert all(length > 1.0 for length in lines)
        beyond = "return document.documentElement.scrollWidth > window.innerWidth"
        assert not browser.run(beyond)
        browser.size(390, 800)
        assert not browser.run(beyond)
        browser.size(1280, 800)
        value = "document.querySelector('[data-line=\"1201-T1-ch4\"] b').textContent"
        box = browser.run(
            "const box = plots.querySelector('svg').getBoundingClientRect(); return [box.left, box.width]"
        )
        at = box[0] + 0.6 * box[1]
        browser.run("plots.dispatchEvent(new PointerEvent('pointermove', {clientX: arguments[0]}))", at)
        assert float(browser.run(f"return {value}")) > 1.0
        assert browser.complaints() == []
        assert [address for address in browser.requests() if address.startswith(("http:", "https:", "ws"))] == []


def test_nothing_in_it_comes_from_elsewhere_and_what_is_text_stays_text() -> None:
    text = page(outcome(), history())
    assert not re.search(r"(?:src|href|url)\s*[=(]\s*[\"']?(?:https?:)?//", text)
    assert "<burst>" not in text.replace("&lt;burst&gt;", "")


def test_every_shipped_text_has_both_languages() -> None:
    text = page(outcome(), history())
    headings = re.findall(r"<h[23]>(.*?)</h[23]>", text)
    assert len(headings) >= 9
    assert all('<span lang="zh">' in heading for heading in headings)


def test_what_ran_from_the_beginning_is_drawn_from_the_beginning() -> None:
    seen = run(Scenario(place="heading", lasts_s=9.0, at=[At(t=6.0, what="fan_stop")]), keep_history=True).seen
    fan = next(row for row in power(seen, 9.0).rows if row.name == "fan")
    assert [(round(begin, 1), round(end, 1)) for begin, end in fan.spans] == [(0.0, 6.0)]


def test_backlog_and_latency_show_the_outage() -> None:
    kept = history()
    assert max(kept.backlog) > 200
    assert kept.backlog[-1] < 60
    late = [s for s in kept.oldest if s == s]
    assert max(late) > 10.0  # what waited through the outage
    assert min(late) < 1.0


def test_an_event_is_marked_when_it_happened_not_when_it_arrived_whatever_the_wall_clock_did() -> None:
    """The cut was told after the outage, and the clock had leapt an hour in between."""
    cut = next(each for each in outcome().seen.arrived if each.kind == "cut")
    assert cut.s > 27.0
    opened = next(s for s, _, closed in outcome().seen.contacts if not closed and s > 16.0)
    assert true_s(history(), cut.utc_ms, cut.s) == pytest.approx(opened, abs=0.3)
    later = UTC_AT_START_MS + 25_000 + 3_600_000
    assert true_s(history(), later, 30.0) == pytest.approx(25.0, abs=0.1)


def test_the_same_seed_gives_the_same_page() -> None:
    again = run(SCENARIO, keep_history=True)
    assert again.history is not None
    assert page(again, again.history) == page(outcome(), history())


@pytest.mark.parametrize(("least", "step"), [(0.9, 1.0), (1.1, 2.0), (2.1, 5.0), (5.1, 10.0), (0.03, 0.05)])
def test_steps_of_an_axis_are_round(least: float, step: float) -> None:
    assert round_step(least) == pytest.approx(step)


def test_an_axis_has_room_for_all_that_is_drawn() -> None:
    nan = float("nan")
    for values in ([nan], [0.0], [1.5, 2.63, nan], [-20.0, 4.0], [16.4, 16.5], [0.0003]):
        axis = value_axis(values, 0.0, 100.0, 8.0)
        assert all(8.0 <= axis.at(value) <= 108.0 for value in values if value == value)
        assert 2 <= len(axis.ticks()) <= 12
    decades = value_axis([0.02, 63.0], 0.1, 100.0, 8.0, log=True)
    assert [round(tick, 3) for tick in decades.ticks()] == [0.01, 0.1, 1.0, 10.0, 100.0]


def test_time_is_told_as_a_person_reads_it() -> None:
    assert [clock(75.5, 90.0), clock(75.0, 600.0), clock(3725.0, 86_400.0)] == ["75.5", "1:15", "1:02:05"]
    assert time_axis(60.0).at(-5.0) == time_axis(60.0).begin


def test_the_package_carries_what_the_page_is_made_of() -> None:
    folder = Path(minegate_sim.__file__).parent / "report"
    assert {"report.css", "report.js"} <= {path.name for path in folder.iterdir()}
