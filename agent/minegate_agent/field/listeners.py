"""Readers of what speaks by itself: CAN frames and broker messages, in batches, each to the devices it concerns."""

from __future__ import annotations

from minegate_agent.clock import Clock
from minegate_agent.field.health import DeviceHealth, PortHealth
from minegate_agent.field.hearing import Sink, understand
from minegate_agent.site import SiteDevice
from minegate_drivers.ports import CanPort, MessagePort
from minegate_drivers.sdk import CanDriver, MessageDriver


class CanReader:
    """Every device of one CAN bus, found by identifier."""

    def __init__(
        self, devices: list[SiteDevice], clock: Clock, sink: Sink, port: PortHealth, health: dict[int, DeviceHealth]
    ) -> None:
        self._clock, self._sink, self._port, self._health = clock, sink, port, health
        self._by_id: dict[tuple[int, bool], list[tuple[SiteDevice, CanDriver]]] = {}
        for device in devices:
            assert isinstance(device.driver, CanDriver)
            for key in device.driver.can_ids:
                self._by_id.setdefault(key, []).append((device, device.driver))

    @property
    def can_ids(self) -> tuple[tuple[int, bool], ...]:
        """What the port should let through."""
        return tuple(self._by_id)

    async def run(self, bus: CanPort) -> None:
        """For ever; raises PortLost when the bus is gone."""
        while True:
            for frame in await bus.read_batch():
                found = self._by_id.get((frame.id, frame.extended), [])
                self._port.foreign += not found
                for device, driver in found:
                    if understand(device, driver.hear, frame, self._sink):
                        _count(device, self._health, self._clock, self._sink)


class MessageReader:
    """Every robot of one broker, found by topic."""

    def __init__(
        self, devices: list[SiteDevice], clock: Clock, sink: Sink, port: PortHealth, health: dict[int, DeviceHealth]
    ) -> None:
        self._clock, self._sink, self._port, self._health = clock, sink, port, health
        self._by_topic: dict[str, list[tuple[SiteDevice, MessageDriver]]] = {}
        for device in devices:
            assert isinstance(device.driver, MessageDriver)
            for topic in device.driver.topics:
                self._by_topic.setdefault(topic, []).append((device, device.driver))

    @property
    def topics(self) -> tuple[str, ...]:
        """What the port should subscribe to."""
        return tuple(self._by_topic)

    async def run(self, messages: MessagePort) -> None:
        """For ever; raises PortLost when the broker is gone."""
        while True:
            for message in await messages.read_batch():
                found = self._by_topic.get(message.topic, [])
                self._port.foreign += not found
                for device, driver in found:
                    if understand(device, driver.hear, message, self._sink):
                        _count(device, self._health, self._clock, self._sink)


def _count(device: SiteDevice, health: dict[int, DeviceHealth], clock: Clock, sink: Sink) -> None:
    own = health[device.number]
    own.answer(clock.monotonic_ms())
    if not own.up:
        own.up = True
        sink.edge(device, True)
