"""What field holds for a link that is away: nothing vanishes without its numbers being declared."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minegate_agent.field.hold import Hold, Item, Lost
from minegate_agent.field.tally import Tally


def item(number: int, cost_bytes: int = 100) -> Item:
    return Item(number, 1000 + number, (number, "s"), cost_bytes)


@given(
    steps=st.lists(st.one_of(st.just("add"), st.integers(0, 40)), max_size=200),
    items_max=st.integers(2, 30),
    bytes_max=st.integers(300, 3000),
)
@settings(max_examples=200, deadline=None)
def test_every_number_is_confirmed_held_or_declared_lost(
    steps: list[str | int], items_max: int, bytes_max: int
) -> None:
    losses: list[Lost] = []
    hold = Hold(items_max, bytes_max, losses.append)
    produced, confirmed = 0, 0
    for step in steps:
        if step == "add":
            produced += 1
            hold.add(item(produced))
        else:
            confirmed = max(confirmed, min(int(step), produced))
            hold.confirm(confirmed)
        assert len(hold) <= items_max
        assert hold.bytes <= max(bytes_max, 100)
    held = [kept.number for kept in hold.after(0, 10_000)]
    lost = [number for loss in losses for number in range(loss.first, loss.last + 1)]
    assert len(lost) == hold.dropped == len(set(lost))
    assert sorted({*range(1, confirmed + 1), *held, *lost}) == list(range(1, produced + 1))
    assert not set(held) & set(lost)
    assert hold.bytes == 100 * len(held)


def test_a_loss_is_bounded_by_the_times_of_its_first_and_last_item() -> None:
    losses: list[Lost] = []
    hold = Hold(10, 10_000, losses.append)
    for number in range(1, 12):
        hold.add(item(number))
    assert losses == [Lost(1, 2, 1001, 1002)]


def test_what_is_sent_again_is_what_was_not_confirmed_oldest_first() -> None:
    hold = Hold(100, 100_000, lambda lost: pytest.fail(str(lost)))
    for number in range(1, 8):
        hold.add(item(number))
    hold.confirm(3)
    assert [kept.number for kept in hold.after(3, 2)] == [4, 5]
    assert [kept.number for kept in hold.after(5, 10)] == [6, 7]


def test_the_next_process_reads_what_the_last_one_produced(tmp_path: Path) -> None:
    first = Tally(tmp_path / "field.tally", 77)
    assert first.previous is None
    for _ in range(5):
        first.next()
    # no close: a process that is killed does not close either, and the page cache keeps what was written
    second = Tally(tmp_path / "field.tally", 78)
    assert second.previous == (77, 5)
    assert second.next() == 1
    second.close()


@pytest.mark.parametrize("torn_at", range(16))
def test_a_torn_slot_leaves_the_number_before_it(tmp_path: Path, torn_at: int) -> None:
    path = tmp_path / "field.tally"
    tally = Tally(path, 77)
    for _ in range(4):
        tally.next()
    tally.close()
    damaged = bytearray(path.read_bytes())
    damaged[torn_at] ^= 0xFF  # slot 0 holds the even number 4, slot 1 the number 3
    path.write_bytes(damaged)
    again = Tally(path, 78)
    assert again.previous == (77, 3)
    again.close()
