"""Listens to the interlock beside link, so that what it produced is known without link."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

from minegate_interlock.lines import RECORD_BYTES_MAX, Refused, Resume, Verdict, pack, unpack

_AGAIN_S = 0.05


class Verdicts:
    """`produced`: boot of the interlock -> number of its last verdict. `listen` runs until it is cancelled."""

    def __init__(self, run_folder: Path) -> None:
        self.produced: dict[int, int] = {}
        self._path = run_folder / "verdicts.sock"

    async def listen(self) -> None:
        """Connect, hear every verdict, and connect again when the interlock has gone."""
        while True:
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK) as line:
                try:
                    line.connect(str(self._path))
                    await self._hear(line)
                except (OSError, Refused):
                    await asyncio.sleep(_AGAIN_S)

    async def _hear(self, line: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(line, pack(Resume(0, 0)))
        while heard := await loop.sock_recv(line, RECORD_BYTES_MAX + 1):
            record = unpack(heard)
            if isinstance(record, Verdict):
                self.produced[record.boot] = max(record.sequence, self.produced.get(record.boot, 0))
        raise ConnectionResetError
