"""The reader of what comes over a broker: messages in batches, each to the devices it concerns."""

from __future__ import annotations

from minegate_agent.clock import Clock
from minegate_agent.field.health import DeviceHealth, PortHealth
from minegate_agent.field.hearing import Sink, understand
from minegate_agent.site import SiteDevice
from minegate_drivers.ports import MessagePort
from minegate_drivers.sdk import MessageDriver


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
