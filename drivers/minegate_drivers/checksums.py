"""Checksums that field protocols use, by name. CRCs are described by width, polynomial, start, reflection, final XOR.

Source of the parameters: the catalogue of parametrised CRC algorithms (reveng), names as there.
"""

from __future__ import annotations

from collections.abc import Callable


class Crc:
    """A CRC of 8 to 32 bits, a table made once."""

    def __init__(self, width: int, polynomial: int, start: int, *, reflected: bool, final: int) -> None:
        self.width = width
        self._start, self._final, self._reflected = start, final, reflected
        self._mask = (1 << width) - 1
        self._polynomial = int(f"{polynomial:0{width}b}"[::-1], 2) if reflected else polynomial
        self._table = [self._entry(byte) for byte in range(256)]

    def __call__(self, data: bytes) -> int:
        crc = self._start
        table = self._table
        if self._reflected:
            for byte in data:
                crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
        else:
            shift = self.width - 8
            for byte in data:
                crc = (crc << 8 ^ table[(crc >> shift ^ byte) & 0xFF]) & self._mask
        return crc ^ self._final

    def _entry(self, byte: int) -> int:
        if self._reflected:
            crc = byte
            for _ in range(8):
                crc = crc >> 1 ^ (self._polynomial if crc & 1 else 0)
            return crc
        crc = byte << self.width - 8
        for _ in range(8):
            crc = crc << 1 ^ (self._polynomial if crc >> self.width - 1 & 1 else 0)
        return crc & self._mask


def _xor8(data: bytes) -> int:
    total = 0
    for byte in data:
        total ^= byte
    return total


# name -> (bytes, sum)
NAMED: dict[str, tuple[int, Callable[[bytes], int]]] = {
    "sum8": (1, lambda data: sum(data) & 0xFF),
    "lrc8": (1, lambda data: -sum(data) & 0xFF),
    "xor8": (1, _xor8),
    "sum16": (2, lambda data: sum(data) & 0xFFFF),
    "crc8": (1, Crc(8, 0x07, 0, reflected=False, final=0)),
    "crc8_maxim": (1, Crc(8, 0x31, 0, reflected=True, final=0)),
    "crc16_modbus": (2, Crc(16, 0x8005, 0xFFFF, reflected=True, final=0)),
    "crc16_ibm_3740": (2, Crc(16, 0x1021, 0xFFFF, reflected=False, final=0)),
    "crc16_xmodem": (2, Crc(16, 0x1021, 0, reflected=False, final=0)),
    "crc16_kermit": (2, Crc(16, 0x1021, 0, reflected=True, final=0)),
    "crc32": (4, Crc(32, 0x04C11DB7, 0xFFFFFFFF, reflected=True, final=0xFFFFFFFF)),
}
