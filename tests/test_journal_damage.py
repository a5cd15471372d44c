"""What the medium did not keep costs the records on it, is told exactly, and nothing else suffers."""

from __future__ import annotations

import errno
import os
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journal_story import FOLDER, loss_body, scan_body
from minegate_agent.link.inspection import Gap, SegmentSeen, inspect
from minegate_agent.link.journal import EVENT, SCAN, Journal, Loss, Record
from minegate_agent.link.store.form import HEADER_BYTES, RECORD_BYTES, name_of
from minegate_agent.link.store.window import CHUNK_BYTES
from minegate_sim.disk import SPOT_BYTES, SimDisk

FIRST_SEGMENT = FOLDER / "00000000000000000001.seg"
UTC_MS = 1_700_000_000_000


def journal_of(disk: SimDisk, segment_bytes: int = 1_000_000) -> Journal:
    return Journal.open(FOLDER, segment_bytes=segment_bytes, bytes_max=100_000_000, disk=disk)


def written(count: int, segment_bytes: int = 1_000_000) -> SimDisk:
    """A disk with a closed journal of `count` scans."""
    disk = SimDisk()
    journal = journal_of(disk, segment_bytes)
    for number in range(1, count + 1):
        journal.append(SCAN, scan_body(number))
    journal.commit()
    journal.close()
    return disk


def place(number: int) -> int:
    """Where record `number` begins in the first segment."""
    return HEADER_BYTES + sum(RECORD_BYTES + len(scan_body(before)) for before in range(1, number))


def read_all(journal: Journal) -> tuple[list[int], list[Loss]]:
    """Sequences of all records with the right bytes, and the losses, each journaled as link does."""
    found: list[Record] = []
    losses: list[Loss] = []
    last = journal.last_sequence
    while True:
        block = journal.read(found[-1].sequence if found else 0, 11, 100_000)
        found += block
        new = journal.take_losses()
        if not block and not new:
            break
        losses += new
        for loss in new:
            journal.append(EVENT, loss_body(loss))
        journal.commit()
    assert [record.body for record in found if record.sequence <= last] == [
        scan_body(record.sequence) for record in found if record.sequence <= last
    ]
    return [record.sequence for record in found if record.sequence <= last], losses


def test_a_damaged_record_in_the_middle_costs_that_record_alone() -> None:
    disk = written(100)
    disk.damage(FIRST_SEGMENT, place(40) + RECORD_BYTES + 3, b"\xff")
    found, losses = read_all(journal_of(disk))
    assert found == [*range(1, 40), *range(41, 101)]
    assert losses == [
        Loss(40, 40, 1, "journal_damaged", UTC_MS + 39, UTC_MS + 41, FIRST_SEGMENT.name, place(40)),
    ]


@pytest.mark.parametrize("at", range(RECORD_BYTES))
def test_any_damaged_byte_of_a_record_head_costs_that_record_alone(at: int) -> None:
    disk = written(30)
    old = disk.content(FIRST_SEGMENT)[place(10) + at]
    disk.damage(FIRST_SEGMENT, place(10) + at, bytes((old ^ 0x5A,)))
    found, losses = read_all(journal_of(disk))
    assert found == [*range(1, 10), *range(11, 31)]
    assert [(loss.first, loss.last, loss.offset) for loss in losses] == [(10, 10, place(10))]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data())
def test_damage_anywhere_is_read_over_and_told_exactly(data: st.DataObject) -> None:
    """Every record whose bytes are untouched is read; what is not read is declared, once; nothing raises."""
    count = 120
    disk = written(count, segment_bytes=data.draw(st.sampled_from([1_500, 1_000_000])))
    names = [entry.name for entry in disk.list(FOLDER)]
    whole = {name: disk.content(FOLDER / name) for name in names}
    for _ in range(data.draw(st.integers(1, 4))):
        name = data.draw(st.sampled_from(sorted(whole)))
        at = data.draw(st.integers(0, len(whole[name]) - 1))
        size = min(data.draw(st.integers(1, 1_000)), len(whole[name]) - at)
        kind = data.draw(st.sampled_from(["zeros", "noise", "shifted"]))
        noise = random.Random(at).randbytes(size)
        content = whole[name][max(at - 7, 0) :][:size]
        disk.damage(FOLDER / name, at, {"zeros": bytes(size), "noise": noise, "shifted": content}[kind])
    touched = _touched(disk, whole)
    journal = journal_of(disk)
    torn = set(range(journal.last_sequence + 1, count + 1))
    found, losses = read_all(journal)
    declared = [sequence for loss in losses for sequence in range(loss.first, loss.last + 1)]
    missing = set(range(1, count + 1)) - set(found)
    assert missing <= touched  # a record that was only moved may still be found
    assert torn <= missing, "only what was damaged up to the very end may be taken for a torn tail"
    assert sorted(declared) == sorted(missing - torn)


def _touched(disk: SimDisk, whole: dict[str, bytes]) -> set[int]:
    """Records whose bytes differ from what was written."""
    touched = set()
    for name, before in whole.items():
        now, at, sequence = disk.content(FOLDER / name), HEADER_BYTES, int(name[:20])
        while at < len(before):
            end = at + RECORD_BYTES + len(scan_body(sequence))
            if now[at:end] != before[at:end]:
                touched.add(sequence)
            at, sequence = end, sequence + 1
    return touched


def test_an_unreadable_spot_of_the_medium_costs_the_records_on_it() -> None:
    disk = written(1_000)
    disk.bad_spots.add((FIRST_SEGMENT.name, 3))
    found, losses = read_all(journal_of(disk))
    (loss,) = losses
    assert found == [*range(1, loss.first), *range(loss.last + 1, 1001)]
    assert place(loss.first) <= 3 * SPOT_BYTES < place(loss.first + 1)
    assert place(loss.last) < 4 * SPOT_BYTES <= place(loss.last + 1)


def test_a_disk_that_is_away_is_an_error_and_no_loss() -> None:
    disk = written(1_000)
    journal = journal_of(disk)
    disk.bad_spots |= {(FIRST_SEGMENT.name, spot) for spot in range(100)}
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        journal.read(0, 10, 1000)
    assert journal.take_losses() == []
    disk.bad_spots.clear()
    assert read_all(journal) == (list(range(1, 1001)), [])


def test_reading_stops_in_front_of_a_loss_until_its_event_is_durable() -> None:
    """A cursor that had moved past it before a power cut would leave a gap that nobody declares."""
    disk = written(20)
    disk.damage(FIRST_SEGMENT, place(10), bytes(5))
    journal = journal_of(disk)
    assert [record.sequence for record in journal.read(0, 100, 10_000)] == list(range(1, 10))
    assert journal.read(9, 100, 10_000) == []
    (loss,) = journal.take_losses()
    journal.append(EVENT, loss_body(loss))
    assert journal.read(9, 100, 10_000) == []
    journal.commit()
    assert [record.sequence for record in journal.read(9, 100, 10_000)] == list(range(11, 22))


def test_damage_of_what_every_consumer_has_is_nobodys_loss() -> None:
    disk = written(20)
    disk.damage(FIRST_SEGMENT, place(5), bytes(place(13) - place(5)))
    journal = journal_of(disk)
    journal.release(10)
    assert [record.sequence for record in journal.read(0, 100, 10_000)] == list(range(1, 5))
    assert [(loss.first, loss.last, loss.count) for loss in journal.take_losses()] == [(11, 12, 2)]


def test_damage_is_declared_once_however_often_it_is_met() -> None:
    disk = written(20)
    disk.damage(FIRST_SEGMENT, place(10), bytes(place(12) - place(10)))
    journal = journal_of(disk)
    for after in (0, 3, 9, 10, 0):
        journal.read(after, 100, 10_000)
    assert [(loss.first, loss.last) for loss in journal.take_losses()] == [(10, 11)] or pytest.fail("declared twice")


def test_a_missing_segment_is_declared_and_stepped_over() -> None:
    disk = written(100, segment_bytes=1_000)
    names = sorted(entry.name for entry in disk.list(FOLDER) if entry.name.endswith(".seg"))
    disk.delete(FOLDER / names[1])
    first, behind = int(names[1][:20]), int(names[2][:20])
    found, losses = read_all(journal_of(disk))
    assert found == [*range(1, first), *range(behind, 101)]
    assert [(loss.first, loss.last) for loss in losses] == [(first, behind - 1)]


@pytest.mark.parametrize("which", [0, 1, -1])
def test_a_damaged_header_costs_no_record_and_no_origin(which: int) -> None:
    disk = written(100, segment_bytes=1_000)
    name = sorted(entry.name for entry in disk.list(FOLDER) if entry.name.endswith(".seg"))[which]
    disk.damage(FOLDER / name, 3, b"\0\0\0\0")
    assert [seen.file for seen in inspect(FOLDER, disk) if isinstance(seen, SegmentSeen) and seen.strange] == [name]
    journal = journal_of(disk, 1_000)
    assert journal.origins == {77: 100}
    assert journal.append(SCAN, scan_body(101)) == 101
    journal.commit()
    assert read_all(journal)[0] == list(range(1, 102))
    assert ((FOLDER / name_of(101)) in [FOLDER / entry.name for entry in disk.list(FOLDER)]) == (which == -1)


@pytest.mark.parametrize("damaged", [[-1], [-1, -2], range(8)])
def test_origins_are_found_in_the_records_where_headers_are_damaged(damaged: list[int]) -> None:
    disk = SimDisk()
    journal = journal_of(disk, 300)
    for boot in range(1, 9):
        journal.append(SCAN, scan_body(55, boot=boot))
    journal.commit()
    journal.close()
    names = sorted(entry.name for entry in disk.list(FOLDER))
    assert len(names) == 8
    for which in damaged:
        disk.damage(FOLDER / names[which], 3, b"\0\0\0\0")
    assert journal_of(disk, 300).origins == dict.fromkeys(range(1, 9), 55)


@pytest.mark.parametrize("size", [0, 1, 5])
def test_the_very_next_record_is_found_behind_the_smallest_damaged_one(size: int) -> None:
    disk = SimDisk()
    journal = journal_of(disk)
    for _ in range(5):
        journal.append(SCAN, bytes(size))
    journal.commit()
    journal.close()
    disk.damage(FIRST_SEGMENT, HEADER_BYTES + RECORD_BYTES + size, b"\xff")
    journal = journal_of(disk)
    assert [record.sequence for record in journal.read(0, 10, 1000)] == [1]
    assert [(loss.first, loss.last) for loss in journal.take_losses()] == [(2, 2)]
    assert [seen.sequence for seen in inspect(FOLDER, disk) if isinstance(seen, Record)] == [1, 3, 4, 5]


@pytest.mark.parametrize("across", range(-1, RECORD_BYTES + 2))
def test_a_record_is_found_where_its_head_lies_across_two_chunks(across: int) -> None:
    disk = SimDisk()
    journal = journal_of(disk)
    for size in (0, CHUNK_BYTES + 1 - RECORD_BYTES - across, 10, 10):
        journal.append(SCAN, bytes(size))
    journal.commit()
    journal.close()
    disk.damage(FIRST_SEGMENT, HEADER_BYTES + RECORD_BYTES, b"\xff")
    assert [seen.sequence for seen in inspect(FOLDER, disk) if isinstance(seen, Record)] == [1, 3, 4]


def test_a_torn_tail_is_cut_at_open_and_appending_goes_on() -> None:
    disk = written(50)
    size = len(disk.content(FIRST_SEGMENT))
    disk.damage(FIRST_SEGMENT, size, disk.content(FIRST_SEGMENT)[place(3) : place(4) - 1])
    journal = journal_of(disk)
    assert journal.cut_bytes == place(4) - 1 - place(3)
    assert len(disk.content(FIRST_SEGMENT)) == size
    assert journal.append(SCAN, scan_body(51)) == 51
    journal.commit()
    assert read_all(journal) == (list(range(1, 52)), [])


def test_inspect_tells_gaps_and_never_raises() -> None:
    disk = written(100)
    disk.damage(FIRST_SEGMENT, place(40) + 20, b"\xff" * 100)
    gaps = [seen for seen in inspect(FOLDER, disk) if isinstance(seen, Gap)]
    assert [(gap.file, gap.offset, gap.first) for gap in gaps] == [(FIRST_SEGMENT.name, place(40), 40)]
    assert place(gaps[0].last) < place(40) + 120 <= place(gaps[0].last + 1)


def test_a_real_file_with_a_flipped_bit_behaves_the_same(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path, segment_bytes=1_000_000, bytes_max=100_000_000)
    for number in range(1, 51):
        journal.append(SCAN, scan_body(number))
    journal.commit()
    journal.close()
    path = tmp_path / FIRST_SEGMENT.name
    content = bytearray(path.read_bytes())
    content[place(20) + 30] ^= 1
    path.write_bytes(content)
    journal = Journal.open(tmp_path, segment_bytes=1_000_000, bytes_max=100_000_000)
    found, losses = read_all(journal)
    assert found == [*range(1, 20), *range(21, 51)]
    assert [(loss.first, loss.last, loss.file, loss.offset) for loss in losses] == [(20, 20, path.name, place(20))]
    journal.close()
