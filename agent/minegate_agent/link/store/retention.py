"""The byte budget: delivered segments go first; an undelivered one goes only when its loss is declared on disk."""

from __future__ import annotations

import contextlib
from collections import deque
from pathlib import Path
from typing import NamedTuple

from minegate_agent.link.disk import Disk
from minegate_agent.link.records import loss_event_in, utc_ms_of
from minegate_agent.link.store.form import HEADER_BYTES
from minegate_agent.link.store.losses import JOURNAL_FULL, Loss, Losses
from minegate_agent.link.store.shelf import Segment, Shelf
from minegate_agent.link.store.walk import Walk
from minegate_agent.link.store.window import Window


class _Doomed(NamedTuple):
    """A segment nobody can read any longer, on disk until the loss of this serial is a durable event."""

    path: Path
    size: int
    serial: int


class Retention:
    """Used by whoever commits, one at a time."""

    def __init__(self, disk: Disk, folder: Path, shelf: Shelf, losses: Losses, bytes_max: int) -> None:
        self._disk = disk
        self._folder = folder
        self._shelf = shelf
        self._losses = losses
        self._bytes_max = bytes_max
        self._doomed: deque[_Doomed] = deque()
        self.trouble = ""

    @property
    def bytes_used(self) -> int:
        """Bytes of all segments that are still on disk."""
        return self._shelf.bytes_used + sum(doomed.size for doomed in tuple(self._doomed))

    def keep(self, released: int, durable: int) -> None:
        """Bring the folder to the budget. A deletion that fails is told in `trouble` and tried again next time."""
        try:
            self._delete_settled(durable)
            while self._shelf.bytes_used > self._bytes_max and (oldest := self._shelf.oldest_sealed()) is not None:
                self._give_up(oldest, released)
                self._delete_settled(durable)
        except OSError as error:
            self.trouble = f"journal: cannot delete in {self._folder}: {error.strerror}"
        else:
            self.trouble = ""

    def make_room(self, released: int) -> bool:
        """Delete the oldest delivered segment because the disk is full: old news make room for new. OSError."""
        oldest = self._shelf.oldest_sealed()
        if oldest is None or oldest.last > released:
            return False
        self._delete(oldest.path)
        self._shelf.remove_oldest()
        return True

    def _give_up(self, oldest: Segment, released: int) -> None:
        serial = 0
        if oldest.last > released:
            serial = self._losses.declare(self._loss(oldest, max(oldest.first, released + 1)))
        self._shelf.remove_oldest()
        self._doomed.append(_Doomed(oldest.path, oldest.size, serial))
        self._losses.forget_below(self._shelf.first)

    def _loss(self, segment: Segment, first: int) -> Loss:
        """Walks through the whole segment: its times may have stepped, and the bounds shall hold."""
        low = high = None
        loss_events: list[dict[str, object]] = []
        walk = Walk(Window(self._disk, segment.path, segment.size), HEADER_BYTES, segment.first - 1, segment.last)
        offset = HEADER_BYTES
        for stored in walk:
            if stored.sequence < first:
                offset = stored.end
                continue
            utc_ms = utc_ms_of(stored.klass, stored.body)
            if utc_ms is not None:
                low = utc_ms if low is None else min(low, utc_ms)
                high = utc_ms if high is None else max(high, utc_ms)
            loss_events += loss_event_in(stored.klass, stored.body)
        return Loss(
            first=first,
            last=segment.last,
            count=segment.last - first + 1,
            reason=JOURNAL_FULL,
            from_utc_ms=low,
            to_utc_ms=high,
            file=segment.path.name,
            offset=offset,
            loss_events=tuple(loss_events),
        )

    def _delete_settled(self, durable: int) -> None:
        settled = self._losses.settled(durable)
        while self._doomed and self._doomed[0].serial <= settled:
            self._delete(self._doomed[0].path)
            self._doomed.popleft()

    def _delete(self, path: Path) -> None:
        """Each deletion is synced before the next, so a power cut cannot leave a hole between segments."""
        with contextlib.suppress(FileNotFoundError):  # a try before this one deleted it and failed at the sync
            self._disk.delete(path)
        self._disk.sync_folder(self._folder)
