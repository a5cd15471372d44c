"""Modbus RTU: a PDU of modbus.py between station and CRC; when an answer is whole, and whether it can be believed.

Source: MODBUS over Serial Line V1.02 (frame, CRC). The same frames travel inside TCP to device servers ("RTU over
TCP"). Requests are built here whole, because a request to one device never changes.
The sum is compiled code: in Python it was a fifth of what a scan of 100 registers cost field.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from fastcrc.crc16 import modbus as crc16

from minegate_drivers import modbus
from minegate_drivers.modbus import (
    READ_COILS,
    READ_DISCRETE_INPUTS,
    READ_HOLDING_REGISTERS,
    READ_INPUT_REGISTERS,
    STATION_MAX,
    WRITE_AND_READ,
    WRITE_COIL,
    WRITE_COILS,
    WRITE_REGISTER,
    WRITE_REGISTERS,
    bits,
)
from minegate_drivers.sdk import Nonsense

__all__ = [
    "FRAME_BYTES_MAX", "READ_COILS", "READ_DISCRETE_INPUTS", "READ_HOLDING_REGISTERS", "READ_INPUT_REGISTERS",
    "STATION_MAX", "WRITE_AND_READ", "WRITE_COIL", "WRITE_COILS", "WRITE_REGISTER", "WRITE_REGISTERS",
    "bits", "framed", "missing", "payload", "read", "read_holding_registers", "read_input_registers", "request",
    "write_and_read", "write_coil", "write_coils", "write_register", "write_registers",
]  # fmt: skip

FRAME_BYTES_MAX = 256
_SHORTEST_BYTES = 5  # station, function, exception code, CRC
_SUM_BYTES = 2


def framed(body: bytes) -> bytes:
    """`body` (station, function, rest) with its CRC, low byte first."""
    return body + struct.pack("<H", crc16(body))


def request(station: int, pdu: bytes) -> bytes:
    """`pdu` of modbus.py to `station`. ValueError if no station has that number."""
    return framed(bytes((modbus.check_station(station),)) + pdu)


def read(station: int, function: int, first: int, count: int) -> bytes:
    """Functions 1 to 4, see modbus.read."""
    return request(station, modbus.read(function, first, count))


def read_input_registers(station: int, first: int, count: int) -> bytes:
    """Function 4, 1 to 125 registers."""
    return read(station, READ_INPUT_REGISTERS, first, count)


def read_holding_registers(station: int, first: int, count: int) -> bytes:
    """Function 3, 1 to 125 registers."""
    return read(station, READ_HOLDING_REGISTERS, first, count)


def write_coil(station: int, address: int, on: bool) -> bytes:
    """Function 5."""
    return request(station, modbus.write_coil(address, on))


def write_register(station: int, address: int, value: int) -> bytes:
    """Function 6, value 0 to 65535."""
    return request(station, modbus.write_register(address, value))


def write_coils(station: int, first: int, states: Sequence[bool]) -> bytes:
    """Function 15, see modbus.write_coils."""
    return request(station, modbus.write_coils(first, states))


def write_registers(station: int, first: int, values: Sequence[int]) -> bytes:
    """Function 16, 1 to 123 registers of 0 to 65535."""
    return request(station, modbus.write_registers(first, values))


def write_and_read(station: int, write_first: int, values: Sequence[int], first: int, count: int) -> bytes:
    """Function 23, see modbus.write_and_read."""
    return request(station, modbus.write_and_read(write_first, values, first, count))


def missing(heard: bytes, asked: bytes) -> int:
    """How many bytes at least are missing until `heard` is a whole frame; 0: it is whole, or can never be.

    A frame of another station (a late answer, somebody else's master) is followed to its own end, so that it is
    swallowed whole and the line is in step again.
    """
    if len(heard) < 2:
        return _SHORTEST_BYTES - len(heard)
    if heard[0] == asked[0] and not modbus.may_answer(heard[1:3], asked[1:]):
        return 0
    whole = modbus.answer_bytes(heard[1:3].ljust(2, b"\0"))  # a count that is not there yet: the shortest answer
    return max(0, 1 + whole + _SUM_BYTES - len(heard), _SHORTEST_BYTES - len(heard)) if whole else 0


def payload(frame: bytes, asked: bytes) -> bytes:
    """What the answer to `asked` carries: the bytes read, or address and value of a write. Raises Nonsense."""
    length = modbus.answer_bytes(frame[1:3]) if len(frame) >= _SHORTEST_BYTES else -1
    if length < 0 or (length and len(frame) != 1 + length + _SUM_BYTES):
        raise Nonsense("length", f"{len(frame)} bytes")
    if crc16(frame) != 0:  # the sum over a frame and its own sum is zero
        raise Nonsense("crc", f"{frame[-2:].hex(' ')} is not the sum of the frame")
    if frame[0] != asked[0]:
        raise Nonsense("foreign", f"station {frame[0]} answered, {asked[0]} was asked")
    return modbus.carried(frame[1:-_SUM_BYTES], asked[1:-_SUM_BYTES])
