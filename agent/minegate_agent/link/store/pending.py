"""Records that are appended and not yet durable: in RAM, in order, bounded."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import NamedTuple

from minegate_agent.link.store.form import Origin

_RESERVE_PART = 8


class Full(Exception):  # noqa: N818 - says what happened; nothing was appended and no sequence was used
    """The disk has not kept up. Whoever produced the record keeps it until it is taken."""


class Waiting(NamedTuple):
    """One record as it will stand in the file, and the hash chain behind it."""

    sequence: int
    packed: bytes
    origin: Origin | None
    chain: bytes


class Pending:
    """Not locked: the journal does that."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._queue: deque[Waiting] = deque()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._queue)

    def refuse_if_full(self, size: int, reserve: bool) -> None:
        """Raises Full if a record of `size` bytes does not fit. One that waits alone always fits.

        `reserve`: the record may use the space that is kept for what matters more than readings.
        """
        limit = self._bytes_max + (self._bytes_max // _RESERVE_PART if reserve else 0)
        if self._queue and not self.bytes + size <= limit:
            raise Full(f"journal: {self.bytes} bytes wait for the disk, limit pending_bytes_max {self._bytes_max}")

    @property
    def crowded(self) -> bool:
        """Whether only the reserve is left."""
        return self.bytes > self._bytes_max

    def add(self, waiting: Waiting) -> None:
        """Behind all others."""
        self._queue.append(waiting)
        self.bytes += len(waiting.packed)

    def oldest(self, count: int) -> list[Waiting]:
        """Up to `count` of them, oldest first. They stay."""
        return list(islice(self._queue, count))

    def durable(self, count: int) -> None:
        """The oldest `count` need not be kept any longer."""
        for _ in range(count):
            self.bytes -= len(self._queue.popleft().packed)
