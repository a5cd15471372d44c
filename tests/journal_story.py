"""A producer, a link and a receiver around one journal, with an account of everything anybody was promised."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from copy import copy
from functools import cache
from pathlib import Path

from minegate_agent.link.cursor import Cursor
from minegate_agent.link.journal import EVENT, SCAN, Full, Journal, Loss, Record
from minegate_agent.link.ledger import gone
from minegate_agent.link.loss_event import loss_event
from minegate_agent.link.records import decode_event, decode_scan, encode_event, encode_scan
from minegate_agent.scan import Scan
from minegate_sim.disk import Killed, PowerCut, SimDisk

FOLDER = Path("/journal")
CURSOR = Path("/cursor/uplink")
BOOT = 77
_TRIES = 20


@cache
def scan_body(number: int, boot: int = BOOT) -> bytes:
    """Item `number` of the producer; the same number gives the same bytes."""
    record = random.Random(number).randbytes(number % 61)
    return encode_scan(Scan(boot, number, 1 + number % 3, 0, 0, number * 10, 1_700_000_000_000 + number, 1, record))


def loss_body(loss: Loss) -> bytes:
    """The event that link journals for a loss."""
    return encode_event(loss_event(loss, 1_700_000_000_000))


def told_by(body: bytes) -> set[int]:
    """The sequences that a loss event declares; none if it is another event."""
    event = decode_event(body)
    if event["kind"] != "loss":
        return set()
    lost = {sequence for first, last in gone(event) for sequence in range(first, last + 1)}
    assert event["count"] == len(lost), event
    return lost


def alarm_body(number: int) -> bytes:
    """The same for an event of the producer."""
    told = {"kind": "alarm", "from": "field", "utc_ms": 1_700_000_000_000 + number, "boot": BOOT, "number": number}
    return encode_event(told)


def is_scan(body: bytes) -> bool:
    """Events are msgpack maps, and the scans of this story begin with its boot."""
    return body[:4] == BOOT.to_bytes(4, "little")


def number_of(record: Record) -> int:
    """The producer's; 0 for an event of link."""
    if record.klass == SCAN:
        return decode_scan(record.body).number
    return int(str(decode_event(record.body).get("number", 0)))


class Story:
    """Every method may be interrupted by the disk; `survive` brings link back as a supervisor would."""

    def __init__(self, disk: SimDisk, *, bytes_max: int, segment_bytes: int = 600, restarts: bool = False) -> None:
        self.disk = disk
        self._bytes_max = bytes_max
        self._segment_bytes = segment_bytes
        self._restarts = restarts
        self._produced = 0  # items of the producer, who keeps those that are not confirmed
        self._confirmed = 0  # up to here the producer has forgotten them
        self._promised: dict[int, bytes] = {}  # acknowledged by commit
        self._appended: dict[int, bytes] = {}  # in this life of link
        self._received: dict[int, Record] = {}
        self._declared: set[int] = set()
        self.errors = 0
        self.cuts = 0
        self.kills = 0
        self.survive(self._open)

    def _open(self) -> None:
        self._cursor = Cursor.open(CURSOR, self.disk)
        floor = self._cursor.sequence
        self.journal = Journal.open(
            FOLDER, segment_bytes=self._segment_bytes, bytes_max=self._bytes_max, disk=self.disk, floor=floor
        )
        self._cursor.move(self.journal.first_sequence - 1)
        self.journal.release(self._cursor.sequence)
        self._appended = {}
        self._check_promises()
        self._resend()

    def survive(self, act: Callable[[], object]) -> None:
        """Do it; after a power cut open again; an error of the disk ends this act only."""
        for _ in range(_TRIES):
            try:
                act()
            except PowerCut:
                self.cuts += 1
                self.disk = self.disk.after_power_cut(self.cuts)
                act = self._open
            except Killed:
                self.kills += 1
                act = self._open
            except OSError:
                self.errors += 1
                if act != self._open and not self._restarts:
                    return
                self._release_lock()
                act = self._open
            else:
                return
        raise AssertionError(f"no way to go on after {_TRIES} tries")

    def found_on(self, disk: SimDisk) -> Story:
        """The same story with another end of the last power cut."""
        other = copy(self)
        other.disk = disk
        other._promised, other._appended = dict(self._promised), dict(self._appended)
        other._received, other._declared = dict(self._received), set(self._declared)
        other._open()
        return other

    def _release_lock(self) -> None:
        self.disk._locked.clear()  # what the end of the process does

    def _check_promises(self) -> None:
        """What was promised and is not declared lost can be read, with the bytes it was promised for."""
        first, last = self.journal.first_sequence, self.journal.last_sequence
        assert last >= max(self._promised, default=0), (last, max(self._promised))
        found = {record.sequence: record.body for record in self._all_from(first - 1)}
        told = self._declared.union(*(told_by(body) for body in found.values() if not is_scan(body)))
        for sequence, body in self._promised.items():
            if sequence >= first and not (sequence in told and is_scan(body)):
                assert found[sequence] == body, sequence

    def _all_from(self, after: int) -> list[Record]:
        records: list[Record] = []
        while block := self.journal.read(after, 7, 500):
            records += block
            after = block[-1].sequence
        return records

    def _resend(self) -> None:
        known = self.journal.origins.get(BOOT, 0)
        assert self._confirmed <= known <= self._produced, "the producer has forgotten what the journal asks for"
        self._confirmed = known
        for number in range(known + 1, self._produced + 1):
            self._hand_over(number)

    def _append(self, klass: int, body: bytes) -> None:
        self._appended[self.journal.append(klass, body)] = body

    def restart(self) -> None:
        """The process is killed and comes back; what the kernel holds stays."""
        self._release_lock()
        self._open()

    def produce(self, count: int) -> None:
        """The producer reads `count` items and hands them over; every seventh is an event."""
        for _ in range(count):
            try:
                self._hand_over(self._produced + 1)
            except Full:
                return
            self._produced += 1

    def _hand_over(self, number: int) -> None:
        if number % 7:
            self._append(SCAN, scan_body(number))
        else:
            self._append(EVENT, alarm_body(number))

    def commit(self) -> None:
        """Losses become events, then everything becomes durable."""
        for loss in self.journal.take_losses():
            self._append(EVENT, loss_body(loss))
        try:
            self.journal.commit()
        finally:
            self._promise(self.journal.last_sequence)  # also if it failed later: a reader may have had them
        self.journal.keep_budget()

    def _promise(self, upto: int) -> None:
        self._confirmed = max(self._confirmed, self.journal.origins.get(BOOT, 0))
        for sequence in [sequence for sequence in self._appended if sequence <= upto]:
            self._promised[sequence] = self._appended.pop(sequence)

    def deliver(self, count: int) -> None:
        """The receiver takes up to `count` records and confirms."""
        records = self.journal.read(self._cursor.sequence, count, 2000)
        for record in records:
            known = self._received.setdefault(record.sequence, record)
            assert known == record, f"sequence {record.sequence} was given to two records"
            if record.klass == EVENT:
                self._declared |= told_by(record.body)
        if records:
            self._cursor.move(records[-1].sequence)
            self.journal.release(self._cursor.sequence)

    def finish(self) -> None:
        """Faults are over: everything is delivered, and the account is drawn up."""
        self.disk.faults.clear()
        self.disk.capacity = None
        self.survive(lambda: None)
        rounds = 0
        while self._cursor.sequence < self.journal.last_sequence or self.journal.pending or rounds < 2:
            self.commit()  # reading stops in front of each loss until this has declared it
            self.deliver(50)
            rounds += 1
            assert rounds < 1000, "delivery hangs"
        assert self.journal.pending == 0
        known = set(self._received) | self._declared
        assert known >= set(range(1, self.journal.last_sequence + 1)), (
            "a sequence is neither delivered nor declared lost"
        )
        for sequence, body in self._promised.items():
            assert sequence not in self._received or self._received[sequence].body == body, sequence
        self._check_items()

    def _check_items(self) -> None:
        """Every item once, or lost under a declared sequence; every event that was acknowledged came."""
        numbers = Counter(number_of(record) for record in self._received.values())
        del numbers[0]
        assert all(is_scan(self._promised[sequence]) for sequence in self.promised_and_lost), "an event was given up"
        twice = [number for number, times in numbers.items() if times > 1]
        assert not twice, f"items journaled twice: {twice}"
        missing = self._produced - len(numbers)
        assert missing <= len(self.lost), (missing, self.lost)

    @property
    def lost(self) -> set[int]:
        """Sequences that are declared lost and never came."""
        return self._declared - set(self._received)

    @property
    def promised_and_lost(self) -> set[int]:
        """Sequences that commit acknowledged and that are declared lost."""
        return self.lost & set(self._promised)
