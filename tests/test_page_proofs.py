"""Proof tests on the page: which are due, how one is begun at the gateway, what it showed, and what is next."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from browser import Browser, open_browser
from heading import rules
from minegate_agent.link import shown_limits
from minegate_agent.link.view import View
from minegate_agent.link.view_proofs import ProofRows
from minegate_interlock import proof_dates
from minegate_interlock.proof_test import Key
from minegate_interlock.rules import ProofTest
from page_served import served
from page_site import AREA, CUT
from page_work import CLOCK, speak, working
from place_rules import BY_PLACE

LOCK, FAN, HEAD = Key("lock", AREA), Key("fan-lock", "1201-fan"), Key("calibration", "1201-T1-ch4")
TESTS = (
    ProofTest("lock", AREA, 15, "every 15 days"),
    ProofTest("fan-lock", "1201-fan", 180, "every 6 months"),
    ProofTest("calibration", "1201-T1-ch4", 15, "every 15 days"),
)
DAY_S = 86_400


def event(kind: str, key: Key, reason: str = "", cause: str = "test") -> dict[str, object]:
    return {
        "kind": kind, "from": "interlock", "cause": cause, "area": AREA, "point": key.subject, "by": "Li",
        "reason": reason, "utc_ms": CLOCK.utc_ms(),
    }  # fmt: skip


def row(rows: ProofRows, key: Key) -> dict[str, object]:
    (found,) = [row for row in rows.rows() if (row["kind"], row["subject"]) == key]
    return found


def test_a_test_is_followed_from_its_beginning_to_its_finding() -> None:
    rows = ProofRows()
    rows.draw(TESTS, {FAN: 1_800_000_000.0})
    assert [row(rows, key)["passed_utc_ms"] for key in (LOCK, FAN, HEAD)] == [None, 1_800_000_000_000.0, None]
    rows.hear(event("test_begun", LOCK))
    assert (row(rows, LOCK)["running"], row(rows, LOCK)["by"]) == (True, "Li")
    done = event("test_done", LOCK, "contact open after 41 ms, load side dead")
    rows.hear(done)
    after = row(rows, LOCK)
    assert (after["running"], after["passed"], after["passed_utc_ms"]) == (False, True, done["utc_ms"])
    rows.hear(event("test_failed", LOCK, "contact not read back open within 4050 ms"))
    failed = row(rows, LOCK)
    assert (failed["passed"], failed["passed_utc_ms"]) == (False, done["utc_ms"])
    assert row(rows, FAN)["passed"] is None


def test_a_calibration_on_record_is_its_own_row_and_a_self_test_is_none() -> None:
    rows = ProofRows()
    rows.draw(TESTS, {})
    rows.hear(event("test_done", HEAD, "2.00 % gas, read 1.98 %", cause="calibration"))
    rows.hear(event("test_failed", Key("", "relay-1"), cause="start"))
    rows.hear(event("test_done", Key("", AREA), cause="start"))
    rows.hear({"kind": "test_done", "cause": "calibration", "point": HEAD.subject})  # an event without a time
    assert [row(rows, key)["passed"] for key in (LOCK, FAN, HEAD)] == [None, None, True]


def test_what_was_heard_before_the_rules_were_read_is_kept_when_they_are_read_again() -> None:
    rows = ProofRows()
    rows.hear(event("test_done", LOCK))  # nobody has asked for it yet
    rows.draw(TESTS, {})
    assert row(rows, LOCK)["passed"] is None
    rows.hear(event("test_done", LOCK, "contact open after 41 ms"))
    rows.draw(TESTS, {LOCK: 5.0})
    assert row(rows, LOCK)["words"] == "contact open after 41 ms"
    assert row(rows, LOCK)["passed_utc_ms"] != 5000.0


def test_the_page_reads_the_tests_and_their_dates_and_nothing_of_a_site_without_rules(tmp_path: Path) -> None:
    assert shown_limits.drawn(tmp_path).tests == ()
    (tmp_path / "rules.toml").write_text(BY_PLACE, encoding="utf-8")
    assert [test.kind for test in shown_limits.drawn(tmp_path).tests] == ["lock", "fan-lock", "calibration"]
    assert rules().tests == ()
    proof_dates.write(tmp_path, {LOCK: 5.0})
    assert shown_limits.passed(tmp_path) == {LOCK: 5.0}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with open_browser(tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


async def test_a_person_is_guided_from_due_to_reset_in_both_languages(browser: Browser, tmp_path: Path) -> None:
    view: View = working()
    now_s = CLOCK.utc_ms() / 1000
    view.draw_proofs(TESTS, {LOCK: now_s - 16 * DAY_S, FAN: now_s - 3 * DAY_S})

    async def see(*texts: str) -> None:
        await asyncio.to_thread(browser.see, *texts)

    async with served(view) as page:
        await asyncio.to_thread(browser.size, 1280, 2400)
        await asyncio.to_thread(browser.open, f"{page.address}/?lang=en")
        await see("Proof tests", "last passed 16.0 days ago", "in time", f"minegate proof run {AREA} --by … --reason …")
        await see("never passed on record", "minegate proof calibrated 1201-T1-ch4")
        await asyncio.to_thread(browser.shoot, tmp_path / "proofs-due.png")
        speak(view, CUT, 0.42)
        view.on_event(50, event("test_begun", LOCK))
        await see("running, begun by Li", "Waiting for the contact")
        view.on_event(51, event("test_done", LOCK, "contact open after 41 ms, load side dead"))
        await see(
            "contact open after 41 ms, load side dead", "last passed 0.0 days ago", f"minegate reset {AREA} --by …"
        )
        await asyncio.to_thread(browser.shoot, tmp_path / "proofs-done.png")
        await asyncio.to_thread(browser.open, f"{page.address}/?lang=zh")
        await see("定期试验", "断电闭锁试验", "现场确认安全后由人员复位")
        await asyncio.to_thread(browser.size, 390, 2400)
        assert await asyncio.to_thread(browser.run, "return document.documentElement.scrollWidth") <= 390
        await asyncio.to_thread(browser.shoot, tmp_path / "proofs-phone.png")
        assert await asyncio.to_thread(browser.complaints) == []
