"""Every message is held against its own rate; a device whose messages are all late is down at once, not after 10 s."""

from __future__ import annotations

import asyncio
from types import MappingProxyType

import pytest

from minegate_agent.clock import SystemClock
from minegate_agent.config import Device
from minegate_agent.field.can_reader import CanReader
from minegate_agent.field.can_rhythm import LATE_MIN_MS, Rhythm
from minegate_agent.field.health import DeviceHealth, PortHealth
from minegate_agent.site import SiteDevice
from minegate_drivers.ports import BusHealth, CanFrame, PortLost
from minegate_drivers.sdk import CanDriver, Counted, Field, Heard, Layout, Nonsense

KEY = (0x287, False)


def test_a_message_is_late_after_three_of_its_periods() -> None:
    rhythm = Rhythm(100, 0)
    assert not rhythm.look(300)
    assert rhythm.look(301)
    assert rhythm.look(400)
    rhythm.hear(500)
    assert (rhythm.look(800), rhythm.look(801)) == (False, True)
    assert rhythm.times_late == 2
    rhythm.hear(950)
    assert rhythm.lag_max_ms == 350
    assert rhythm.lag_ms(1100) == 50
    assert not Rhythm(10, 0).look(LATE_MIN_MS)
    assert Rhythm(100, 0).look(float("nan"))


class Talker(CanDriver):
    """Speaks twenty times a second when it is told to, every second time nonsense."""

    layouts = (Layout(Field("raw", ">u2")),)
    can_ids = (KEY,)
    periods_ms = MappingProxyType({KEY: 50.0})

    def hear(self, frame: CanFrame) -> Heard | None:
        if len(frame.data) != 2:
            raise Nonsense("length")
        return Heard(frame.data)

    def say(self, now_ms: int) -> tuple[CanFrame, ...]:
        return (CanFrame(0x601, b"\x40"),)

    def counted(self) -> Counted:
        return Counted(missed=2, repeated=1)


class Bus:
    """A CanPort with a queue."""

    def __init__(self) -> None:
        self.bus = BusHealth(state="active")
        self.said: list[CanFrame] = []
        self.arriving: asyncio.Queue[list[CanFrame] | None] = asyncio.Queue()

    async def read_batch(self) -> list[CanFrame]:
        batch = await self.arriving.get()
        if batch is None:
            raise PortLost("port body: gone")
        return batch

    def send(self, frame: CanFrame) -> None:
        self.said.append(frame)
        if len(self.said) == 3:
            raise PortLost("port body: gone for a moment")

    def close(self) -> None:
        pass


class Story:
    """A Sink that writes down."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def heard(self, device: SiteDevice, heard: Heard) -> None:
        self.told.append(f"heard {heard.record.hex()}")

    def edge(self, device: SiteDevice, up: bool) -> None:
        self.told.append("up" if up else "down")

    def nonsense(self, device: SiteDevice, error: Nonsense) -> None:
        self.told.append(f"nonsense {error.kind}")

    def driver_error(self, device: SiteDevice, error: Exception) -> None:
        self.told.append(f"mistake {error}")


async def test_a_device_is_heard_told_missed_and_welcomed_back() -> None:
    story, bus, port = Story(), Bus(), PortHealth("body", "can")
    device = SiteDevice(1, "body", "body", Talker(), Device(number=1, name="body", port="body", driver="talker"))
    health = {1: DeviceHealth(1, "body")}
    reader = CanReader([device], SystemClock(), story, port, health)
    assert reader.can_ids == (KEY,)
    running = asyncio.create_task(reader.run(bus))
    bus.arriving.put_nowait([CanFrame(0x287, b"\x00\x01"), CanFrame(0x287, b""), CanFrame(0x288, b"")])
    async with asyncio.timeout(5):
        while "down" not in story.told:
            await asyncio.sleep(0.01)
    bus.arriving.put_nowait([CanFrame(0x287, b"\x00\x02"), CanFrame(0x287, b"\x00\x03")])
    await asyncio.sleep(0)
    bus.arriving.put_nowait(None)
    with pytest.raises(PortLost, match="gone"):
        await running
    assert story.told == ["heard 0001", "nonsense length", "up", "down", "heard 0002", "heard 0003", "up"]
    assert len(bus.said) >= 3
    assert bus.said[0] == CanFrame(0x601, b"\x40")
    assert (port.foreign, health[1].answered) == (1, 3)
    report = reader.report(SystemClock().monotonic_ms())
    assert report["state"] == "active"
    assert (report["missed"], report["repeated"]) == (2, 1)
    assert report["messages"][0]["id"] == "287"
    assert (report["messages"][0]["heard"], report["messages"][0]["times_late"]) == (3, 1)


class Miscounting(Talker):
    """Has a mistake in what it tells of itself."""

    def counted(self) -> Counted:
        raise ZeroDivisionError("of nothing")


def test_a_driver_that_cannot_count_is_named_and_the_report_is_made_without_it() -> None:
    story = Story()
    devices = [
        SiteDevice(number, kind.__name__, "body", kind(), Device(number=number, name="x", port="body", driver="x"))
        for number, kind in enumerate((Miscounting, Talker), 1)
    ]
    health = {device.number: DeviceHealth(device.number, device.name) for device in devices}
    reader = CanReader(devices, SystemClock(), story, PortHealth("body", "can"), health)
    assert (reader.report(0)["missed"], reader.report(0)["repeated"]) == (2, 1)
    assert story.told == ["mistake of nothing"] * 2
