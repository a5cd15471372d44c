"""Simulated slaves, meters and controllers follow their specifications, not our drivers."""

from __future__ import annotations

import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minegate_drivers.ports import CanFrame
from minegate_sim.bus.can_bus import CanBus
from minegate_sim.bus.modbus_tcp import ModbusTcp
from minegate_sim.bus.rs485 import Rs485
from minegate_sim.devices.dlt645_meter import Dlt645Meter
from minegate_sim.devices.j1939_node import ENGINE, HOURS, TEMPERATURE, J1939Node, Pgn, Slot
from minegate_sim.devices.modbus_slave import ModbusSlave
from minegate_sim.far_end import NEVER, Gone
from minegate_wire.crc16 import crc16


def slave() -> ModbusSlave:
    one = ModbusSlave("plc", 17, coils=40, inputs=30, holding=130, registers=20)
    # the coils, inputs and registers of the examples in the specification, at the addresses they have there
    one.coils[19:38] = [bool(0x056BCD >> bit & 1) for bit in range(19)]
    one.holding[107:110] = [0x022B, 0x0000, 0x0064]
    one.registers[8] = 0x000A
    return one


@pytest.mark.parametrize(
    ("request_hex", "answer_hex"),
    [
        ("01 0013 0013", "01 03 CD 6B 05"),  # V1.1b3, 6.1
        ("03 006B 0003", "03 06 022B 0000 0064"),  # 6.3
        ("04 0008 0001", "04 02 000A"),  # 6.4
        ("05 0001 FF00", "05 0001 FF00"),  # 6.5, at another coil
        ("06 0001 0003", "06 0001 0003"),  # 6.6
        ("0F 0013 000A 02 CD01", "0F 0013 000A"),  # 6.11
        ("10 0001 0002 04 000A 0102", "10 0001 0002"),  # 6.12
        ("17 0003 0006 000E 0003 06 00FF 00FF 00FF", "17 0C" + " 0000" * 6),  # 6.17
        ("07", "87 01"),
        ("03 006B", "83 03"),
        ("03 0000 0000", "83 03"),
        ("03 0000 007E", "83 03"),
        ("03 0081 0002", "83 02"),
        ("01 0000 07D1", "81 03"),
        ("01 0028 0001", "81 02"),
        ("05 0001 1234", "85 03"),
        ("0F 0000 000A 01 CD", "8F 03"),
        ("10 0000 0002 02 000A", "90 03"),
        ("10 0081 0002 04 000A 0102", "90 02"),
        ("17 0000 007E 0000 0001 02 0000", "97 03"),
        ("17 0000 0001 0082 0001 02 0000", "97 02"),
    ],
)
def test_a_slave_answers_as_in_the_specification(request_hex: str, answer_hex: str) -> None:
    assert slave().answer_to(bytes.fromhex(request_hex)) == bytes.fromhex(answer_hex)


def test_what_is_written_is_what_is_read() -> None:
    one = slave()
    one.answer_to(bytes.fromhex("0F 0013 000A 02 CD01"))
    assert one.coils[19:29] == [True, False, True, True, False, False, True, True, True, False]
    one.answer_to(bytes.fromhex("10 0001 0002 04 000A 0102"))
    assert one.holding[1:3] == [0x000A, 0x0102]
    assert one.answer_to(bytes.fromhex("17 0001 0002 0001 0001 02 00FF")) == bytes.fromhex(
        "17 04 00FF 0102"
    )  # write first


@given(st.binary(min_size=1, max_size=253))
@settings(max_examples=200, deadline=None)
def test_no_request_breaks_a_slave_and_none_changes_the_size_of_its_tables(pdu: bytes) -> None:
    one = slave()
    answer = one.answer_to(pdu)
    assert answer[0] & 0x7F == pdu[0] & 0x7F
    assert len(answer) <= 253
    assert [len(table) for table in (one.coils, one.inputs, one.holding, one.registers)] == [40, 30, 130, 20]


def framed(station: int, pdu: bytes) -> bytes:
    body = bytes((station,)) + pdu
    return body + struct.pack("<H", crc16(body, 0, len(body)))


def test_on_the_line_a_broadcast_is_obeyed_and_not_answered_and_a_broken_device_says_so() -> None:
    one = slave()
    line = Rs485((one,), random.Random(1))
    tap = line.taps["near"]
    tap.arrive(framed(0, bytes.fromhex("06 0000 0007")), 0.0)
    assert tap.run(200.0) == b""
    assert one.holding[0] == 7
    one.failing = True
    tap.arrive(framed(17, bytes.fromhex("03 0000 0001")), 300.0)
    assert tap.run(500.0) == framed(17, bytes.fromhex("83 04"))


def test_modbus_tcp_answers_in_order_whatever_the_stream_cuts_and_hangs_up_on_nonsense() -> None:
    gateway = ModbusTcp({17: slave()})
    asked = b"".join(struct.pack(">HHHB", n, 0, 6, 17) + bytes.fromhex("04 0008 0001") for n in (1, 2))
    asked += struct.pack(">HHHB", 3, 0, 6, 99) + bytes.fromhex("04 0008 0001")
    for byte in asked:
        gateway.arrive(bytes((byte,)), 0.0)
    answers = b"".join(struct.pack(">HHHB", n, 0, 5, 17) + bytes.fromhex("04 02 000A") for n in (1, 2))
    assert gateway.run(4.0) == b""
    assert gateway.run(20.0) == answers + struct.pack(">HHHB", 3, 0, 3, 99) + bytes.fromhex("84 0B")
    assert gateway.due_ms() == NEVER
    for nonsense in (b"GET / HTTP/1.1\r\n", struct.pack(">HHHB", 1, 0, 1000, 1), struct.pack(">HHHB", 1, 0, 1, 1)):
        with pytest.raises(Gone):
            ModbusTcp({}).arrive(nonsense, 0.0)


# ---- DL/T 645


def read_frame(identifier: int, address: bytes = b"\xaa" * 6, control: int = 0x11) -> bytes:
    data = bytes(b + 0x33 & 0xFF for b in identifier.to_bytes(4, "little")) if control == 0x11 else b""
    body = bytes((0x68, *address, 0x68, control, len(data))) + data
    return body + bytes((sum(body) & 0xFF, 0x16))


def test_a_request_is_the_one_that_every_manual_prints() -> None:
    assert read_frame(0x00010000) == bytes.fromhex("68 AAAAAAAAAAAA 68 11 04 33333433 AE 16")
    assert read_frame(0, control=0x13) == bytes.fromhex("68 AAAAAAAAAAAA 68 13 00 DF 16")


def meter() -> Dlt645Meter:
    one = Dlt645Meter("m", "000012345678")
    one.measure(100.0, 220.0, 0.8, 3600.0)
    return one


def say(one: Dlt645Meter, *parts: bytes) -> bytes:
    for index, part in enumerate(parts):
        one.take(part, float(index))
    return one.step(10.0) if one.due_ms() <= 10.0 else b""


@pytest.mark.parametrize(
    ("identifier", "data_hex"),
    [
        (0x00010000, "00 00 01 00"),  # 100.00 kWh, lowest byte first
        (0x02010100, "00 22"),  # 220.0 V
        (0x02020300, "94 93 18"),  # 189.394 A: 125 kVA / 3 / 220 V
        (0x02030000, "99 99 79"),  # 79.9999 kW is the most that the display has: the top bit is the sign
        (0x02060000, "00 08"),
        (0x02800002, "00 50"),
    ],
)
def test_a_meter_answers_in_bcd(identifier: int, data_hex: str) -> None:
    answer = say(meter(), read_frame(identifier))
    assert answer[:4] == b"\xfe" * 4
    assert answer[4:].startswith(bytes.fromhex("68 78 56 34 12 00 00 68 91"))
    data = bytes(byte - 0x33 & 0xFF for byte in answer[14:-2])
    assert data[:4] == identifier.to_bytes(4, "little")
    assert data[4:] == bytes.fromhex(data_hex)


def test_a_meter_tells_its_address_and_what_it_does_not_have_and_is_silent_for_others() -> None:
    assert say(meter(), read_frame(0, control=0x13))[4:].startswith(
        bytes.fromhex("68 785634120000 68 93 06 AB 89 67 45 33 33")
    )
    assert say(meter(), read_frame(0x0FFFFFFF))[4:14] == bytes.fromhex("68 785634120000 68 D1 01")
    assert say(meter(), read_frame(0x00010000, address=bytes.fromhex("795634120000"))) == b""
    assert say(meter(), read_frame(0x00010000, address=bytes.fromhex("7856AAAAAAAA"))) != b""
    damaged = bytearray(read_frame(0x00010000))
    damaged[10] ^= 1
    assert say(meter(), bytes(damaged)) == b""
    assert say(meter(), b"\x68\x00" + bytes(damaged), read_frame(0x00010000)) != b""
    with pytest.raises(ValueError, match="12 digits"):
        Dlt645Meter("m", "12")


@given(st.lists(st.binary(max_size=40), max_size=8))
@settings(max_examples=100, deadline=None)
def test_whatever_a_meter_hears_it_understands_the_next_good_frame_after_a_silence(noise: list[bytes]) -> None:
    one = meter()
    say(one, *noise)
    one.take(read_frame(0x02010100), 5000.0)
    assert one.step(5000.0).startswith(b"\xfe\xfe\xfe\xfe\x68")


# ---- J1939


def values() -> dict[str, float]:
    return {"speed_rpm": 1500.0, "coolant_c": 85.0, "oil_c": 92.5, "hours": 1234.55}


LONG = Pgn(65226, NEVER, {"code": Slot(10, 2)}, size=20)


def hear(bus: CanBus, until_ms: float) -> dict[int, bytes]:
    return {h.frame.id: h.frame.data for h in bus.taps["near"].fetch(until_ms) if h.frame is not None}


def test_a_controller_claims_its_address_and_broadcasts_by_slots() -> None:
    bus = CanBus((J1939Node("engine", 0, (ENGINE, TEMPERATURE, HOURS), values, 0.0),), random.Random(1))
    heard = hear(bus, 1500.0)
    assert set(heard) == {0x18EEFF00, 0x0CF00400, 0x18FEEE00}
    assert heard[0x0CF00400] == bytes.fromhex("FFFFFF E02E FFFFFF")  # 12000 x 0.125 rpm
    assert heard[0x18FEEE00][0] == 125
    assert int.from_bytes(heard[0x18FEEE00][2:4], "little") * 0.03125 - 273.0 == pytest.approx(92.5)


def test_a_request_is_answered_a_foreign_one_refused_and_a_long_one_comes_in_packets() -> None:
    bus = CanBus((J1939Node("engine", 0, (HOURS, LONG), lambda: {**values(), "code": 513.0}, 0.0),), random.Random(1))
    tap = bus.taps["near"]
    hear(bus, 10.0)
    tap.send(CanFrame(0x18EA0021, (65253).to_bytes(3, "little"), True), 10.0)
    assert hear(bus, 20.0)[0x18FEE500][:4] == (24691).to_bytes(4, "little")
    tap.send(CanFrame(0x18EA0021, (65000).to_bytes(3, "little"), True), 20.0)
    assert hear(bus, 30.0) == {0x18E8FF00: bytes.fromhex("01 FFFFFF 21 E8FD00")}
    tap.send(CanFrame(0x18EAFF21, (65226).to_bytes(3, "little"), True), 30.0)
    frames = [h.frame for h in tap.fetch(400.0) if h.frame is not None]
    assert frames[0] == CanFrame(0x1CECFF00, bytes.fromhex("20 1400 03 FF CAFE00"), True)
    assert [frame.data[0] for frame in frames[1:]] == [1, 2, 3]
    whole = b"".join(frame.data[1:] for frame in frames[1:])[:20]
    assert whole[10:12] == bytes.fromhex("0102")


def test_of_two_with_one_address_the_smaller_name_keeps_it() -> None:
    strong = J1939Node("strong", 7, (ENGINE,), values, 0.0, identity=5)
    weak = J1939Node("weak", 7, (ENGINE,), values, 1.0, identity=9)
    bus = CanBus((strong, weak), random.Random(1))
    bus.run(500.0)
    assert strong.address == 7
    assert weak.address == 254


@given(st.floats(allow_nan=True, allow_infinity=True), st.integers(1, 4))
def test_a_slot_never_overflows(value: float, size: int) -> None:
    packed = Slot(0, size, 0.125, -40.0).pack(value)
    assert len(packed) == size
    assert (packed == b"\xff" * size) == (value != value)


def test_a_meter_shows_a_negative_value_by_its_top_bit_and_an_overflow_by_its_end() -> None:
    one = meter()
    one.values[0x02030000] = -1.5
    assert say(one, read_frame(0x02030000))[-5:-2] == bytes(byte + 0x33 & 0xFF for byte in bytes.fromhex("00 50 81"))
    one.values[0x02010100] = 1e9
    assert say(one, read_frame(0x02010100))[-4:-2] == bytes(byte + 0x33 & 0xFF for byte in bytes.fromhex("99 99"))
