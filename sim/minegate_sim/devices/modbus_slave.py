"""A Modbus slave as the specification has it: four tables, eight functions, exceptions; on a serial line or behind TCP.

Source: MODBUS Application Protocol V1.1b3 (functions 1-6, 15, 16, 23, chapter 6; exceptions, chapter 7), MODBUS over
Serial Line V1.02 (broadcast, 3.5 characters of silence). Written from there, not from the project's codec.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

from minegate_sim.far_end import NEVER
from minegate_sim.faults import Faults
from minegate_wire.crc16 import crc16

ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE, DEVICE_FAILURE = 1, 2, 3, 4
BITS_MAX, BITS_WRITTEN_MAX = 2000, 1968
REGISTERS_MAX, REGISTERS_WRITTEN_MAX, REGISTERS_EXCHANGED_MAX = 125, 123, 121
ON, OFF = 0xFF00, 0x0000
FRAME_BYTES_MAX = 256
SILENCE_CHARS = 3.5
SILENCE_ABOVE_19200_MS = 1.75  # serial line V1.02, 2.5.1.1
BROADCAST = 0


class Refused(Exception):  # noqa: N818 - becomes an exception response
    """The request cannot be done; the code says why."""

    def __init__(self, code: int) -> None:
        self.code = code


class ModbusSlave:
    """Station `station` (1-247) on a line of `baud`. The tables are lists that may be read and changed at any time.

    `failing`: every request is answered with exception 4, as by a device whose measuring part is broken.
    """

    def __init__(
        self, name: str, station: int, *, coils: int = 0, inputs: int = 0, holding: int = 0, registers: int = 0,
        baud: int = 9600, bits_per_char: int = 10,
    ) -> None:  # fmt: skip
        self.name = name
        self.station = station
        self.faults = Faults()
        self.coils = [False] * coils
        self.inputs = [False] * inputs
        self.holding = [0] * holding
        self.registers = [0] * registers
        self.failing = False
        char_ms = bits_per_char * 1000.0 / baud
        self._silence_ms = SILENCE_CHARS * char_ms if baud <= 19200 else SILENCE_ABOVE_19200_MS
        self._frame = bytearray()
        self._heard_ms = NEVER
        self._functions: Final[dict[int, Callable[[bytes], bytes]]] = {
            1: lambda body: self._read_bits(self.coils, body),
            2: lambda body: self._read_bits(self.inputs, body),
            3: lambda body: self._read_registers(self.holding, body),
            4: lambda body: self._read_registers(self.registers, body),
            5: self._write_coil,
            6: self._write_register,
            15: self._write_coils,
            16: self._write_registers,
            23: self._exchange_registers,
        }

    def take(self, data: bytes, at_ms: float) -> None:
        """See LineDevice."""
        self._frame += data[: FRAME_BYTES_MAX + 1 - len(self._frame)]
        self._heard_ms = at_ms

    def step(self, at_ms: float) -> bytes:
        """See LineDevice."""
        if at_ms < self.due_ms():
            return b""
        frame = bytes(self._frame)
        self._frame.clear()
        self._heard_ms = NEVER
        return self._answer(frame)

    def due_ms(self) -> float:
        """When the silence behind the last byte ends the frame."""
        return self._heard_ms + self._silence_ms

    def answer_to(self, pdu: bytes) -> bytes:
        """The answer to a request without address and check; an exception response if it is refused."""
        function = pdu[0]
        try:
            do = self._functions.get(function)
            if do is None or function >= 0x80:
                raise Refused(ILLEGAL_FUNCTION)
            if self.failing:
                raise Refused(DEVICE_FAILURE)
            return bytes((function,)) + do(pdu[1:])
        except Refused as refused:
            return bytes((function & 0x7F | 0x80, refused.code))

    def _answer(self, frame: bytes) -> bytes:
        if not 4 <= len(frame) <= FRAME_BYTES_MAX or frame[0] not in (self.station, BROADCAST):
            return b""
        if crc16(frame, 0, len(frame)) != 0:
            return b""
        answer = self.answer_to(frame[1:-2])
        if frame[0] == BROADCAST:
            return b""
        whole = frame[:1] + answer
        return whole + struct.pack("<H", crc16(whole, 0, len(whole)))

    # ---- one function each; `body` is what follows the function code

    def _read_bits(self, table: list[bool], body: bytes) -> bytes:
        first, count = _first_count(body, 4, BITS_MAX)
        chosen = table[_range(first, count, len(table))]
        packed = bytearray(-(-count // 8))
        for index, bit in enumerate(chosen):
            packed[index // 8] |= bit << index % 8  # the first bit is the lowest
        return bytes((len(packed),)) + packed

    def _read_registers(self, table: list[int], body: bytes) -> bytes:
        first, count = _first_count(body, 4, REGISTERS_MAX)
        return struct.pack(f">B{count}H", 2 * count, *table[_range(first, count, len(table))])

    def _write_coil(self, body: bytes) -> bytes:
        if len(body) != 4:
            raise Refused(ILLEGAL_VALUE)
        at, value = struct.unpack(">HH", body)
        if value not in (ON, OFF):
            raise Refused(ILLEGAL_VALUE)
        self.coils[_range(at, 1, len(self.coils))] = [value == ON]
        return body

    def _write_register(self, body: bytes) -> bytes:
        if len(body) != 4:
            raise Refused(ILLEGAL_VALUE)
        at, value = struct.unpack(">HH", body)
        self.holding[_range(at, 1, len(self.holding))] = [value]
        return body

    def _write_coils(self, body: bytes) -> bytes:
        first, count = _first_count(body, 5, BITS_WRITTEN_MAX)
        if body[4] != -(-count // 8) or len(body) != 5 + body[4]:
            raise Refused(ILLEGAL_VALUE)
        bits = [bool(body[5 + index // 8] >> index % 8 & 1) for index in range(count)]
        self.coils[_range(first, count, len(self.coils))] = bits
        return body[:4]

    def _write_registers(self, body: bytes) -> bytes:
        first, count = _first_count(body, 5, REGISTERS_WRITTEN_MAX)
        if body[4] != 2 * count or len(body) != 5 + body[4]:
            raise Refused(ILLEGAL_VALUE)
        self.holding[_range(first, count, len(self.holding))] = struct.unpack(f">{count}H", body[5:])
        return body[:4]

    def _exchange_registers(self, body: bytes) -> bytes:
        """Write first, then read (chapter 6.17)."""
        if len(body) < 9:
            raise Refused(ILLEGAL_VALUE)
        to_read = _range(*_first_count(body[:4], 4, REGISTERS_MAX), len(self.holding))
        self._exchanged(body)
        chosen = self.holding[to_read]
        return struct.pack(f">B{len(chosen)}H", 2 * len(chosen), *chosen)

    def _exchanged(self, body: bytes) -> None:
        first, count = struct.unpack(">HH", body[4:8])
        if not 1 <= count <= REGISTERS_EXCHANGED_MAX or body[8] != 2 * count or len(body) != 9 + body[8]:
            raise Refused(ILLEGAL_VALUE)
        self.holding[_range(first, count, len(self.holding))] = struct.unpack(f">{count}H", body[9:])


def _first_count(body: bytes, least: int, most: int) -> tuple[int, int]:
    """Start and count of a request. A read has exactly `least` bytes, a write at least."""
    if len(body) < least or (least == 4 and len(body) != 4):
        raise Refused(ILLEGAL_VALUE)
    first, count = struct.unpack(">HH", body[:4])
    if not 1 <= count <= most:
        raise Refused(ILLEGAL_VALUE)
    return first, count


def _range(first: int, count: int, size: int) -> slice:
    if first + count > size:
        raise Refused(ILLEGAL_ADDRESS)
    return slice(first, first + count)
