"""The same PDUs on ASCII and TCP, and function 23: as pymodbus says them, and back in step after any damage."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymodbus.framer import FramerAscii, FramerBase, FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU, ExceptionResponse, ModbusPDU
from pymodbus.pdu import bit_message as bit
from pymodbus.pdu import register_message as register

from minegate_drivers import modbus, modbus_ascii, modbus_rtu, modbus_tcp
from minegate_drivers.sdk import Nonsense

deterministic = settings(derandomize=True, database=None, deadline=None, max_examples=60)
words = st.lists(st.integers(0, 65535), min_size=1, max_size=121)
stations = st.integers(1, 247)
firsts = st.integers(0, 65000)
CARRIERS: list[tuple[type[FramerBase], str]] = [(FramerRTU, "rtu"), (FramerAscii, "ascii"), (FramerSocket, "tcp")]


def asked(carrier: str, station: int, pdu: bytes, transaction: int = 7) -> bytes:
    if carrier == "tcp":
        return modbus_tcp.request(transaction, station, pdu)
    return (modbus_ascii if carrier == "ascii" else modbus_rtu).request(station, pdu)


def carried(carrier: str, heard: bytes, request: bytes) -> bytes:
    """What the answer carries; and what `missing` promises of each of its beginnings is kept."""
    codec = {"rtu": modbus_rtu, "ascii": modbus_ascii, "tcp": modbus_tcp}[carrier]
    for length in range(len(heard)):
        assert 1 <= codec.missing(heard[:length], request) <= len(heard) - length
    assert codec.missing(heard, request) == 0
    return codec.payload(heard, request)


def theirs(form: type[FramerBase], pdu: ModbusPDU, *, server: bool) -> bytes:
    pdu.transaction_id = 7
    return form(DecodePDU(server)).buildFrame(pdu)


@pytest.mark.parametrize(("form", "carrier"), CARRIERS)
@deterministic
@given(
    station=stations,
    first=firsts,
    written=words,
    count=st.integers(1, 125),
    states=st.lists(st.booleans(), min_size=1, max_size=300),
)
def test_every_request_and_answer_is_that_of_pymodbus(
    form: type[FramerBase], carrier: str, station: int, first: int, written: list[int], count: int, states: list[bool]
) -> None:
    values = b"".join(word.to_bytes(2, "big") for word in written)
    at: dict[str, int] = {"dev_id": station, "address": first}
    read = modbus.read(4, first, len(written))
    pairs: list[tuple[bytes, ModbusPDU, ModbusPDU, bytes]] = [
        (
            modbus.write_and_read(first, written, first, len(written)),
            register.ReadWriteMultipleRegistersRequest(
                dev_id=station,
                read_address=first,
                read_count=len(written),
                write_address=first,
                write_registers=written,
            ),
            register.ReadWriteMultipleRegistersResponse(dev_id=station, registers=written),
            values,
        ),
        (
            read,
            register.ReadInputRegistersRequest(count=len(written), **at),
            register.ReadInputRegistersResponse(dev_id=station, registers=written),
            values,
        ),
        (
            modbus.write_registers(first, written),
            register.WriteMultipleRegistersRequest(registers=written, **at),
            register.WriteMultipleRegistersResponse(count=len(written), **at),
            first.to_bytes(2, "big") + len(written).to_bytes(2, "big"),
        ),
        (
            modbus.write_coils(first, states),
            bit.WriteMultipleCoilsRequest(bits=states, **at),
            bit.WriteMultipleCoilsResponse(count=len(states), **at),
            first.to_bytes(2, "big") + len(states).to_bytes(2, "big"),
        ),
    ]
    for pdu, request, answer, expected in pairs:
        ours = asked(carrier, station, pdu)
        assert ours == theirs(form, request, server=False)
        assert carried(carrier, theirs(form, answer, server=True), ours) == expected
    coils = asked(carrier, station, modbus.read(1, first, len(states)))
    heard = theirs(form, bit.ReadCoilsResponse(dev_id=station, bits=states), server=True)
    assert modbus.bits(carried(carrier, heard, coils), len(states)) == tuple(states)
    for code in (1, 2, 3, 4, 6, 11):
        refused = theirs(form, ExceptionResponse(4, code, device_id=station), server=True)
        with pytest.raises(Nonsense, match=f"exception: {code} "):
            carried(carrier, refused, asked(carrier, station, read))


def test_the_ascii_frame_of_the_specification() -> None:
    # Examples of MODBUS over Serial Line V1.02, appendix B: the LRC of F7 03 13 89 00 0A is 60.
    assert modbus_ascii.request(247, modbus.read(3, 0x1389, 10)) == b":F7031389000A60\r\n"


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        (b":0904020001F0\r\n", b"\0\1"),
        (b"\xff\0:09:0904:0904020001F0\r\n", b"\0\1"),
        (b":0904020001f0\r\n", b"\0\1"),
        (b":0904020001F1\r\n", "checksum"),
        (b":0904020001F\r\n", "format"),
        (b":09040200x1F0\r\n", "format"),
        (b":0904020001F0\r", "length"),
        (b"0904020001F0\r\n", "length"),
        (b":0804020001F1\r\n", "foreign"),
        (b":\r\n", "format"),
        (b"", "length"),
    ],
)
def test_an_ascii_frame_begins_with_the_last_colon(heard: bytes, expected: bytes | str) -> None:
    request = modbus_ascii.request(9, modbus.read(4, 0, 1))
    if isinstance(expected, bytes):
        assert modbus_ascii.payload(heard, request) == expected
        return
    with pytest.raises(Nonsense, match=expected):
        modbus_ascii.payload(heard, request)


def test_a_babbling_ascii_line_ends_the_wait() -> None:
    request = modbus_ascii.request(9, modbus.read(4, 0, 1))
    assert modbus_ascii.missing(b"0" * 600, request) == 0
    assert modbus_ascii.missing(b":" + b"0" * 600, request) == 0
    assert modbus_ascii.missing(b"0" * 100, request) == 11


LATE = "0006 0000 0005 09 04 02 0005"
OURS = "0007 0000 0005 09 04 02 0001"


@pytest.mark.parametrize(
    ("heard", "missing", "expected"),
    [
        (OURS, 0, b"\0\1"),
        (LATE + OURS, 0, b"\0\1"),
        (LATE + LATE + OURS, 0, b"\0\1"),
        (LATE, 9, "foreign"),
        (LATE + OURS[:9], 5, "length"),
        ("0007 0001 0005 09 04 02 0001", 0, "format"),
        ("0007 0000 0005 08 04 02 0001", 0, "foreign"),
        ("0007 0000 0900 09 04 02 0001", 0, "length"),
        ("0007 0000 0003 09 84 02", 0, "exception"),
        ("", 9, "length"),
    ],
)
def test_late_answers_on_tcp_are_passed_over(heard: str, missing: int, expected: bytes | str) -> None:
    request = modbus_tcp.request(7, 9, modbus.read(4, 0, 1))
    assert modbus_tcp.missing(bytes.fromhex(heard), request) == missing
    if isinstance(expected, bytes):
        assert modbus_tcp.payload(bytes.fromhex(heard), request) == expected
        return
    with pytest.raises(Nonsense, match=expected):
        modbus_tcp.payload(bytes.fromhex(heard), request)


@pytest.mark.parametrize(
    ("values", "count", "words_"),
    [
        ([0] * 122, 1, "count 122 is not within 1..121 written by function 23"),
        ([], 1, "count 0 is not within 1..121 written by function 23"),
        ([0], 126, "count 126 is not within 1..125 of function 23"),
        ([65536], 1, "register value 65536 is not within 0..65535"),
    ],
)
def test_limits_of_function_23(values: list[int], count: int, words_: str) -> None:
    with pytest.raises(ValueError, match=words_):
        modbus.write_and_read(0, values, 0, count)
