"""The simulated CAN adapter speaks slcan as adapters do, and python-can hears the roadheader through it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import can
import cantools
import pytest
from cantools.database.can import Database

from minegate_agent.clock import SystemClock
from minegate_drivers.ports import CanFrame
from minegate_sim import pty_end
from minegate_sim.air import Wind, steady
from minegate_sim.devices.roadheader import Roadheader, dbc_path
from minegate_sim.machine import Machine
from minegate_sim.noise import source
from minegate_sim.slcan import Slcan, text_of

FRAMES = 40


def adapter(now_ms: float = 0.0) -> Slcan:
    machine = Roadheader("roadheader", source(1, "roadheader"), now_ms)
    machine.measure(Machine(powered_s=100.0, oil_c=48.5), steady(Wind()), 1.0)
    return Slcan((machine,))


@pytest.mark.parametrize(
    ("commands", "answers"),
    [
        (b"\r\r\r", b"\r\r\r"),
        (b"C\rS5\rO\r", b"\r\r\r"),
        (b"O\rO\r", b"\r\a"),
        (b"O\rS5\r", b"\r\a"),
        (b"S\rS10\rX\rO1\r", b"\a\a\a\a"),
        (b"F\rO\rF\r", b"\a\rF00\r"),
        (b"V\rN\r", b"V1013\rNSIM1\r"),
        (b"t1230\r", b"\a"),
        (b"O\rt1230\rt12321122\rT000002101FF\r", b"\rz\rz\rZ\r"),
        (b"O\rt12321\rt8000\rt1239\rT20000000\r", b"\r\a\a\a\a"),
        (b"L\rt1230\r", b"\r\a"),
        (b"t" * 1000 + b"\rV\r", b"\aV1013\r"),
    ],
)
def test_every_command_is_answered_as_an_adapter_answers_it(commands: bytes, answers: bytes) -> None:
    device = adapter()
    for byte in commands:  # however the line cuts them
        device.arrive(bytes((byte,)), 0.0)
    assert device.run(0.0) == answers
    assert device.run(0.0) == b""


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (CanFrame(0x210, bytes.fromhex("0102030405060708")), b"t21080102030405060708\r"),
        (CanFrame(0x7, b""), b"t0070\r"),
        (CanFrame(0x18FF0102, b"\xab", extended=True), b"T18FF01021AB\r"),
    ],
)
def test_a_frame_is_written_as_text(frame: CanFrame, text: bytes) -> None:
    assert text_of(frame) == text


def test_frames_go_by_while_the_channel_is_closed_or_the_cable_cut() -> None:
    device = adapter()
    assert device.run(1000.0) == b""
    device.arrive(b"O\r", 1000.0)
    assert device.run(1099.0) == b"\r"
    assert device.run(1100.0).startswith(b"t210")
    device.is_cut = True
    assert device.run(1500.0) == b""
    device.is_cut = False
    assert device.run(1600.0).count(b"t210") == 1
    device.arrive(b"C\r", 1600.0)
    assert device.run(2000.0) == b"\r"


def test_frames_from_the_near_side_reach_the_bus() -> None:
    device = adapter()
    device.arrive(b"O\rt12321122\r", 0.0)
    assert device.received == [CanFrame(0x123, b"\x11\x22")]
    device.arrive(b"t0010\r" * 500, 0.0)
    assert len(device.received) == 100


async def test_python_can_opens_the_pty_and_cantools_understands_what_it_hears(tmp_path: Path) -> None:
    clock = SystemClock()
    link = tmp_path / "can-1"

    def hear() -> list[can.Message]:
        heard: list[can.Message] = []
        with can.Bus(interface="slcan", channel=str(link), bitrate=250_000, sleep_after_open=0) as bus:
            while len(heard) < FRAMES:
                message = bus.recv(timeout=10.0)
                assert message is not None, "no frame within 10 s"
                heard.append(message)
        return heard

    with pty_end.opened(link) as pty:
        serving = asyncio.create_task(pty_end.serve(pty, adapter(clock.monotonic_ms()), clock, lambda: None))
        try:
            first = await asyncio.to_thread(hear)
            again = await asyncio.to_thread(hear)
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
    database = cast(Database, cantools.database.load_file(str(dbc_path())))
    seen: dict[str, Mapping[str, object]] = {}
    for message in first + again:
        values = database.decode_message(message.arbitration_id, bytes(message.data))
        assert isinstance(values, dict)
        seen[database.get_message_by_frame_id(message.arbitration_id).name] = values
    assert set(seen) == {"Motors", "Environment", "Liveness", "Faults"}
    assert seen["Motors"]["OilTemperature"] == pytest.approx(48.5)
