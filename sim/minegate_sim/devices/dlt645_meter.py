"""An electricity meter that speaks DL/T 645-2007: energy, voltages, currents, power, and its address on request.

Source: DL/T 645-2007, recalled: chapters 5 (frame: up to four FE, 68, six address bytes from the lowest, 68, control,
length, data each plus 33, sum, 16; 2400 baud, even parity), 7 (read 11, read address 13; an answer has bit 7 set, an
abnormal one bit 6 too) and appendix A (data identifiers and their formats, BCD from the lowest byte). AA in an address
stands for any digit pair. The meter counts energy by itself from the power it is given.
"""

from __future__ import annotations

from typing import NamedTuple

from minegate_sim.far_end import NEVER
from minegate_sim.faults import Faults

FRAME_BYTES_MAX = 256
HEAD, END, OFFSET = 0x68, 0x16, 0x33
PREAMBLE = b"\xfe" * 4
READ, READ_ADDRESS = 0x11, 0x13
ANSWER, ABNORMAL = 0x80, 0x40
ANY = 0xAA
ERROR_NO_DATA = 0x02  # bit 1 of the error word: the requested data is not there
GAP_MS = 500.0  # bytes of one frame follow each other within this


class Quantity(NamedTuple):
    """Format of a data identifier: bytes, digits behind the point, whether the top bit is a sign."""

    size: int
    decimals: int
    signed: bool = False


QUANTITIES = {
    0x00000000: Quantity(4, 2, True),  # combined active energy, kWh
    0x00010000: Quantity(4, 2),  # forward active energy, kWh
    0x02010100: Quantity(2, 1),  # voltage of phase A, V
    0x02010200: Quantity(2, 1),
    0x02010300: Quantity(2, 1),
    0x02020100: Quantity(3, 3, True),  # current of phase A, A
    0x02020200: Quantity(3, 3, True),
    0x02020300: Quantity(3, 3, True),
    0x02030000: Quantity(3, 4, True),  # active power, kW
    0x02060000: Quantity(2, 3, True),  # power factor
    0x02800002: Quantity(2, 2),  # frequency, Hz
}
ENERGIES = (0x00000000, 0x00010000)


class Dlt645Meter:
    """A LineDevice with the 12-digit `address` as printed on it."""

    def __init__(self, name: str, address: str) -> None:
        if len(address) != 12 or not address.isdecimal():
            raise ValueError(f"meter {name}: address {address!r} is not 12 digits")
        self.name = name
        self.faults = Faults()
        self.values: dict[int, float] = dict.fromkeys(QUANTITIES, 0.0)
        self._address = bytes.fromhex(address)[::-1]
        self._heard = bytearray()
        self._heard_ms = -NEVER
        self._answer = b""
        self._due_ms = NEVER

    def measure(self, power_kw: float, voltage_v: float, power_factor: float, dt_s: float) -> None:
        """What has flowed for `dt_s` seconds, alike in three phases."""
        if self.faults.frozen or self.faults.dead:
            return
        apparent_kva = power_kw / power_factor if power_factor > 0.0 else 0.0
        current_a = apparent_kva * 1000.0 / (3.0 * voltage_v) if voltage_v > 0.0 else 0.0
        for phase in (1, 2, 3):
            self.values[0x02010000 | phase << 8] = voltage_v
            self.values[0x02020000 | phase << 8] = current_a
        self.values[0x02030000] = power_kw
        self.values[0x02060000] = power_factor
        self.values[0x02800002] = 50.0 if voltage_v > 0.0 else 0.0
        for energy in ENERGIES:
            self.values[energy] += power_kw * dt_s / 3600.0

    def take(self, data: bytes, at_ms: float) -> None:
        """See LineDevice."""
        if at_ms - self._heard_ms > GAP_MS:
            self._heard.clear()
        self._heard_ms = at_ms
        self._heard = (self._heard + data)[-FRAME_BYTES_MAX:]
        while (frame := self._cut_out()) is not None:
            if answer := self._answer_to(frame):
                self._answer = PREAMBLE + answer
                self._due_ms = at_ms

    def step(self, at_ms: float) -> bytes:
        """See LineDevice."""
        answer, self._answer, self._due_ms = self._answer, b"", NEVER
        return answer

    def due_ms(self) -> float:
        """See LineDevice."""
        return self._due_ms

    def _cut_out(self) -> bytes | None:
        """The next whole frame with a right sum; whatever is no frame is left behind."""
        while (first := self._heard.find(HEAD)) >= 0:
            del self._heard[:first]
            if len(self._heard) < 10:
                return None
            size = 12 + self._heard[9]
            if self._heard[7] == HEAD and len(self._heard) < size:
                return None
            frame = bytes(self._heard[:size])
            if frame[7] == HEAD and frame[-1] == END and sum(frame[:-2]) & 0xFF == frame[-2]:
                del self._heard[:size]
                return frame
            del self._heard[0]
        self._heard.clear()
        return None

    def _answer_to(self, frame: bytes) -> bytes:
        asked, control = frame[1:7], frame[8]
        data = bytes(byte - OFFSET & 0xFF for byte in frame[10:-2])
        if any(own != byte != ANY for own, byte in zip(self._address, asked, strict=True)):
            return b""
        if control == READ_ADDRESS and not data:
            return self._framed(control | ANSWER, self._address)
        if control != READ or len(data) < 4:
            return b""
        identifier = int.from_bytes(data[:4], "little")
        quantity = QUANTITIES.get(identifier)
        if quantity is None:
            return self._framed(control | ANSWER | ABNORMAL, bytes((ERROR_NO_DATA,)))
        return self._framed(control | ANSWER, data[:4] + _bcd(self.values[identifier], quantity))

    def _framed(self, control: int, data: bytes) -> bytes:
        head = bytes((HEAD, *self._address, HEAD, control, len(data)))
        body = head + bytes(byte + OFFSET & 0xFF for byte in data)
        return body + bytes((sum(body) & 0xFF, END))


def _bcd(value: float, quantity: Quantity) -> bytes:
    """Decimal digits, lowest byte first; a value beyond the display stands at its end."""
    digits = 2 * quantity.size
    most = (8 if quantity.signed else 10) * 10 ** (digits - 1) - 1
    counts = min(most, round(abs(value) * 10**quantity.decimals))
    packed = bytearray(bytes.fromhex(f"{counts:0{digits}d}")[::-1])
    if quantity.signed and value < 0.0 and counts:
        packed[-1] |= 0x80
    return bytes(packed)
