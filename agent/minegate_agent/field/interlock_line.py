"""The way to the interlock: a datagram per wanted reading, never waited for. One that is away costs field nothing."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Iterable
from pathlib import Path

from minegate_agent.field.points import Points
from minegate_interlock.lines import RECORD_BYTES_MAX, PointName, Reading, Refused, Wanted, pack, unpack

log = logging.getLogger("field")

RETRY_S = 0.1  # an interlock that restarts must hear its points before their stale limit
NOBODY_S = 1.0  # where none has ever run, none is about to be late


class InterlockLine:
    """Introduces the points, hears which of them are judged, then sends readings. `dropped` counts readings that found
    no interlock or a full socket.
    """

    def __init__(self, path: Path, names: Iterable[PointName], points: Points) -> None:
        self.dropped = 0
        self.up = False
        self._path = path
        self._points = points
        self._names = [pack(name) for name in names]
        self._socket: socket.socket | None = None
        self._introduced = 0
        self._gone = asyncio.Event()

    def send(self, readings: Iterable[Reading]) -> None:
        """Hand readings over now, or drop them: a late reading would only be stale."""
        for reading in readings:
            if not self.up or self._socket is None or not self._put(self._socket, pack(reading)):
                self.dropped += 1

    async def keep_connected(self) -> None:
        """Reconnect for ever."""
        while True:
            retry_s = RETRY_S
            if self._socket is None:
                retry_s = self._connect()
            if self._socket is not None and not self.up:
                self._introduce(self._socket)
            if self.up:
                await self._gone.wait()
            await asyncio.sleep(retry_s)

    def close(self) -> None:
        """Tell the interlock that no more readings come."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None
        self.up = False
        self._gone.set()
        self._points.forget()

    def _connect(self) -> float:
        """How long to wait for the next attempt, if this one fails."""
        if not os.path.exists(self._path):
            return NOBODY_S
        line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        try:
            line.connect(str(self._path))
        except OSError:
            line.close()
            return RETRY_S
        self._socket = line
        self._introduced = 0
        self._gone.clear()
        asyncio.get_running_loop().add_reader(line, self._listen, line)
        return RETRY_S

    def _introduce(self, line: socket.socket) -> None:
        """Names first; many of them may need more than one turn, because the socket's buffer is bounded."""
        while self._introduced < len(self._names) and self._put(line, self._names[self._introduced]):
            self._introduced += 1
        if self._introduced == len(self._names):
            self.up = True
            log.info("interlock: connected, %d points introduced", len(self._names))

    def _put(self, line: socket.socket, data: bytes) -> bool:
        try:
            line.send(data)
        except BlockingIOError:
            return False  # the interlock is held up; it throws waiting readings away when it comes back
        except OSError:
            self._lose()
            return False
        return True

    def _listen(self, line: socket.socket) -> None:
        """Which points are wanted, until nothing more waits; or the interlock's end."""
        while line is self._socket:
            try:
                data = line.recv(RECORD_BYTES_MAX + 1)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._lose()
                return
            self._hear(data)

    def _hear(self, data: bytes) -> None:
        try:
            record = unpack(data)
        except Refused as error:
            log.error("interlock: a record that is not ours (%s)", error)
            return
        if isinstance(record, Wanted):
            self._points.want(record.number)

    def _lose(self) -> None:
        if self.up:
            log.warning("interlock: gone; power goes off when its lease ends")
        self.close()
