"""A CAN adapter that speaks slcan, and the bus behind it. No I/O, no clock.

Source: LAWICEL CANUSB manual, chapter "Commands": C close, O open, L listen only, S0-S8 bit rate, V version, N serial
number, F status, t/T a frame. Each command ends with CR; CR answers "done", BEL answers "not now" or "not understood".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Protocol

from minegate_drivers.ports import CanFrame
from minegate_sim.far_end import NEVER

OK, ERROR = b"\r", b"\a"
COMMAND_BYTES_MAX = 32  # the longest one, an extended frame of 8 bytes, has 27
_FRAME = re.compile(rb"(?:t([0-7][0-9A-Fa-f]{2})|T([01][0-9A-Fa-f]{7}))([0-8])((?:[0-9A-Fa-f]{2})*)")


class CanNode(Protocol):
    """A device that speaks by itself on the bus."""

    name: str

    def step(self, at_ms: float) -> list[CanFrame]:
        """What it sends at `at_ms`. Afterwards `due_ms() > at_ms`."""

    def due_ms(self) -> float:
        """When it speaks next."""


class Onward(Protocol):
    """The bus behind the adapter, for what the near side sends."""

    def send(self, frame: CanFrame, now_ms: float) -> None:
        """Put `frame` on the bus."""

    rouse: Callable[[], None] | None


def text_of(frame: CanFrame) -> bytes:
    """The frame as an adapter writes it."""
    head = f"T{frame.id:08X}" if frame.extended else f"t{frame.id:03X}"
    return f"{head}{len(frame.data)}{frame.data.hex().upper()}\r".encode("ascii")


class Slcan:
    """The adapter with `nodes` on its bus; a FarEnd. While the channel is closed, frames go by unheard.

    `onto`: the bus that gets what the near side sends; without one it is kept in `received` only.
    """

    def __init__(self, nodes: Sequence[CanNode], onto: Onward | None = None) -> None:
        self.nodes = tuple(nodes)
        self.is_cut = False
        self.opened = False
        self.received: list[CanFrame] = []  # what the near side sent, the last RECEIVED_MAX
        self._onto = onto
        self._listening_only = False
        self._command = bytearray()
        self._answers = bytearray()

    @property
    def rouse(self) -> Callable[[], None] | None:
        """See Rousable."""
        return self._onto.rouse if self._onto is not None else None

    @rouse.setter
    def rouse(self, call: Callable[[], None] | None) -> None:
        if self._onto is not None:
            self._onto.rouse = call

    def arrive(self, data: bytes, now_ms: float) -> None:
        """See FarEnd."""
        for byte in data:
            if byte != OK[0]:
                self._command += bytes((byte,)) if len(self._command) <= COMMAND_BYTES_MAX else b""
                continue
            self._answers += self._do(bytes(self._command), now_ms)
            self._command.clear()

    def run(self, now_ms: float) -> bytes:
        """See FarEnd."""
        out = bytearray(self._answers)
        self._answers.clear()
        frames = self.spoken(now_ms)
        if self.opened:
            out += b"".join(text_of(frame) for frame in frames)
        return bytes(out)

    def spoken(self, now_ms: float) -> list[CanFrame]:
        """What the nodes have sent by `now_ms`, for an adapter that has frames and no text."""
        frames: list[CanFrame] = []
        for node in self.nodes:
            while node.due_ms() <= now_ms:
                sent = node.step(node.due_ms())
                if not self.is_cut:
                    frames += sent
        return frames

    def send(self, frame: CanFrame, now_ms: float) -> None:
        """The near side puts a frame on the bus."""
        self.received = [*self.received, frame][-RECEIVED_MAX:]
        if self._onto is not None and not self.is_cut:
            self._onto.send(frame, now_ms)

    def due_ms(self) -> float:
        """See FarEnd."""
        return -NEVER if self._answers else min(node.due_ms() for node in self.nodes)

    def _do(self, command: bytes, now_ms: float) -> bytes:
        if len(command) > COMMAND_BYTES_MAX:
            return ERROR
        match command[:1]:
            case b"":
                return OK  # drivers send empty commands to clear the line
            case b"C":
                self.opened = False
                return OK
            case b"O" | b"L":
                return self._open(command)
            case b"S":
                return OK if not self.opened and command in _BIT_RATES else ERROR
            case b"V":
                return b"V1013\r"
            case b"N":
                return b"NSIM1\r"
            case b"F":
                return b"F00\r" if self.opened else ERROR
            case b"t" | b"T":
                return self._receive(command, now_ms)
        return ERROR

    def _open(self, command: bytes) -> bytes:
        if self.opened or len(command) != 1:
            return ERROR
        self.opened = True
        self._listening_only = command == b"L"
        return OK

    def _receive(self, command: bytes, now_ms: float) -> bytes:
        found = _FRAME.fullmatch(command)
        if found is None or len(found[4]) != 2 * int(found[3]) or not self.opened or self._listening_only:
            return ERROR
        identifier = int(found[1] or found[2], 16)
        self.send(CanFrame(identifier, bytes.fromhex(found[4].decode()), found[1] is None), now_ms)
        return b"z\r" if found[1] else b"Z\r"


RECEIVED_MAX = 100
_BIT_RATES = tuple(b"S%d" % number for number in range(10))
