"""One bit or one sector wrong, at every position of a small journal: an exact loss list, no crash, no wrong value."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from journal_story import FOLDER, alarm_body, loss_body, scan_body
from minegate_agent.link.inspection import Gap, inspect
from minegate_agent.link.journal import EVENT, SCAN, Journal, Record
from minegate_agent.link.proof import prove
from minegate_agent.link.store.form import HEADER_BYTES, STUB, Stored, said_by, unpack_record
from minegate_sim.disk import SimDisk
from minegate_sim.torn import SECTOR_BYTES

SEGMENT_BYTES, BYTES_MAX = 5_000, 20_000


class Place(NamedTuple):
    """A record as it stands in a file."""

    path: Path
    stored: Stored

    @property
    def sequences(self) -> range:
        """What only this record tells of: itself and what was thinned before it."""
        return range(self.stored.sequence - self.stored.gone, self.stored.sequence + 1)


class Small(NamedTuple):
    """A closed journal with whole and thinned segments: its files, and every record in them, in order."""

    files: dict[Path, bytes]
    places: list[Place]

    def disk(self) -> SimDisk:
        disk = SimDisk()
        for path, content in self.files.items():
            file = disk.create(path)
            file.write_at(0, content)
            file.fdatasync()
        disk.sync_folder(FOLDER)
        return disk


def opened(disk: SimDisk) -> Journal:
    return Journal.open(FOLDER, segment_bytes=SEGMENT_BYTES, bytes_max=BYTES_MAX, disk=disk)


@cache
def small() -> Small:
    disk = SimDisk()
    journal = opened(disk)
    for number in range(1, 221):
        klass, body = (EVENT, alarm_body(number)) if number % 20 == 0 else (SCAN, scan_body(number))
        journal.append(klass, body)
        if number % 30 == 0:
            journal.commit()
            journal.keep_budget()
            for loss in journal.take_losses():
                journal.append(EVENT, loss_body(loss))
    journal.commit()
    journal.keep_budget()
    journal.close()
    named = sorted(entry.name for entry in disk.list(FOLDER) if said_by(entry.name) is not None)
    files = {FOLDER / name: disk.content(FOLDER / name) for name in named}
    return Small(files, [place for path, content in files.items() for place in _places(path, content)])


def _places(path: Path, content: bytes) -> Iterator[Place]:
    at = HEADER_BYTES
    while (stored := unpack_record(content, at, at)) is not None:
        yield Place(path, stored)
        at = stored.end


def test_the_small_journal_has_all_that_a_large_one_has() -> None:
    levels = [said_by(path.name) for path in small().files]
    assert {name.level for name in levels if name is not None} >= {0, 1}
    assert any(place.stored.gone for place in small().places)
    assert any(place.stored.klass == STUB for place in small().places)
    assert sum(map(len, small().files.values())) > 10_000


def damaged(path: Path, content: bytes) -> None:
    """Read the journal with this content of one file, and hold what is told against what is really gone."""
    disk = small().disk()
    disk.damage(path, 0, content)
    before = small().files[path]
    hurt = [place for place in small().places if place.path == path and _differs(before, content, place.stored)]
    torn = _torn(hurt)
    lost = {sequence for place in hurt if place not in torn for sequence in place.sequences}
    journal = opened(disk)
    found, declared = _read(journal)
    journal.close()
    kept = {p.stored.sequence: p.stored for p in small().places if p not in hurt and p.stored.klass != STUB}
    assert {sequence: record.body for sequence, record in found.items()} == {
        sequence: stored.body for sequence, stored in kept.items()
    }
    assert declared == lost
    gaps = {n for seen in inspect(FOLDER, disk) if isinstance(seen, Gap) for n in range(seen.first, seen.last + 1)}
    assert gaps == lost
    assert bool(prove(FOLDER, "m", "g", None, disk).findings) or not lost


def _differs(before: bytes, after: bytes, stored: Stored) -> bool:
    return before[stored.at : stored.end] != after[stored.at : stored.end]


def _torn(hurt: list[Place]) -> list[Place]:
    """What lies up to the very end cannot be told from a write that the power cut: it is cut, and the log says so."""
    torn = []
    for place in reversed(small().places):
        if place not in hurt:
            break
        torn.append(place)
    return torn


def _read(journal: Journal) -> tuple[dict[int, Record], set[int]]:
    found: dict[int, Record] = {}
    declared: set[int] = set()
    last, after = journal.last_sequence, 0
    while after < last:
        for record in journal.read(after, 50, 100_000):
            if record.sequence <= last:
                found[record.sequence] = record
            after = record.sequence
        losses = journal.take_losses()
        for loss in losses:
            declared |= set(range(loss.first, loss.last + 1))
            journal.append(EVENT, loss_body(loss))
        journal.commit()
    return found, declared


@pytest.mark.parametrize("every", [37, pytest.param(1, marks=pytest.mark.long)])
def test_a_wrong_bit_at_any_position_costs_the_record_it_is_in_and_nothing_else(every: int) -> None:
    """With `every` 1 all bits of all files; else one bit of every so many bytes."""
    for path, content in small().files.items():
        for at in range(0, len(content), every):
            for bit in range(8) if every == 1 else [at // every % 8]:
                wrong = bytearray(content)
                wrong[at] ^= 1 << bit
                damaged(path, bytes(wrong))


def zeros(content: bytes, _: int, size: int) -> bytes:
    return bytes(size)


def ones(content: bytes, _: int, size: int) -> bytes:
    return b"\xff" * size


def noise(content: bytes, at: int, size: int) -> bytes:
    return random.Random(at).randbytes(size)


def the_sector_before(content: bytes, at: int, size: int) -> bytes:
    """As a drive that wrote to the wrong place leaves it."""
    before = content[max(at - SECTOR_BYTES, 0) :][:size]
    return before.ljust(size, b"\0")


@pytest.mark.parametrize("step", [SECTOR_BYTES, pytest.param(7, marks=pytest.mark.long)])
@pytest.mark.parametrize("kind", [zeros, ones, noise, the_sector_before])
def test_a_wrong_sector_at_any_position_costs_the_records_on_it_and_nothing_else(
    kind: Callable[[bytes, int, int], bytes], step: int
) -> None:
    for path, content in small().files.items():
        for at in range(0, len(content), step):
            size = min(SECTOR_BYTES, len(content) - at)
            damaged(path, content[:at] + kind(content, at, size) + content[at + size :])
