"""The way to link: items behind a confirmation that means "on disk". A link that is away costs memory, bounded by
the hold.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from pathlib import Path
from typing import Any

import msgpack

from minegate_agent.field.produce import Produce
from minegate_agent.together import until_one_ends

log = logging.getLogger("field")

FRAME_BYTES_MAX = 16 * 1024 * 1024
ITEMS_AT_ONCE_MAX = 500
IN_FLIGHT_MAX = 5000  # items sent and not confirmed: a stalled link must not be fed without end
RETRY_S = 0.05  # a link that starts beside us is there in a moment
TOGETHER_S = 0.12  # readings of this time go over in one frame: waking both processes costs more than bytes
_LENGTH = struct.Struct("<I")


class LinkLine:
    """Keeps a connection to scans.sock. `up` and the hold's size are what the page shows of it."""

    def __init__(self, path: Path, produce: Produce, config_hash: str) -> None:
        self.up = False
        self._path = path
        self._produce = produce
        self._config_hash = config_hash
        self._writer: asyncio.StreamWriter | None = None

    async def keep_connected(self) -> None:
        """Reconnect for ever."""
        while True:
            try:
                reader, writer = await asyncio.open_unix_connection(str(self._path))
            except OSError:
                await asyncio.sleep(RETRY_S)
                continue
            try:
                await self._talk(reader, writer)
            except (OSError, EOFError, ValueError) as error:
                log.warning("link: gone (%s); %d items are held", str(error) or "closed", len(self._produce.hold))
            finally:
                self.up = False
                self._writer = None
                writer.close()
            await asyncio.sleep(RETRY_S)

    def health(self, health: dict[str, Any]) -> None:
        """Send the newest health, if there is somebody to read it."""
        if self._writer is not None and self.up and self._writer.transport.get_write_buffer_size() < FRAME_BYTES_MAX:
            self._writer.write(_frame({"k": "health", **health}))

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        produce = self._produce
        previous = list(produce.previous) if produce.previous else None
        hello = {"k": "hello", "boot": produce.boot, "previous": previous, "config": self._config_hash}
        writer.write(_frame(hello))
        await writer.drain()
        confirmed = _Confirmed(produce, await _receive(reader))
        self._writer, self.up = writer, True
        log.info("link: connected, it has everything up to %d", confirmed.number)
        await until_one_ends(confirmed.keep_reading(reader), self._keep_sending(writer, confirmed))

    async def _keep_sending(self, writer: asyncio.StreamWriter, confirmed: _Confirmed) -> None:
        sent = confirmed.number
        try:
            while True:
                self._produce.fresh.clear()
                self._produce.urgent.clear()
                free = IN_FLIGHT_MAX - (sent - confirmed.number)
                last = self._send(writer, sent, min(free, ITEMS_AT_ONCE_MAX))
                if last > sent:
                    sent = last
                    await writer.drain()
                elif free > 0:
                    await self._produce.fresh.wait()
                    await self._gather()
                else:
                    await confirmed.moved()
        except asyncio.CancelledError:
            self._send(writer, sent, ITEMS_AT_ONCE_MAX)  # this process ends: what waited for others waits no longer
            raise

    def _send(self, writer: asyncio.StreamWriter, sent: int, items_max: int) -> int:
        """Write the items behind `sent`; the number of the last one."""
        items = list(self._produce.hold.after(sent, items_max)) if items_max > 0 else []
        if not items:
            return sent
        writer.write(_frame({"k": "items", "items": [item.body for item in items]}))
        return items[-1].number

    async def _gather(self) -> None:
        """An event waits for nobody."""
        try:
            async with asyncio.timeout(TOGETHER_S):
                await self._produce.urgent.wait()
        except TimeoutError:
            return


class _Confirmed:
    """What link has on its disk, of this boot."""

    def __init__(self, produce: Produce, have: dict[str, Any]) -> None:
        self.number = 0
        self._produce = produce
        self._moved = asyncio.Event()
        self._take(have)

    async def moved(self) -> None:
        """Wait for the next confirmation."""
        self._moved.clear()
        await self._moved.wait()

    async def keep_reading(self, reader: asyncio.StreamReader) -> None:
        while True:
            self._take(await _receive(reader))

    def _take(self, have: dict[str, Any]) -> None:
        if have.get("k") != "have" or not isinstance(have.get("number"), int):
            raise ValueError(f"not a confirmation: {str(have)[:80]}")
        if have.get("boot") == self._produce.boot:
            self.number = have["number"]
            self._produce.hold.confirm(self.number)
        self._moved.set()


def _frame(message: dict[str, Any]) -> bytes:
    body: bytes = msgpack.packb(message)
    return _LENGTH.pack(len(body)) + body


async def _receive(reader: asyncio.StreamReader) -> dict[str, Any]:
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    if length > FRAME_BYTES_MAX:
        raise ValueError(f"a frame of {length} bytes, {FRAME_BYTES_MAX} at most")
    message = msgpack.unpackb(await reader.readexactly(length))
    if not isinstance(message, dict):
        raise ValueError("a frame that is no map")
    return message
