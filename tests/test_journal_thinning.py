"""A full journal gives up readings by age, every other one of each device; events stay, and all stays provable."""

from __future__ import annotations

import random
import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from journal_story import BOOT, FOLDER, alarm_body, is_scan, loss_body, scan_body, told_by
from link_work import GATEWAY, MINE
from minegate_agent.link.anchors import signed_text
from minegate_agent.link.inspection import Gap, SegmentSeen, Thinned, inspect
from minegate_agent.link.journal import EVENT, SCAN, Journal, Loss, Record
from minegate_agent.link.ledger import BadLedger, bits_of, gone, mask
from minegate_agent.link.proof import Proof, prove
from minegate_agent.link.records import decode_event, decode_scan, encode_event, encode_scan
from minegate_agent.link.signing import Signer, signer
from minegate_agent.link.store.form import HEADER_BYTES, STUB, Stored, pack_record, said_by, unpack_record
from minegate_agent.link.store.thinning import NO_READINGS
from minegate_agent.scan import Scan
from minegate_sim.disk import SimDisk
from minegate_sim.ingest.account import account
from minegate_sim.ingest.store import Arrived
from minegate_sim.ingest.thinned import check

SEGMENT_BYTES = 64_000
BYTES_MAX = 800_000
RECORD_BYTES = 400


@cache
def reading(number: int) -> bytes:
    """Item `number` of one of three devices."""
    record = random.Random(number).randbytes(RECORD_BYTES)
    return encode_scan(Scan(BOOT, number, 1 + number % 3, 0, 0, number * 10, 1_700_000_000_000 + number, 1, record))


class Site:
    """A journal with a key that writes what link writes: readings, now and then an alarm, losses and anchors."""

    def __init__(self, disk: SimDisk, key: Signer) -> None:
        self.disk = disk
        self._key = key
        self.journal = self._opened()
        self.events: list[int] = []
        self.losses: list[Loss] = []
        self.number = 0

    def _opened(self) -> Journal:
        return Journal.open(FOLDER, segment_bytes=SEGMENT_BYTES, bytes_max=BYTES_MAX, disk=self.disk)

    def restart(self) -> None:
        self.journal.close()
        self.journal = self._opened()

    def live(self, count: int, alarm_every: int = 40) -> None:
        for _ in range(count):
            self.number += 1
            if self.number % alarm_every:
                self.journal.append(SCAN, reading(self.number))
            else:
                self.events.append(self.journal.append(EVENT, alarm_body(self.number)))
            if self.number % 50 == 0:
                self.commit()
            if self.number % 200 == 0:
                self._anchor()

    def commit(self) -> None:
        self.journal.commit()
        self.journal.keep_budget()
        for loss in self.journal.take_losses():
            self.losses.append(loss)
            self.events.append(self.journal.append(EVENT, loss_body(loss)))

    def settle(self) -> None:
        for _ in range(100):
            self.commit()
            if not self.journal.wants_room and not self.journal.pending:
                return

    def _anchor(self) -> None:
        through, chain = self.journal.chain
        signature = self._key.sign(signed_text(MINE, GATEWAY, through, chain))
        told = {"through": through, "chain": chain, "key": self._key.public, "signature": signature}
        self.events.append(
            self.journal.append(EVENT, encode_event({"kind": "anchor", "from": "link", "utc_ms": 1, **told}))
        )

    def read(self) -> list[Record]:
        found: list[Record] = []
        while block := self.journal.read(found[-1].sequence if found else 0, 100, 100_000):
            found += block
        return found

    def proof(self) -> Proof:
        return prove(FOLDER, MINE, GATEWAY, self._key.public, self.disk)

    def paths(self) -> list[Path]:
        return sorted(FOLDER / entry.name for entry in self.disk.list(FOLDER) if said_by(entry.name) is not None)

    def level(self, path: Path) -> int:
        name = said_by(path.name)
        assert name is not None
        return name.level


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
    event = decode_event(loss_body(loss))
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
    site.live(30_000, alarm_every=1_000)
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


@pytest.mark.parametrize("restarts", [False, True])
def test_a_thinned_journal_is_proved_from_its_first_record_to_the_last_anchor(site: Site, restarts: bool) -> None:
    for _ in range(6):
        site.live(1_000)
        if restarts:
            site.settle()
            site.restart()
    site.settle()
    proof = site.proof()
    assert proof.findings == ()
    assert proof.thinned > 1_000
    assert proof.anchored > site.journal.last_sequence - 400
    holes = sum(seen.last - seen.first + 1 for seen in inspect(FOLDER, site.disk) if isinstance(seen, Thinned))
    assert holes == proof.thinned


def stored_in(site: Site, path: Path) -> list[Stored]:
    content, at, found = site.disk.content(path), HEADER_BYTES, []
    while (stored := unpack_record(content, at, at)) is not None:
        found.append(stored)
        at = stored.end
    return found


def rewritten(site: Site, path: Path, records: list[Stored]) -> None:
    """The file with these records, all checksums and holes mended."""
    header = site.disk.content(path)[:HEADER_BYTES]
    name = said_by(path.name)
    assert name is not None
    after, parts = name.first - 1, [header]
    for each in records:
        hole = each.sequence - after - 1
        parts.append(pack_record(each.sequence, each.klass, each.body, each.origin, hole))
        after = each.sequence
    file = site.disk.create(path)
    file.write_at(0, b"".join(parts))
    file.fdatasync()


def one_more_taken_out(records: list[Stored]) -> list[Stored]:
    return [*records[:5], *records[6:]]


def one_edited(records: list[Stored]) -> list[Stored]:
    at = next(index for index in range(5, len(records)) if is_scan(records[index].body))
    body = bytearray(records[at].body)
    body[20] ^= 1
    return [*records[:at], records[at]._replace(body=bytes(body)), *records[at + 1 :]]


def an_event_taken_out(records: list[Stored]) -> list[Stored]:
    at = next(index for index, each in enumerate(records) if each.klass == EVENT)
    return [*records[:at], *records[at + 1 :]]


@pytest.mark.parametrize("which", [0, 1, 4])
@pytest.mark.parametrize("edit", [one_more_taken_out, one_edited, an_event_taken_out])
def test_nothing_else_can_be_taken_out_of_a_thinned_segment_or_changed_in_it(
    site: Site, edit: Callable[[list[Stored]], list[Stored]], which: int
) -> None:
    site.live(5_000, alarm_every=11)
    site.settle()
    thinned = [path for path in site.paths() if site.level(path)]
    path = thinned[which]
    records = stored_in(site, path)
    edited = edit([each for each in records if each.klass != STUB])
    rewritten(site, path, [*edited, *(each for each in records if each.klass == STUB)])
    name = said_by(path.name)
    assert name is not None
    findings = site.proof().findings
    assert [finding.first for finding in findings] == [name.first]


def test_a_segment_that_was_edited_before_it_was_thinned_does_not_become_right_by_that(site: Site) -> None:
    site.live(1_300)
    assert not site.losses
    path = site.paths()[1]
    records = stored_in(site, path)
    rewritten(site, path, one_edited(records))
    name = said_by(path.name)
    assert name is not None
    site.live(900)
    site.settle()
    assert name.first in [decode_event(loss_body(loss))["segment"][0] for loss in site.losses]
    findings = site.proof().findings
    assert [(finding.first, finding.what) for finding in findings] == [
        (name.first, "it had been changed before it was thinned")
    ]


def test_a_thinned_segment_behind_whose_ledger_is_gone_is_found(site: Site) -> None:
    """Somebody thins by himself: the same file form, but no event that declares it."""
    site.live(1_300)
    assert not site.losses
    other = Site(SimDisk(), site._key)
    other.live(2_500)
    other.settle()
    path = next(path for path in other.paths() if other.level(path))
    name = said_by(path.name)
    assert name is not None
    whole = FOLDER / f"{name.first:020d}.seg"
    file = site.disk.create(path)
    file.write_at(0, other.disk.content(path))
    file.fdatasync()
    site.disk.delete(whole)
    assert [finding.what for finding in site.proof().findings] == ["records were taken out that no loss event declares"]


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
        for number in range(1, 8_001):
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


def arrivals(site: Site, upto: int) -> list[Arrived]:
    return [Arrived(*record) for record in site.read() if record.sequence <= upto]


def test_the_receivers_account_balances_and_what_was_kept_is_proved_there(site: Site, key: Signer) -> None:
    site.live(300)
    site.commit()
    early = arrivals(site, 150)  # they arrived before they were thinned
    site.live(5_000)
    site.settle()
    records = sorted({each.sequence: each for each in [*early, *arrivals(site, 1 << 60)]}.values())
    drawn = account(records, 0, MINE, GATEWAY, key.public)
    assert drawn.balanced
    assert sum(last - first + 1 for first, last in drawn.declared) == site.journal.thinned
    checked = check(drawn.thinnings, lambda low, high: [each for each in records if low <= each.sequence <= high])
    assert checked.contradicted == ()
    assert len(checked.proved) == sum(1 for path in site.paths() if site.level(path))
    victim = next(index for index, each in enumerate(records) if each.sequence > 200 and each.klass == SCAN)
    records[victim] = records[victim]._replace(body=reading(1))
    checked = check(drawn.thinnings, lambda low, high: [each for each in records if low <= each.sequence <= high])
    assert len(checked.contradicted) == 1
    del records[victim]
    assert account(records, 0, MINE, GATEWAY, key.public).missing != ()


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
