"""Command against load side: who is probably broken, what opens next, and how long cuts took."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from engine_heading import EngineHeading
from heading import AREA, T1, rules
from minegate_interlock.feed import probable_part, why_lost
from minegate_interlock.lines import Cause, Reaction, Verb, What, pack, unpack
from minegate_interlock.outlet import SILENT
from minegate_interlock.reaction import EDGES_MS, Reactions, counts_of, quantile_ms
from minegate_interlock.rules import Output, Rules
from minegate_wire.messages import CONTACT_CLOSED, CONTACT_MISMATCH, CONTACT_OPEN


def with_second() -> Rules:
    own = rules()
    return replace(
        own,
        outputs=(*own.outputs, Output("upstream", "sim/upstream", 11)),
        areas=(replace(own.areas[0], second=("upstream",)),),
    )


# permitted, contact, words that the part's name must have
PARTS = [
    (False, CONTACT_OPEN, "breaker or its control wiring"), (False, CONTACT_CLOSED, "probably welded"),
    (False, CONTACT_MISMATCH, "probably welded"), (False, SILENT, "relay node or its line"),
    (True, CONTACT_CLOSED, "breaker: open by hand"), (True, CONTACT_OPEN, "contact is open although"),
    (True, CONTACT_MISMATCH, "does not follow"), (True, SILENT, "its lease has run out"),
]  # fmt: skip


@pytest.mark.parametrize(("permitted", "contact", "words"), PARTS)
def test_a_mismatch_names_the_part_that_is_probably_broken(permitted: bool, contact: int, words: str) -> None:
    assert words in probable_part(permitted, contact)


@pytest.mark.parametrize(
    ("contact", "permitted", "rebooted", "words"),
    [
        (SILENT, True, False, "no answer within the lease"), (CONTACT_MISMATCH, True, False, "probably welded"),
        (CONTACT_CLOSED, False, False, "probably welded"), (CONTACT_OPEN, True, False, "opened by itself"),
        (CONTACT_OPEN, True, True, "it restarted"),
    ],
)  # fmt: skip
def test_a_lost_output_is_told_with_the_part_to_look_at(
    contact: int, permitted: bool, rebooted: bool, words: str
) -> None:
    assert words in why_lost(contact, permitted, rebooted)


def test_a_load_that_stays_live_names_the_breaker_and_opens_the_second_output() -> None:
    heading = EngineHeading(with_second())
    heading.powered()
    assert heading.cabinets["upstream"].contact
    heading.feed = 1.0
    heading.run(1000)
    heading.gas(1.6)
    heading.run(400)
    assert not heading.contact
    assert heading.cabinets["upstream"].contact  # a breaker is given its time first
    heading.run(heading.rules.timing.feed_check_ms + 500)
    assert not heading.cabinets["upstream"].contact
    told = heading.told()
    (mismatch,) = [verdict for verdict in told if verdict.what == What.FEED_MISMATCH]
    assert "breaker or its control wiring" in mismatch.reason
    (second,) = [verdict for verdict in told if verdict.what == What.SECOND_CUT]
    assert (second.area, second.cause) == (AREA, Cause.FEED)


def test_the_second_output_closes_again_only_by_a_person() -> None:
    heading = EngineHeading(with_second())
    heading.powered()
    heading.feed = 1.0
    heading.gas(1.6)
    heading.run(heading.rules.timing.feed_check_ms + 1500)
    heading.feed = 0.0
    heading.gas(0.5)
    heading.run(3000)
    assert not heading.cabinets["upstream"].contact
    assert heading.command(Verb.RESET)[0]
    heading.run(500)
    assert heading.cabinets["upstream"].contact
    assert heading.contact


def test_a_load_that_follows_is_no_mismatch_and_keeps_the_second_output_closed() -> None:
    heading = EngineHeading(with_second())
    heading.powered()
    heading.feed_follows = True
    heading.run(3000)
    heading.gas(1.6)
    heading.run(6000)
    told = [verdict.what for verdict in heading.told()]
    assert What.FEED_MISMATCH not in told
    assert heading.cabinets["upstream"].contact


def test_a_silent_second_output_locks_its_area() -> None:
    heading = EngineHeading(with_second())
    heading.powered()
    heading.cabinets["upstream"].answers = False
    heading.run(1500)
    assert not heading.contact
    (lost,) = heading.said(What.OUTPUT_LOST)
    assert (lost.point, lost.area) == ("upstream", AREA)
    assert "no answer within the lease" in lost.reason


def test_the_histogram_counts_every_cut_by_its_time_and_keeps_the_worst() -> None:
    heading = EngineHeading()
    heading.powered()
    for _ in range(5):
        heading.gas(1.6)
        heading.run(1000)
        heading.gas(0.5)
        heading.run(400)
        assert heading.command(Verb.RESET)[0]
        heading.run(500)
    record = heading.engine.reactions["relay-1", T1].record()
    assert (record.output, record.point) == ("relay-1", T1)
    assert sum(counts_of(record)) == 5
    took = [verdict.value for verdict in heading.said(What.OUTPUT_OPEN)]
    assert len(took) == 5
    assert record.worst_ms == max(took)
    assert unpack(pack(record)) == record


@pytest.mark.parametrize("edge", EDGES_MS)
def test_a_bucket_holds_its_upper_edge(edge: int) -> None:
    reactions = Reactions("r", "p")
    reactions.add(edge)
    reactions.add(edge + 0.5)
    counts = counts_of(reactions.record())
    at = EDGES_MS.index(edge)
    assert (counts[at], counts[at + 1]) == (1, 1)


def test_quantiles_are_upper_bounds_and_none_without_a_cut() -> None:
    reactions = Reactions("r", "p")
    assert quantile_ms(reactions.record(), 0.99) is None
    for took_ms in [2] * 98 + [40, 2500]:
        reactions.add(took_ms)
    record = reactions.record()
    assert isinstance(record, Reaction)
    assert [quantile_ms(record, share) for share in (0.5, 0.98, 0.99, 1.0)] == [3, 3, 50, 2500]


def test_a_contact_that_nobody_commanded_is_no_reaction() -> None:
    heading = EngineHeading()
    heading.powered()
    heading.run(5000)
    cabinet = heading.cabinets["relay-1"]
    cabinet.held, cabinet.contact = True, False
    heading.run(500)
    assert [math.isnan(verdict.value) for verdict in heading.said(What.OUTPUT_OPEN)] == [True]
    assert heading.engine.reactions == {}
    assert heading.values[T1] == 0.5
