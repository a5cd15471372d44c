"""The demo's account cannot be talked into balancing."""

from __future__ import annotations

from collections.abc import Mapping

import msgpack
import pytest

from minegate_tools.demo.account import CUT_MS_MAX, Account, Opening, openings, origin, sequences
from minegate_tools.demo.count import Count


@pytest.mark.parametrize(
    ("delivered", "lost", "kept", "sides", "balanced"),
    [
        (range(1, 11), [], 0, (10, 0, 0, 0), True),
        (range(1, 9), [], 2, (8, 2, 0, 0), True),  # two are still kept by link
        (range(1, 9), [], 1, (8, 1, 0, 1), False),  # but not more than it says it keeps
        (range(1, 9), [(9, 10)], 0, (8, 0, 2, 0), True),  # declared
        (range(1, 9), [(9, 9)], 0, (8, 0, 1, 1), False),
        (range(1, 11), [(9, 10)], 0, (10, 0, 0, 0), False),  # declared lost, and here all the same
        (range(3, 11), [(1, 2)], 0, (8, 0, 2, 0), True),  # the oldest were dropped
        (range(1, 14), [], 0, (10, 0, 0, 0), True),  # what came after the line was drawn is not counted
        (range(1, 9), [(9, 4_000_000_000)], 0, (8, 0, 2, 0), True),  # nor is a loss beyond it
        ((), [], 0, (0, 0, 0, 10), False),
    ],
)
def test_every_number_is_delivered_waiting_or_declared_lost(
    delivered: range, lost: list[tuple[int, int]], kept: int, sides: tuple[int, int, int, int], balanced: bool
) -> None:
    found = origin("field", 7, 10, set(delivered), lost, kept)
    assert (found.delivered, found.waiting, found.lost, found.unexplained) == sides
    assert found.balanced is balanced


def test_a_boot_that_produced_nothing_proves_nothing() -> None:
    assert not origin("field", 7, 0, set(), [], 0).balanced


def test_a_gap_in_the_journal_s_numbers_is_seen_and_a_repetition_is_not_a_second_record() -> None:
    assert sequences(4, {1: 1, 2: 3, 4: 1, 5: 1}) == (4, 3, 1, 2)


def line(ms: int, what: str, **more: object) -> Mapping[str, object]:
    return {"ms": ms, "what": what, **more}


CLOSED = line(0, "contact_closed")


def test_an_over_limit_at_the_sensor_is_paired_with_the_next_opening() -> None:
    over = line(1000, "over_limit", point="1201-T1-ch4", value=1.52)
    assert openings([CLOSED, over, line(1800, "contact_open")], []) == (Opening("1201-T1-ch4 = 1.52", 1000, 800),)


def test_a_second_cause_belongs_to_the_first_opening() -> None:
    lines = [CLOSED, line(10, "over_limit", point="a", value=1.0), line(20, "over_limit", point="b", value=1.0)]
    assert [found.cause for found in openings([*lines, line(30, "contact_open")], [])] == ["a = 1"]


def test_a_cause_while_the_contact_is_open_asks_for_nothing() -> None:
    assert openings([line(0, "contact_open"), line(10, "over_limit", point="a", value=1.0)], []) == ()
    assert openings([line(10, "over_limit", point="a", value=1.0)], []) == ()


def test_a_contact_that_never_opened_is_not_in_time() -> None:
    (found,) = openings([CLOSED, line(10, "over_limit", point="a", value=1.0)], [])
    assert found.took_ms is None
    assert not found.in_time


def test_the_limit_of_time_itself_is_in_time() -> None:
    assert Opening("a", 0, CUT_MS_MAX).in_time
    assert not Opening("a", 0, CUT_MS_MAX + 1).in_time


@pytest.mark.parametrize(("process", "asked"), [("field", 1), ("interlock", 1), ("link", 0)])
def test_the_death_of_field_or_interlock_must_open_the_contact_and_that_of_link_need_not(
    process: str, asked: int
) -> None:
    assert len(openings([CLOSED, line(700, "contact_open")], [(process, 100)])) == asked


def account(*, delivered: int = 3, took_ms: int = 900, missing: int = 0, failed: str = "") -> Account:
    origins = (origin("field", 1, 3, set(range(1, delivered + 1)), [], 0),)
    return Account(
        origins, sequences(3, dict.fromkeys(range(1 + missing, 4), 1)), (Opening("a", 0, took_ms),), 9, 2, failed=failed
    )


def test_an_account_is_good_only_if_everything_is() -> None:
    assert account().good
    assert not account(delivered=2).good
    assert not account(took_ms=2001).good
    assert not account(missing=1).good
    assert not account(failed="the fan did not stop").good
    assert not account()._replace(openings=()).good  # a story without a cut shows nothing
    assert not account()._replace(origins=()).good


BIRTH = {
    "v": 1,
    "devices": [{"number": 1, "name": "T1-head", "layouts": [{"fields": [{"name": "ch4"}, {"name": "status"}]}]}],
}
SCANS = {"v": 1, "f": 10, "l": 13, "d": [{"n": 1, "p": 0, "s": [0, 1, 2], "o": [7, 100, 1, 2]}]}
LOSS = {"kind": "loss", "from": "link", "boot": 7, "first": 104, "last": 105}
EVENTS = {
    "v": 1, "f": 12, "l": 14,
    "e": [
        [12, {"kind": "port_lost", "from": "field", "boot": 7, "number": 102}],
        [14, LOSS],
    ],
}  # fmt: skip


def heard(*messages: tuple[str, object]) -> Count:
    count = Count()
    for stream, message in messages:
        count.hear(f"minegate/1/mine/gw/{stream}", message if isinstance(message, bytes) else msgpack.packb(message))
    return count


def test_the_receiver_counts_by_the_numbers_in_the_messages() -> None:
    count = heard(("birth", BIRTH), ("live", SCANS), ("event", EVENTS))
    assert count.unreadable == []
    assert sorted(count.sequences) == [10, 11, 12, 13, 14]
    assert count.numbers["field", 7] == {100, 101, 102, 103}
    assert count.lost[7] == {(104, 105)}
    assert count.readings == 6
    assert count.scans == {"T1-head": 3}


def test_a_message_received_twice_is_counted_once() -> None:
    count = heard(("birth", BIRTH), ("live", SCANS), ("history", SCANS))
    assert count.readings == 6
    assert set(count.sequences.values()) == {2}


@pytest.mark.parametrize(
    "payload", [b"", b"\xc1", b"\x01", msgpack.packb({"v": 2}), msgpack.packb({"v": 1, "d": [{}]})]
)
def test_a_message_that_cannot_be_read_is_named(payload: bytes) -> None:
    (named,) = heard(("live", payload)).unreadable
    assert named.startswith("minegate/1/mine/gw/live: ")
