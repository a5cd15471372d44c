"""The reader of a port, by its kind: opens it, says so, reads until it is lost, and gives it back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from minegate_agent.config import Port
from minegate_agent.field.arbiter import Arbiter
from minegate_agent.field.can_reader import CanReader
from minegate_agent.field.health import DeviceHealth, PortHealth
from minegate_agent.field.hearing import Sink
from minegate_agent.field.listeners import MessageReader
from minegate_agent.site import SiteDevice
from minegate_agent.world import FieldWorld
from minegate_drivers.ports import LinePort
from minegate_drivers.sdk import CanDriver, Driver, LineDriver, MessageDriver

Read = Callable[[Callable[[], None]], Awaitable[None]]  # the argument is called when the port is open


class _Closes(Protocol):
    def close(self) -> None: ...


Way = TypeVar("Way", bound=_Closes)


def reader(
    port: Port,
    devices: list[SiteDevice],
    world: FieldWorld,
    sink: Sink,
    health: PortHealth,
    of_device: dict[int, DeviceHealth],
) -> Read:
    """What reads `port` for ever. Raises PortLost when it is awaited."""
    forms: dict[str, type[Driver]] = {"serial": LineDriver, "can": CanDriver, "mqtt": MessageDriver}
    own = [device for device in devices if isinstance(device.driver, forms[port.kind])]
    if port.kind == "serial":
        arbiter = Arbiter(port, own, world.clock, sink, health, of_device) if own else None
        return _reading(lambda: world.open_line(port), arbiter.run if arbiter else _leave_alone)
    if port.kind == "can":
        frames = CanReader(own, world.clock, sink, health, of_device)
        health.bus = lambda: frames.report(world.clock.monotonic_ms())
        return _reading(lambda: world.open_can(port, frames.can_ids), frames.run)
    messages = MessageReader(own, world.clock, sink, health, of_device)
    return _reading(lambda: world.open_messages(port, messages.topics), messages.run)


def _reading(open_way: Callable[[], Awaitable[Way]], run: Callable[[Way], Awaitable[None]]) -> Read:
    async def read(opened: Callable[[], None]) -> None:
        way = await open_way()
        try:
            opened()
            await run(way)
        finally:
            way.close()

    return read


async def _leave_alone(_: LinePort) -> None:
    """A line without devices is held, so that nobody else speaks on it."""
    await asyncio.Event().wait()
