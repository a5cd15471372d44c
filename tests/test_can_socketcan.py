"""The SocketCAN reader over another real socket that stamps and counts drops: structs as local datagrams."""

from __future__ import annotations

import asyncio
import socket
import struct
import time

import pytest

from minegate_agent.clock import SystemClock
from minegate_agent.field import can_wire
from minegate_agent.field.can_recvmmsg import FRAMES
from minegate_agent.field.can_unsent import UNSENT_MAX
from minegate_agent.field.socketcan_port import SocketCanPort, open_socketcan, prepare
from minegate_drivers.ports import CanFrame, PortLost


class Bus:
    """Two sockets: `far` is the bus, `port` the reader."""

    def __init__(self, receive_bytes: int | None = None) -> None:
        self.restarts: list[int] = []
        self.near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        prepare(self.near)
        if receive_bytes:
            self.near.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.near.bind(("127.0.0.1", 0))
        self.far = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.far.connect(self.near.getsockname())
        self.far.settimeout(5)
        self.port = SocketCanPort(self.near, "bench", SystemClock(), self.restart)

    def restart(self) -> str:
        self.restarts.append(1)
        return "Operation not permitted"

    def close(self) -> None:
        self.port.close()
        self.port.close()
        self.far.close()


async def test_frames_come_in_batches_in_order_with_the_kernels_stamp() -> None:
    bus = Bus()
    sent = [
        CanFrame(number, bytes((number % 256,)) * (number % 9), number % 3 == 0) for number in range(3 * FRAMES + 5)
    ]
    for frame in sent:
        bus.far.send(can_wire.raw_of(frame))
    heard: list[CanFrame] = []
    while len(heard) < len(sent):
        heard += await bus.port.read_batch()
    assert [frame._replace(stamp_ns=0) for frame in heard] == sent
    # The kernel begins to stamp a moment after it is asked to; until then it says when a frame was read.
    assert all(0 <= time.time_ns() - frame.stamp_ns < 5_000_000_000 for frame in heard)
    assert bus.port.bus.state == "active"
    assert bus.port.bus.dropped == 0
    bus.close()


async def test_what_is_no_data_frame_is_not_a_reading() -> None:
    bus = Bus()
    long = CanFrame(0x12345, bytes(range(48)), extended=True, fd=True)
    for raw in (
        b"", b"short", bytes(40), struct.pack("=IB11x", 5, 9),
        struct.pack("=IB11x", can_wire.RTR_FLAG | 5, 2),
        struct.pack("=IB3xBBBBBBBB", can_wire.ERR_FLAG | 0x204, 8, 0, 0x10, 0, 0, 0, 0, 4, 130),
        can_wire.raw_of(long),
    ):  # fmt: skip
        bus.far.send(raw)
    assert [frame._replace(stamp_ns=0) for frame in await bus.port.read_batch()] == [long]
    assert bus.port.bus.malformed == 4
    assert (bus.port.bus.state, bus.port.bus.rx_errors) == ("passive", 130)
    bus.close()


async def test_frames_that_the_kernel_dropped_are_counted() -> None:
    bus = Bus(receive_bytes=4096)
    raw = can_wire.raw_of(CanFrame(1, b"\x01"))
    for _ in range(100):
        bus.far.send(raw)
    kept = len(await bus.port.read_batch())
    assert kept < 100
    bus.far.send(raw)  # the counter comes beside the next frame that is heard
    kept += len(await bus.port.read_batch())
    assert bus.port.bus.dropped == 101 - kept
    bus.close()


async def test_a_controller_that_is_off_is_restarted_and_a_refusal_is_shown() -> None:
    bus = Bus()
    bus.far.send(struct.pack("=IB11x", can_wire.ERR_FLAG | 0x40, 8))
    waiting = asyncio.create_task(bus.port.read_batch())
    async with asyncio.timeout(5):
        while not bus.restarts:
            await asyncio.sleep(0.01)
    assert bus.port.bus.state == "off"
    assert bus.port.bus.errors["restart: Operation not permitted"] >= 1
    bus.far.send(can_wire.raw_of(CanFrame(1, b"")))
    assert len(await waiting) == 1
    assert bus.port.bus.state == "active"
    bus.close()


async def test_frames_are_sent_and_what_finds_no_room_waits_or_is_given_up() -> None:
    bus = Bus()
    bus.near.connect(bus.far.getsockname())
    bus.port.send(CanFrame(0x601, b"\x40", fd=False))
    assert can_wire.frame_of(bus.far.recv(100), 0) == CanFrame(0x601, b"\x40")
    pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    pair[0].setblocking(False)
    port = SocketCanPort(pair[0], "full", SystemClock(), lambda: "")
    for number in range(2000):
        port.send(CanFrame(number % 2048, b""))
    assert port.bus.unsent > 0
    pair[1].settimeout(0)
    through = 0
    while through + port.bus.unsent < 2000:
        through += len(pair[1].recv(100)) == 16
        if through % 5 == 0:
            port._take()
    assert port.bus.unsent + through == 2000
    assert through > UNSENT_MAX
    for end in pair:
        end.close()
    bus.close()


async def test_a_bus_that_goes_down_is_a_lost_port() -> None:
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    near.setblocking(False)
    port = SocketCanPort(near, "gone", SystemClock(), lambda: "")
    near.close()
    with pytest.raises(PortLost, match="port gone: Bad file descriptor"):
        await port.read_batch()
    with pytest.raises(PortLost, match="port gone: Bad file descriptor"):
        port.send(CanFrame(1, b""))
    far.close()


async def test_an_interface_that_is_not_there_is_named() -> None:
    with pytest.raises(PortLost, match=r"port body: (none0: No such device|this kernel has no CAN)"):
        open_socketcan("none0", "body", ((1, False),), SystemClock())
