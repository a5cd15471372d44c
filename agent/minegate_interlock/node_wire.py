"""How frames of the minegate wire travel to a relay node and back: on a serial line, or on CAN. Sans I/O.

On CAN the bytes of the port are the kernel's own structs (linux/can.h, `struct can_frame`, 16 bytes), one after the
other; error frames come among them (linux/can/error.h). The identifier plan is that of minegate_wire/can_frames.py.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Protocol

from minegate_wire.can_frames import GATEWAY, SEGMENT_MAX, Assembler, identifier, segment, segments
from minegate_wire.frame import Frame, Received, Receiver

STRUCT = struct.Struct("=IB3x8s")
EFF_FLAG, RTR_FLAG, ERR_FLAG = 0x80000000, 0x40000000, 0x20000000
_PRIORITIES = 8
_WITHOUT_PRIORITY = (1 << 26) - 1
_PRIORITY_BIT = 26
ERR_CONTROLLER, ERR_BUS_OFF, ERR_RESTARTED = 0x004, 0x040, 0x100
CRTL_PASSIVE, CRTL_ACTIVE = 0x10 | 0x20, 0x40  # the second data byte of a `controller` error frame

BUS_OFF = "CAN: the controller has switched itself off (bus off): short circuit, bit rate or a broken node"
PASSIVE = "CAN: nobody acknowledges (error passive): cable, terminator or the node's supply"


class NodeWire(Protocol):
    """One way to one node. `trouble` is what the bus itself says, or ""; `off`: nothing can come or go."""

    trouble: str
    off: bool

    def put(self, frame: Frame) -> bytes:
        """The port's bytes of a closed frame."""

    def heard(self, data: bytes) -> Iterator[Received]:
        """The whole frames that `data` completes. Each is valid until the next is asked for."""


class SerialWire:
    """COBS between zero bytes (minegate_wire/frame.py)."""

    trouble = ""
    off = False

    def __init__(self) -> None:
        self._receiver = Receiver()

    def put(self, frame: Frame) -> bytes:
        """See NodeWire."""
        return bytes(frame.line[: frame.length])

    def heard(self, data: bytes) -> Iterator[Received]:
        """See NodeWire."""
        for byte in data:
            if self._receiver.feed(byte):
                yield self._receiver


class CanWire:
    """Segments to and from node `address`, and the state of the controller as its error frames tell it."""

    def __init__(self, address: int) -> None:
        self.trouble = ""
        self.off = False
        self._address = address
        self._mine = node_filter(address)[0] & ~EFF_FLAG
        self._assemblers = [Assembler() for _ in range(_PRIORITIES)]
        self._part = bytearray(SEGMENT_MAX)
        self._turn = 0

    def put(self, frame: Frame) -> bytes:
        """See NodeWire."""
        word = EFF_FLAG | identifier(frame.plain[2], self._address, GATEWAY)
        self._turn ^= 1
        structs = bytearray()
        for index in range(segments(frame.end)):
            length = segment(frame.plain, frame.end, index, self._turn, self._part)
            structs += STRUCT.pack(word, length, bytes(self._part[:length]))
        return bytes(structs)

    def heard(self, data: bytes) -> Iterator[Received]:
        """See NodeWire."""
        for at in range(0, len(data) - STRUCT.size + 1, STRUCT.size):
            word, length, payload = STRUCT.unpack_from(data, at)
            if word & ERR_FLAG:
                self._error(word, payload)
            elif word & EFF_FLAG and not word & RTR_FLAG and word & _WITHOUT_PRIORITY == self._mine:
                self.off, self.trouble = False, ""  # whoever hears a frame is on the bus
                assembler = self._assemblers[word >> _PRIORITY_BIT & 7]
                if assembler.take(payload, length):
                    yield assembler

    def _error(self, word: int, payload: bytes) -> None:
        if word & ERR_BUS_OFF:
            self.off, self.trouble = True, BUS_OFF
        elif word & ERR_RESTARTED or (word & ERR_CONTROLLER and payload[1] & CRTL_ACTIVE):
            self.off, self.trouble = False, ""
        elif word & ERR_CONTROLLER and payload[1] & CRTL_PASSIVE and not self.off:
            self.trouble = PASSIVE


def node_filter(address: int) -> tuple[int, int]:
    """(identifier, mask) of what node `address` says to the gateway, whatever its priority, as the kernel wants it."""
    mine = identifier(0, GATEWAY, address) & _WITHOUT_PRIORITY
    return EFF_FLAG | mine, EFF_FLAG | RTR_FLAG | _WITHOUT_PRIORITY
