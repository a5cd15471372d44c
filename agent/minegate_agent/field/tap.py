"""What goes over the ports and what came of it, as lines of text for whoever records (record_door.py).

    12345.678 rs485-1 > 3 45.2 010400000002cb71     asked: device, how long it may take (ms), bytes
    12345.690 rs485-1 < 0104040042                  heard on a line
    12345.700 can-1 < 18FEEE10#5151ffffffffffff     heard on CAN; `>` is what we sent
    12345.702 robots < vda5050/v3/.. {...}          heard from a broker
    12345.702 = 3 0 0 0042                          believed: device, part, quality, record
    12345.702 ! 3 crc                               not believed: device, kind of nonsense

Times are milliseconds of the loop's clock. While nobody records, a port costs one look more and nothing is written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from minegate_agent.config import Port
from minegate_agent.field.health import PortHealth
from minegate_agent.site import SiteDevice
from minegate_agent.world import FieldWorld
from minegate_drivers.ports import BusHealth, CanFrame, CanPort, LinePort, Message, MessagePort
from minegate_drivers.sdk import Heard, Nonsense


class Tap:
    """`put` takes a line while somebody records; None: nobody does."""

    def __init__(self) -> None:
        self.put: Callable[[str], None] | None = None

    def say(self, text: str) -> None:
        """One line, with the time before it."""
        if self.put is not None:
            self.put(f"{asyncio.get_running_loop().time() * 1000:.3f} {text}")

    def heard(self, device: SiteDevice, heard: Heard) -> None:
        """A believed answer."""
        if self.put is not None:
            self.say(f"= {device.number} {heard.part} {int(heard.quality)} {bytes(heard.record).hex() or '-'}")

    def nonsense(self, device: SiteDevice, error: Nonsense) -> None:
        """A frame that was not believed."""
        if self.put is not None:
            self.say(f"! {device.number} {error.kind}")


def tapped(world: FieldWorld, tap: Tap, ports: dict[str, PortHealth]) -> FieldWorld:
    """The world whose ports say what goes over them. A port in a process of its own is not among them."""

    async def open_line(port: Port) -> LinePort:
        return _Line(await world.open_line(port), tap, ports[port.name])

    async def open_can(port: Port, can_ids: tuple[tuple[int, bool], ...]) -> CanPort:
        return _Can(await world.open_can(port, can_ids), tap, port.name)

    async def open_messages(port: Port, topics: tuple[str, ...]) -> MessagePort:
        return _Messages(await world.open_messages(port, topics), tap, port.name)

    return replace(world, open_line=open_line, open_can=open_can, open_messages=open_messages)


class _Line:
    """See LinePort. Whom a request is for stands in the port's health."""

    def __init__(self, line: LinePort, tap: Tap, health: PortHealth) -> None:
        self._line, self._tap, self._health = line, tap, health
        self.pause = line.pause
        self.close = line.close

    def write(self, data: bytes) -> None:
        """See LinePort."""
        if self._tap.put is not None:
            number, wait_ms = self._health.asking
            self._tap.say(f"{self._health.name} > {number} {wait_ms:.3f} {data.hex()}")
        self._line.write(data)

    async def read_some(self, at_least: int = 1, within_s: float | None = None) -> bytes:
        """See LinePort."""
        return self._told(await self._line.read_some(at_least, within_s))

    def take(self) -> bytes:
        """See LinePort."""
        return self._told(self._line.take())

    def _told(self, data: bytes) -> bytes:
        if data and self._tap.put is not None:
            self._tap.say(f"{self._health.name} < {data.hex()}")
        return data


class _Can:
    """See CanPort."""

    def __init__(self, bus: CanPort, tap: Tap, name: str) -> None:
        self._bus, self._tap, self._name = bus, tap, name
        self.close = bus.close

    @property
    def bus(self) -> BusHealth:
        """See CanPort."""
        return self._bus.bus

    async def read_batch(self) -> list[CanFrame]:
        """See CanPort."""
        batch = await self._bus.read_batch()
        if self._tap.put is not None:
            for frame in batch:
                self._tap.say(f"{self._name} < {_text(frame)}")
        return batch

    def send(self, frame: CanFrame) -> None:
        """See CanPort."""
        if self._tap.put is not None:
            self._tap.say(f"{self._name} > {_text(frame)}")
        self._bus.send(frame)


class _Messages:
    """See MessagePort."""

    def __init__(self, messages: MessagePort, tap: Tap, name: str) -> None:
        self._messages, self._tap, self._name = messages, tap, name
        self.close = messages.close

    async def read_batch(self) -> list[Message]:
        """See MessagePort."""
        batch = await self._messages.read_batch()
        if self._tap.put is not None:
            for message in batch:
                payload = message.payload.decode("utf-8", "backslashreplace").replace("\n", " ")
                self._tap.say(f"{self._name} < {message.topic} {payload}")
        return batch


def _text(frame: CanFrame) -> str:
    return f"{frame.id:08X}#{frame.data.hex()}" if frame.extended else f"{frame.id:03X}#{frame.data.hex()}"
