"""GPIO lines as an output: levels, a watchdog relay in series, a read-back; in the engine, in virtual time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine_heading import STEP_MS, Cabinet, EngineHeading
from gpio_panel import BLIND, OUTPUT, TRAVEL_MS, WATCHDOG_MS, Panel
from heading import AREA, rules
from minegate_interlock.gpio_output import GpioOutput
from minegate_interlock.lines import Cause, Verb, What
from minegate_interlock.outlet import SILENT, UNREAD
from minegate_interlock.output_kinds import AnyOutput
from minegate_interlock.rules import Output, ProofTest, Rules
from minegate_wire.messages import CONTACT_OPEN


class OnGpio(EngineHeading):
    """The heading, whose breaker hangs on a chip of the gateway."""

    def __init__(self, output: Output = OUTPUT, own: Rules | None = None) -> None:
        super().__init__(replace(own or rules(), outputs=(output,)))
        panel = self.cabinets["relay-1"]
        assert isinstance(panel, Panel)
        self.panel: Panel = panel

    def cabinet(self, output: AnyOutput) -> Cabinet:
        return Panel(output)  # type: ignore[return-value]  # the same shape


@pytest.mark.parametrize("closed_level", [0, 1])
def test_the_line_closes_after_a_reset_and_opens_at_the_limit(closed_level: int) -> None:
    heading = OnGpio(replace(OUTPUT, read_back_closed=closed_level)).powered()
    heading.gas(1.5)
    heading.run(250)
    assert not heading.contact
    assert (heading.panel.level, heading.panel.beat) == (0, 0)
    (opened,) = heading.said(What.OUTPUT_OPEN)
    assert 0 < opened.value <= TRAVEL_MS


def test_the_watchdog_line_is_turned_over_at_every_tick_and_only_while_permitted() -> None:
    timing = rules().timing
    gpio = GpioOutput(OUTPUT, timing)
    beats = [gpio.send(True, False, now_ms) for now_ms in range(0, 1000, timing.tick_ms)]
    assert beats == [b"\1\1", b"\1\0"] * (len(beats) // 2)
    off = [gpio.send(False, False, now_ms) for now_ms in range(1000, 2000, timing.tick_ms)]
    assert set(off) == {b"", b"\0\0"}
    assert gpio.send(False, True, 2001) == b"\0\0"


def test_an_interlock_that_hangs_is_cut_by_the_watchdog_and_waits_for_a_person() -> None:
    heading = OnGpio().powered()
    before_ms = heading.now_ms
    while heading.panel.contact:  # nobody calls the engine any more: the lines stay as they are
        heading.now_ms += 10
        heading.panel.turn([], heading.now_ms)
        assert heading.now_ms - before_ms <= WATCHDOG_MS + TRAVEL_MS + 10
    assert heading.panel.level == 1
    heading.run(100)
    (lost,) = heading.said(What.OUTPUT_LOST)
    assert "watchdog relay: it can have opened, the loop was held up for 3" in lost.reason
    heading.run(2000)
    assert not heading.contact
    assert heading.command(Verb.RESET)[0]
    heading.run(500)
    assert heading.contact


@pytest.mark.parametrize("output", [OUTPUT, BLIND])
def test_a_relay_that_opened_while_the_loop_was_held_up_does_not_close_with_the_next_beat(output: Output) -> None:
    heading = OnGpio(output)
    heading.feed_follows = True
    heading.powered()
    heading.run(1000)
    for held_ms in (200, 260, 290, 350, 450):
        heading.told()
        heading.now_ms += held_ms - STEP_MS  # nobody calls the engine, and the read-back's edge is not seen either
        heading.panel.turn([], heading.now_ms)
        closings = 0
        for _ in range(100):
            was = heading.contact
            heading.run(STEP_MS)
            closings += heading.contact and not was
        lost = heading.said(What.OUTPUT_LOST)
        if held_ms <= WATCHDOG_MS - heading.rules.timing.tick_ms:
            assert (heading.contact, lost) == (True, [])
            continue
        assert (heading.contact, closings) == (False, 0)
        assert "watchdog relay: it can have opened" in lost[0].reason
        heading.run(500)
        assert heading.command(Verb.RESET)[0]
        heading.run(1000)
        assert heading.contact


def test_a_contact_that_welds_is_told_and_a_broken_read_back_wire_reads_open() -> None:
    heading = OnGpio().powered()
    heading.panel.held = True
    heading.gas(1.5)
    heading.run(heading.rules.timing.lease_ms + 400)
    (lost,) = heading.said(What.OUTPUT_LOST)
    assert "probably welded" in lost.reason
    other = OnGpio().powered()
    other.panel.cable = False
    other.run(100)
    assert other.engine.outputs["relay-1"].contact == CONTACT_OPEN
    assert not other.contact


def test_a_chip_that_goes_away_locks_and_is_named() -> None:
    heading = OnGpio().powered()
    heading.panel.chip = False
    heading.engine.line_lost("relay-1", heading.now_ms)
    heading.run(10)
    (lost,) = heading.said(What.OUTPUT_LOST)
    assert lost.reason == "GPIO chip /dev/gpiochip0: its lines cannot be had or driven"
    assert heading.engine.outputs["relay-1"].contact == SILENT


def test_the_state_tells_how_long_the_watchdog_holds() -> None:
    heading = OnGpio().powered()
    assert 0 < heading.engine.areas(heading.now_ms)[0].lease_left_ms <= WATCHDOG_MS
    heading.gas(1.5)
    heading.run(250)
    assert heading.engine.areas(heading.now_ms)[0].lease_left_ms == 0


def test_without_a_read_back_the_contact_is_unread_and_the_load_side_judges_it() -> None:
    heading = OnGpio(BLIND).powered()
    heading.feed_follows = True
    heading.run(1000)
    assert heading.engine.areas(heading.now_ms)[0].contact == UNREAD
    heading.gas(1.5)
    heading.run(250)
    assert not heading.contact
    assert heading.said(What.OUTPUT_OPEN) == []  # nobody has read it
    heading.gas(0.5)
    heading.run(500)
    assert heading.command(Verb.RESET)[0]
    heading.run(2000)
    heading.panel.held = True
    heading.gas(1.5)
    heading.run(heading.rules.timing.feed_check_ms + 1000)
    (mismatch,) = heading.said(What.FEED_MISMATCH)
    assert mismatch.reason == "relay and watchdog relay, or breaker: the contact is not read back, load still live"


def test_a_lock_test_of_an_unread_contact_is_passed_by_the_dead_load_and_by_nothing_less() -> None:
    for follows, what in ((True, What.TEST_DONE), (False, What.TEST_FAILED)):
        own = replace(rules(), tests=(ProofTest("lock", AREA, 15, "every 15 days"),))
        heading = OnGpio(BLIND, own).powered()
        heading.feed_follows, heading.feed = follows, 1.0
        heading.run(1000)
        assert heading.command(Verb.TEST, reason="due")[0]
        heading.run(6000)
        (told,) = [verdict for verdict in heading.told() if verdict.what in (What.TEST_DONE, What.TEST_FAILED)]
        assert (told.what, told.cause) == (what, Cause.TEST)


def test_the_self_test_at_start_says_that_nothing_is_read_back() -> None:
    heading = OnGpio(BLIND)
    heading.run(15_000)
    (told,) = heading.said(What.TEST_DONE)
    assert told.reason == "self-test at start: takes what it is told, not read back"
