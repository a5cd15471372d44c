"""record.sock: whoever connects hears everything that goes over field's ports, line by line, until he hangs up.

One at a time. One who does not listen fast enough loses lines, never the time of a bus; how many stands in the stream.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from minegate_agent.field.tap import Tap

log = logging.getLogger("field")

NAME = "record.sock"
MODE = 0o660  # owner and group, as the other sockets
WAITING_BYTES_MAX = 4_000_000


class RecordDoor:
    """`tap` is on while somebody listens."""

    def __init__(self, path: Path, tap: Tap) -> None:
        self._path = path
        self._tap = tap
        self._lost = 0
        self._writer: asyncio.StreamWriter | None = None

    async def serve(self) -> None:
        """Until cancelled. A file that a killed process left is replaced. Without a door field works as well."""
        self._path.unlink(missing_ok=True)
        try:
            server = await asyncio.start_unix_server(self._accept, str(self._path))
        except OSError as error:
            log.warning("%s: %s; nobody can record", self._path, error)
            return
        try:
            self._path.chmod(MODE)
            await asyncio.Event().wait()
        finally:
            server.close()
            self._path.unlink(missing_ok=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._writer is not None:
            writer.write(b"busy\n")
            writer.close()
            return
        self._writer, self._lost, self._tap.put = writer, 0, self._put
        log.info("somebody records")
        try:
            while await reader.read(1024):
                pass  # whatever he says: only that he is there counts
        except OSError:
            pass  # he is gone, and that was to be learned
        finally:
            self._tap.put = self._writer = None
            writer.close()

    def _put(self, line: str) -> None:
        writer = self._writer
        if writer is None or writer.transport.get_write_buffer_size() > WAITING_BYTES_MAX:
            self._lost += 1
            return
        if self._lost:
            writer.write(f"lost {self._lost}\n".encode())
            self._lost = 0
        writer.write(line.encode() + b"\n")
