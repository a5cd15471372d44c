"""The ways in, on real descriptors: what is heard is handed on whole, what is lost is said with the port's name."""

from __future__ import annotations

import asyncio
import fcntl
import os
import select
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import aiomqtt
import pytest

from link_work import until
from minegate_agent.config import Port
from minegate_agent.field.can_port import open_can
from minegate_agent.field.message_port import WAITING_MAX, open_messages
from minegate_agent.field.serial_port import open_serial
from minegate_drivers.ports import CanFrame, Message, PortLost
from mosquitto import Mosquitto, free_port


class Line(NamedTuple):
    """The far end of a serial line, and the name of its near end."""

    master: int
    path: Path

    @property
    def port(self) -> Port:
        return Port(name="rs485-1", kind="serial", device=self.path.name)

    @property
    def can(self) -> Port:
        return Port(name="can-1", kind="can", interface="slcan", channel=self.path.name)

    def arrived(self, wanted: bytes) -> None:
        """The near end has said `wanted` and nothing else; the kernel hands it over in pieces of its own choice."""
        said = b""
        while len(said) < len(wanted):
            assert select.select((self.master,), (), (), 10)[0], said
            said += os.read(self.master, 4096)
        assert said == wanted

    def unplug(self) -> None:
        os.close(self.master)


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    path = tmp_path / "rs485-1"
    path.symlink_to(os.ttyname(slave))
    os.close(slave)
    yield Line(master, path)
    try:
        os.close(master)
    except OSError:  # unplugged
        return


# -- serial -----------------------------------------------------------------------------------------------------------


async def test_bytes_pass_both_ways_unchanged(line: Line, tmp_path: Path) -> None:
    port = await open_serial(line.port, tmp_path)
    every_byte = bytes(range(256))  # among them what a terminal would take for an interrupt, an end, a new line
    port.write(every_byte)
    line.arrived(every_byte)
    os.write(line.master, every_byte)
    heard = b""
    while len(heard) < 256:
        heard += await port.read_some()
    assert heard == every_byte
    port.close()


async def test_what_nobody_read_is_handed_over_without_waiting(line: Line, tmp_path: Path) -> None:
    port = await open_serial(line.port, tmp_path)
    os.write(line.master, b"late answer")
    assert port.take() == b"late answer"
    assert port.take() == b""
    port.close()
    port.close()  # safe to call twice


async def test_a_whole_answer_wakes_the_loop_once_however_many_pieces_it_comes_in(line: Line, tmp_path: Path) -> None:
    port = await open_serial(line.port, tmp_path)
    answer = bytes(range(200))
    reading = asyncio.create_task(port.read_some(200, 10))
    for at in range(0, 200, 8):  # as a UART's FIFO hands it on
        await asyncio.sleep(0.001)
        os.write(line.master, answer[at : at + 8])
    assert await reading == answer
    assert port.wakes == 1
    port.close()


@pytest.mark.parametrize("length", [63, 64, 65, 255, 256, 300])
async def test_an_answer_of_any_length_is_read_whole(line: Line, tmp_path: Path, length: int) -> None:
    port = await open_serial(line.port, tmp_path)
    answer = bytes(at % 251 for at in range(length))
    reading = asyncio.create_task(port.read_some(length, 10))
    await asyncio.sleep(0.01)
    os.write(line.master, answer)
    assert await reading == answer
    port.close()


async def test_an_answer_that_is_shorter_than_expected_is_read_when_the_time_is_over(
    line: Line, tmp_path: Path
) -> None:
    port = await open_serial(line.port, tmp_path)
    os.write(line.master, b"short")
    assert await port.read_some(25, 0.05) == b"short"
    assert await port.read_some(25, 0.01) == b""
    os.write(line.master, b"x")  # and afterwards one byte is enough again
    assert await port.read_some(1, 10) == b"x"
    port.close()


@pytest.mark.parametrize("silence_s", [0.00175, 0.004])
async def test_a_silence_is_never_shorter_than_asked_for(line: Line, tmp_path: Path, silence_s: float) -> None:
    port = await open_serial(line.port, tmp_path)
    loop = asyncio.get_running_loop()
    for _ in range(20):
        before_s = loop.time()
        os.write(line.master, b"y")
        assert await port.read_some() == b"y"
        await port.pause(silence_s)
        assert loop.time() - before_s >= silence_s
    port.close()


async def test_what_is_said_during_a_silence_is_handed_over_after_it(line: Line, tmp_path: Path) -> None:
    port = await open_serial(line.port, tmp_path)
    os.write(line.master, b"y")
    assert await port.read_some() == b"y"
    pausing = asyncio.create_task(port.pause(0.05))
    await asyncio.sleep(0.01)
    os.write(line.master, b"somebody else")
    await pausing
    assert port.take() == b"somebody else"
    port.close()


async def test_direction_control_that_the_kernel_does_not_offer_is_refused_in_one_line(
    line: Line, tmp_path: Path
) -> None:
    with pytest.raises(PortLost, match="port rs485-1: rs485-1: rs485 = true, but this UART has no direction control"):
        await open_serial(Port(name="rs485-1", kind="serial", device="rs485-1", rs485=True), tmp_path)


async def test_an_adapter_that_is_unplugged_ends_the_read_with_the_name_of_the_port(line: Line, tmp_path: Path) -> None:
    port = await open_serial(line.port, tmp_path)
    reading = asyncio.create_task(port.read_some())
    await asyncio.sleep(0)
    line.unplug()
    with pytest.raises(PortLost, match="port rs485-1"):
        async with asyncio.timeout(10):
            await reading
    port.close()


async def test_a_line_that_takes_nothing_is_a_lost_port_and_not_a_wait(line: Line, tmp_path: Path) -> None:
    port = await open_serial(line.port, tmp_path)
    with pytest.raises(PortLost, match="port rs485-1"):
        port.write(bytes(1_000_000))
    port.close()


async def test_a_port_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(PortLost, match=r"port rs485-9: nowhere: .*No such file"):
        await open_serial(Port(name="rs485-9", kind="serial", device="nowhere"), tmp_path)


async def test_a_port_that_another_process_holds_is_named(line: Line, tmp_path: Path) -> None:
    holder = os.open(line.path, os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)  # what pyserial's `exclusive` takes
    with pytest.raises(PortLost, match="port rs485-1: rs485-1: held by another process"):
        await open_serial(line.port, tmp_path)
    os.close(holder)
    (await open_serial(line.port, tmp_path)).close()


async def test_a_file_that_is_no_line_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("?", encoding="ascii")
    with pytest.raises(PortLost, match="port a: notes"):
        await open_serial(Port(name="a", kind="serial", device="notes"), tmp_path)


# -- CAN --------------------------------------------------------------------------------------------------------------


async def test_frames_come_in_order_and_only_those_that_are_wanted(line: Line, tmp_path: Path) -> None:
    bus = await open_can(line.can, ((0x123, False), (0x18FF0102, True)), tmp_path)
    os.write(line.master, b"t1232AABB\rt1243AABBCC\rT18FF01020\rT000001231FF\r" + b"t12310" + b"1\r")
    heard: list[CanFrame] = []
    async with asyncio.timeout(10):
        while len(heard) < 3:
            heard += await bus.read_batch()
    assert heard == [
        CanFrame(0x123, b"\xaa\xbb"),
        CanFrame(0x18FF0102, b"", extended=True),
        CanFrame(0x123, b"\x01"),
    ]
    bus.close()


async def test_a_frame_is_sent_as_the_adapter_wants_it(line: Line, tmp_path: Path) -> None:
    bus = await open_can(line.can, (), tmp_path)
    line.arrived(b"\r\rC\rS5\rO\r")  # end what another has begun, close, bit rate, open
    bus.send(CanFrame(0x7FF, b"\x01\x02"))
    bus.send(CanFrame(0x7FF, b"", extended=True))
    line.arrived(b"t7FF20102\rT000007FF0\r")
    bus.close()


async def test_a_can_adapter_that_is_missing_or_unplugged_is_named(line: Line, tmp_path: Path) -> None:
    with pytest.raises(PortLost, match=r"port can-1: nowhere: .*No such file"):
        await open_can(Port(name="can-1", kind="can", interface="slcan", channel="nowhere"), (), tmp_path)
    bus = await open_can(line.can, ((0x123, False),), tmp_path)
    line.unplug()
    with pytest.raises(PortLost, match="port can-1"):
        async with asyncio.timeout(10):
            await bus.read_batch()
    bus.close()


# -- robots -----------------------------------------------------------------------------------------------------------


def robots(port: int) -> Port:
    return Port(name="robots", kind="mqtt", host="127.0.0.1", tcp_port=port)


async def test_messages_of_the_named_topics_arrive_in_order(mosquitto: Mosquitto) -> None:
    port = await open_messages(robots(mosquitto.port), ("vda5050/v3/a/1/state",))
    async with aiomqtt.Client("127.0.0.1", mosquitto.port) as robot:
        for number in range(20):
            await robot.publish("vda5050/v3/a/2/state", b"another robot")
            await robot.publish("vda5050/v3/a/1/state", str(number).encode())
    heard: list[Message] = []
    async with asyncio.timeout(10):
        while len(heard) < 20:
            heard += await port.read_batch()
    assert heard == [Message("vda5050/v3/a/1/state", str(number).encode()) for number in range(20)]
    port.close()


async def test_a_flood_that_nobody_reads_costs_the_oldest_and_is_counted(mosquitto: Mosquitto) -> None:
    port = await open_messages(robots(mosquitto.port), ("t",))
    async with aiomqtt.Client("127.0.0.1", mosquitto.port) as robot:
        for number in range(WAITING_MAX + 50):
            await robot.publish("t", str(number).encode())
    await until(lambda: port.dropped == 50, "the flood has arrived")
    heard = await port.read_batch()
    assert [int(message.payload) for message in heard] == list(range(50, WAITING_MAX + 50))
    port.close()


async def test_a_broker_that_dies_ends_the_read_with_the_name_of_the_port(mosquitto: Mosquitto) -> None:
    port = await open_messages(robots(mosquitto.port), ("t",))
    reading = asyncio.create_task(port.read_batch())
    await asyncio.to_thread(mosquitto.kill)
    with pytest.raises(PortLost, match="port robots"):
        async with asyncio.timeout(20):
            await reading
    port.close()


async def test_a_broker_that_is_not_there_is_named_with_its_address() -> None:
    port = free_port()
    with pytest.raises(PortLost, match=f"port robots: broker 127.0.0.1:{port}"):
        await open_messages(robots(port), ("t",))
