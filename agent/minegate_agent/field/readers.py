"""The reader of a port, by its kind: opens it, says so, reads until it is lost, and gives it back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from minegate_agent.config import Port
from minegate_agent.field.arbiter import Arbiter
from minegate_agent.field.can_reader import CanReader
from minegate_agent.field.health import DeviceHealth, PortHealth
from minegate_agent.field.hearing import Sink
from minegate_agent.field.listeners import MessageReader
from minegate_agent.site import SiteDevice
from minegate_agent.world import FieldWorld
from minegate_drivers.sdk import CanDriver, LineDriver, MessageDriver

Read = Callable[[Callable[[], None]], Awaitable[None]]  # the argument is called when the port is open


def reader(
    port: Port,
    devices: list[SiteDevice],
    world: FieldWorld,
    sink: Sink,
    health: PortHealth,
    of_device: dict[int, DeviceHealth],
) -> Read:
    """What reads `port` for ever. Raises PortLost when it is awaited."""
    if port.kind == "serial":
        return _serial(port, devices, world, sink, health, of_device)
    if port.kind == "can":
        return _can(port, devices, world, sink, health, of_device)
    return _mqtt(port, devices, world, sink, health, of_device)


def _serial(
    port: Port,
    devices: list[SiteDevice],
    world: FieldWorld,
    sink: Sink,
    health: PortHealth,
    of_device: dict[int, DeviceHealth],
) -> Read:
    asked = [device for device in devices if isinstance(device.driver, LineDriver)]
    arbiter = Arbiter(port, asked, world.clock, sink, health, of_device) if asked else None

    async def read(opened: Callable[[], None]) -> None:
        line = await world.open_line(port)
        try:
            opened()
            await (arbiter.run(line) if arbiter else asyncio.Event().wait())
        finally:
            line.close()

    return read


def _can(
    port: Port,
    devices: list[SiteDevice],
    world: FieldWorld,
    sink: Sink,
    health: PortHealth,
    of_device: dict[int, DeviceHealth],
) -> Read:
    heard = [device for device in devices if isinstance(device.driver, CanDriver)]
    frames = CanReader(heard, world.clock, sink, health, of_device)
    health.bus = lambda: frames.report(world.clock.monotonic_ms())

    async def read(opened: Callable[[], None]) -> None:
        bus = await world.open_can(port, frames.can_ids)
        try:
            opened()
            await frames.run(bus)
        finally:
            bus.close()

    return read


def _mqtt(
    port: Port,
    devices: list[SiteDevice],
    world: FieldWorld,
    sink: Sink,
    health: PortHealth,
    of_device: dict[int, DeviceHealth],
) -> Read:
    heard = [device for device in devices if isinstance(device.driver, MessageDriver)]
    messages = MessageReader(heard, world.clock, sink, health, of_device)

    async def read(opened: Callable[[], None]) -> None:
        broker = await world.open_messages(port, messages.topics)
        try:
            opened()
            await messages.run(broker)
        finally:
            broker.close()

    return read
