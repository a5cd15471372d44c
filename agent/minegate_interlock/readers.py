"""Whoever listens to the verdicts: each gets every kept one behind what it has, and the areas' state with them.

Nobody is waited for. A reader that does not keep up is dropped; it comes back and resumes where it was.
"""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable

from minegate_interlock import lines
from minegate_interlock.engine import Engine
from minegate_interlock.lines import RECORD_BYTES_MAX, Lateness, Refused, Resume, pack

READERS_MAX = 8


class Readers:
    """Connections to verdicts.sock, each with the number of the last verdict it was sent; None before its RESUME."""

    def __init__(self, engine: Engine, selector: selectors.BaseSelector, now_ms: Callable[[], int]) -> None:
        self._engine = engine
        self._selector = selector
        self._now_ms = now_ms
        self._sent: dict[socket.socket, int | None] = {}

    def accept(self, connection: socket.socket) -> None:
        """One more reader, if there is room."""
        if len(self._sent) >= READERS_MAX:
            connection.close()
            return
        connection.setblocking(False)
        self._sent[connection] = None
        self._selector.register(connection, selectors.EVENT_READ, lambda: self._resume(connection))

    def tell(self, now_ms: int) -> None:
        """New verdicts to whoever has asked, and the areas' state behind them."""
        told = []
        for connection, number in list(self._sent.items()):
            if number is None or number + 1 >= self._engine.ring.next_number:
                continue
            for verdict in self._engine.ring.after(number, now_ms):
                if not self._send(connection, pack(verdict)):
                    break
                self._sent[connection] = verdict.sequence
            told.append(connection)
        self._areas(told, now_ms)

    def tell_areas(self, now_ms: int, lateness: Lateness) -> None:
        """The areas' state, and how late ticks were, to everybody who has asked for anything."""
        asked = [connection for connection, number in self._sent.items() if number is not None]
        self._areas(asked, now_ms)
        for connection in asked:
            if connection in self._sent:
                self._send(connection, pack(lateness))

    def _resume(self, connection: socket.socket) -> None:
        try:
            record = lines.unpack(connection.recv(RECORD_BYTES_MAX + 1))
        except (Refused, OSError):
            self._drop(connection)
            return
        if not isinstance(record, Resume):
            self._drop(connection)
            return
        self._sent[connection] = record.sequence if record.boot == self._engine.ring.boot else 0
        self._areas([connection], self._now_ms())

    def _areas(self, connections: list[socket.socket], now_ms: int) -> None:
        if not connections:
            return
        states = [pack(state) for state in self._engine.areas(now_ms)]
        states += [pack(reaction.record()) for reaction in self._engine.reactions.values()]
        for connection in connections:
            for state in states:
                if connection not in self._sent or not self._send(connection, state):
                    break

    def _send(self, connection: socket.socket, data: bytes) -> bool:
        try:
            connection.send(data)
        except OSError:
            self._drop(connection)
            return False
        return True

    def _drop(self, connection: socket.socket) -> None:
        if self._sent.pop(connection, -1) != -1:
            self._selector.unregister(connection)
            connection.close()
