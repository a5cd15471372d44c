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
        journal.commit()
        assert journal.bytes_used <= BYTES_MAX
        for loss in journal.take_losses():
            losses.append(loss)
            journal.append(EVENT, loss_body(loss))
    return losses


def test_delivered_segments_stay_as_history_until_the_budget_needs_them() -> None:
    disk = SimDisk()
    journal = tight_journal(disk)
    write(journal, range(1, 81))
    before = on_disk(disk)
    journal.release(journal.last_sequence)
    journal.commit()
    assert (on_disk(disk), journal.first_sequence) == (before, 1)
    for number in range(81, 600):
        journal.release(journal.last_sequence)
        write(journal, range(number, number + 1))
        assert on_disk(disk) <= BYTES_MAX
    assert on_disk(disk) > BYTES_MAX // 2
    assert journal.first_sequence > 400
    assert journal.take_losses() == []


def test_an_undelivered_segment_goes_as_a_loss_with_exact_bounds_and_times() -> None:
    disk = SimDisk()
    journal = tight_journal(disk)
    journal.release(3)
    losses = write(journal, range(1, 400))
    assert len(losses) > 5
    assert losses[0].first == 4
    assert [(loss.reason, loss.count) for loss in losses] == [
        ("journal_full", loss.last - loss.first + 1) for loss in losses
    ]
    assert [loss.first for loss in losses[1:]] == [loss.last + 1 for loss in losses[:-1]]
    assert (losses[0].from_utc_ms, losses[0].to_utc_ms) == (UTC_MS + 4, UTC_MS + losses[0].last)
    assert losses[-1].last + 1 == journal.first_sequence
    assert on_disk(disk) <= BYTES_MAX


def test_a_lost_segment_stays_on_disk_until_its_loss_is_durable_but_is_not_read() -> None:
    disk = SimDisk()
    journal = tight_journal(disk)
    while journal.first_sequence == 1:
        journal.append(SCAN, scan_body(30))
        journal.commit()
    oldest = FOLDER / "00000000000000000001.seg"
    names = {entry.name for entry in disk.list(FOLDER)}
    assert oldest.name in names
    assert journal.bytes_used == on_disk(disk)
    assert journal.read(0, 10, 1000) == []  # the receiver must hear of the loss first
    (loss,) = journal.take_losses()
    journal.append(EVENT, loss_body(loss))
    journal.commit()
    assert names - {entry.name for entry in disk.list(FOLDER)} == {oldest.name}
    assert journal.read(0, 1, 1000)[0].sequence == loss.last + 1
    assert journal.bytes_used == on_disk(disk)


def test_loss_events_in_a_lost_segment_are_told_again() -> None:
    """Otherwise an outage of twice the budget would forget what the first half had lost."""
    disk = SimDisk()
    journal = tight_journal(disk)
    told: list[dict[str, object]] = []
    lost: set[int] = set()
    number = 0
    while not told:
        number += 1
        assert number < 2_000
        journal.append(SCAN, scan_body(number))
        journal.commit()
        for loss in journal.take_losses():
            lost |= set(range(loss.first, loss.last + 1))
            journal.append(EVENT, loss_body(loss))
            told += loss.loss_events
    first, last = int(str(told[0]["first"])), int(str(told[0]["last"]))
    assert told[0]["kind"] == "loss"
    assert first == 1
    assert set(range(first, last + 1)) <= lost


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
    assert journal.trouble == f"journal: cannot delete in {FOLDER}: Read-only file system"
    assert journal.bytes_used == on_disk(disk) > BYTES_MAX
    disk.stuck = False
    journal.commit()
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
    journal = Journal.open(tmp_path, segment_bytes=1_000, bytes_max=1_000_000)
    for number in range(1, 400):
        journal.append(SCAN, scan_body(number))
    journal.commit()
    journal.close()
    journal = Journal.open(tmp_path, segment_bytes=1_000, bytes_max=BYTES_MAX)
    journal.commit()
    losses = journal.take_losses()
    declared = [sequence for loss in losses for sequence in range(loss.first, loss.last + 1)]
    assert declared == list(range(1, journal.first_sequence))
    for loss in losses:
        journal.append(EVENT, loss_body(loss))
    journal.commit()
    assert journal.bytes_used <= BYTES_MAX
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) == journal.bytes_used
    journal.close()


def test_what_was_delivered_before_a_restart_is_no_loss_after_it() -> None:
    disk = SimDisk()
    journal = tight_journal(disk)
    write(journal, range(1, 100))
    last = journal.last_sequence
    journal.close()
    journal = Journal.open(FOLDER, segment_bytes=1_000, bytes_max=5_000, disk=disk, floor=last)
    journal.commit()
    assert journal.first_sequence > 1
    assert journal.take_losses() == []
    journal.close()
    journal = Journal.open(FOLDER, segment_bytes=1_000, bytes_max=4_000, disk=disk, floor=last, released=1)
    journal.commit()
    assert journal.take_losses() != []  # a second receiver does not have it yet
