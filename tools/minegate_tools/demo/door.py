"""The line between gateway and broker: a TCP relay that can be shut.

A broker that comes back has forgotten its subscribers, and what the gateway delivers before they have subscribed again
is rightly confirmed and never counted. So the demo starts the broker, lets its subscriber in, and then opens this door.
"""

from __future__ import annotations

import asyncio

HOST = "127.0.0.1"
_PIECE = 65_536


class Door:
    """Listens on `port` while open, and forwards to `behind`."""

    def __init__(self, port: int, behind: int) -> None:
        self.port = port
        self.behind = behind
        self._server: asyncio.Server | None = None
        self._through: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Let connections through. Raises OSError if the port is taken."""
        self._server = await asyncio.start_server(self._connected, HOST, self.port)

    async def shut(self) -> None:
        """Refuse new connections, and break those that are through."""
        if self._server is None:
            return
        self._server.close()
        for task in self._through:
            task.cancel()
        await asyncio.gather(*self._through, return_exceptions=True)
        self._server = None

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._through.add(task)
        try:
            far_reader, far_writer = await asyncio.open_connection(HOST, self.behind)
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(_pour(reader, far_writer), name="door up")
                    tasks.create_task(_pour(far_reader, writer), name="door down")
            finally:
                far_writer.close()
        except* (OSError, _ClosedError):
            pass  # one side has gone: the other is told by the close below, as a network would tell it
        finally:
            writer.close()
            self._through.discard(task)


class _ClosedError(Exception):
    pass


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(_PIECE):
        writer.write(piece)
        await writer.drain()
    raise _ClosedError
