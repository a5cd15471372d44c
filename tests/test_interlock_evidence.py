"""What the interlock tells is what happened, and a node that fails is found out: engine and firmware face to face."""

from __future__ import annotations

import math

import pytest

from heading import AREA, EXAMPLE, GOOD, LOCK_MS, T1, rules
from minegate_interlock.engine import Engine
from minegate_interlock.lines import Command, PointName, Reading, Verb, Verdict, What
from minegate_interlock.rules import RulesError, load
from minegate_node.relay import RelayNode
from minegate_wire import messages

RULES = rules()
OUTPUT = RULES.outputs[0]
FEED_NUMBER = 99
STEP_MS = 10
READ_MS = 200
TICKS = (1 << 30) - 1


class Heading:
    """The real engine and the real node, joined without a line; the clock is counted."""

    def __init__(self) -> None:
        self.now_ms = 0
        self.engine = Engine(RULES, 7, 0)
        self.node = RelayNode(OUTPUT.node, 0x1234)
        self.contact = False
        self.held = False  # the contact does not follow the coil
        self.cable = True
        self.answers = True
        self.methane = GOOD[T1]
        self.feed: float | None = None
        self._told = 0
        self.engine.inputs(True, 0)
        for number, limit in enumerate(RULES.limits):
            self.engine.introduce(PointName(number, limit.point, limit.unit), 0)
        self.engine.introduce(PointName(FEED_NUMBER, RULES.areas[0].feed_point, ""), 0)

    def run(self, ms: int) -> None:
        for _ in range(ms // STEP_MS):
            self.now_ms += STEP_MS
            if self.now_ms % READ_MS == 0:
                self._read()
            if self.now_ms % RULES.timing.tick_ms == 0:
                self.engine.tick(self.now_ms)
            for _, frame in self.engine.take_sends():
                self.node.feed(frame if self.cable else b"")
            coil = self.node.step(self.now_ms & TICKS, self.contact)
            self.contact = self.contact if self.held else coil
            reply = self.node.reply()
            if reply and self.cable and self.answers:
                self.engine.hear(OUTPUT.name, reply, self.now_ms)

    def _read(self) -> None:
        for number, limit in enumerate(RULES.limits):
            value = self.methane if limit.point == T1 else GOOD[limit.point]
            self.engine.read(Reading(number, 0, 0, self.now_ms, value), self.now_ms)
        if self.feed is not None:
            self.engine.read(Reading(FEED_NUMBER, 0, 0, self.now_ms, self.feed), self.now_ms)

    def command(self, verb: Verb, by: str = "Li", reason: str = "") -> bool:
        return self.engine.command(Command(verb, AREA, by, reason), self.now_ms)[0]

    def told(self) -> list[Verdict]:
        verdicts = self.engine.ring.after(self._told, self.now_ms)
        self._told = self.engine.ring.next_number - 1
        return verdicts

    def said(self, what: What) -> list[Verdict]:
        return [verdict for verdict in self.told() if verdict.what == what]


@pytest.fixture
def heading() -> Heading:
    """Powered for a second."""
    own = Heading()
    own.run(LOCK_MS + 500)
    assert own.command(Verb.RESET)
    own.run(1000)
    assert own.contact
    own.told()
    return own


def test_a_refused_reset_is_told_although_nothing_changes(heading: Heading) -> None:
    heading.methane = 1.6
    heading.run(1000)
    heading.told()
    assert not heading.command(Verb.RESET, "Zhou")
    assert [verdict.by for verdict in heading.said(What.RESET_REFUSED)] == ["Zhou"]


def test_every_commanded_cut_is_told_with_its_name(heading: Heading) -> None:
    for name in ("Wang", "Zhou"):
        heading.command(Verb.CUT, name, "smoke")
    assert [verdict.by for verdict in heading.said(What.COMMANDED_CUT)] == ["Wang", "Zhou"]


def test_the_time_of_a_cut_is_from_the_reading_to_the_open_contact(heading: Heading) -> None:
    heading.methane = 1.6
    heading.run(1000)
    (opened,) = heading.said(What.OUTPUT_OPEN)
    assert 0 <= opened.value <= 200


def test_a_contact_that_opens_by_itself_has_no_reaction_time(heading: Heading) -> None:
    heading.run(30_000)
    heading.told()
    heading.held, heading.contact = True, False
    heading.run(1000)
    told = heading.told()
    assert [math.isnan(verdict.value) for verdict in told if verdict.what == What.OUTPUT_OPEN] == [True]
    assert What.OUTPUT_LOST in [verdict.what for verdict in told]


def test_a_value_below_cut_is_never_told_as_a_passed_limit(heading: Heading) -> None:
    for ahead, value in enumerate((math.nan, 1.2), 1):
        heading.engine.read(Reading(0, 0, 0, heading.now_ms + ahead, value), heading.now_ms)
    told = heading.told()
    assert [verdict.what for verdict in told if verdict.what in (What.CUT, What.LOCK)] == [What.LOCK, What.LOCK]
    assert not heading.command(Verb.RESET)  # 1.2 is not below restore


def test_a_load_that_stays_live_is_told_even_if_the_node_fell_silent(heading: Heading) -> None:
    heading.feed = 1.0
    heading.run(1000)
    heading.answers = False
    heading.methane = 1.6
    heading.run(RULES.timing.feed_check_ms + 1000)
    assert len(heading.said(What.FEED_MISMATCH)) == 1


def test_repeated_open_does_not_hide_a_welded_contact(heading: Heading) -> None:
    heading.held = True
    heading.methane = 1.6
    heading.run(20_000)
    assert (heading.node.trip_cause, heading.node.contact) == (messages.TRIP_READ_BACK, messages.CONTACT_MISMATCH)
    told = [verdict.what for verdict in heading.told()]
    assert (told.count(What.OUTPUT_LOST), told.count(What.OUTPUT_BACK)) == (1, 0)
    heading.held = False
    heading.methane = GOOD[T1]
    heading.run(1000)
    assert heading.command(Verb.RESET)
    heading.run(1000)
    assert heading.contact


def test_a_cable_that_was_cut_for_hours_does_not_leave_the_node_deaf(heading: Heading) -> None:
    heading.cable = False
    heading.run(1000)
    for _ in range(33_000):  # more frames than half the circle of the count: 83 minutes
        heading.now_ms += RULES.timing.renew_ms
        heading.engine.tick(heading.now_ms)
        heading.engine.take_sends()
    heading.cable = True
    heading.run(3000)
    assert not heading.contact
    assert heading.command(Verb.RESET)
    heading.run(1000)
    assert heading.contact


@pytest.mark.parametrize("baud", [1200, 2400, 4800])
def test_a_line_on_which_open_would_wait_behind_permits_is_refused(baud: int) -> None:
    text = EXAMPLE.read_bytes().replace(b"baud = 9600", b"baud = %d" % baud)
    with pytest.raises(RulesError, match=f"baud = {baud}.*tick_ms = 50"):
        load(text, "rules.toml")
