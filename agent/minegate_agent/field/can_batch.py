"""Reading in batches: wait until something is there, then leave the descriptor alone for some milliseconds.

Waking costs more than bytes (`minegate bench can`: a wake-up costs as much as ten frames). After silence the first
frame is read at once; under load the loop wakes 50 or 100 times a second, whatever the bus carries, and a tty's 4 kB
still hold twice what the fastest bus brings in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from minegate_drivers.ports import CanFrame

BATCH_S = 0.010
IDLE_S = 0.25  # how long silence may last before the port is looked after all the same: bus off, status due


class Batches:
    """Batches of frames that `take` finds on `descriptor` without waiting, `pause_s` apart; `take` raises PortLost."""

    def __init__(self, descriptor: int, take: Callable[[], list[CanFrame]], pause_s: float = BATCH_S) -> None:
        self._descriptor = descriptor
        self._take = take
        self._pause_s = pause_s
        self._loop = asyncio.get_running_loop()
        self._again_s = 0.0

    async def next(self) -> list[CanFrame]:
        """At least one frame, oldest first."""
        while True:
            pause_s = self._again_s - self._loop.time()
            if pause_s > 0:
                await asyncio.sleep(pause_s)
            frames = self._take()
            if frames:
                self._again_s = self._loop.time() + self._pause_s
                return frames
            await self._something()  # silence: the frame that ends it is read at once

    async def _something(self) -> None:
        """Until the descriptor can be read, or IDLE_S."""
        arrived = self._loop.create_future()
        self._loop.add_reader(self._descriptor, _once, arrived)
        try:
            async with asyncio.timeout(IDLE_S):
                await arrived
        except TimeoutError:
            return
        finally:
            self._loop.remove_reader(self._descriptor)


def _once(arrived: asyncio.Future[None]) -> None:
    if not arrived.done():
        arrived.set_result(None)
