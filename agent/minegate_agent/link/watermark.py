"""How far one consumer has confirmed: at once in RAM, and behind it on disk. It outlives connections."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

from minegate_agent.link.advance import Advance
from minegate_agent.link.confirmed import Confirmed, Range
from minegate_agent.link.cursor import Cursor

RETRY_S = 1.0
WRITE_S = 1.0  # between two writes of the cursor, which wears the flash; a kill costs as much to be sent again

log = logging.getLogger("link")


class Watermark:
    """`confirmed` is the sequence up to which everything is; `ranges` knows what is above it. The cursor is on disk.

    `on_moved` is told at every confirmation, `on_durable` in the thread that has made it durable.
    """

    def __init__(self, name: str, cursor: Cursor, on_moved: Callable[[], None], on_durable: Callable[[], None]) -> None:
        self.name = name
        self.ranges = Confirmed(cursor.sequence, cursor.ranges)
        self.confirmed = Advance(self.ranges.upto)
        self._cursor = cursor
        self._changes = Advance(0)
        self._on_moved = on_moved
        self._on_durable = on_durable
        self._trouble = ""

    @property
    def durable(self) -> int:
        """What a restarted link will know to be confirmed."""
        return self._cursor.sequence

    def confirm(self, told: Iterable[Range]) -> None:
        """These ranges have arrived."""
        for first, last in told:
            self.ranges.add(first, last)
        self.confirmed.to(self.ranges.upto)
        self._changes.to(self._changes.value + 1)
        self._on_moved()

    async def keep_on_disk(self) -> None:
        """Follow with the cursor for ever; many acknowledgements cost one write."""
        seen = 0
        while True:
            await self._changes.above(seen)
            seen = self._changes.value
            await asyncio.sleep(WRITE_S if await self.settle() else RETRY_S)

    async def settle(self) -> bool:
        """Make it durable; only then may the journal give up what is behind it. False if the disk refuses."""
        try:
            await asyncio.to_thread(self._move, self.ranges.upto, self.ranges.islands)
        except OSError as error:
            self.disk(error)
            return False
        if self._trouble:
            log.warning("uplink %s: the disk is well again", self.name)
            self._trouble = ""
        return True

    def disk(self, error: OSError) -> None:
        """Say once that reading or writing behind the uplink fails."""
        text = error.strerror or str(error)
        if text != self._trouble:
            log.error("uplink %s: the disk refuses (%s); tried again each %.0f s", self.name, text, RETRY_S)
            self._trouble = text

    def _move(self, upto: int, islands: list[Range]) -> None:
        self._cursor.move(upto, islands)
        self._on_durable()
