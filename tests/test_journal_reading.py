"""Numbers without gaps, nothing readable before it is durable, bounded blocks from any sequence on."""

from __future__ import annotations

import threading
import zlib
from pathlib import Path

import pytest

from journal_story import FOLDER, scan_body
from minegate_agent.link.disk import OS_DISK
from minegate_agent.link.inspection import SegmentSeen, Torn, inspect
from minegate_agent.link.journal import EVENT, SCAN, Full, Journal, NotOurs, Record
from minegate_agent.link.records import encode_event
from minegate_agent.link.store import form
from minegate_agent.link.store.window import CHUNK_BYTES
from minegate_sim.disk import SimDisk

SEGMENT_BYTES = 2_000


def open_journal(folder: Path, **changed: object) -> Journal:
    bounds = {"segment_bytes": SEGMENT_BYTES, "bytes_max": 1_000_000} | changed
    return Journal.open(folder, **bounds)  # type: ignore[arg-type]  # the test's own keyword arguments


def fill(journal: Journal, count: int) -> list[int]:
    """Append `count` scans in commits of ten; their sequences."""
    sequences = []
    for number in range(1, count + 1):
        sequences.append(journal.append(SCAN, scan_body(number)))
        if number % 10 == 0:
            journal.commit()
    journal.commit()
    return sequences


def test_sequences_start_at_one_and_have_no_gaps_across_restarts(tmp_path: Path) -> None:
    sequences = []
    for _ in range(3):
        journal = open_journal(tmp_path)
        sequences += fill(journal, 25)
        journal.close()
    assert sequences == list(range(1, 76))


def test_nothing_can_be_read_before_it_is_durable(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    journal.append(SCAN, scan_body(1))
    assert (journal.read(0, 10, 1000), journal.last_sequence, journal.pending) == ([], 0, 1)
    assert journal.commit() == 1
    assert (len(journal.read(0, 10, 1000)), journal.last_sequence, journal.pending) == (1, 1, 0)
    journal.close()


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("records_max", [1, 7, 1000])
def test_reading_on_gives_every_record_once_in_order(tmp_path: Path, records_max: int, restarted: bool) -> None:
    journal = open_journal(tmp_path)
    fill(journal, 200)
    if restarted:
        journal.close()
        journal = open_journal(tmp_path)
    found: list[Record] = []
    while block := journal.read(found[-1].sequence if found else 0, records_max, 10_000):
        assert len(block) <= records_max
        found += block
    assert found == [Record(number, SCAN, scan_body(number)) for number in range(1, 201)]
    sizes = [path.stat().st_size for path in tmp_path.glob("*.seg")]
    assert len(sizes) > 5
    assert max(sizes) <= SEGMENT_BYTES
    journal.close()


@pytest.mark.parametrize("restarted", [False, True])
def test_reading_may_start_behind_any_sequence(tmp_path: Path, restarted: bool) -> None:
    journal = open_journal(tmp_path)
    fill(journal, 150)
    if restarted:
        journal.close()
        journal = open_journal(tmp_path)
    for after in [*range(149, -1, -7), *range(0, 150, 5)]:
        expected = [number for number in range(after + 1, after + 4) if number <= 150]
        assert [record.sequence for record in journal.read(after, 3, 10_000)] == expected
    assert journal.read(150, 3, 10_000) == journal.read(10_000, 3, 10_000) == []
    journal.close()


def test_a_block_is_bounded_in_bytes_but_never_empty_for_a_large_record(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    for size in (100, 100, 50_000, 100):
        journal.append(SCAN, bytes(size))
    journal.commit()
    assert [len(record.body) for record in journal.read(0, 100, 250)] == [100, 100]
    assert [len(record.body) for record in journal.read(2, 100, 250)] == [50_000]
    assert [len(record.body) for record in journal.read(3, 100, 250)] == [100]
    journal.close()


def test_a_file_is_never_read_whole() -> None:
    asked: list[int] = []

    class Watched(SimDisk):
        def read(self, path: Path, at: int, size: int) -> bytes:
            asked.append(size)
            return super().read(path, at, size)

    disk = Watched()
    journal = open_journal(FOLDER, segment_bytes=8_000_000, bytes_max=100_000_000, disk=disk)
    for _ in range(2_000):
        journal.append(SCAN, bytes(1_000))
    journal.commit()
    journal.close()
    journal = open_journal(FOLDER, segment_bytes=8_000_000, bytes_max=100_000_000, disk=disk)
    assert len(journal.read(0, 10_000, 10_000_000)) == 2_000
    assert max(asked) == CHUNK_BYTES


def test_a_reader_that_jumps_does_not_walk_through_the_segment() -> None:
    asked: list[int] = []

    class Watched(SimDisk):
        def read(self, path: Path, at: int, size: int) -> bytes:
            asked.append(size)
            return super().read(path, at, size)

    journal = open_journal(FOLDER, segment_bytes=8_000_000, bytes_max=100_000_000, disk=Watched())
    for number in range(1, 7_501):
        journal.append(SCAN, bytes(1_000))
        if number % 30 == 0:
            journal.commit()
    for after in range(7_000, 0, -700):
        asked.clear()
        assert journal.read(after, 1, 10_000)[0].sequence == after + 1
        assert sum(asked) <= 3 * CHUNK_BYTES


def test_opening_reads_the_headers_and_walks_through_the_last_segment_only() -> None:
    disk = SimDisk()
    journal = open_journal(FOLDER, disk=disk)
    fill(journal, 300)
    journal.close()
    sizes = {entry.name: entry.size for entry in disk.list(FOLDER)}
    asked: dict[str, int] = dict.fromkeys(sizes, 0)

    class Watched(SimDisk):
        def read(self, path: Path, at: int, size: int) -> bytes:
            asked[path.name] += size
            return super().read(path, at, size)

    disk.__class__ = Watched
    open_journal(FOLDER, disk=disk)
    *sealed, last = sorted(sizes)
    assert len(sealed) > 5
    assert asked[last] >= sizes[last]
    assert all(asked[name] <= sizes[name] for name in sealed)


def test_appending_more_than_the_disk_takes_is_refused_and_alarms_keep_a_reserve(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, pending_bytes_max=1_000)
    for _ in range(10):
        journal.append(SCAN, bytes(83))
    with pytest.raises(Full, match="pending_bytes_max 1000"):
        journal.append(SCAN, bytes(83))
    assert journal.pending == 10
    alarm = encode_event({"kind": "alarm", "from": "link", "utc_ms": 1})
    assert journal.append(EVENT, alarm) == 11
    assert journal.commit() == 11
    assert journal.append(SCAN, bytes(83)) == 12
    journal.close()


def test_one_thread_appends_while_another_commits_and_a_third_reads(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    total = 600
    found: list[Record] = []

    def commit() -> None:
        while journal.commit() < total:
            pass

    def read() -> None:
        while len(found) < total:
            found.extend(journal.read(len(found), 100, 10_000))

    threads = [threading.Thread(target=act, name=act.__name__) for act in (commit, read)]
    for thread in threads:
        thread.start()
    for number in range(1, total + 1):
        journal.append(SCAN, scan_body(number))
    for thread in threads:
        thread.join(timeout=60)
        assert not thread.is_alive(), thread.name
    assert found == [Record(number, SCAN, scan_body(number)) for number in range(1, total + 1)]
    journal.close()


def test_a_second_writer_is_refused_with_one_clear_line(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    with pytest.raises(NotOurs, match="another process writes this journal"):
        open_journal(tmp_path)
    journal.close()
    journal.close()
    open_journal(tmp_path).close()


def test_a_journal_of_a_newer_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    covered = form._HEADER.pack(b"minegate", 4, 1, 0, 1, bytes(32)).ljust(form.HEADER_BYTES - 4, b"\0")
    newer = tmp_path / form.name_of(1)
    newer.write_bytes(covered + form._CRC.pack(zlib.crc32(covered)))
    before = newer.read_bytes()
    with pytest.raises(NotOurs, match=r"0+1\.seg: format 4, this program reads formats 2 and 3"):
        open_journal(tmp_path)
    assert newer.read_bytes() == before


def test_numbering_goes_on_above_what_a_receiver_has_confirmed(tmp_path: Path) -> None:
    """The folder was lost, the cursor was not: a receiver would throw reused sequences away."""
    journal = open_journal(tmp_path, floor=500)
    assert (journal.first_sequence, journal.last_sequence) == (501, 500)
    assert journal.append(SCAN, scan_body(1)) == 501
    journal.commit()
    journal.close()
    journal = open_journal(tmp_path, floor=600)
    journal.release(600)
    assert journal.append(SCAN, scan_body(2)) == 601
    journal.commit()
    journal.close()
    journal = open_journal(tmp_path, floor=601)
    journal.release(600)
    assert [record.sequence for record in journal.read(0, 10, 1000)] == [501, 601]
    assert journal.take_losses() == []
    journal.close()
    assert sorted(path.name for path in tmp_path.glob("*.seg")) == [form.name_of(501), form.name_of(601)]


def test_inspect_tells_everything_beside_a_running_writer(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    fill(journal, 100)
    last = max(tmp_path.glob("*.seg"))
    with last.open("ab") as file:
        file.write(b"half a rec")
    seen = list(inspect(tmp_path, OS_DISK))
    segments = [found for found in seen if isinstance(found, SegmentSeen)]
    assert [segment.strange for segment in segments] == [""] * len(list(tmp_path.glob("*.seg")))
    assert segments[-1].origins == {77: segments[-1].first - 1}
    records = [found for found in seen if isinstance(found, Record)]
    assert records == [Record(number, SCAN, scan_body(number)) for number in range(1, 101)]
    assert seen[-1] == Torn(last.name, last.stat().st_size - 10, 10)
    journal.close()
