"""What a restarted link learns from the end of its journal: the newest readings and events, and who spoke last."""

from __future__ import annotations

from typing import Protocol

from minegate_agent.clock import Clock
from minegate_agent.link.ahead import Ahead
from minegate_agent.link.journal import EVENT, SCAN, Journal, Record
from minegate_agent.link.records import BadBody, decode_event, decode_scan
from minegate_agent.scan import Scan

RECORDS_MAX = 2000
BYTES_MAX = 4_000_000


class Shown(Protocol):
    """Who is told (link/view.py)."""

    def on_scan(self, scan: Scan, sequence: int, heard_ms: int) -> None:
        """A scan that is in the journal."""

    def on_event(self, sequence: int, event: dict[str, object]) -> None:
        """An event that is in the journal."""


class Producers(Protocol):
    """Who is told of the last number of a producer."""

    def remember(self, boot: int, number: int, /) -> None:
        """Field: boot and utc_ms of an item; interlock: boot and sequence of a verdict."""


def recall(
    journal: Journal, clock: Clock, shown: Shown | None, field: Producers, interlock: Producers, ahead: Ahead
) -> None:
    """Read the newest records, oldest first. Damage and strange bodies are passed over. Raises OSError.

    `shown` is None if the records need another configuration than the present one to be understood.
    """
    after = max(0, journal.last_sequence - RECORDS_MAX)
    for record in journal.read(after, RECORDS_MAX, BYTES_MAX):
        if record.klass == EVENT:
            ahead.note(record)
        try:
            _tell(record, clock, shown, field, interlock)
        except BadBody:
            continue


def _tell(record: Record, clock: Clock, shown: Shown | None, field: Producers, interlock: Producers) -> None:
    if record.klass == SCAN:
        scan = decode_scan(record.body)
        field.remember(scan.boot, scan.utc_ms)
        if shown is not None:
            age_ms = max(0, clock.utc_ms() - scan.utc_ms)
            shown.on_scan(scan, record.sequence, clock.monotonic_ms() - age_ms)
    elif record.klass == EVENT:
        event = decode_event(record.body)
        boot, sequence, utc_ms = event.get("boot"), event.get("sequence"), event["utc_ms"]
        if event["from"] == "field" and isinstance(boot, int) and isinstance(utc_ms, int):
            field.remember(boot, utc_ms)
        if event["from"] == "interlock" and isinstance(boot, int) and isinstance(sequence, int):
            interlock.remember(boot, sequence)
        if shown is not None:
            shown.on_event(record.sequence, event)
