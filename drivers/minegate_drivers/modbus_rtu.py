"""Modbus RTU as bytes: requests, when an answer is whole, and whether it can be believed. No port, no waiting.

Sources: MODBUS Application Protocol Specification V1.1b3 (functions, limits, exception codes) and MODBUS over Serial
Line V1.02 (frame, CRC). Registers stay in the byte order of the wire: high byte first.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from minegate_drivers.sdk import Nonsense
from minegate_wire.crc16 import crc16

READ_COILS = 1
READ_DISCRETE_INPUTS = 2
READ_HOLDING_REGISTERS = 3
READ_INPUT_REGISTERS = 4
WRITE_COIL = 5
WRITE_REGISTER = 6
WRITE_COILS = 15
WRITE_REGISTERS = 16

STATION_MAX = 247
FRAME_BYTES_MAX = 256
_EXCEPTION = 0x80
_EXCEPTION_BYTES = 5
_ECHO_BYTES = 8  # the answer to a write repeats its first six bytes
_SUM_BYTES = 2
_COUNT_MAX = {  # V1.1b3, sections 6.1-6.4, 6.11, 6.12
    READ_COILS: 2000,
    READ_DISCRETE_INPUTS: 2000,
    READ_HOLDING_REGISTERS: 125,
    READ_INPUT_REGISTERS: 125,
    WRITE_COILS: 1968,
    WRITE_REGISTERS: 123,
}
_READS = frozenset((READ_COILS, READ_DISCRETE_INPUTS, READ_HOLDING_REGISTERS, READ_INPUT_REGISTERS))
_WRITES = frozenset((WRITE_COIL, WRITE_REGISTER, WRITE_COILS, WRITE_REGISTERS))
_EXCEPTION_WORDS = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledge",
    6: "device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target did not answer",
}


def framed(body: bytes) -> bytes:
    """`body` (station, function, rest) with its CRC, low byte first."""
    return body + struct.pack("<H", crc16(body, 0, len(body)))


def read(station: int, function: int, first: int, count: int) -> bytes:
    """The request to read `count` coils, inputs or registers from address `first`. ValueError names what is off."""
    if function not in _READS:
        raise ValueError(f"function {function} is not one of {sorted(_READS)}")
    _check_span(function, first, count)
    return framed(struct.pack(">BBHH", _station(station), function, first, count))


def read_input_registers(station: int, first: int, count: int) -> bytes:
    """Function 4, 1 to 125 registers."""
    return read(station, READ_INPUT_REGISTERS, first, count)


def read_holding_registers(station: int, first: int, count: int) -> bytes:
    """Function 3, 1 to 125 registers."""
    return read(station, READ_HOLDING_REGISTERS, first, count)


def write_coil(station: int, address: int, on: bool) -> bytes:
    """Function 5."""
    return framed(struct.pack(">BBHH", _station(station), WRITE_COIL, _address(address), 0xFF00 if on else 0))


def write_register(station: int, address: int, value: int) -> bytes:
    """Function 6, value 0 to 65535."""
    return framed(struct.pack(">BBHH", _station(station), WRITE_REGISTER, _address(address), _word(value)))


def write_coils(station: int, first: int, states: Sequence[bool]) -> bytes:
    """Function 15, 1 to 1968 coils; the first coil is the lowest bit of the first byte."""
    _check_span(WRITE_COILS, first, len(states))
    size = (len(states) + 7) // 8
    packed = sum(1 << index for index, on in enumerate(states) if on).to_bytes(size, "little")
    return framed(struct.pack(">BBHHB", _station(station), WRITE_COILS, first, len(states), size) + packed)


def write_registers(station: int, first: int, values: Sequence[int]) -> bytes:
    """Function 16, 1 to 123 registers of 0 to 65535."""
    _check_span(WRITE_REGISTERS, first, len(values))
    head = struct.pack(">BBHHB", _station(station), WRITE_REGISTERS, first, len(values), 2 * len(values))
    return framed(head + b"".join(struct.pack(">H", _word(value)) for value in values))


def missing(heard: bytes, request: bytes) -> int:
    """How many bytes at least are missing until `heard` is a whole frame; 0: it is whole, or can never be.

    A frame of another station (a late answer, somebody else's master) is followed to its own end, so that it is
    swallowed whole and the line is in step again.
    """
    if len(heard) < 2:
        return _EXCEPTION_BYTES - len(heard)  # the shortest frame there is
    own = heard[0] == request[0]
    if own and heard[1] & ~_EXCEPTION != request[1]:
        return 0
    if heard[1] in _READS and len(heard) < 3:
        return _EXCEPTION_BYTES - len(heard)
    if own and heard[1] in _READS and heard[2] != _read_bytes(request):
        return 0
    return max(0, _length(heard) - len(heard))


def payload(frame: bytes, request: bytes) -> bytes:
    """What the answer to `request` carries: the bytes read, or address and value of a write. Raises Nonsense."""
    if len(frame) < _EXCEPTION_BYTES or len(frame) != (_length(frame) or len(frame)):
        raise Nonsense("length", f"{len(frame)} bytes")
    if crc16(frame, 0, len(frame)) != 0:  # the sum over a frame and its own sum is zero
        raise Nonsense("crc", f"{frame[-2:].hex(' ')} is not the sum of the frame")
    if frame[0] != request[0]:
        raise Nonsense("foreign", f"station {frame[0]} answered, {request[0]} was asked")
    if frame[1] == request[1] | _EXCEPTION:
        raise Nonsense("exception", f"{frame[2]} {_EXCEPTION_WORDS.get(frame[2], 'unknown')}")
    if frame[1] != request[1]:
        raise Nonsense("function", f"{frame[1]} answered, {request[1]} was asked")
    if frame[1] in _READS:
        return _read_payload(frame, request)
    return _echo_payload(frame, request)


def bits(data: bytes, count: int) -> tuple[bool, ...]:
    """The first `count` coils or inputs in a payload; the first is the lowest bit of the first byte."""
    return tuple(bool(data[index // 8] >> index % 8 & 1) for index in range(count))


def _read_payload(frame: bytes, request: bytes) -> bytes:
    if frame[2] != _read_bytes(request):
        raise Nonsense("length", f"{frame[2]} bytes of values, {_read_bytes(request)} were asked for")
    return frame[3:-_SUM_BYTES]


def _echo_payload(frame: bytes, request: bytes) -> bytes:
    if frame[2:6] != request[2:6]:
        raise Nonsense("value", f"{frame[2:6].hex(' ')} echoed, {request[2:6].hex(' ')} was written")
    return frame[2:6]


def _read_bytes(request: bytes) -> int:
    count = int.from_bytes(request[4:6], "big")
    return (count + 7) // 8 if request[1] in (READ_COILS, READ_DISCRETE_INPUTS) else 2 * count


def _length(frame: bytes) -> int:
    """The length that an answer announces in its first three bytes; 0 if no answer of ours begins like that."""
    function = frame[1]
    if function in _READS:
        return 3 + frame[2] + _SUM_BYTES
    if function in _WRITES:
        return _ECHO_BYTES
    if function & ~_EXCEPTION in _READS | _WRITES:
        return _EXCEPTION_BYTES
    return 0


def _check_span(function: int, first: int, count: int) -> None:
    if not 1 <= count <= _COUNT_MAX[function]:
        raise ValueError(f"count {count} is not within 1..{_COUNT_MAX[function]} of function {function}")
    _address(first)
    if first + count > 65536:
        raise ValueError(f"first {first} and count {count} reach beyond address 65535")


def _station(station: int) -> int:
    if not 1 <= station <= STATION_MAX:  # 0 is the broadcast, which nobody answers
        raise ValueError(f"station {station} is not within 1..{STATION_MAX}")
    return station


def _address(address: int) -> int:
    if not 0 <= address <= 65535:
        raise ValueError(f"address {address} is not within 0..65535")
    return address


def _word(value: int) -> int:
    if not 0 <= value <= 65535:
        raise ValueError(f"register value {value} is not within 0..65535")
    return value
