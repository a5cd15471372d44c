"""Each lost sequence is declared once, however ranges overlap, and no count is wrong."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from minegate_agent.link.store.losses import JOURNAL_DAMAGED, JOURNAL_THINNED, Loss, Losses


def loss(first: int, last: int, reason: str = JOURNAL_DAMAGED) -> Loss:
    return Loss(first, last, last - first + 1, reason, first, last, "file", 0)


def test_only_what_is_new_is_declared() -> None:
    losses = Losses()
    losses.declare(loss(5, 6))
    losses.declare(loss(1, 10))
    assert [(part.first, part.last, part.count) for part in losses.take(1)] == [(5, 6, 2), (1, 4, 4), (7, 10, 4)]


def test_a_thinning_is_told_each_time_whatever_was_told_of_its_range() -> None:
    losses = Losses()
    losses.declare(loss(1, 10))
    serials = [losses.declare_thinned(loss(1, 9, JOURNAL_THINNED)) for _ in range(2)]
    assert [part.reason for part in losses.take(1)] == [JOURNAL_DAMAGED, JOURNAL_THINNED, JOURNAL_THINNED]
    assert [losses.settled(durable) >= serial for durable, serial in ((2, serials[1]), (3, serials[1]))] == [
        False,
        True,
    ]


def test_a_loss_is_open_until_its_event_is_durable() -> None:
    losses = Losses()
    serial = losses.declare(loss(3, 4))
    losses.declare(loss(8, 8))
    assert losses.is_open(4, 9, durable=100)
    assert not losses.is_open(5, 7, durable=100)
    losses.take(next_sequence=50)  # two events: 50 and 51
    assert losses.is_open(1, 3, durable=50)
    assert losses.settled(50) < serial
    assert not losses.is_open(1, 3, durable=51)
    assert losses.settled(51) > serial


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 20)), max_size=30))
def test_any_series_of_ranges_is_declared_as_their_union(ranges: list[tuple[int, int]]) -> None:
    losses = Losses()
    for first, more in ranges:
        losses.declare(loss(first, first + more))
    declared = [sequence for part in losses.take(1) for sequence in range(part.first, part.last + 1)]
    union = {sequence for first, more in ranges for sequence in range(first, first + more + 1)}
    assert sorted(declared) == sorted(union)


def test_losses_nobody_fetches_stay_bounded_and_keep_their_count() -> None:
    losses = Losses()
    for sequence in range(1, 5_001, 2):
        losses.declare(loss(sequence, sequence))
    taken = losses.take(1)
    assert len(taken) <= 1_000
    assert sum(part.count for part in taken) == 2_500
    assert taken[-1].last == 4_999
