"""The sensor node as a Modbus RTU slave: what it shows, the few registers that may be written, and what it never does.

The requests are pymodbus's own, and so is the reading of the answers: it shares no line with the slave.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU, ExceptionResponse, ModbusPDU
from pymodbus.pdu.bit_message import ReadCoilsRequest
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    ReadInputRegistersRequest,
    WriteMultipleRegistersRequest,
    WriteSingleRegisterRequest,
)

from minegate_node.channel import Channel, Span
from minegate_node.modbus_slave import FRAME_MAX, ModbusSlave, gap_ms
from minegate_node.registers import FACTS, Registers

STATION, GAP_MS = 17, 4
TICKS = 1 << 30


class Master:
    """A slave with two channels, and a master that talks to it."""

    def __init__(self, now_ms: int = 0) -> None:
        self.channels = [Channel(Span(0, 65_535, 0, 400)), Channel(Span(0, 65_535, -100, 100))]
        self.facts = [1, 1, 2, 48_879, 2, 3, 0, 0, 1, 2]
        self.slave = ModbusSlave(STATION, Registers(self.channels, self.facts), GAP_MS)
        self.now_ms = now_ms
        self._requests = FramerRTU(DecodePDU(False))

    def raw(self, frame: bytes, wait_ms: int = GAP_MS) -> bytes:
        """The answer to bytes, after a silence."""
        self.slave.feed(bytearray(frame), len(frame), self.now_ms)
        self.now_ms = (self.now_ms + wait_ms) % TICKS
        return bytes(self.slave.out[: self.slave.step(self.now_ms)])

    def ask(self, request: ModbusPDU) -> ModbusPDU | None:
        """The answer as pymodbus reads it; None: silence."""
        frame = self._requests.buildFrame(request)
        answer = self.raw(frame)
        if not answer:
            return None
        used, pdu = FramerRTU(DecodePDU(False)).handleFrame(answer, 0, 0)[:2]
        assert used == len(answer)
        assert pdu is not None
        return pdu


def _inputs(master: Master, first: int, count: int) -> list[int]:
    answer = master.ask(ReadInputRegistersRequest(address=first, count=count, dev_id=STATION))
    assert answer is not None
    return list(answer.registers)


def test_a_channel_shows_its_value_status_age_and_calibration() -> None:
    master = Master()
    master.channels[0].take(32_768)
    master.channels[1].take(0)
    master.channels[1].pass_ms(250)
    master.channels[1].calibrate(61_000)
    assert _inputs(master, 0, 8) == [0, 200, 0, 0, 0, 0, 0, 0]
    assert _inputs(master, 8, 6) == [0xFFFF, 0x10000 - 100, 4, 250, 61, 0]
    assert _inputs(master, FACTS, 10) == master.facts


def _exception(master: Master, request: ModbusPDU) -> int:
    answer = master.ask(request)
    assert isinstance(answer, ExceptionResponse)
    return int(answer.exception_code)


# request, exception code
REFUSED: list[tuple[Callable[[], ModbusPDU], int]] = [
    (lambda: ReadCoilsRequest(address=0, count=1, dev_id=STATION), 1),
    (lambda: ReadInputRegistersRequest(address=16, count=1, dev_id=STATION), 2),
    (lambda: ReadInputRegistersRequest(address=15, count=2, dev_id=STATION), 2),
    (lambda: ReadInputRegistersRequest(address=FACTS + 10, count=1, dev_id=STATION), 2),
    (lambda: ReadInputRegistersRequest(address=65_535, count=1, dev_id=STATION), 2),
    (lambda: ReadHoldingRegistersRequest(address=2, count=1, dev_id=STATION), 2),
    (lambda: WriteSingleRegisterRequest(address=2, registers=[1], dev_id=STATION), 2),
    (lambda: WriteSingleRegisterRequest(address=FACTS, registers=[1], dev_id=STATION), 2),
    (lambda: WriteSingleRegisterRequest(address=0, registers=[31], dev_id=STATION), 3),
    (lambda: WriteMultipleRegistersRequest(address=1, registers=[1, 1], dev_id=STATION), 2),
    (lambda: WriteMultipleRegistersRequest(address=0, registers=[1, 65_535], dev_id=STATION), 3),
]


@pytest.mark.parametrize(("request_of", "code"), REFUSED)
def test_what_may_not_be_is_refused_with_its_code_and_changes_nothing(
    request_of: Callable[[], ModbusPDU], code: int
) -> None:
    master = Master()
    assert _exception(master, request_of()) == code
    assert [channel.calibrating_ms() for channel in master.channels] == [0, 0]


def test_calibration_is_the_one_thing_that_can_be_written() -> None:
    master = Master()
    answer = master.ask(WriteSingleRegisterRequest(address=1, registers=[5], dev_id=STATION))
    assert answer is not None
    assert not answer.isError()
    assert [channel.calibrating_ms() for channel in master.channels] == [0, 300_000]
    answer = master.ask(WriteMultipleRegistersRequest(address=0, registers=[30, 0], dev_id=STATION))
    assert answer is not None
    assert not answer.isError()
    assert [channel.calibrating_ms() for channel in master.channels] == [1_800_000, 0]
    master.channels[0].pass_ms(1)
    answer = master.ask(ReadHoldingRegistersRequest(address=0, count=2, dev_id=STATION))
    assert answer is not None
    assert list(answer.registers) == [30, 0]


def test_a_broadcast_is_obeyed_and_not_answered_and_another_station_neither() -> None:
    master = Master()
    assert master.ask(WriteSingleRegisterRequest(address=0, registers=[5], dev_id=0)) is None
    assert master.channels[0].calibrating_ms() == 300_000
    assert master.ask(WriteSingleRegisterRequest(address=0, registers=[9], dev_id=STATION + 1)) is None
    assert master.channels[0].calibrating_ms() == 300_000
    assert master.slave.good == 2


def _reading() -> bytes:
    return FramerRTU(DecodePDU(False)).buildFrame(ReadInputRegistersRequest(address=0, count=2, dev_id=STATION))


def test_a_frame_ends_with_a_silence_and_not_before_over_the_wrap_of_the_ticks() -> None:
    master = Master(now_ms=TICKS - 5)
    frame = _reading()
    assert master.raw(frame[:3], GAP_MS - 1) == b""
    assert master.raw(frame[3:], GAP_MS - 1) == b""
    assert len(master.raw(b"", 1)) == 9
    assert master.raw(frame[:3]) == b""  # torn by a silence: two pieces, neither a frame
    assert master.raw(frame[3:]) == b""
    assert master.slave.bad == 2


def test_damage_noise_and_endless_frames_are_never_answered() -> None:
    chance = random.Random(5)
    master = Master()
    frame = _reading()
    for bit in range(8 * len(frame)):
        hurt = bytearray(frame)
        hurt[bit >> 3] ^= 1 << (bit & 7)
        assert master.raw(bytes(hurt)) == b""
    for _ in range(2000):
        assert master.raw(chance.randbytes(chance.randrange(1, 40))) == b""
    assert master.raw(frame + bytes(FRAME_MAX)) == b""
    assert len(master.raw(frame)) == 9


def test_a_request_of_the_wrong_length_is_refused_and_read_by_nobody_beyond_its_end() -> None:
    from minegate_wire.crc16 import crc16

    master = Master()
    for function in (3, 4, 6, 16):
        for length in range(2, 12):
            body = bytes([STATION, function, *[0] * (length - 2)])
            crc = crc16(body, 0, len(body))
            answer = master.raw(body + bytes([crc & 0xFF, crc >> 8]))
            assert len(answer) == 5 or (function == 6 and length == 6)


@pytest.mark.parametrize(("baud", "ms"), [(1200, 33), (2400, 17), (9600, 5), (19_200, 3), (115_200, 2)])
def test_the_silence_is_three_and_a_half_characters_and_never_below_two_milliseconds(baud: int, ms: int) -> None:
    assert gap_ms(baud) == ms


@pytest.mark.parametrize("station", [0, 248])
def test_a_station_that_modbus_does_not_have_is_refused(station: int) -> None:
    with pytest.raises(ValueError, match="station"):
        ModbusSlave(station, Registers([], []), 4)
