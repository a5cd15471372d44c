"""Our Modbus RTU says what the specification says, and believes an answer only whole, ours and undamaged."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU, ExceptionResponse, ModbusPDU
from pymodbus.pdu import bit_message as bit
from pymodbus.pdu import register_message as register

from minegate_drivers import modbus_rtu as rtu
from minegate_drivers.sdk import Nonsense

deterministic = settings(derandomize=True, database=None, deadline=None, max_examples=100)
stations = st.integers(1, 247)
words = st.integers(0, 65535)

# Examples of MODBUS Application Protocol Specification V1.1b3, sections 6.1-6.6, 6.11, 6.12: request and answer.
TEN_COILS = [bool(0x1CD >> coil & 1) for coil in range(10)]
SPECIFICATION = [
    (rtu.read(9, 1, 0x13, 19), "01 0013 0013", "01 03 cd6b05", "cd6b05"),
    (rtu.read(9, 2, 0xC4, 22), "02 00c4 0016", "02 03 acdb35", "acdb35"),
    (rtu.read_holding_registers(9, 0x6B, 3), "03 006b 0003", "03 06 022b 0000 0064", "022b00000064"),
    (rtu.read_input_registers(9, 8, 1), "04 0008 0001", "04 02 000a", "000a"),
    (rtu.write_coil(9, 0xAC, True), "05 00ac ff00", "05 00ac ff00", "00acff00"),
    (rtu.write_register(9, 1, 3), "06 0001 0003", "06 0001 0003", "00010003"),
    (rtu.write_coils(9, 0x13, TEN_COILS), "0f 0013 000a 02 cd01", "0f 0013 000a", "0013000a"),
    (rtu.write_registers(9, 1, [10, 0x102]), "10 0001 0002 04 000a 0102", "10 0001 0002", "00010002"),
]  # fmt: skip


def kind(frame: bytes, request: bytes) -> str:
    """`good`, or the kind of nonsense."""
    try:
        rtu.payload(frame, request)
    except Nonsense as nonsense:
        return nonsense.kind
    return "good"


def answered(frame: str, station: int = 9) -> bytes:
    return rtu.framed(bytes((station,)) + bytes.fromhex(frame))


@pytest.mark.parametrize(("request_", "asked", "answer", "carried"), SPECIFICATION)
def test_requests_and_answers_are_those_of_the_specification(
    request_: bytes, asked: str, answer: str, carried: str
) -> None:
    assert request_ == answered(asked)
    assert rtu.payload(answered(answer), request_) == bytes.fromhex(carried)


def test_whole_frames_are_those_that_devices_send() -> None:
    request = rtu.read_input_registers(1, 0, 2)
    assert request.hex(" ") == "01 04 00 00 00 02 71 cb"
    assert rtu.payload(bytes.fromhex("01 04 04 00 7d 00 01 aa 5c"), request).hex() == "007d0001"


def test_the_first_coil_is_the_lowest_bit_of_the_first_byte() -> None:
    # V1.1b3, section 6.1: CD = 1100 1101, the coils 27..20
    assert rtu.bits(bytes.fromhex("cd6b05"), 10) == (True, False, True, True, False, False, True, True, True, True)


ORACLE_REQUESTS = {
    1: bit.ReadCoilsRequest,
    2: bit.ReadDiscreteInputsRequest,
    3: register.ReadHoldingRegistersRequest,
    4: register.ReadInputRegistersRequest,
}


@deterministic
@given(stations, st.integers(1, 4), st.integers(0, 65000), st.integers(1, 125))
def test_every_read_request_is_that_of_pymodbus(station: int, function: int, first: int, count: int) -> None:
    pdu = ORACLE_REQUESTS[function](dev_id=station, address=first, count=count)
    assert rtu.read(station, function, first, count) == framer(server=False).buildFrame(pdu)


@deterministic
@given(stations, st.integers(0, 65000), st.lists(words, min_size=1, max_size=123))
def test_every_register_answer_of_pymodbus_is_believed_and_kept_as_sent(
    station: int, first: int, values: list[int]
) -> None:
    request = rtu.read_input_registers(station, first, len(values))
    frame = framer(server=True).buildFrame(register.ReadInputRegistersResponse(dev_id=station, registers=values))
    assert rtu.payload(frame, request) == b"".join(value.to_bytes(2, "big") for value in values)
    assert [rtu.missing(frame[:n], request) == 0 for n in range(len(frame) + 1)] == [False] * len(frame) + [True]


@deterministic
@given(stations, st.integers(0, 60000), st.lists(st.booleans(), min_size=1, max_size=200))
def test_coils_are_read_and_written_as_pymodbus_does(station: int, first: int, states: list[bool]) -> None:
    answer = framer(server=True).buildFrame(bit.ReadCoilsResponse(dev_id=station, bits=states))
    read = rtu.payload(answer, rtu.read(station, rtu.READ_COILS, first, len(states)))
    assert rtu.bits(read, len(states)) == tuple(states)
    written = framer(server=False).buildFrame(bit.WriteMultipleCoilsRequest(dev_id=station, address=first, bits=states))
    assert rtu.write_coils(station, first, states) == written


@deterministic
@given(stations, words, words, st.booleans())
def test_single_writes_are_those_of_pymodbus(station: int, address: int, value: int, on: bool) -> None:
    pdus: list[tuple[bytes, ModbusPDU]] = [
        (
            rtu.write_register(station, address, value),
            register.WriteSingleRegisterRequest(dev_id=station, address=address, registers=[value]),
        ),
        (rtu.write_coil(station, address, on), bit.WriteSingleCoilRequest(dev_id=station, address=address, bits=[on])),
    ]
    for ours, theirs in pdus:
        assert ours == framer(server=False).buildFrame(theirs)


@pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 6, 8, 10, 11, 99])
def test_an_exception_is_nonsense_that_names_its_code(code: int) -> None:
    request = rtu.read_input_registers(9, 0, 2)
    frame = framer(server=True).buildFrame(ExceptionResponse(4, code, device_id=9))
    assert rtu.missing(frame, request) == 0
    with pytest.raises(Nonsense, match=f"exception: {code} "):
        rtu.payload(frame, request)


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (answered("04 04 007d 0001"), "good"),
        (answered("04 04 007d 0001", station=8), "foreign"),
        (answered("03 04 007d 0001"), "function"),
        (answered("2b 0e 01 00"), "function"),
        (answered("83 02"), "function"),
        (answered("04 02 007d"), "length"),
        (answered("04 06 007d 0001 0000"), "length"),
        (answered("04 04 007d 0001")[:-1], "length"),
        (answered("04 04 007d 0001") + b"\0", "length"),
        (b"", "length"),
        (b"\x09", "length"),
        (answered("04 04 007d 0001")[:-2] + b"\0\0", "crc"),
    ],
)
def test_nonsense_is_called_by_its_name(frame: bytes, expected: str) -> None:
    assert kind(frame, rtu.read_input_registers(9, 0, 2)) == expected


def test_an_echo_of_another_value_is_not_an_answer() -> None:
    assert kind(rtu.write_register(9, 1, 4), rtu.write_register(9, 1, 3)) == "value"


def test_no_single_or_double_bit_error_is_believed() -> None:
    request = rtu.read_input_registers(9, 0, 2)
    frame = answered("04 04 007d 0001")
    bits = range(8 * len(frame))
    damaged = {bytes_with(frame, (a, b)) for a in bits for b in bits}  # a == b flips none; taken out below
    assert not [wrong.hex() for wrong in damaged - {frame} if kind(wrong, request) == "good"]


@pytest.mark.parametrize(
    ("heard", "missing"),
    [
        ("", 5),
        ("09", 4),
        ("09 04", 3),
        ("09 04 04", 6),
        ("09 04 04 00 7d 00 01 aa", 1),
        ("09 84", 3),
        ("09 84 02", 2),
        ("09 84 02 00 00", 0),
        ("09 04 06", 0),  # never: another count than was asked for
        ("09 03", 0),  # never: another function
        ("08 04 02", 4),  # somebody else's answer is followed to its own end
        ("08 06", 6),
        ("08 2b", 0),  # a function whose length nobody here knows
    ],
)
def test_missing_tells_how_many_bytes_are_still_to_come(heard: str, missing: int) -> None:
    assert rtu.missing(bytes.fromhex(heard), rtu.read_input_registers(9, 0, 2)) == missing


@pytest.mark.parametrize(
    ("station", "function", "first", "count", "words"),
    [
        (0, 4, 0, 1, "station 0 is not within 1..247"),
        (248, 4, 0, 1, "station 248 is not within 1..247"),
        (1, 7, 0, 1, "function 7 is not one of"),
        (1, 4, 0, 0, "count 0 is not within 1..125 of function 4"),
        (1, 3, 0, 126, "count 126 is not within 1..125 of function 3"),
        (1, 1, 0, 2001, "count 2001 is not within 1..2000 of function 1"),
        (1, 4, -1, 1, "address -1 is not within 0..65535"),
        (1, 4, 65535, 2, "first 65535 and count 2 reach beyond address 65535"),
    ],
)
def test_a_request_that_no_device_could_answer_is_refused(
    station: int, function: int, first: int, count: int, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        rtu.read(station, function, first, count)


@pytest.mark.parametrize("value", [-1, 65536])
def test_a_register_holds_16_bits(value: int) -> None:
    with pytest.raises(ValueError, match=f"register value {value} is not within 0..65535"):
        rtu.write_register(1, 0, value)
    with pytest.raises(ValueError, match=f"register value {value} is not within 0..65535"):
        rtu.write_registers(1, 0, [value])


def framer(*, server: bool) -> FramerRTU:
    return FramerRTU(DecodePDU(server))


def bytes_with(frame: bytes, flipped: tuple[int, ...]) -> bytes:
    changed = bytearray(frame)
    for place in flipped:
        changed[place // 8] ^= 1 << place % 8
    return bytes(changed)
