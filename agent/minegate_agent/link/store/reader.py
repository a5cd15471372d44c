"""Reading on from any sequence, over damage, which becomes a loss with exact bounds."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from minegate_agent.link.disk import Disk
from minegate_agent.link.records import utc_ms_of
from minegate_agent.link.store.form import STUB
from minegate_agent.link.store.losses import JOURNAL_DAMAGED, Loss, Losses
from minegate_agent.link.store.shelf import Shelf, Stretch
from minegate_agent.link.store.walk import Walk
from minegate_agent.link.store.window import Window


class Record(NamedTuple):
    """One record of the journal. `klass` says how to read the body (records.py)."""

    sequence: int
    klass: int
    body: bytes


class _Basket:
    """What one call of `read` has found. It takes at least one record, however large."""

    def __init__(self, records_max: int, bytes_max: int) -> None:
        self.records: list[Record] = []
        self._records_max = records_max
        self._bytes_left = bytes_max

    def takes(self, record: Record) -> bool:
        """Put it in unless a bound would be passed."""
        if self.records and not (len(self.records) < self._records_max and len(record.body) <= self._bytes_left):
            return False
        self.records.append(record)
        self._bytes_left -= len(record.body)
        return True


class Reader:
    """For any number of readers and threads; a segment that is deleted under a reader is no damage."""

    def __init__(self, disk: Disk, shelf: Shelf, losses: Losses) -> None:
        self._disk = disk
        self._shelf = shelf
        self._losses = losses

    def read(self, after: int, released: int, records_max: int, bytes_max: int) -> list[Record]:
        """Durable records above `after`, oldest first. Damage at or below `released` is nobody's loss.

        Stops in front of a loss until its event is durable: a cursor that moved past it before a power cut would leave
        a gap that nobody declares.
        """
        basket = _Basket(records_max, bytes_max)
        while (stretch := self._shelf.next_above(after)) is not None:
            if self._losses.is_open(after + 1, stretch.first - 1, self._shelf.last):
                break
            after = self._walk(stretch, max(after, stretch.first - 1), released, basket)
            if after < stretch.last and self._shelf.holds(stretch.path):
                break
        return basket.records

    def _walk(self, stretch: Stretch, after: int, released: int, basket: _Basket) -> int:
        """The sequence up to which everything is in the basket or a settled loss."""
        walk = Walk(Window(self._disk, stretch.path, stretch.size), stretch.begin, after, stretch.last)
        met, whole = basket.records[-1:], stretch.begin
        next_mark = stretch.begin + self._shelf.spacing
        for stored in walk:
            record = Record(stored.sequence, stored.klass, stored.body)
            lost = range(after + 1, stored.sequence - stored.gone)
            if lost and not self._settled(stretch.path, lost, released, whole, [*met, record]):
                return after
            if stored.klass == STUB:
                after, whole = stored.sequence, stored.end
                continue
            if not basket.takes(record):
                self._shelf.remember(after, stretch.path, stored.at)
                self._shelf.found(stretch.path, stored.sequence, stored.at)
                return after
            if stored.at >= next_mark:
                self._shelf.found(stretch.path, stored.sequence, stored.at)
                next_mark = stored.at + self._shelf.spacing
            after, whole, met = stored.sequence, stored.end, [record]
        self._shelf.remember(after, stretch.path, whole)
        lost = range(after + 1, stretch.last + 1)
        if lost and not self._settled(stretch.path, lost, released, whole, met):
            return after
        return stretch.last

    def _settled(self, path: Path, lost: range, released: int, offset: int, neighbours: list[Record]) -> bool:
        """Declare the damage; whether a reader may go on behind it."""
        first, last = max(lost.start, released + 1), lost.stop - 1
        if first > last:
            return True
        if not self._shelf.holds(path):
            return False
        times = [ms for record in neighbours if (ms := utc_ms_of(record.klass, record.body)) is not None]
        from_utc_ms, to_utc_ms = (min(times), max(times)) if times else (None, None)
        count = last - first + 1
        self._losses.declare(Loss(first, last, count, JOURNAL_DAMAGED, from_utc_ms, to_utc_ms, path.name, offset))
        return not self._losses.is_open(first, last, self._shelf.last)
