"""What a consumer has confirmed, in any order of acknowledgements; the pace of history; hours; receipts. Pure parts."""

from __future__ import annotations

import itertools
import random

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minegate_agent.link.confirmed import Confirmed
from minegate_agent.link.pace import BYTES_MIN, Pace
from minegate_agent.link.receipts import BadReceipt, Receipts, ranges_in, receipt
from minegate_agent.link.windows import Windows


@pytest.mark.parametrize(
    ("order", "upto"),
    [((), 0), ((20,), 0), ((10,), 10), ((30, 20), 0), ((30, 20, 10), 30), ((10, 30), 10), ((10, 30, 20), 30)],
)
def test_the_watermark_moves_over_what_is_acknowledged_without_a_gap(order: tuple[int, ...], upto: int) -> None:
    confirmed = Confirmed(0)
    for last in order:
        confirmed.add(last - 9, last)
    assert confirmed.upto == upto


@given(st.integers(0, 20), st.lists(st.tuples(st.integers(1, 60), st.integers(0, 9)), max_size=30))
def test_ranges_are_the_set_of_what_was_added(upto: int, added: list[tuple[int, int]]) -> None:
    confirmed, model = Confirmed(upto), set(range(1, upto + 1))
    for first, length in added:
        confirmed.add(first, first + length - 1)
        model |= set(range(first, first + length))
        run = next(number for number in range(1, 200) if number not in model) - 1
        assert confirmed.upto == run
        assert {n for n in range(1, 100) if confirmed.covers(n)} == model
        gaps = {n for low, high in confirmed.gaps(80) for n in range(low, high + 1)}
        assert gaps == set(range(1, 81)) - model
        islands = confirmed.islands
        assert all(low <= high for low, high in islands)
        assert all(before[1] + 1 < after[0] for before, after in itertools.pairwise(islands))
    assert Confirmed(confirmed.upto, confirmed.islands).islands == confirmed.islands


def line(pace: Pace, bytes_ms: float, blocks: int, base_ms: float = 5.0) -> list[float]:
    """Acknowledgement times on a line of so many bytes a millisecond, when each window is sent at once."""
    took = []
    for _ in range(blocks):
        took.append(base_ms + pace.window * pace.block_bytes / bytes_ms)
        pace.acknowledged(took[-1])
    return took


def test_on_a_fast_line_history_grows_to_the_largest_block_and_all_places() -> None:
    pace = Pace(4, 100_000)
    line(pace, 1e6, 50)
    assert (pace.window, pace.block_bytes) == (4, 100_000)


def test_on_a_slow_line_no_block_holds_it_for_long() -> None:
    pace = Pace(4, 100_000)
    took = line(pace, 8.0, 50)  # 64 kbit/s
    assert max(took[5:]) <= 2000
    assert pace.block_bytes >= BYTES_MIN


def test_when_acknowledgements_take_longer_history_gives_way_and_comes_back() -> None:
    pace = Pace(8, 16_000)
    line(pace, 1e6, 20)
    assert pace.window == 8
    for _ in range(3):
        pace.acknowledged(120.0)
    assert pace.window == 1
    line(pace, 1e6, 20)
    assert pace.window == 8


@pytest.mark.parametrize(
    ("told", "minute", "is_open"),
    [
        ((), 700, True),
        (("22:00-06:00",), 23 * 60, True),
        (("22:00-06:00",), 6 * 60, False),
        (("22:00-06:00",), 5 * 60 + 59, True),
        (("08:00-09:00", "12:00-13:00"), 12 * 60, True),
        (("08:00-09:00", "12:00-13:00"), 10 * 60, False),
        (("08:00-08:00",), 0, True),
    ],
)
def test_hours_of_the_day(told: tuple[str, ...], minute: int, is_open: bool) -> None:
    assert Windows(told).open((20_000 * 24 * 60 + minute) * 60_000) is is_open


def test_what_is_not_receipted_in_time_is_due_again_and_what_is_is_not() -> None:
    receipts, confirmed = Receipts(1000), Confirmed(0)
    receipts.expect([(1, 10)], range(1, 11), 0)
    receipts.expect([(11, 20)], range(11, 21), 100)
    confirmed.add(1, 10)
    assert receipts.settle(confirmed) == [(1, 10)]
    assert receipts.awaits(15)
    assert receipts.overdue(1000) == []
    assert receipts.overdue(1100) == [(11, 20)]
    assert not receipts.awaits(15)


def test_a_block_is_receipted_when_all_that_was_sent_of_it_is() -> None:
    """What the journal lost in between cannot be in any receipt."""
    receipts, confirmed = Receipts(1000), Confirmed(0)
    receipts.expect([(1, 10), (12, 20)], [1, 2, 3, 7, 8, 12, 19], 0)
    for first, last in ((12, 12), (1, 3), (7, 8)):
        assert receipts.settle(confirmed) == []
        confirmed.add(first, last)
    assert receipts.settle(confirmed) == [(1, 10)]
    confirmed.add(19, 19)
    assert receipts.settle(confirmed) == [(12, 20)]
    receipts.expect([(21, 30)], [], 0)
    assert receipts.settle(confirmed) == [(21, 30)]


def test_a_receipt_is_read_as_it_was_written_and_for_its_consumer_only() -> None:
    payload = receipt([(1, 5), (8, 9)], "group")
    assert ranges_in(payload, "group", 9) == [(1, 5), (8, 9)]
    assert ranges_in(payload, "mine", 9) == []


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xc1",
        msgpack.packb([]),
        msgpack.packb({"v": 2, "ranges": []}),
        msgpack.packb({"v": 1, "ranges": [[1, 10]]}),  # the journal ends at 9
        msgpack.packb({"v": 1, "ranges": [[0, 1]]}),
        msgpack.packb({"v": 1, "ranges": [[3, 2]]}),
        msgpack.packb({"v": 1, "ranges": [[1.0, 2]]}),
        msgpack.packb({"v": 1, "ranges": [[True, 2]]}),
        msgpack.packb({"v": 1, "ranges": [[1, 2]] * 10_001}),
    ],
)
def test_a_receipt_that_cannot_be_moves_nothing(payload: bytes) -> None:
    with pytest.raises(BadReceipt):
        ranges_in(payload, "mine", 9)


def test_a_flood_of_islands_is_bounded() -> None:
    confirmed, chance = Confirmed(0), random.Random(1)
    for number in chance.sample(range(2, 40_000, 2), 10_000):
        confirmed.add(number, number)
    assert len(confirmed.islands) <= 4096
