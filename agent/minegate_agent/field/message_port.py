"""Messages from robots: a subscriber to the underground broker, with a bounded queue whose oldest messages go first."""

from __future__ import annotations

import asyncio
from collections import deque

import aiomqtt

from minegate_agent.config import Port
from minegate_drivers.ports import Message, PortLost

WAITING_MAX = 1000


class MqttPort:
    """See minegate_drivers.ports.MessagePort. `dropped` counts messages that nobody read in time."""

    def __init__(self, client: aiomqtt.Client, name: str) -> None:
        self.dropped = 0
        self._client = client
        self._name = name
        self._waiting: deque[Message] = deque()
        self._arrived = asyncio.Event()
        self._lost = ""
        self._listening = asyncio.create_task(self._listen(), name=f"port {name}")

    async def read_batch(self) -> list[Message]:
        """See MessagePort."""
        while not self._waiting:
            if self._lost:
                raise PortLost(f"port {self._name}: {self._lost}")
            self._arrived.clear()
            await self._arrived.wait()
        batch = list(self._waiting)
        self._waiting.clear()
        return batch

    def close(self) -> None:
        """See MessagePort."""
        self._listening.cancel()

    async def _listen(self) -> None:
        """Owns the connection: whichever way it ends, the reader hears of it."""
        try:
            async for message in self._client.messages:
                payload = message.payload
                if isinstance(payload, bytes | bytearray):
                    self._keep(Message(str(message.topic), bytes(payload)))
        except aiomqtt.MqttError as error:
            self._lost = str(error)
        finally:
            self._lost = self._lost or "closed"
            self._arrived.set()
            try:
                await self._client.__aexit__(None, None, None)
            except aiomqtt.MqttError:
                self._lost = "closed"  # the broker was gone before it could be told

    def _keep(self, message: Message) -> None:
        if len(self._waiting) == WAITING_MAX:
            self._waiting.popleft()
            self.dropped += 1
        self._waiting.append(message)
        self._arrived.set()


async def open_messages(port: Port, topics: tuple[str, ...]) -> MqttPort:
    """Connect to the broker and subscribe. Raises PortLost."""
    client = aiomqtt.Client(port.host, port.tcp_port, timeout=5, keepalive=10)
    try:
        await client.__aenter__()
        for topic in topics:
            await client.subscribe(topic, qos=1)
    except aiomqtt.MqttError as error:
        raise PortLost(f"port {port.name}: broker {port.host}:{port.tcp_port}: {error}") from error
    return MqttPort(client, port.name)
