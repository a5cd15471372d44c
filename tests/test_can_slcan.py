"""slcan text is understood whatever pieces it comes in, and an adapter on a tty is opened, read, asked and lost."""

from __future__ import annotations

import asyncio
import os
import random
import select
import tty
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from minegate_agent.config import Port
from minegate_agent.field.can_port import open_can
from minegate_agent.field.can_slcan_text import LINE_BYTES_MAX, SlcanText, line_of
from minegate_drivers.ports import BusHealth, CanFrame, PortLost
from minegate_sim.slcan import Slcan

IDS = ((0x287, False), (0x18FF0102, True))
SHORT = CanFrame(0x287, bytes.fromhex("4800d70054000000"))
WIDE = CanFrame(0x18FF0102, b"\xab\xcd", extended=True)
FD = CanFrame(0x287, bytes(range(12)), fd=True)


def heard(text: bytes) -> tuple[list[CanFrame], BusHealth]:
    bus = BusHealth()
    return SlcanText(IDS, bus).feed(text), bus


@pytest.mark.parametrize(
    ("text", "frames", "malformed"),
    [
        (line_of(SHORT) + line_of(WIDE), [SHORT, WIDE], 0),
        (line_of(FD), [FD], 0),
        (b"d2879" + bytes(range(12)).hex().encode() + b"\r", [FD], 0),
        (b"t28700\r", [], 1),
        (b"t2870\r", [CanFrame(0x287, b"")], 0),
        (b"t28714812AB\r", [CanFrame(0x287, b"\x48")], 0),  # with the adapter's time stamp
        (b"t28714812A\r", [], 1),
        (b"t2871ZZ\r", [], 1),
        (b"t287948\r", [], 1),
        (b"t287A" + b"00" * 16 + b"\r", [], 1),
        (b"t1231FF\r", [], 0),  # somebody else's
        (b"r2871\rz\rZ\rV1013\rNSIM1\r\r", [], 0),
        (b"\a\at287148\r", [CanFrame(0x287, b"\x48")], 0),
        (b"?what\r", [], 1),
        (b"x" * (LINE_BYTES_MAX + 1) + b"\r" + line_of(SHORT), [SHORT], 1),
    ],
)
def test_lines_are_frames_or_counted(text: bytes, frames: list[CanFrame], malformed: int) -> None:
    assert (heard(text)[0], heard(text)[1].malformed) == (frames, malformed)


@pytest.mark.parametrize(
    ("flags", "state", "errors", "dropped"),
    [
        (b"00", "active", {}, 0),
        (b"04", "warning", {}, 0),
        (b"24", "passive", {}, 0),
        (b"08", "active", {"overrun": 1}, 1),
        (b"81", "active", {"rx_full": 1, "bus_error": 1}, 1),
    ],
)
def test_the_status_tells_the_state_of_the_bus(flags: bytes, state: str, errors: dict[str, int], dropped: int) -> None:
    bus = heard(b"F" + flags + b"\r")[1]
    assert (bus.state, bus.errors, bus.dropped) == (state, errors, dropped)


def test_pieces_of_any_size_give_the_same_frames() -> None:
    chance = random.Random(287)
    frames = [chance.choice((SHORT, WIDE, FD)) for _ in range(300)]
    text = b"".join(line_of(frame) for frame in frames)
    bus = BusHealth()
    parser = SlcanText(IDS, bus)
    got: list[CanFrame] = []
    at = 0
    while at < len(text):
        size = chance.choice((1, 2, 3, 7, 30, 200))
        got += parser.feed(text[at : at + size])
        at += size
    assert got == frames
    assert bus == BusHealth()


def test_a_line_that_never_ends_takes_no_memory() -> None:
    bus = BusHealth()
    parser = SlcanText(IDS, bus)
    for _ in range(1000):
        assert parser.feed(b"t287" * 25) == []
        assert len(parser._rest) <= LINE_BYTES_MAX
    assert parser.feed(b"\r" + line_of(SHORT)) == [SHORT]
    assert bus.malformed >= 100


@pytest.fixture
def adapter() -> Iterator[tuple[int, str]]:
    master, slave = os.openpty()
    tty.setraw(slave)
    try:
        yield master, os.ttyname(slave)
    finally:
        for descriptor in (master, slave):
            with suppress(OSError):
                os.close(descriptor)


def port(channel: str, bitrate: int = 250_000) -> Port:
    return Port(name="body", kind="can", interface="slcan", channel=channel, bitrate=bitrate)


def told(master: int, far: Slcan, until: Callable[[], bool]) -> None:
    """Hand on what the port writes, until it has had its effect."""
    while not until():
        assert select.select([master], [], [], 5)[0]
        far.arrive(os.read(master, 100), 0)


async def test_an_adapter_is_opened_heard_and_told(adapter: tuple[int, str]) -> None:
    master, name = adapter
    far = Slcan(())
    bus = await open_can(port(name), IDS, Path("/"))
    told(master, far, lambda: far.opened)
    assert far._answers.count(b"\a") == 0
    os.write(master, bytes(far._answers) + line_of(SHORT) + line_of(WIDE))
    far._answers.clear()
    assert await bus.read_batch() == [SHORT, WIDE]
    bus.send(CanFrame(0x601, b"\x40"))
    told(master, far, lambda: bool(far.received))
    assert far.received == [CanFrame(0x601, b"\x40")]
    waiting = asyncio.create_task(bus.read_batch())
    async with asyncio.timeout(5):
        while bus.bus.state == "unknown":  # asked once a second
            await asyncio.sleep(0.05)
            with suppress(BlockingIOError):
                os.set_blocking(master, False)
                far.arrive(os.read(master, 100), 0)
            os.write(master, bytes(far._answers))
            far._answers.clear()
    os.write(master, line_of(SHORT))
    assert await waiting == [SHORT]
    assert bus.bus == BusHealth(state="active")
    bus.close()
    bus.close()
    told(master, far, lambda: not far.opened)


async def test_an_adapter_that_is_unplugged_is_a_lost_port(adapter: tuple[int, str]) -> None:
    master, name = adapter
    bus = await open_can(port(name), IDS, Path("/"))
    os.close(master)
    with pytest.raises(PortLost, match="port body: "):
        await bus.read_batch()
    bus.close()


@pytest.mark.parametrize(
    ("channel", "bitrate", "words"),
    [
        ("/dev/none", 250_000, "port body: /dev/none: "),
        ("/dev/none@fast", 250_000, "'fast' is no baud rate"),
        ("/dev/none", 5000, "bitrate 5000 is not one of slcan's: 10000, 20000"),
    ],
)
async def test_what_cannot_be_opened_is_named(channel: str, bitrate: int, words: str) -> None:
    with pytest.raises(PortLost, match=words):
        await open_can(port(channel, bitrate), IDS, Path("/"))
