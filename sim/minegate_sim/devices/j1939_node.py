"""A controller that broadcasts J1939 messages, claims its address, and answers requests; long ones by BAM.

Source: SAE J1939-21 (identifier: priority, PGN, source; request 59904; acknowledgement 59392; broadcast announce 60416
with control byte 32 and data transfer 60160, 50-200 ms apart), J1939-71 (slots: little endian, all ones is "not
available", one below "error"), J1939-81 (address claim 60928 with the NAME; the smaller NAME keeps the address).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from minegate_drivers.ports import CanFrame
from minegate_sim.far_end import NEVER
from minegate_sim.faults import Faults

REQUEST, ACKNOWLEDGE, ANNOUNCE, TRANSFER, CLAIM = 59904, 59392, 60416, 60160, 60928
EVERYBODY, NOBODY = 255, 254
NEGATIVE = 1
BAM = 32
BAM_GAP_MS = 60.0
LONG_BYTES_MAX = 1785
OUTBOX_FRAMES_MAX = 512


class Slot(NamedTuple):
    """A parameter in a message: value = counts * scale + offset, in `size` bytes from byte `first` (0 is the first)."""

    first: int
    size: int
    scale: float = 1.0
    offset: float = 0.0

    def pack(self, value: float) -> bytes:
        """Counts from the lowest byte; beyond the range: its end; not a number: not available."""
        top = (1 << 8 * self.size) - 1
        highest = 0xFA << 8 * (self.size - 1) | (1 << 8 * (self.size - 1)) - 1  # J1939-71: FAFF.. is the largest value
        counts = (value - self.offset) / self.scale
        whole = top if counts != counts else min(highest, max(0, round(min(max(counts, -1.0), 2.0**40))))
        return whole.to_bytes(self.size, "little")


class Pgn(NamedTuple):
    """A message: `slots` by name of the value; sent each `every_ms` (NEVER: on request only)."""

    number: int
    every_ms: float
    slots: dict[str, Slot]
    size: int = 8
    priority: int = 6


# EEC1: SPN 513 actual torque, SPN 190 speed
ENGINE = Pgn(61444, 50.0, {"torque_percent": Slot(2, 1, 1.0, -125.0), "speed_rpm": Slot(3, 2, 0.125)}, priority=3)
TEMPERATURE = Pgn(65262, 1000.0, {"coolant_c": Slot(0, 1, 1.0, -40.0), "oil_c": Slot(2, 2, 0.03125, -273.0)})
HOURS = Pgn(65253, NEVER, {"hours": Slot(0, 4, 0.05)})  # SPN 247, on request
ELECTRIC = Pgn(65271, 1000.0, {"battery_v": Slot(4, 2, 0.05)})  # SPN 168


class J1939Node:
    """A CanNode and CanListener at `address`. `values()` is asked when a message is made."""

    def __init__(
        self, name: str, address: int, messages: tuple[Pgn, ...], values: Callable[[], dict[str, float]],
        now_ms: float, identity: int = 0x8000_0000_0000_0001,
    ) -> None:  # fmt: skip
        self.name = name
        self.faults = Faults()
        self.address = address
        self.sent = 0
        self._messages = {message.number: message for message in messages}
        self._values = values
        self._frozen: dict[str, float] = {}
        self._identity = identity
        self._due_ms = {message.number: now_ms + message.every_ms for message in messages if message.every_ms != NEVER}
        self._outbox: list[tuple[float, CanFrame]] = [(now_ms, self._claim())]

    def step(self, at_ms: float) -> list[CanFrame]:
        """See CanNode."""
        for number, due_ms in self._due_ms.items():
            if due_ms <= at_ms:
                every_ms = self._messages[number].every_ms
                self._due_ms[number] = due_ms + every_ms * (1 + (at_ms - due_ms) // every_ms)
                self._say(self._messages[number], at_ms)
        ready = [frame for when_ms, frame in self._outbox if when_ms <= at_ms]
        self._outbox = [(when_ms, frame) for when_ms, frame in self._outbox if when_ms > at_ms]
        self.sent += len(ready)
        return ready

    def due_ms(self) -> float:
        """See CanNode."""
        return min([*self._due_ms.values(), *(when_ms for when_ms, _ in self._outbox)], default=NEVER)

    def hear(self, frame: CanFrame, at_ms: float) -> None:
        """Requests to us or to everybody, and claims of our address."""
        if not frame.extended or self.faults.dead:
            return
        kind, target, source = frame.id >> 16 & 0xFF, frame.id >> 8 & 0xFF, frame.id & 0xFF
        if kind == REQUEST >> 8 and target in (self.address, EVERYBODY) and len(frame.data) >= 3:
            self._requested(int.from_bytes(frame.data[:3], "little"), source, target, at_ms)
        elif kind == CLAIM >> 8 and source == self.address and len(frame.data) == 8:
            theirs = int.from_bytes(frame.data, "little")
            if self._identity < theirs:
                self._send(at_ms, self._claim())
            elif theirs < self._identity:
                self.address = NOBODY  # lost: says once that it cannot claim, and keeps quiet
                self._due_ms.clear()
                self._send(at_ms, self._claim())

    def _requested(self, number: int, source: int, target: int, at_ms: float) -> None:
        if number == CLAIM:
            self._send(at_ms, self._claim())
        elif self.address == NOBODY:
            return
        elif number in self._messages:
            self._say(self._messages[number], at_ms)
        elif target != EVERYBODY:  # a request to everybody is never refused
            data = bytes((NEGATIVE, 0xFF, 0xFF, 0xFF, source)) + number.to_bytes(3, "little")
            self._send(at_ms, self._frame(6, ACKNOWLEDGE | EVERYBODY, data))

    def _say(self, message: Pgn, at_ms: float) -> None:
        if not self.faults.frozen:
            self._frozen = self._values()
        data = bytearray(b"\xff" * message.size)
        for name, slot in message.slots.items():
            data[slot.first : slot.first + slot.size] = slot.pack(self._frozen.get(name, float("nan")))
        if message.size <= 8:
            self._send(at_ms, self._frame(message.priority, message.number, bytes(data)))
            return
        packets = -(-message.size // 7)
        announce = bytes((BAM,)) + message.size.to_bytes(2, "little") + bytes((packets, 0xFF))
        self._send(at_ms, self._frame(7, ANNOUNCE | EVERYBODY, announce + message.number.to_bytes(3, "little")))
        for index in range(packets):
            part = bytes(data[7 * index : 7 * index + 7]).ljust(7, b"\xff")
            when_ms = at_ms + (index + 1) * BAM_GAP_MS
            self._send(when_ms, self._frame(7, TRANSFER | EVERYBODY, bytes((index + 1,)) + part))

    def _send(self, when_ms: float, frame: CanFrame) -> None:
        if len(self._outbox) < OUTBOX_FRAMES_MAX:
            self._outbox.append((when_ms, frame))

    def _claim(self) -> CanFrame:
        return self._frame(6, CLAIM | EVERYBODY, self._identity.to_bytes(8, "little"))

    def _frame(self, priority: int, number: int, data: bytes) -> CanFrame:
        return CanFrame(priority << 26 | number << 8 | self.address, data, extended=True)
