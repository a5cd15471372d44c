"""A methane head that is a Modbus RTU slave: a measuring element, two registers, and a station that answers.

The register map is the one of the project's driver `gas_head`: hundredths of % CH4, status word (bit 0 measuring, bit 2
over range). The slave is written from the MODBUS specifications (application V1.1b3, serial line V1.02), not from the
driver, so that the two check each other.
"""

from __future__ import annotations

import random
import struct

from minegate_sim.far_end import NEVER
from minegate_sim.faults import Faults
from minegate_sim.noise import Wander
from minegate_wire.crc16 import crc16

READ_HOLDING, READ_INPUT = 3, 4
ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE = 1, 2, 3
SILENCE_BYTES = 3.5  # serial line V1.02, 2.5.1.1: what ends a frame
BITS_PER_BYTE = 10
FRAME_BYTES_MAX = 256

MEASURING, OVER_RANGE = 1, 4
RANGE_PERCENT = 4.0

SAMPLE_MS = 500.0
LAG_S = 1.0  # of the gas chamber of a laser head
ZERO_SIGMA, ZERO_TAU_S = 0.006, 8.0  # % CH4: below the 0.01 % of the display, slow
HOLD_COUNTS = 0.75  # the display follows only a change above this, as heads do to keep still


class GasHead:
    """Station `station` of a line of `baud`."""

    def __init__(self, name: str, station: int, chance: random.Random, *, baud: int = 9600) -> None:
        self.name = name
        self.faults = Faults()
        self.registers = [0, 0]
        self._station = station
        self._silence_ms = SILENCE_BYTES * BITS_PER_BYTE * 1000.0 / baud
        self._zero = Wander(chance, ZERO_SIGMA, ZERO_TAU_S)
        self._percent: float | None = None
        self._sampled_ms = -NEVER
        self._frame = bytearray()
        self._heard_ms = NEVER

    @property
    def shown_percent(self) -> float:
        """What the head would answer now."""
        return round(self.registers[0] * 0.01, 2)

    def measure(self, percent: float, dt_s: float, now_ms: float) -> None:
        """The gas at the head is `percent` % CH4 and has been for `dt_s` seconds of the heading's time."""
        if self._percent is None:
            self._percent = percent  # it has hung here for long
        self._percent += (percent - self._percent) * min(1.0, dt_s / LAG_S)
        strayed = self._percent + self._zero.step(dt_s)
        if now_ms - self._sampled_ms >= SAMPLE_MS and not self.faults.frozen and not self.faults.dead:
            self._sampled_ms = now_ms
            self._show(strayed)

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

    def _show(self, percent: float) -> None:
        counts = min(max(percent, 0.0), RANGE_PERCENT) * 100.0
        if abs(counts - self.registers[0]) >= HOLD_COUNTS:
            self.registers[0] = round(counts)
        self.registers[1] = MEASURING | (OVER_RANGE if percent > RANGE_PERCENT else 0)

    def _answer(self, frame: bytes) -> bytes:
        if not 4 <= len(frame) <= FRAME_BYTES_MAX or frame[0] != self._station or crc16(frame, 0, len(frame)) != 0:
            return b""  # damaged, or for somebody else: a slave keeps silent
        function = frame[1]
        if function not in (READ_HOLDING, READ_INPUT):
            return self._framed(bytes((function | 0x80, ILLEGAL_FUNCTION)))
        if len(frame) != 8:
            return self._framed(bytes((function | 0x80, ILLEGAL_VALUE)))
        first, count = struct.unpack(">HH", frame[2:6])
        if not 1 <= count <= 125:
            return self._framed(bytes((function | 0x80, ILLEGAL_VALUE)))
        if first + count > len(self.registers):
            return self._framed(bytes((function | 0x80, ILLEGAL_ADDRESS)))
        values = self.registers[first : first + count]
        return self._framed(struct.pack(f">BB{count}H", function, 2 * count, *values))

    def _framed(self, body: bytes) -> bytes:
        whole = bytes((self._station,)) + body
        return whole + struct.pack("<H", crc16(whole, 0, len(whole)))
