"""The watermark survives a power cut at any operation, never goes back and never runs ahead."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from minegate_agent.link.cursor import RANGES_MAX, Cursor
from minegate_sim.disk import PowerCut, SimDisk

PATH = Path("/journal/cursor")


def test_a_new_cursor_stands_at_zero_and_moves_survive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "made" / "cursor"
    for expected, moved in ((0, 5), (5, 6), (6, 2**40)):
        cursor = Cursor.open(path)
        assert (cursor.sequence, cursor.trouble) == (expected, "")
        cursor.move(moved)
        assert cursor.sequence == moved
        cursor.close()


def test_a_cursor_never_goes_back(tmp_path: Path) -> None:
    cursor = Cursor.open(tmp_path / "cursor")
    for sequence in (7, 3, 7, 0):
        cursor.move(sequence)
        assert cursor.sequence == 7
    cursor.close()
    assert Cursor.open(tmp_path / "cursor").sequence == 7


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("fault", [0, errno.EIO, errno.ENOSPC])
def test_a_fault_at_any_operation_leaves_the_last_durable_place(fault: int, seed: int) -> None:
    for operation in range(1, 20):
        disk = SimDisk(seed * 100 + operation)
        disk.faults[operation] = fault
        durable = tried = 0
        try:
            cursor = Cursor.open(PATH, disk)
            for sequence in range(10, 100, 10):
                tried = sequence
                cursor.move(sequence)
                durable = sequence
        except PowerCut:
            disk = disk.after_power_cut(seed)
        except OSError:
            pass
        found = Cursor.open(PATH, disk)
        assert durable <= found.sequence <= tried, operation
        assert found.trouble == ""
        found.move(1000)
        assert Cursor.open(PATH, disk.after_power_cut(seed)).sequence == 1000


def test_ranges_above_the_watermark_survive_a_restart_the_largest_of_many(tmp_path: Path) -> None:
    ranges = [(10 * at, 10 * at + (8 if at % 2 else 3)) for at in range(2, 502)]
    cursor = Cursor.open(tmp_path / "cursor")
    cursor.move(7, ranges[:3])
    assert Cursor.open(tmp_path / "cursor").ranges == ranges[:3]
    cursor.move(7, ranges)
    found = Cursor.open(tmp_path / "cursor")
    assert found.ranges == ranges[1::2][:RANGES_MAX]
    assert (found.sequence, found.highest) == (7, found.ranges[-1][1])
    cursor.move(6, [])
    assert Cursor.open(tmp_path / "cursor").ranges == found.ranges


def test_a_move_that_failed_is_tried_again_and_may_be_higher() -> None:
    disk = SimDisk(1)
    cursor = Cursor.open(PATH, disk)
    cursor.move(5)
    for ahead in (1, 2):  # the write, then the sync
        disk.faults = {disk.operations + ahead: errno.EIO}
        with pytest.raises(OSError, match="Input/output"):
            cursor.move(9)
        assert cursor.sequence == 5
    cursor.move(11)
    assert Cursor.open(PATH, disk.after_power_cut(1)).sequence == 11


@pytest.mark.parametrize("slot", [0, 4096])
def test_one_damaged_slot_costs_one_move_at_most(slot: int) -> None:
    disk = SimDisk()
    cursor = Cursor.open(PATH, disk)
    for sequence in (5, 6, 7):
        cursor.move(sequence)
    disk.damage(PATH, slot + 6, b"\xff\xff")
    found = Cursor.open(PATH, disk)
    assert found.sequence in (6, 7)
    assert found.trouble == ""


def test_two_damaged_slots_are_told_and_delivery_starts_over() -> None:
    disk = SimDisk()
    cursor = Cursor.open(PATH, disk)
    cursor.move(5)
    cursor.move(6)
    disk.damage(PATH, 6, b"\xff\xff")
    disk.damage(PATH, 4096 + 6, b"\xff\xff")
    found = Cursor.open(PATH, disk)
    assert found.sequence == 0
    assert found.trouble == f"{PATH}: both slots damaged; everything the journal keeps is delivered again"
    found.move(3)
    assert (Cursor.open(PATH, disk).sequence, Cursor.open(PATH, disk).trouble) == (3, "")
