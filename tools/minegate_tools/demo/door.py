"""The line between gateway and broker: a TCP relay that can be shut.

A broker that comes back has forgotten its subscribers, and what the gateway delivers before they have subscribed again
is rightly confirmed and never counted. So the demo starts the broker, lets its subscriber in, and then opens this door.
"""

from __future__ import annotations

import asyncio

HOST = "127.0.0.1"
_PIECE = 65_536


class Door:
    """Listens on `port` while open, and forwards to `behind`. `passed` counts the bytes, both directions together."""

    def __init__(self, port: int, behind: int) -> None:
        self.port = port
        self.behind = behind
        self.passed = 0
        self._server: asyncio.Server | None = None
        self._through: set[asyncio.StreamWriter] = set()  # both sides of every connection

    async def open(self) -> None:
        """Let connections through. Raises OSError if the port is taken."""
        self._server = await asyncio.start_server(self._connected, HOST, self.port)

    async def shut(self) -> None:
        """Refuse new connections, and break those that are through."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        for writer in self._through:
            writer.transport.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(HOST, self.behind)
        except OSError:  # the broker is not there: the far end hangs up, as a network would
            writer.close()
            return
        sides = {writer, far_writer}
        self._through |= sides
        try:
            await asyncio.gather(self._pour(reader, far_writer), self._pour(far_reader, writer))
        finally:
            self._through -= sides

    async def _pour(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hand on what comes, until either side has gone; then the other is told."""
        try:
            while piece := await reader.read(_PIECE):
                self.passed += len(piece)
                writer.write(piece)
                await writer.drain()
        except OSError:
            pass  # broken instead of closed: the same to us
        finally:
            writer.close()
