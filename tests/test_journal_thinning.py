"""A full journal gives up readings by age, every other one of each device; events stay, and all stays provable."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from journal_story import FOLDER, alarm_body, loss_body, scan_body, told_by
from minegate_agent.link.inspection import Gap, SegmentSeen, Thinned, inspect
from minegate_agent.link.journal import EVENT, SCAN, Journal, Loss, Record
from minegate_agent.link.ledger import BadLedger, bits_of, gone, mask
from minegate_agent.link.records import decode_event, decode_scan
from minegate_agent.link.signing import Signer, signer
from minegate_agent.link.store.thinning import NO_READINGS
from minegate_sim.disk import SimDisk
from thinned_site import BYTES_MAX, Site, reading, stored_in


@pytest.fixture
def key(tmp_path: Path) -> Signer:
    (tmp_path / "key").write_text("07" * 32, encoding="ascii")
    return signer(tmp_path / "key")


@pytest.fixture
def site(key: Signer) -> Site:
    return Site(SimDisk(), key)


def test_half_of_each_devices_readings_go_and_the_event_says_exactly_which(site: Site) -> None:
    site.live(1_900)
    site.settle()
    (loss, *_) = site.losses
    event: dict[str, Any] = decode_event(loss_body(loss))
    first, last = event["segment"]
    before = [number for number in range(first, last + 1) if number not in site.events]
    by_device = defaultdict(list)
    for number in before:
        by_device[decode_scan(reading(number)).device].append(number)
    expected = {number for numbers in by_device.values() for number in numbers[1::2]}
    assert told_by(loss_body(loss)) == expected
    assert (event["count"], event["first"], event["last"]) == (len(expected), min(expected), max(expected))
    assert (event["reason"], event["every"]) == ("journal_thinned", 2)
    assert [row[:4] for row in event["devices"]] == [
        [device, 0, len(numbers) // 2, len(numbers) - len(numbers) // 2]
        for device, numbers in sorted(by_device.items())
    ]
    assert (loss.from_utc_ms, loss.to_utc_ms) == tuple(
        decode_scan(reading(number)).utc_ms for number in (min(expected), max(expected))
    )


def test_what_stays_is_as_it_was_and_what_went_is_declared(site: Site) -> None:
    site.live(9_000)
    site.settle()
    found = {record.sequence: record for record in site.read()}
    declared = set().union(*(told_by(loss_body(loss)) for loss in site.losses))
    assert set(found) | declared >= set(range(1, site.journal.last_sequence + 1))
    assert not set(found) & declared
    assert set(site.events) <= set(found), "an event was given up"
    assert site.journal.thinned == len(declared) > 2_000
    assert {decode_scan(r.body).number for r in found.values() if r.klass == SCAN} <= set(range(1, 9_001))
    assert all(r.body == reading(decode_scan(r.body).number) for r in found.values() if r.klass == SCAN)
    assert site.journal.bytes_used <= BYTES_MAX


def test_the_newest_readings_are_whole_and_the_oldest_are_the_sparsest(site: Site) -> None:
    site.live(5_000)
    site.settle()
    levels = [site.level(path) for path in site.paths()]
    assert levels == sorted(levels, reverse=True)
    assert levels.count(0) >= 2
    assert set(levels) >= {0, 1, 2, 3}
    devices = Counter(decode_scan(r.body).device for r in site.read() if r.klass == SCAN)
    assert max(devices.values()) - min(devices.values()) < 20, "no device pays for the others"
    first = site.read()[0]
    assert first.sequence == 1, "an outage stays covered from its first minute on"


def test_in_the_end_all_readings_of_old_segments_go_and_their_events_stay(site: Site) -> None:
    site.live(18_000, alarm_every=1_000)
    site.settle()
    found = site.read()
    assert set(site.events) == {record.sequence for record in found if record.klass == EVENT}
    bare = [path for path in site.paths() if site.level(path) == NO_READINGS]
    assert bare
    in_bare = list(inspect(FOLDER, site.disk))
    assert not [seen for seen in in_bare if isinstance(seen, Gap)]
    declared = set().union(*(told_by(loss_body(loss)) for loss in site.losses))
    assert {record.sequence for record in found} | declared >= set(range(1, site.journal.last_sequence + 1))


def test_events_alone_may_overrun_the_budget_and_that_is_said(site: Site) -> None:
    for number in range(1, 12_000):
        site.events.append(site.journal.append(EVENT, alarm_body(number)))
        if number % 100 == 0:
            site.commit()
    site.commit()
    assert "none is given up" in site.journal.trouble
    assert site.journal.bytes_used > BYTES_MAX
    assert [record.sequence for record in site.read()] == site.events
    assert site.losses == []
    site.journal.release(site.journal.last_sequence)
    site.settle()
    assert site.journal.trouble == ""
    assert site.journal.bytes_used <= BYTES_MAX


def test_damage_in_a_thinned_segment_costs_what_lies_on_it_and_is_declared_exactly(site: Site) -> None:
    site.live(6_000)
    site.settle()
    site.journal.release(0)
    path = next(path for path in site.paths() if site.level(path) == 2)
    victim = stored_in(site, path)[7]
    site.disk.damage(path, victim.at + 30, b"\xff\xff")
    before = {record.sequence for record in site.read()}
    losses = site.journal.take_losses()
    holes = range(victim.sequence - victim.gone, victim.sequence + 1)  # who came before it is only told by itself
    assert [(loss.first, loss.last, loss.reason) for loss in losses] == [(holes[0], holes[-1], "journal_damaged")]
    assert victim.sequence not in before
    site.restart()
    assert site.journal.read(0, 1, 1_000)[0].sequence == 1


def test_a_reader_goes_on_while_its_segment_is_thinned_under_it(tmp_path: Path) -> None:
    """A real disk and two threads: no reading comes twice or out of order, and none is taken for damaged."""
    journal = Journal.open(tmp_path, segment_bytes=20_000, bytes_max=200_000)
    losses: list[Loss] = []
    ends = threading.Event()
    problems: list[str] = []
    turns = 0

    def read_for_ever() -> None:
        nonlocal turns
        while not ends.is_set():
            after = 0
            while block := journal.read(after, 37, 5_000):
                sequences = [record.sequence for record in block]
                if sequences != sorted(set(sequences)) or sequences[0] <= after:
                    problems.append(f"{after}: {sequences}")
                after = sequences[-1]
            turns += 1

    reader = threading.Thread(target=read_for_ever)
    reader.start()
    try:
        for number in range(1, 5_001):
            journal.append(SCAN, scan_body(number))
            if number % 100 == 0:
                journal.commit()
                journal.keep_budget()
                for loss in journal.take_losses():
                    losses.append(loss)
                    journal.append(EVENT, loss_body(loss))
    finally:
        ends.set()
        reader.join()
    journal.close()
    assert problems == []
    assert turns >= 2
    assert {loss.reason for loss in losses} == {"journal_thinned"}
    assert not [seen for seen in inspect(tmp_path) if isinstance(seen, Gap)]
    assert any(seen.thinned for seen in inspect(tmp_path) if isinstance(seen, SegmentSeen))


def test_who_looks_at_the_files_of_a_running_site_sees_no_damage_in_what_is_thinned_meanwhile(site: Site) -> None:
    site.live(1_300)
    site.commit()
    assert not site.losses
    looking = inspect(FOLDER, site.disk)
    seen = [next(looking) for _ in range(5)]
    site.live(3_000)
    site.settle()
    assert site.journal.thinned > 500
    seen += looking
    assert not [each for each in seen if isinstance(each, Gap)]
    sequences = [each.sequence for each in seen if isinstance(each, Record)]
    assert sequences == sorted(set(sequences))
    holes = {n for each in seen if isinstance(each, Thinned) for n in range(each.first, each.last + 1)}
    assert holes
    assert holes | set(sequences) >= set(range(1, 1_100)), "all but the file that was being written"


def test_a_ledger_event_is_read_back_as_it_was_meant() -> None:
    event = {"first": 10, "last": 30, "gone": bits_of(10, 30, [10, 11, 17, 18, 30])}
    assert list(gone(event)) == [(10, 11), (17, 18), (30, 30)]
    assert mask(event) == (10, 1 | 2 | 1 << 7 | 1 << 8 | 1 << 20)
    assert list(gone({"first": 5, "last": 6})) == [(5, 6)]


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"first": 0, "last": 3},
        {"first": 5, "last": 4},
        {"first": 1, "last": 9, "gone": b"no zlib"},
        {"first": 1, "last": 9, "gone": bits_of(1, 30, [30])},
        {"first": 1, "last": 9, "gone": bits_of(1, 16, [16])},
        {"first": 1, "last": 9, "gone": "text"},
        {"first": 1, "last": 1 << 40, "gone": bits_of(1, 9, [1])},
    ],
)
def test_a_ledger_event_that_makes_no_sense_declares_nothing(event: dict[str, object]) -> None:
    with pytest.raises(BadLedger):
        list(gone(event))
