"""Modbus/TCP in front of simulated slaves, as a gateway to their line has it. A FarEnd; no I/O, no clock.

Source: MODBUS Messaging on TCP/IP Implementation Guide V1.0b: MBAP header of transaction, protocol (0), length, unit;
no CRC. A unit that is not there is exception 0x0B (gateway target failed to respond), one without supply as well.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Protocol

from minegate_sim.far_end import NEVER, Gone
from minegate_sim.faults import Faults

HEAD = struct.Struct(">HHHB")
PDU_BYTES_MAX = 253
TARGET_SILENT = 0x0B
ANSWERS_MAX = 64


class Unit(Protocol):
    """A slave behind the gateway."""

    faults: Faults

    def answer_to(self, pdu: bytes) -> bytes:
        """The answer to a request without address and check; never empty."""


class ModbusTcp:
    """`units` by unit identifier. Answers come `answer_ms` after their request, in order."""

    def __init__(self, units: Mapping[int, Unit], answer_ms: float = 5.0) -> None:
        self.units = units
        self.is_cut = False
        self._answer_ms = answer_ms
        self._heard = bytearray()
        self._answers: list[tuple[float, bytes]] = []

    def arrive(self, data: bytes, now_ms: float) -> None:
        """See FarEnd. Raises Gone for what cannot be Modbus: a stream without its heads has no way back."""
        self._heard += data
        while len(self._heard) >= HEAD.size:
            transaction, protocol, length, unit = HEAD.unpack_from(self._heard)
            if protocol != 0 or not 2 <= length <= PDU_BYTES_MAX + 1:
                raise Gone
            whole = HEAD.size + length - 1
            if len(self._heard) < whole:
                return
            pdu = bytes(self._heard[HEAD.size : whole])
            del self._heard[:whole]
            self._answer(transaction, unit, pdu, now_ms)

    def run(self, now_ms: float) -> bytes:
        """See FarEnd."""
        out = b""
        while self._answers and self._answers[0][0] <= now_ms:
            out += self._answers.pop(0)[1]
        return out

    def due_ms(self) -> float:
        """See FarEnd."""
        return self._answers[0][0] if self._answers else NEVER

    def _answer(self, transaction: int, number: int, pdu: bytes, now_ms: float) -> None:
        if self.is_cut or len(self._answers) >= ANSWERS_MAX:
            return
        unit = self.units.get(number)
        if unit is None or unit.faults.dead:
            answer, late_ms = bytes((pdu[0] | 0x80, TARGET_SILENT)), 0.0
        else:
            answer, late_ms = unit.answer_to(pdu), float(unit.faults.slow_ms)
        after_ms = max([now_ms, *(at_ms for at_ms, _ in self._answers[-1:])])
        whole = HEAD.pack(transaction, 0, 1 + len(answer), number) + answer
        self._answers.append((after_ms + self._answer_ms + late_ms, whole))
