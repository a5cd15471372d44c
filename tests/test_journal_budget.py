"""The byte budget holds; history goes before news; what goes undelivered is declared on disk before it goes."""

from __future__ import annotations

import errno
import os
from collections import Counter
from pathlib import Path

from journal_story import FOLDER, loss_body, scan_body
from minegate_agent.link.journal import EVENT, SCAN, Journal, Loss
from minegate_sim.disk import SimDisk

BYTES_MAX = 10_000
UTC_MS = 1_700_000_000_000


def tight_journal(disk: SimDisk) -> Journal:
    return Journal.open(FOLDER, segment_bytes=1_000, bytes_max=BYTES_MAX, disk=disk)


def on_disk(disk: SimDisk) -> int:
    return sum(entry.size for entry in disk.list(FOLDER))


def write(journal: Journal, numbers: range) -> list[Loss]:
    """Append and commit one by one as link does, losses as events; the losses."""
    losses = []
    for number in numbers:
        journal.append(SCAN, scan_body(number))
        losses += committed(journal)
    return losses


def committed(journal: Journal) -> list[Loss]:
    """What link does at every commit."""
    journal.commit()
    journal.keep_budget()
    losses = journal.take_losses()
    for loss in losses:
        journal.append(EVENT, loss_body(loss))
    return losses


def test_delivered_segments_stay_as_history_until_the_budget_needs_them() -> None:
    disk = SimDisk()
    journal = tight_journal(disk)
    write(journal, range(1, 81))
    before = on_disk(disk)
    journal.release(journal.last_sequence)
    committed(journal)
    assert (on_disk(disk), journal.first_sequence) == (before, 1)
    for number in range(81, 600):
        journal.release(journal.last_sequence)
        write(journal, range(number, number + 1))
        assert on_disk(disk) <= BYTES_MAX
    assert on_disk(disk) > BYTES_MAX // 2
    assert journal.first_sequence > 400
    assert journal.take_losses() == []


class Undeletable(SimDisk):
    """Deletes nothing while `stuck`."""

    stuck = True

    def delete(self, path: Path) -> None:
        if self.stuck:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        super().delete(path)


def test_a_segment_that_cannot_be_deleted_is_told_and_tried_again() -> None:
    disk = Undeletable()
    journal = tight_journal(disk)
    for number in range(1, 400):
        journal.release(journal.last_sequence)
        journal.append(SCAN, scan_body(number))
        assert journal.commit() == number
        journal.keep_budget()
    assert journal.trouble == f"journal: cannot make room in {FOLDER}: Read-only file system"
    assert journal.bytes_used == on_disk(disk) > BYTES_MAX
    disk.stuck = False
    journal.keep_budget()
    assert journal.trouble == ""
    assert journal.bytes_used == on_disk(disk) <= BYTES_MAX


def test_a_full_disk_is_an_error_that_ends_by_itself_and_writes_nothing_twice() -> None:
    disk = SimDisk(capacity=5_000)
    journal = Journal.open(FOLDER, segment_bytes=1_000, bytes_max=1_000_000, disk=disk)
    failures: Counter[int | None] = Counter()
    for number in range(1, 201):
        journal.append(SCAN, scan_body(number))
        try:
            journal.commit()
        except OSError as error:
            failures[error.errno] += 1
    assert failures[errno.ENOSPC] == failures.total() > 50
    assert journal.last_sequence + journal.pending == 200
    disk.capacity = None
    assert journal.commit() == 200
    assert [record.body for record in journal.read(0, 300, 100_000)] == [scan_body(n) for n in range(1, 201)]


def test_on_a_full_disk_delivered_history_makes_room_for_news() -> None:
    disk = SimDisk(capacity=5_000)
    journal = Journal.open(FOLDER, segment_bytes=1_000, bytes_max=1_000_000, disk=disk)
    for number in range(1, 400):
        journal.append(SCAN, scan_body(number))
        assert journal.commit() == number
        journal.release(number)
    assert journal.first_sequence > 1
    assert journal.take_losses() == []


def test_the_budget_is_kept_after_a_restart_with_a_smaller_one(tmp_path: Path) -> None:
    bytes_max = 100_000
    journal = Journal.open(tmp_path, segment_bytes=8_000, bytes_max=1_000_000)
    for number in range(1, 4_000):
        journal.append(SCAN, scan_body(number))
    journal.commit()
    journal.close()
    journal = Journal.open(tmp_path, segment_bytes=8_000, bytes_max=bytes_max)
    lost = 0
    while journal.wants_room or journal.pending:
        losses = committed(journal)
        lost += sum(loss.count for loss in losses)
    assert lost == journal.thinned > 2_000
    assert journal.bytes_used <= bytes_max
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) == journal.bytes_used
    journal.close()


def test_what_was_delivered_before_a_restart_is_no_loss_after_it() -> None:
    disk = SimDisk()

    def opened(bytes_max: int, floor: int, released: int) -> Journal:
        return Journal.open(FOLDER, segment_bytes=8_000, bytes_max=bytes_max, disk=disk, floor=floor, released=released)

    journal = opened(90_000, 0, 0)
    write(journal, range(1, 800))
    last = journal.last_sequence
    journal.close()
    journal = opened(60_000, last, last)
    assert committed(journal) == []
    assert journal.first_sequence > 1
    journal.close()
    journal = opened(40_000, last, 1)
    assert committed(journal) != []  # a second receiver does not have it yet
