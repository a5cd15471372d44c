"""What the journal can no longer give, each sequence declared once, until it is journaled as an event itself."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

JOURNAL_THINNED: Final = "journal_thinned"  # the byte budget forced readings out of a segment
JOURNAL_DAMAGED: Final = "journal_damaged"  # the medium did not keep it

_WAITING_MAX = 1000
_DECLARED_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Loss:
    """`count` records lie between `first` and `last` (both lost) and are gone.

    Times bound when they happened, as far as their neighbours tell. `file` and `offset`: where the damage begins.
    `more`: what the event of a thinning says besides (link/ledger.py); there not everything in between is gone.
    """

    first: int
    last: int
    count: int
    reason: str
    from_utc_ms: int | None
    to_utc_ms: int | None
    file: str
    offset: int
    more: Mapping[str, object] = field(default_factory=dict)


class Losses:
    """The declared sequences as disjoint ranges, and the losses nobody has fetched yet. For several threads.

    Known in RAM only: damage that is met again after a restart is declared again. The ledger of a receiver is therefore
    a set of sequences, not a sum.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._declared: list[tuple[int, int]] = []  # rising, disjoint
        self._waiting: list[Loss] = []
        self._serial = 0  # of the last loss declared
        self._open: deque[tuple[int, int, int]] = deque()  # serial, first, last: no durable event tells of it yet
        self._taken: deque[tuple[int, int]] = deque()  # serial of the last loss handed over, sequence of its last event
        self._settled = 0

    def declare(self, loss: Loss) -> int:
        """Declare what of `loss.first`..`loss.last` is not declared yet. The serial to ask `settled` about."""
        with self._lock:
            for first, last in self._new(loss.first, loss.last):
                self._serial += 1
                self._open.append((self._serial, first, last))
                self._wait(replace(loss, first=first, last=last, count=last - first + 1))
            return self._serial

    def declare_thinned(self, loss: Loss) -> int:
        """Declare a thinning that will be done when this is settled. The same as `declare` for the rest."""
        with self._lock:
            self._serial += 1
            self._open.append((self._serial, loss.first, loss.last))
            self._waiting.append(loss)
            return self._serial

    def _new(self, first: int, last: int) -> list[tuple[int, int]]:
        """The parts of the range that were not declared; they are from now on."""
        parts, position = [], first
        begin = bisect_left(self._declared, first, key=lambda declared: declared[1])
        end = begin
        while end < len(self._declared) and self._declared[end][0] <= last:
            known = self._declared[end]
            if position < known[0]:
                parts.append((position, known[0] - 1))
            position = known[1] + 1
            end += 1
        if position <= last:
            parts.append((position, last))
        touched = self._declared[begin:end]
        whole = (min([first, *(known[0] for known in touched)]), max([last, *(known[1] for known in touched)]))
        self._declared[begin:end] = [whole]
        del self._declared[:-_DECLARED_MAX]  # rather declared twice than not at all
        return parts

    def _wait(self, loss: Loss) -> None:
        """If nobody fetches them, counts stay exact and bounds widen."""
        kept = self._waiting[-1] if self._waiting else None
        if kept is None or kept.reason != JOURNAL_DAMAGED or len(self._waiting) < _WAITING_MAX:
            self._waiting.append(loss)
            return
        times = [ms for ms in (kept.from_utc_ms, kept.to_utc_ms, loss.from_utc_ms, loss.to_utc_ms) if ms is not None]
        self._waiting[-1] = replace(
            kept,
            first=min(kept.first, loss.first),
            last=max(kept.last, loss.last),
            count=kept.count + loss.count,
            from_utc_ms=min(times, default=None),
            to_utc_ms=max(times, default=None),
        )

    def take(self, next_sequence: int) -> list[Loss]:
        """Hand over what waits. The caller appends it as events now, so the first of them gets `next_sequence`."""
        with self._lock:
            taken, self._waiting = self._waiting, []
            if taken:
                self._taken.append((self._serial, next_sequence + len(taken) - 1))
            return taken

    def settled(self, durable: int) -> int:
        """Every loss up to this serial is a durable event, if all records up to `durable` are."""
        with self._lock:
            while self._taken and self._taken[0][1] <= durable:
                self._settled = self._taken.popleft()[0]
            while self._open and self._open[0][0] <= self._settled:
                self._open.popleft()
            return self._settled

    def is_open(self, first: int, last: int, durable: int) -> bool:
        """Whether a loss in `first`..`last` is declared but not yet a durable event, with records durable as said."""
        self.settled(durable)
        with self._lock:
            return any(low <= last and first <= high for _, low, high in self._open)

    def forget_below(self, sequence: int) -> None:
        """Nobody will read below this sequence again."""
        with self._lock:
            kept = bisect_left(self._declared, sequence, key=lambda declared: declared[1])
            del self._declared[:kept]
