"""The field end of the hand-over to link: it keeps what is not confirmed, and nothing else."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from link_work import BOOT, until
from minegate_agent.clock import SystemClock
from minegate_agent.link.hand_over import frame, receive
from minegate_agent.site import load_site


class FieldSide:
    """The field end of the hand-over: keeps what is not confirmed and sends it again after every break."""

    def __init__(self, folder: Path, *, boot: int = BOOT, previous: tuple[int, int] | None = None) -> None:
        self.boot = boot
        self.previous = previous
        self.confirmed = 0
        self.connections = 0
        self.config = load_site(folder).hash
        self._path = load_site(folder).run_folder / "scans.sock"
        self._items: dict[int, list[object]] = {}
        self._next = 1
        self._fresh = asyncio.Event()

    @property
    def produced(self) -> int:
        return self._next - 1

    def scan(self, hundredths: int = 50, utc_ms: int | None = None) -> int:
        """Produce one scan."""
        now = SystemClock()
        record = struct.pack(">HH", hundredths, 0)
        utc = now.utc_ms() if utc_ms is None else utc_ms
        return self.item(["s", 1, 0, 0, now.monotonic_ms(), utc, 1, record])

    def event(self, kind: str, **more: object) -> int:
        """Produce one event."""
        utc_ms = SystemClock().utc_ms()
        return self.item(["e", utc_ms, {"kind": kind, "from": "field", "utc_ms": utc_ms, **more}])

    def item(self, rest: list[object]) -> int:
        number, self._next = self._next, self._next + 1
        self._items[number] = [number, *rest]
        self._fresh.set()
        return number

    def drop(self, first: int, last: int) -> None:
        """Forget items that were never sent, as a full hold does."""
        for number in range(first, last + 1):
            del self._items[number]

    async def keep_connected(self) -> None:
        """Hand over for ever."""
        while True:
            try:
                reader, writer = await asyncio.open_unix_connection(str(self._path))
            except OSError:
                await asyncio.sleep(0.02)
                continue
            try:
                await self._talk(reader, writer)
            except* (OSError, EOFError):
                pass
            finally:
                writer.close()

    async def confirmed_all(self) -> None:
        await until(lambda: self.confirmed >= self.produced, f"{self.produced} confirmed")

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        greeting = {"k": "hello", "boot": self.boot, "previous": self.previous, "config": self.config}
        writer.write(frame(greeting))
        self._have(await receive(reader))
        self.connections += 1
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(reader))
            tasks.create_task(self._send(writer))

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while True:
            self._have(await receive(reader))

    def _have(self, message: dict[str, Any]) -> None:
        assert message["k"] == "have"
        assert message["boot"] == self.boot
        assert self.confirmed <= message["number"] <= self.produced
        self.confirmed = message["number"]
        for number in [number for number in self._items if number <= self.confirmed]:
            del self._items[number]

    async def _send(self, writer: asyncio.StreamWriter) -> None:
        sent = self.confirmed
        while True:
            self._fresh.clear()
            rows = [row for number, row in self._items.items() if number > sent][:100]
            if not rows:
                await self._fresh.wait()
                continue
            writer.write(frame({"k": "items", "items": rows}))
            await writer.drain()
            sent = rows[-1][0]  # type: ignore[assignment]  # the number


@asynccontextmanager
async def handing_over(field: FieldSide) -> AsyncIterator[FieldSide]:
    """The field side is connected inside the block, as often as it can be."""
    task = asyncio.create_task(field.keep_connected(), name="field side")
    try:
        yield field
    finally:
        while not task.done():  # a group that meets the end of the line in the same turn forgets that it was cancelled
            task.cancel()
            await asyncio.wait((task,), timeout=0.1)
