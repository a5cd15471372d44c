"""Modbus TCP: transaction, protocol 0, length, unit, PDU.

Source: MODBUS Messaging on TCP/IP Implementation Guide V1.0b, section 3.1. The transaction is what tells a late
answer from the right one, so it changes with every request; answers to former transactions are passed over.
"""

from __future__ import annotations

import struct

from minegate_drivers import modbus
from minegate_drivers.sdk import Nonsense

FRAME_BYTES_MAX = 260
UNIT_DIRECT = 255  # a device that is no gateway to a line
_HEAD_BYTES = 7
_COUNTED_MIN, _COUNTED_MAX = 3, 1 + modbus.PDU_BYTES_MAX  # what the length may say: unit and PDU
_SHORTEST_BYTES = 6 + _COUNTED_MIN


def request(transaction: int, unit: int, pdu: bytes) -> bytes:
    """`pdu` of modbus.py to `unit` 0..255; `transaction` 0..65535 comes back in the answer."""
    if not 0 <= unit <= UNIT_DIRECT:
        raise ValueError(f"station {unit} is not within 0..{UNIT_DIRECT} of Modbus TCP")
    return struct.pack(">HHHB", transaction & 0xFFFF, 0, 1 + len(pdu), unit) + pdu


def missing(heard: bytes, asked: bytes) -> int:
    """How many bytes at least are missing until `heard` ends with a whole frame that is no late one; 0: none, or it
    can never be.
    """
    rest = _without_late(heard, asked)
    if len(rest) < 6:
        return _SHORTEST_BYTES - len(rest)
    counted = int.from_bytes(rest[4:6], "big")
    if rest[2:4] != b"\0\0" or not _COUNTED_MIN <= counted <= _COUNTED_MAX:
        return 0
    return max(0, 6 + counted - len(rest))


def payload(heard: bytes, asked: bytes) -> bytes:
    """What the answer to `asked` carries. Raises Nonsense."""
    frame = _without_late(heard, asked)
    if len(frame) < _SHORTEST_BYTES or len(frame) != 6 + int.from_bytes(frame[4:6], "big"):
        raise Nonsense("foreign" if not frame and heard else "length", f"{len(heard)} bytes")
    if frame[2:4] != b"\0\0":
        raise Nonsense("format", f"protocol {frame[2:4].hex()} is not Modbus")
    if frame[:2] != asked[:2]:
        raise Nonsense("foreign", f"transaction {frame[:2].hex()} answered, {asked[:2].hex()} was asked")
    if frame[6] != asked[6]:
        raise Nonsense("foreign", f"unit {frame[6]} answered, {asked[6]} was asked")
    return modbus.carried(frame[_HEAD_BYTES:], asked[_HEAD_BYTES:])


def _without_late(heard: bytes, asked: bytes) -> bytes:
    """`heard` behind the whole frames of other transactions at its beginning."""
    at = 0
    while len(heard) - at >= _SHORTEST_BYTES and heard[at : at + 2] != asked[:2] and heard[at + 2 : at + 4] == b"\0\0":
        counted = int.from_bytes(heard[at + 4 : at + 6], "big")
        if not _COUNTED_MIN <= counted <= _COUNTED_MAX or at + 6 + counted > len(heard):
            break
        at += 6 + counted
    return heard[at:]
