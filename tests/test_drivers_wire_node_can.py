"""The driver of our own sensor node on CAN, and the node's real firmware: whole boards, bad buses, an slcan pty."""

from __future__ import annotations

import asyncio
import os
import random
import tty
from pathlib import Path

import pytest

from can_relay import BusEnd
from minegate_agent.clock import SystemClock
from minegate_agent.config import Device, Port
from minegate_agent.field.can_reader import CanReader
from minegate_agent.field.can_slcan import open_slcan
from minegate_agent.field.health import DeviceHealth, PortHealth
from minegate_agent.site import SiteDevice
from minegate_drivers.ports import CanFrame
from minegate_drivers.sdk import Heard, Nonsense, Quality
from minegate_drivers.wire_node_can import WireNodeCan
from minegate_node.can_link import CanLink
from minegate_node.sensor import SensorNode
from minegate_sim.slcan import text_of
from minegate_wire.messages import READING
from test_can_reader import Story
from test_node_sensor_board import NODE, Heads

CHANNELS = """
0 face quantity=methane unit=%CH4 scale=0.01 low=0 high=4
1 back quantity=methane unit=%CH4 scale=0.01 low=0 high=4
"""


def driver(channels: str = CHANNELS, age_max_ms: int = 500) -> WireNodeCan:
    return WireNodeCan(node=NODE, channels=channels, age_max_ms=age_max_ms, publish_ms=200)


class Teller:
    """A sensor node and its link, as firmware/minegate_hal/sensor_board.py turns them."""

    def __init__(self, channels: int = 2) -> None:
        self.node = SensorNode(NODE, channels, 77)
        self.bus = BusEnd()
        self._link = CanLink(NODE, self.bus)

    def tell(self, now_ms: int, *values: int) -> list[CanFrame]:
        """The frames of one READING; without values nothing was sampled since."""
        self.node.step(now_ms)
        for channel, value in enumerate(values):
            self.node.set(channel, value)
        self._link.send(self.node.make(READING))
        self._link.step(now_ms)
        sent, self.bus.sent = self.bus.sent, []
        return [CanFrame(identifier, data, extended=True) for identifier, data in sent]


def heard_of(wire: WireNodeCan, frames: list[CanFrame], now_ms: int) -> list[Heard]:
    """What the driver believed."""
    wire.say(now_ms)
    believed = []
    for frame in frames:
        try:
            heard = wire.hear(frame)
        except Nonsense:
            continue
        believed += [heard] if heard is not None else []
    return believed


def values(wire: WireNodeCan, heard: Heard) -> tuple[float, float]:
    decoded = wire.layouts[0].decode(heard.record)
    named = dict(zip((field.name for field in wire.layouts[0].fields), decoded, strict=True))
    return named["face"], named["back"]


def test_a_whole_board_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    heads, wire = Heads(monkeypatch, "pybv11", "wire"), driver()
    assert heads.run() == "power off"
    frames = [CanFrame(identifier, data, extended=True) for identifier, data in heads.sent]
    assert {(frame.id, True) for frame in frames} == set(wire.can_ids)
    told = heard_of(wire, frames, 1000)
    assert 5 <= len(told) <= 8  # every 200 ms
    assert values(wire, told[-1]) == pytest.approx((1.0, 1.0), abs=0.01)
    assert told[-1].quality is Quality.GOOD


def test_a_node_that_samples_no_more_goes_stale_and_one_that_repeats_itself_too() -> None:
    wire, teller = driver(), Teller()
    first = teller.tell(0, 125, 97)
    assert [heard.quality for heard in heard_of(wire, first, 0)] == [Quality.GOOD]
    for now_ms, quality in ((400, Quality.GOOD), (501, Quality.STALE), (60_000, Quality.STALE)):
        (heard,) = heard_of(wire, teller.tell(now_ms), now_ms)
        assert heard.quality is quality
    fresh = teller.tell(60_200, 125, 97)
    qualities = [heard_of(wire, fresh, now_ms)[0].quality for now_ms in (60_200, 60_700, 60_701)]
    assert qualities == [Quality.GOOD, Quality.GOOD, Quality.STALE]


@pytest.mark.parametrize("seed", range(5))
def test_on_a_bad_bus_only_what_the_node_said_is_believed(seed: int) -> None:
    """Segments lost, doubled, swapped and damaged: whatever is believed is one of the node's own readings."""
    chance, wire, teller = random.Random(seed), driver(), Teller()
    believed, said = 0, set[tuple[float, float]]()
    for turn in range(1000):
        pair = chance.randrange(400), chance.randrange(400)
        said.add((pair[0] / 100, pair[1] / 100))
        frames = worn(teller.tell(200 * turn, *pair), chance)
        for heard in heard_of(wire, frames, 200 * turn):
            believed += 1
            face, back = values(wire, heard)
            assert (round(face, 2), round(back, 2)) in said
    assert 300 < believed < 1000


def worn(frames: list[CanFrame], chance: random.Random) -> list[CanFrame]:
    """What a bad bus makes of them."""
    kept = [frame for frame in frames for _ in range(chance.choice((1,) * 18 + (0, 2)))]
    if len(kept) > 1 and chance.random() < 0.05:
        kept[0], kept[1] = kept[1], kept[0]
    if kept and chance.random() < 0.1:
        at = chance.randrange(len(kept))
        data = bytearray(kept[at].data)
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        kept[at] = kept[at]._replace(data=bytes(data))
    return kept


def test_the_counter_of_bad_frames_never_hides_one() -> None:
    wire, key = driver(), driver().can_ids[0][0]
    for _ in range(70_000):
        with pytest.raises(Nonsense):
            wire.hear(CanFrame(key, b"\x45", extended=True))


@pytest.mark.parametrize(
    "frame",
    [
        CanFrame(0x0CEF0004, b"\xa0\x01", extended=True),
        CanFrame(0x0CEF0003 & 0x7FF, b"\xa0\x01"),
        CanFrame(0x0CEF0003, b"\xa0" + bytes(30), extended=True, fd=True),
    ],
)
def test_other_identifiers_and_frames_of_can_fd_are_foreign(frame: CanFrame) -> None:
    with pytest.raises(Nonsense, match="foreign"):
        driver().hear(frame)


async def test_field_reads_the_node_through_an_slcan_adapter_and_misses_it_when_it_falls_silent(tmp_path: Path) -> None:
    master, slave = os.openpty()
    tty.setraw(slave)
    (tmp_path / "can-1").symlink_to(os.ttyname(slave))
    port = Port(name="can-1", kind="can", interface="slcan", channel="can-1", bitrate=250_000)
    wire, story, teller = driver(), Story(), Teller()
    device = SiteDevice(1, "heads", "can-1", wire, Device(number=1, name="heads", port="can-1", driver=wire.name))
    health = {1: DeviceHealth(1, "heads")}
    reader = CanReader([device], SystemClock(), story, PortHealth("can-1", "can"), health)
    bus = open_slcan(port, reader.can_ids, tmp_path, SystemClock())
    running = asyncio.create_task(reader.run(bus))
    for turn in range(5):
        os.write(master, b"".join(map(text_of, teller.tell(200 * turn, 100 + turn, 50))))
    async with asyncio.timeout(10):
        while story.told[-1:] != ["down"]:
            await asyncio.sleep(0.01)
    assert story.told.count("up") == 1
    assert sum(told.startswith("heard") for told in story.told) == 5
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    bus.close()
    os.close(master)
    os.close(slave)
