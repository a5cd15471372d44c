"""A J1939 machine described by a DBC file: its messages are found by parameter group, whatever their priority.

Sources: SAE J1939-21 (identifier: priority 3 bits, EDP, DP, PF, PS, source address), J1939-71 for what signals mean,
which is in the DBC. Messages of more than 8 bytes come by transport (j1939_transport.py). With `address` we are a node
that others may speak to; without, we only listen.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from minegate_drivers.dbc import Case, Multiplexed, chosen_messages, compile_messages, read_messages
from minegate_drivers.j1939_transport import BROADCAST, PF_CONNECTION, PF_DATA, Transport
from minegate_drivers.ports import CanFrame
from minegate_drivers.sdk import CanDriver, Catalogued, Heard, Nonsense, Option, Quality

NOBODY = -1
_PRIORITIES = range(8)
_REPLY_PRIORITY = 7


def pgn_of(identifier: int) -> int:
    """The parameter group of a 29-bit identifier; PS belongs to it only where PF says "to all" (240 and above)."""
    pgn = identifier >> 8 & 0x3FFFF
    return pgn if pgn >> 8 & 0xFF >= 240 else pgn & 0x3FF00


class J1939Listener(CanDriver, Catalogued):
    """One node of a J1939 bus (an engine, a hydraulic controller), described by a DBC file."""

    name: ClassVar[str] = "j1939"
    options: ClassVar[dict[str, Option]] = {
        "file": Option(str, file=True, help="DBC file in the site folder, or one that ships here"),
        "source": Option(int, low=0, high=253, help="source address of the machine's node"),
        "messages": Option(str, "", help="names of the messages to hear, between commas; empty: all of the file"),
        "address": Option(
            int, NOBODY, low=NOBODY, high=253, help="our own address for RTS/CTS transport; -1: only listen"
        ),
    }

    def __init__(self, *, file: str, source: int, messages: str, address: int) -> None:
        chosen = [message for message in chosen_messages(read_messages(file), messages) if message.is_extended_frame]
        if not chosen:
            raise ValueError(f"option file: {Path(file).name}: no message with a 29-bit identifier")
        compiled = compile_messages(chosen)
        self.layouts = compiled.layouts
        self._source = source
        self._own = None if address == NOBODY else address
        self._cases: dict[int, Case | Multiplexed] = {}
        for message, case in zip(chosen, compiled.cases, strict=True):
            pgn = pgn_of(message.frame_id)
            if pgn in self._cases:
                raise ValueError(f"option messages: {message.name!r}: parameter group {pgn} is there twice")
            self._cases[pgn] = case
        self.can_ids = tuple(self._identifiers())
        self._transport = Transport(self._own)
        self._now_ms = 0

    def hear(self, frame: CanFrame) -> Heard | None:
        """See CanDriver."""
        source, destination, form = frame.id & 0xFF, frame.id >> 8 & 0xFF, frame.id >> 16 & 0xFF
        if not frame.extended or source != self._source:
            raise Nonsense("foreign", f"identifier 0x{frame.id:x} is not of node {self._source}")
        if form in (PF_CONNECTION, PF_DATA):
            whole = self._transport.hear(form, source, destination, frame.data, self._now_ms)
            return self._understood(whole.pgn, whole.data) if whole and whole.pgn in self._cases else None
        return self._understood(pgn_of(frame.id), frame.data)

    def say(self, now_ms: int) -> tuple[CanFrame, ...]:
        """What the transport answers."""
        self._now_ms = now_ms
        self._transport.expire(now_ms)
        own = self._own or 0
        head = _REPLY_PRIORITY << 26 | PF_CONNECTION << 16 | own
        return tuple(CanFrame(head | to << 8, data, extended=True) for to, data in self._transport.replies())

    def _understood(self, pgn: int, data: bytes) -> Heard:
        case = self._cases.get(pgn)
        if case is None:
            raise Nonsense("foreign", f"parameter group {pgn} is not in the file")
        part, length, size = case.choose(data) if isinstance(case, Multiplexed) else case
        if len(data) != length:
            raise Nonsense("length", f"parameter group {pgn}: {len(data)} bytes, the file says {length}")
        return Heard(data.ljust(size, b"\0"), Quality.GOOD, part)

    def _identifiers(self) -> list[tuple[int, bool]]:
        """Each group at each priority; those to a destination at all of ours; and the transport."""
        destinations = [BROADCAST] if self._own is None else [BROADCAST, self._own]
        groups = [pgn if pgn >> 8 & 0xFF >= 240 else pgn | to for pgn in self._cases for to in destinations]
        groups += [form << 8 | to for form in (PF_CONNECTION, PF_DATA) for to in destinations]
        return [
            (priority << 26 | group << 8 | self._source, True)
            for group in dict.fromkeys(groups)
            for priority in _PRIORITIES
        ]
