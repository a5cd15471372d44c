"""How characters lie on a serial line, and what a receiver hears that is set otherwise. Pure.

A character is a start bit (low), the data bits from the lowest, a parity bit if there is one, and stop bits (high); an
idle line is high (TIA-485 with the UART of EIA-404). A receiver waits for a falling edge and looks at the middle of
each bit that it expects, so that another baud rate or parity gives other bytes, fewer or more of them: no chance in it.
A byte with a wrong parity or stop bit is handed on as sampled, as a raw tty does without INPCK.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

BAUDS = (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)


class Framing(NamedTuple):
    """`Framing(9600)` is 9600 8N1."""

    baud: int = 9600
    data_bits: Literal[7, 8] = 8
    parity: Literal["N", "E", "O"] = "N"
    stop_bits: Literal[1, 2] = 1

    @property
    def bits(self) -> int:
        """Per character, start and stop bits included."""
        return 1 + self.data_bits + (self.parity != "N") + self.stop_bits

    @property
    def char_ms(self) -> float:
        """Time of one character."""
        return self.bits * 1000.0 / self.baud

    def levels(self, byte: int) -> list[int]:
        """The bits of one character in the order of the line."""
        data = [byte >> bit & 1 for bit in range(self.data_bits)]
        even = sum(data) & 1
        parity = {"N": [], "E": [even], "O": [1 - even]}[self.parity]
        return [0, *data, *parity, *([1] * self.stop_bits)]


PLAIN = Framing()


def heard(data: bytes, sent: Framing, ear: Framing) -> bytes:
    """What a receiver set to `ear` makes of `data` that was sent as `sent` without gaps."""
    if sent == ear:
        return data
    line = [level for byte in data for level in sent.levels(byte)]
    per_bit = sent.baud / ear.baud  # bits of the sender within one of the receiver

    def level(at: float) -> int:
        index = int(at)
        return line[index] if index < len(line) else 1

    found, at = bytearray(), 0
    while (begin := _falling(line, at)) is not None:
        if level(begin + 0.5 * per_bit):
            at = begin + 1  # a spike: too short for a start bit
            continue
        byte = sum(level(begin + (1.5 + bit) * per_bit) << bit for bit in range(ear.data_bits))
        found.append(byte)
        stop = begin + (ear.bits - ear.stop_bits + 0.5) * per_bit
        at = max(begin + 1, int(stop))
    return bytes(found)


def _falling(line: list[int], first: int) -> int | None:
    """Where the line goes low at or after `first`, having been high."""
    before = 1 if first == 0 else line[first - 1] if first <= len(line) else 1
    for index in range(first, len(line)):
        if before and not line[index]:
            return index
        before = line[index]
    return None
