"""How far the broker has acknowledged: at once in RAM, and behind it on disk. It outlives connections."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from minegate_agent.link.advance import Advance
from minegate_agent.link.births import Births
from minegate_agent.link.cursor import Cursor
from minegate_agent.link.journal import Journal

RETRY_S = 1.0

log = logging.getLogger("link")


class Watermark:
    """`confirmed` moves with the acknowledgements; what of it is on disk is the cursor's."""

    def __init__(self, cursor: Cursor, journal: Journal, births: Births, on_moved: Callable[[], None]) -> None:
        self.confirmed = Advance(cursor.sequence)
        self._cursor = cursor
        self._journal = journal
        self._births = births
        self._on_moved = on_moved
        self._trouble = ""

    def confirm(self, upto: int) -> None:
        """Everything up to this sequence is acknowledged."""
        self.confirmed.to(upto)
        self._on_moved()

    async def keep_on_disk(self) -> None:
        """Follow with the cursor for ever; many acknowledgements cost one write."""
        while True:
            upto = await self.confirmed.above(self._cursor.sequence)
            if not await self.settle(upto):
                await asyncio.sleep(RETRY_S)

    async def settle(self, upto: int) -> bool:
        """Make it durable; only then may the journal give up what is behind it. False if the disk refuses."""
        try:
            await asyncio.to_thread(self._move, upto)
        except OSError as error:
            self.disk(error)
            return False
        if self._trouble:
            log.warning("uplink: the disk is well again")
            self._trouble = ""
        return True

    def disk(self, error: OSError) -> None:
        """Say once that reading or writing behind the uplink fails."""
        text = error.strerror or str(error)
        if text != self._trouble:
            log.error("uplink: the disk refuses (%s); tried again each %.0f s", text, RETRY_S)
            self._trouble = text

    def _move(self, upto: int) -> None:
        self._cursor.move(upto)
        self._journal.release(upto)
        self._births.forget_below(upto)
