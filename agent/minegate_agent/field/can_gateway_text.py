"""CAN frames in a TCP stream, 13 bytes each, as common CAN-to-Ethernet converters send them. No I/O.

    byte 0       bit 7 extended, bit 6 remote, bits 5-4 zero, bits 3-0 length 0..8
    bytes 1-4    identifier, high byte first
    bytes 5-12   data, zeros behind the length

There is no mark where a frame begins, so damage is found by what cannot be: the stream is in step where every whole
unit is possible, and is searched byte by byte when one is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from minegate_drivers.ports import BusHealth, CanFrame

UNIT_BYTES = 13
KEPT_BYTES_MAX = 4096 * UNIT_BYTES
SURE_UNITS = 3  # so many possible units in a row, or the end of what is heard, tell where a frame begins
_EXTENDED, _REMOTE, _RESERVED = 0x80, 0x40, 0x30
_INFO = re.compile(rb"[\x00-\x08\x40-\x48\x80-\x88\xc0-\xc8]")  # what a first byte can be


class GatewayStream:
    """The stream put together from pieces. Only frames of `can_ids` are kept."""

    def __init__(self, can_ids: Iterable[tuple[int, bool]], bus: BusHealth) -> None:
        self._wanted = frozenset(can_ids)
        self._rest = b""
        self._bus = bus
        self._in_step = True

    def feed(self, heard: bytes) -> list[CanFrame]:
        """The frames that `heard` completes, oldest first."""
        held = (self._rest + heard)[-KEPT_BYTES_MAX:]
        frames: list[CanFrame] = []
        at = 0
        while len(held) - at >= UNIT_BYTES:
            if not self._in_step:
                found = _step(held, at)
                if found is None:
                    at = max(at, len(held) - SURE_UNITS * UNIT_BYTES + 1)
                    break
                at, self._in_step = found, True
            unit = held[at : at + UNIT_BYTES]
            if not possible(unit):
                self._bus.malformed += 1
                self._in_step = False
                at += 1
                continue
            self._keep(unit, frames)
            at += UNIT_BYTES
        self._rest = held[at:]
        return frames

    def _keep(self, unit: bytes, frames: list[CanFrame]) -> None:
        number, extended = int.from_bytes(unit[1:5], "big"), bool(unit[0] & _EXTENDED)
        if (number, extended) in self._wanted and not unit[0] & _REMOTE:
            frames.append(CanFrame(number, unit[5 : 5 + (unit[0] & 0xF)], extended))


def possible(unit: bytes) -> bool:
    """Can these 13 bytes be a frame?"""
    length = unit[0] & 0xF
    number = int.from_bytes(unit[1:5], "big")
    fits = number <= (0x1FFFFFFF if unit[0] & _EXTENDED else 0x7FF)
    return not unit[0] & _RESERVED and length <= 8 and fits and not any(unit[5 + length :])


def unit_of(frame: CanFrame) -> bytes:
    """The 13 bytes that send `frame`. ValueError if it is longer than 8 bytes."""
    if len(frame.data) > 8:
        raise ValueError(f"{len(frame.data)} bytes of data, at most 8")
    head = len(frame.data) | (_EXTENDED if frame.extended else 0)
    return bytes((head,)) + frame.id.to_bytes(4, "big") + frame.data.ljust(8, b"\0")


def _step(held: bytes, at: int) -> int | None:
    """The first place from `at` where SURE_UNITS possible units begin; None if more must be heard."""
    last = len(held) - SURE_UNITS * UNIT_BYTES
    for found in _INFO.finditer(held, at, max(at, last + 1)):
        place = found.start()
        if all(
            possible(held[unit : unit + UNIT_BYTES])
            for unit in range(place, place + SURE_UNITS * UNIT_BYTES, UNIT_BYTES)
        ):
            return place
    return None
