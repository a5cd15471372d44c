"""The far end of the uplink: a receiver that recognises repetitions, and a line to the broker that can fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiomqtt

from link_work import GATEWAY, MINE
from minegate_agent.link.delivered import DeliveredEvent, DeliveredScan, decode, opened


class Subscriber:
    """A receiver that recognises repetitions by their sequence."""

    def __init__(self, port: int) -> None:
        self.scans: dict[int, DeliveredScan] = {}
        self.events: dict[int, DeliveredEvent] = {}
        self.streams: list[str] = []
        self.births: list[dict[str, Any]] = []
        self.states: list[dict[str, Any]] = []
        self.raw: list[tuple[str, bytes]] = []
        self.again = 0
        self.cut = False
        self._port = port

    @property
    def sequences(self) -> list[int]:
        return sorted({*self.scans, *self.events})

    def kinds(self) -> list[str]:
        return [told.event["kind"] for _, told in sorted(self.events.items())]

    def numbers(self) -> list[int]:
        """Item numbers of the field boot."""
        events = [e.event["number"] for e in self.events.values() if e.event["from"] == "field"]
        return sorted([scan.number for scan in self.scans.values()] + events)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Subscriber]:
        """Subscribed inside the block.

        QoS 0: mosquitto then writes to us before it acknowledges to the uplink. With QoS 1 it keeps what exceeds our
        window in its memory, and what a killed broker had in memory is nobody's to send again.
        """
        self.cut = False
        async with aiomqtt.Client("127.0.0.1", self._port, protocol=aiomqtt.ProtocolVersion.V311) as client:
            await client.subscribe("minegate/1/#")
            task = asyncio.create_task(self._listen(client), name="subscriber")
            try:
                yield self
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def _listen(self, client: aiomqtt.Client) -> None:
        try:
            async for message in client.messages:
                assert isinstance(message.payload, bytes)
                self.hear(str(message.topic), message.payload)
        except aiomqtt.MqttError:
            self.cut = True
            while len(client.messages):  # what had arrived before the end
                message = await anext(client.messages)
                assert isinstance(message.payload, bytes)
                self.hear(str(message.topic), message.payload)

    def hear(self, topic: str, payload: bytes) -> None:
        prefix, stream = topic.rsplit("/", 1)
        assert prefix == f"minegate/1/{MINE}/{GATEWAY}"
        if stream in ("receipt", "command"):  # what goes the other way
            return
        self.streams.append(stream)
        self.raw.append((topic, payload))
        if stream == "birth":
            self.births.append(opened(payload))
        elif stream == "state":
            self.states.append(opened(payload))
        else:
            delivery = decode(payload)
            self.again += len([s for s in delivery.scans if s.sequence in self.scans])
            self.scans |= {scan.sequence: scan for scan in delivery.scans}
            self.events |= {event.sequence: event for event in delivery.events}


class Relay:
    """A TCP line to a broker that can go deaf (open, but nothing passes, as on a cut radio link) or be shut."""

    def __init__(self, target: int) -> None:
        self.connections = 0
        self.deaf = False
        self.shut = False
        self.port = 0
        self._target = target
        self._open: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Relay]:
        async with asyncio.TaskGroup() as tasks:
            server = await asyncio.start_server(
                lambda r, w: void(tasks.create_task(self._connection(r, w))), "127.0.0.1", 0
            )
            self.port = server.sockets[0].getsockname()[1]
            try:
                yield self
            finally:
                server.close()
                for task in self._open:
                    task.cancel()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        self.connections += 1
        if self.shut:
            writer.close()
            return
        back_reader, back_writer = await asyncio.open_connection("127.0.0.1", self._target)
        deaf_from_birth = self.deaf
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._pump(reader, back_writer, deaf_from_birth))
                tasks.create_task(self._pump(back_reader, writer, deaf_from_birth))
        except* (OSError, EOFError):
            pass
        finally:
            writer.close()
            back_writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, deaf: bool) -> None:
        while some := await reader.read(65_536):
            deaf = deaf or self.deaf  # a line that went deaf once stays so
            if not deaf:
                writer.write(some)
                await writer.drain()
        raise EOFError


def void(_: object) -> None:
    """For callbacks that must return nothing."""
