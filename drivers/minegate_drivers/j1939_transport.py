"""Messages of more than 8 bytes on J1939: broadcast (BAM) and connection (RTS/CTS) transport. No I/O.

Source: SAE J1939-21, sections 5.10.3 (TP.CM, TP.DT), 5.10.2.4 (time-outs). A session between others is followed
without a word; one that is opened to our own address is answered, so that the machine sends.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from minegate_drivers.sdk import Nonsense

PF_CONNECTION, PF_DATA = 0xEC, 0xEB
BROADCAST = 0xFF
BYTES_MAX = 1785
SESSIONS_MAX = 32
SILENCE_MS = 1250  # T2: the longest that a sender may be silent within a session
_RTS, _CTS, _END, _BAM, _ABORT = 16, 17, 19, 32, 255
_PER_PACKET = 7


class Reply(NamedTuple):
    """A TP.CM that is to be sent to `destination`."""

    destination: int
    data: bytes


class Whole(NamedTuple):
    """A message that has been put together."""

    pgn: int
    source: int
    data: bytes


@dataclass
class _Session:
    pgn: int
    size: int
    packets: int
    at_once: int  # packets per CTS; 0 for a broadcast, which asks nobody
    heard_ms: int
    parts: list[bytes] = field(default_factory=list)


class Transport:
    """All sessions of one bus; `own` is the address at which we are spoken to, None: at none."""

    def __init__(self, own: int | None = None) -> None:
        self._own = own
        self._sessions: dict[tuple[int, int], _Session] = {}
        self._replies: list[Reply] = []
        self.broken = 0  # sessions that were not finished

    def replies(self) -> list[Reply]:
        """What is to be sent now; each is given out once."""
        replies, self._replies = self._replies, []
        return replies

    def expire(self, now_ms: int) -> None:
        """Forget sessions whose sender has fallen silent."""
        for key in [key for key, one in self._sessions.items() if not now_ms - one.heard_ms <= SILENCE_MS]:
            del self._sessions[key]
            self.broken += 1

    def hear(self, form: int, source: int, destination: int, data: bytes, now_ms: int) -> Whole | None:
        """One frame with PF `form` (TP.CM or TP.DT); the message if it was the last. Raises Nonsense."""
        if len(data) != 8:
            raise Nonsense("length", f"transport frame of {len(data)} bytes")
        if form == PF_DATA:
            return self._data((source, destination), data, now_ms)
        if data[0] in (_RTS, _BAM):
            self._open((source, destination), data, now_ms)
        elif data[0] == _ABORT:
            self.broken += bool(self._sessions.pop((source, destination), None))
            self.broken += bool(self._sessions.pop((destination, source), None))
        return None

    def _open(self, key: tuple[int, int], data: bytes, now_ms: int) -> None:
        size, packets = int.from_bytes(data[1:3], "little"), data[3]
        pgn = int.from_bytes(data[5:8], "little")
        if not 9 <= size <= BYTES_MAX or packets != -(-size // _PER_PACKET):
            raise Nonsense("format", f"{size} bytes announced in {packets} packets")
        self.broken += key in self._sessions  # a new announcement ends the old one
        self._sessions.pop(key, None)
        if len(self._sessions) >= SESSIONS_MAX:
            oldest = min(self._sessions, key=lambda other: self._sessions[other].heard_ms)
            del self._sessions[oldest]
            self.broken += 1
        connection = data[0] == _RTS
        session = _Session(pgn, size, packets, max(1, min(data[4], packets)) if connection else 0, now_ms)
        self._sessions[key] = session
        if connection:
            self._clear_to_send(key, session)

    def _data(self, key: tuple[int, int], data: bytes, now_ms: int) -> Whole | None:
        session = self._sessions.get(key)
        if session is None:
            return None  # its beginning was not heard
        wanted = len(session.parts) + 1
        if data[0] == wanted - 1:
            return None  # sent twice
        if data[0] != wanted:
            del self._sessions[key]
            self.broken += 1
            raise Nonsense("format", f"packet {data[0]} of {session.packets}, {wanted} was next")
        session.parts.append(data[1:])
        session.heard_ms = now_ms
        if wanted < session.packets:
            if session.at_once and wanted % session.at_once == 0:
                self._clear_to_send(key, session)
            return None
        del self._sessions[key]
        if session.at_once and key[1] == self._own:
            body = bytes((_END,)) + session.size.to_bytes(2, "little") + bytes((session.packets, 0xFF))
            self._replies.append(Reply(key[0], body + session.pgn.to_bytes(3, "little")))
        return Whole(session.pgn, key[0], b"".join(session.parts)[: session.size])

    def _clear_to_send(self, key: tuple[int, int], session: _Session) -> None:
        if key[1] != self._own:
            return
        done = len(session.parts)
        more = min(session.at_once, session.packets - done)
        body = bytes((_CTS, more, done + 1, 0xFF, 0xFF)) + session.pgn.to_bytes(3, "little")
        self._replies.append(Reply(key[0], body))
