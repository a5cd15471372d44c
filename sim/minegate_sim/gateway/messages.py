"""The underground broker as field sees it: messages of those who speak, unless the broker is away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial

from minegate_drivers.ports import Message, PortLost
from minegate_sim.place import Speaker
from minegate_sim.record import Record
from minegate_sim.virtual.clocks import UTC_AT_START_MS
from minegate_sim.virtual.timeline import Timeline

WAITING_MAX = 1000  # as field's own port: the oldest go first


class Underground:
    """Everybody who publishes below ground, and the port that listens."""

    def __init__(self, speakers: Mapping[str, Speaker], timeline: Timeline, record: Record) -> None:
        self.near: SimMessagePort | None = None
        self.away = False
        self._timeline = timeline
        self._record = record
        for name, speaker in speakers.items():
            timeline.at(speaker.due_ms(), partial(self._speak, name, speaker))

    def go(self, away: bool) -> None:
        """The broker stops, or comes back."""
        self.away = away
        if away and self.near is not None:
            near, self.near = self.near, None
            near.lose("Disconnected during message iteration")

    def _speak(self, name: str, speaker: Speaker) -> None:
        now_ms = self._timeline.now_ms
        message = speaker.step(now_ms, UTC_AT_START_MS + int(now_ms))
        if message is not None and not self.away:
            if self._record.buses:
                self._record.note(now_ms, name, f"{message.topic} {message.payload.decode()}")
            if self.near is not None:
                self.near.feed(message)
        self._timeline.at(speaker.due_ms(), partial(self._speak, name, speaker))


class SimMessagePort:
    """See minegate_drivers.ports.MessagePort."""

    def __init__(self, broker: Underground, name: str, topics: tuple[str, ...], wake: Callable[[], None]) -> None:
        if broker.away:
            raise PortLost(f"port {name}: broker: [Errno 111] Connection refused")
        self._broker = broker
        self._name = name
        self._wake = wake
        self._topics = frozenset(topics)
        self._waiting: list[Message] = []
        self._lost = ""
        self._arrived = asyncio.Event()
        broker.near = self

    async def read_batch(self) -> list[Message]:
        """See MessagePort."""
        while not self._waiting:
            if self._lost:
                raise PortLost(f"port {self._name}: {self._lost}")
            self._arrived.clear()
            await self._arrived.wait()
        batch, self._waiting = self._waiting, []
        return batch

    def close(self) -> None:
        """See MessagePort."""
        self._lost = "closed"
        if self._broker.near is self:
            self._broker.near = None

    def feed(self, message: Message) -> None:
        """A message came in."""
        if message.topic in self._topics:
            self._waiting = [*self._waiting[-(WAITING_MAX - 1) :], message]
            self._arrived.set()
            self._wake()

    def lose(self, why: str) -> None:
        """The broker is gone."""
        self._lost = why
        self._arrived.set()
        self._wake()
