"""Command against load side: who is probably broken, what opens next, and how long cuts took."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from engine_heading import EngineHeading
from heading import AREA, T1, rules
from minegate_interlock.feed import lost_part, probable_part, why_lost
from minegate_interlock.lines import Cause, Reaction, Verb, What, pack, unpack
from minegate_interlock.node_output import NodeOutput
from minegate_interlock.node_wire import BUS_OFF, ERR_BUS_OFF, ERR_FLAG, STRUCT
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


def test_an_output_that_knows_why_it_is_silent_says_so() -> None:
    on_can = Output("relay-1", node=9, kind="can-node", interface="socketcan", channel="can1")
    node = NodeOutput(on_can, rules().timing, rules().hash)
    assert "no answer within the lease" in lost_part(node, True, False)
    node.hear(STRUCT.pack(ERR_FLAG | ERR_BUS_OFF, 8, b""), 0)
    assert not node.check(True, 0)
    assert lost_part(node, True, False) == BUS_OFF
    assert lost_part(node, True, True) == "relay node: it restarted"


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


def with_two() -> Rules:
    """Two outputs of one area, and a third that opens when they do not help."""
    own = with_second()
    return replace(
        own,
        outputs=(*own.outputs, Output("relay-2", "sim/relay-2", 12)),
        areas=(replace(own.areas[0], outputs=("relay-1", "relay-2")),),
    )


def test_all_outputs_of_an_area_open_together() -> None:
    heading = EngineHeading(with_two())
    heading.powered()
    assert heading.cabinets["relay-2"].contact
    heading.gas(1.6)
    heading.run(400)
    assert [heading.cabinets[name].contact for name in ("relay-1", "relay-2", "upstream")] == [False, False, True]
    opened = {verdict.point: verdict.value for verdict in heading.said(What.OUTPUT_OPEN)}
    assert sorted(opened) == ["relay-1", "relay-2"]
    assert all(0 <= took_ms <= 200 for took_ms in opened.values())


def test_of_several_outputs_the_one_that_does_not_obey_is_named() -> None:
    heading = EngineHeading(with_two())
    heading.powered()
    heading.feed = 1.0
    heading.cabinets["relay-2"].held = True
    heading.gas(1.6)
    heading.run(heading.rules.timing.feed_check_ms + 1000)
    told = heading.told()
    (mismatch,) = [verdict for verdict in told if verdict.what == What.FEED_MISMATCH]
    assert mismatch.reason.startswith("relay-2: relay: contact")
    assert "probably welded" in mismatch.reason
    (lost,) = [verdict for verdict in told if verdict.what == What.OUTPUT_LOST]
    assert lost.point == "relay-2"
    assert "probably welded" in lost.reason


@pytest.mark.parametrize(("feed", "opens"), [(None, True), (1.0, True), (0.0, False)])
def test_a_welded_contact_opens_the_second_output_unless_the_load_is_known_to_be_dead(
    feed: float | None, opens: bool
) -> None:
    heading = EngineHeading(with_two())
    heading.powered()
    heading.cabinets["relay-1"].held = True
    heading.feed = feed
    heading.gas(1.6)
    heading.run(heading.rules.timing.lease_ms + 600)  # before feed_check_ms is over
    assert heading.cabinets["upstream"].contact is not opens
    assert len(heading.said(What.SECOND_CUT)) == opens


def test_a_contact_that_is_only_late_leaves_the_second_output_alone() -> None:
    heading = EngineHeading(with_two())
    heading.powered()
    heading.cabinets["relay-1"].held = True
    heading.gas(1.6)
    heading.run(250)
    heading.cabinets["relay-1"].held = False
    heading.run(3000)
    assert heading.cabinets["upstream"].contact
    assert heading.said(What.SECOND_CUT) == []


def test_each_output_that_is_lost_or_back_is_told_and_one_keeps_the_area_locked() -> None:
    heading = EngineHeading(with_two())
    heading.powered()
    for name in ("relay-1", "relay-2"):
        heading.cabinets[name].answers = False
        heading.run(1500)
    lost = [verdict.point for verdict in heading.said(What.OUTPUT_LOST)]
    assert lost == ["relay-1", "relay-2"]
    heading.cabinets["relay-1"].answers = True
    heading.run(1500)
    assert [verdict.point for verdict in heading.said(What.OUTPUT_BACK)] == ["relay-1"]
    assert not heading.command(Verb.RESET)[0]
    heading.cabinets["relay-2"].answers = True
    heading.run(1500)
    assert [verdict.point for verdict in heading.said(What.OUTPUT_BACK)] == ["relay-2"]
    assert heading.command(Verb.RESET)[0]


def test_the_lease_that_is_left_is_the_shortest_of_the_areas_outputs() -> None:
    heading = EngineHeading(with_two())
    heading.powered()
    heading.cabinets["relay-2"].cable = False
    lease_ms, tick_ms = heading.rules.timing.lease_ms, heading.rules.timing.tick_ms
    left = []
    for _ in range(4):
        heading.run(100)
        left.append(heading.engine.areas(heading.now_ms)[0].lease_left_ms)
    assert all(0 < ms <= lease_ms for ms in left)
    heading.run(lease_ms - 400 + tick_ms)
    assert heading.engine.areas(heading.now_ms)[0].lease_left_ms == 0


def test_a_load_that_is_dead_although_power_is_permitted_names_the_breaker_once_and_tells_when_it_agrees() -> None:
    heading = EngineHeading(with_two())
    heading.powered()
    heading.feed = 0.0
    heading.run(heading.rules.timing.feed_check_ms + 2000)
    (mismatch,) = heading.said(What.FEED_MISMATCH)
    assert mismatch.reason.startswith("breaker: open by hand")
    assert heading.contact  # it is told; nothing is cut for it
    heading.feed = 1.0
    heading.run(500)
    assert len(heading.said(What.FEED_AGREES)) == 1


def test_a_port_that_is_gone_is_told_once_however_young_its_last_word_is() -> None:
    heading = EngineHeading()
    heading.powered()
    heading.cabinets["relay-1"].cable = False
    heading.engine.line_lost("relay-1", heading.now_ms)
    heading.run(3000)
    assert not heading.contact
    told = [verdict.what for verdict in heading.told() if verdict.what in (What.OUTPUT_LOST, What.OUTPUT_BACK)]
    assert told == [What.OUTPUT_LOST]
