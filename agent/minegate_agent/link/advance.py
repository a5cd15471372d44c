"""A number that only grows, and those who wait for it."""

from __future__ import annotations

import asyncio


class Advance:
    """For one event loop."""

    def __init__(self, value: int) -> None:
        self.value = value
        self._moved = asyncio.Event()

    def to(self, value: int) -> None:
        """Move on and wake everybody; a value that is not higher changes nothing."""
        if value > self.value:
            self.value = value
            self._moved.set()
            self._moved = asyncio.Event()

    async def above(self, value: int) -> int:
        """Return the number as soon as it is above `value`."""
        while not self.value > value:
            await self._moved.wait()
        return self.value
