"""Whoever records a simulated gateway: through field's own door, as `minegate record` does it, in virtual time."""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path

from minegate_sim.virtual.timeline import Timeline

LOOK_MS = 20.0
PIECE_BYTES = 1 << 20


class Recorder:
    """`lines` of the stream so far; connects again whenever field has started again."""

    def __init__(self, door: Path, timeline: Timeline) -> None:
        self.lines: list[str] = []
        self._door = door
        self._timeline = timeline
        self._socket: socket.socket | None = None
        self._rest = b""
        timeline.after(LOOK_MS, self._look)

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _look(self) -> None:
        if self._socket is None:
            self._connect()
        else:
            self._read(self._socket)
        self._timeline.after(LOOK_MS, self._look)

    def _connect(self) -> None:
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            line.connect(str(self._door))
        except OSError:
            line.close()
            return
        self._socket, self._rest = line, b""

    def _read(self, line: socket.socket) -> None:
        with suppress(BlockingIOError):
            data = line.recv(PIECE_BYTES)
            if not data:
                self.close()
                return
            *whole, self._rest = (self._rest + data).split(b"\n")
            self.lines += [each.decode() for each in whole]
