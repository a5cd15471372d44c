"""What Modbus says, whatever carries it: requests and answers as PDUs (function code, then its fields). No framing.

Source: MODBUS Application Protocol Specification V1.1b3 (functions, limits, exception codes). The carriers are
modbus_rtu.py, modbus_ascii.py and modbus_tcp.py. Registers stay in the byte order of the wire: high byte first.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from minegate_drivers.sdk import Nonsense

READ_COILS = 1
READ_DISCRETE_INPUTS = 2
READ_HOLDING_REGISTERS = 3
READ_INPUT_REGISTERS = 4
WRITE_COIL = 5
WRITE_REGISTER = 6
WRITE_COILS = 15
WRITE_REGISTERS = 16
WRITE_AND_READ = 23

STATION_MAX = 247
PDU_BYTES_MAX = 253
EXCEPTION = 0x80
WRITES_OF_23_MAX = 121
COUNT_MAX = {  # V1.1b3, sections 6.1-6.4, 6.11, 6.12, 6.17
    READ_COILS: 2000,
    READ_DISCRETE_INPUTS: 2000,
    READ_HOLDING_REGISTERS: 125,
    READ_INPUT_REGISTERS: 125,
    WRITE_COILS: 1968,
    WRITE_REGISTERS: 123,
    WRITE_AND_READ: 125,
}
READS = frozenset((READ_COILS, READ_DISCRETE_INPUTS, READ_HOLDING_REGISTERS, READ_INPUT_REGISTERS))
_COUNTED = READS | {WRITE_AND_READ}  # answers that begin with the count of their bytes
_ECHOED = frozenset((WRITE_COIL, WRITE_REGISTER, WRITE_COILS, WRITE_REGISTERS))
_BITS = frozenset((READ_COILS, READ_DISCRETE_INPUTS))
_ECHO_BYTES = 5  # function, address, value or count
_EXCEPTION_BYTES = 2
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


def read(function: int, first: int, count: int) -> bytes:
    """Functions 1 to 4: `count` coils, inputs or registers from address `first`. ValueError names what is off."""
    if function not in READS:
        raise ValueError(f"function {function} is not one of {sorted(READS)}")
    check_span(function, first, count)
    return struct.pack(">BHH", function, first, count)


def write_coil(address: int, on: bool) -> bytes:
    """Function 5."""
    return struct.pack(">BHH", WRITE_COIL, _address(address), 0xFF00 if on else 0)


def write_register(address: int, value: int) -> bytes:
    """Function 6, value 0 to 65535."""
    return struct.pack(">BHH", WRITE_REGISTER, _address(address), _word(value))


def write_coils(first: int, states: Sequence[bool]) -> bytes:
    """Function 15, 1 to 1968 coils; the first coil is the lowest bit of the first byte."""
    check_span(WRITE_COILS, first, len(states))
    size = (len(states) + 7) // 8
    packed = sum(1 << index for index, on in enumerate(states) if on).to_bytes(size, "little")
    return struct.pack(">BHHB", WRITE_COILS, first, len(states), size) + packed


def write_registers(first: int, values: Sequence[int]) -> bytes:
    """Function 16, 1 to 123 registers of 0 to 65535."""
    check_span(WRITE_REGISTERS, first, len(values))
    return struct.pack(">BHHB", WRITE_REGISTERS, first, len(values), 2 * len(values)) + _words(values)


def write_and_read(write_first: int, values: Sequence[int], first: int, count: int) -> bytes:
    """Function 23: the device writes 1 to 121 registers, then reads 1 to 125."""
    check_span(WRITE_AND_READ, first, count)
    if not 1 <= len(values) <= WRITES_OF_23_MAX:
        raise ValueError(f"count {len(values)} is not within 1..{WRITES_OF_23_MAX} written by function 23")
    _inside(write_first, len(values))
    head = struct.pack(">BHHHHB", WRITE_AND_READ, first, count, write_first, len(values), 2 * len(values))
    return head + _words(values)


def answer_bytes(answer: bytes) -> int:
    """The whole length that the beginning of an answer (2 bytes or more) announces; 0 if no answer begins like that."""
    function = answer[0]
    if function in _COUNTED:
        return 2 + answer[1]
    if function in _ECHOED:
        return _ECHO_BYTES
    if function & ~EXCEPTION in _COUNTED | _ECHOED:
        return _EXCEPTION_BYTES
    return 0


def may_answer(answer: bytes, request: bytes) -> bool:
    """False as soon as the beginning `answer` can no longer become an answer to `request`."""
    if answer[:1] and answer[0] & ~EXCEPTION != request[0]:
        return False
    return len(answer) < 2 or answer[0] not in _COUNTED or answer[1] == read_bytes(request)


def carried(answer: bytes, request: bytes) -> bytes:
    """What the answer carries: the bytes read, or address and value of a write. Raises Nonsense."""
    if len(answer) < _EXCEPTION_BYTES or len(answer) != (answer_bytes(answer) or len(answer)):
        raise Nonsense("length", f"{len(answer)} bytes")
    if answer[0] == request[0] | EXCEPTION:
        raise Nonsense("exception", f"{answer[1]} {_EXCEPTION_WORDS.get(answer[1], 'unknown')}")
    if answer[0] != request[0]:
        raise Nonsense("function", f"{answer[0]} answered, {request[0]} was asked")
    if answer[0] not in _COUNTED:
        if answer[1:5] != request[1:5]:
            raise Nonsense("value", f"{answer[1:5].hex(' ')} echoed, {request[1:5].hex(' ')} was written")
        return answer[1:5]
    if answer[1] != read_bytes(request):
        raise Nonsense("length", f"{answer[1]} bytes of values, {read_bytes(request)} were asked for")
    return answer[2:]


def read_bytes(request: bytes) -> int:
    """How many bytes of values a request asks for; meaningless for a write."""
    count = int.from_bytes(request[3:5], "big")
    return (count + 7) // 8 if request[0] in _BITS else 2 * count


def bits(values: bytes, count: int) -> tuple[bool, ...]:
    """The first `count` coils or inputs in what was read; the first is the lowest bit of the first byte."""
    return tuple(bool(values[index // 8] >> index % 8 & 1) for index in range(count))


def check_span(function: int, first: int, count: int) -> None:
    """ValueError if `function` cannot reach `count` items from address `first`."""
    if not 1 <= count <= COUNT_MAX[function]:
        raise ValueError(f"count {count} is not within 1..{COUNT_MAX[function]} of function {function}")
    _inside(first, count)


def check_station(station: int) -> int:
    """`station`; ValueError if it is none that answers."""
    if not 1 <= station <= STATION_MAX:  # 0 is the broadcast, which nobody answers
        raise ValueError(f"station {station} is not within 1..{STATION_MAX}")
    return station


def _inside(first: int, count: int) -> None:
    _address(first)
    if first + count > 65536:
        raise ValueError(f"first {first} and count {count} reach beyond address 65535")


def _address(address: int) -> int:
    if not 0 <= address <= 65535:
        raise ValueError(f"address {address} is not within 0..65535")
    return address


def _word(value: int) -> int:
    if not 0 <= value <= 65535:
        raise ValueError(f"register value {value} is not within 0..65535")
    return value


def _words(values: Sequence[int]) -> bytes:
    return struct.pack(f">{len(values)}H", *(_word(value) for value in values))
