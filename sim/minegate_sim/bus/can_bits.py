"""The bits of a CAN frame on the wire: who wins, and how long it takes, stuffing included. Pure.

Source: Bosch, CAN Specification 2.0 (1991), part A 3.1 and part B 3.1-3.2; ISO 11898-1. Stuffed are start of frame to
CRC: after five equal bits one of the other kind. The worst case is that of Davis et al., Controller Area Network (CAN)
schedulability analysis (2007), equation 1.
"""

from __future__ import annotations

from functools import lru_cache

from minegate_drivers.ports import CanFrame

TAIL_BITS = 13  # CRC delimiter, ACK slot, ACK delimiter, 7 end of frame, 3 between frames
ERROR_BITS = 6 + 6 + 8 + 3  # flag, flags of the others behind it, delimiter, between frames: the longest
SUSPEND_BITS = 8  # a passive station waits this much longer after it has sent
CRC_POLYNOMIAL = 0x4599


def priority(frame: CanFrame) -> tuple[int, int, int]:
    """Lower wins: the bits of arbitration, a dominant one being 0; the standard frame before the extended one."""
    if frame.extended:
        return frame.id >> 18, 1, frame.id & 0x3FFFF
    return frame.id, 0, 0


@lru_cache(maxsize=4096)
def length_bits(frame: CanFrame) -> int:
    """From the start of the frame until the next one may start."""
    head, run, before = _stuffed_part(frame), 0, -1
    stuffed = 0
    for bit in head:
        run = run + 1 if bit == before else 1
        before = bit
        if run == 5:
            stuffed += 1
            before, run = 1 - bit, 1  # the stuffed bit begins a run of its own
    return len(head) + stuffed + TAIL_BITS


def longest_bits(data_bytes: int, extended: bool) -> int:
    """The most that a frame of this size can take."""
    stuffable = (54 if extended else 34) + 8 * data_bytes
    return stuffable + TAIL_BITS + (stuffable - 1) // 4


def _stuffed_part(frame: CanFrame) -> list[int]:
    if frame.extended:
        bits = [0, *_bits(frame.id >> 18, 11), 1, 1, *_bits(frame.id & 0x3FFFF, 18), 0, 0, 0]
    else:
        bits = [0, *_bits(frame.id, 11), 0, 0, 0]
    bits += _bits(len(frame.data), 4)
    for byte in frame.data:
        bits += _bits(byte, 8)
    return bits + _bits(_crc(bits), 15)


def _bits(value: int, count: int) -> list[int]:
    return [value >> place & 1 for place in reversed(range(count))]


def _crc(bits: list[int]) -> int:
    crc = 0
    for bit in bits:
        top = crc >> 14 & 1
        crc = crc << 1 & 0x7FFF
        if bit ^ top:
            crc ^= CRC_POLYNOMIAL
    return crc
