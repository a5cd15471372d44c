"""What one connection delivers: blocks of the journal behind the watermark, several on their way at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from minegate_agent.clock import Clock
from minegate_agent.link.advance import Advance
from minegate_agent.link.births import Births
from minegate_agent.link.broker import Session
from minegate_agent.link.confirmations import Confirmations
from minegate_agent.link.journal import Journal, Record
from minegate_agent.link.payload import BIRTH, STATE, Outgoing, messages, state
from minegate_agent.link.watermark import Watermark

BLOCK_BYTES_MAX = 100_000  # of records: below the 128 kB that the strictest public brokers take as one message
RETRY_S = 1.0


@dataclass(frozen=True, slots=True)
class Source:
    """What is delivered, and how it is cut: a block goes out when it has `records_max` records, or `block_ms` after
    its first one. `topics` is where each stream goes.
    """

    journal: Journal
    births: Births
    durable: Advance
    watermark: Watermark
    clock: Clock
    topics: dict[str, str]
    records_max: int
    block_ms: int


class Delivery:
    """`on_taken` is called after every acknowledged block, and when there is nothing to deliver."""

    def __init__(self, source: Source, session: Session, on_taken: Callable[[], Awaitable[None]]) -> None:
        self._source = source
        self._session = session
        self._on_taken = on_taken
        self._confirmations = Confirmations(source.watermark.confirmed.value)
        self._window = asyncio.Semaphore(session.in_flight_max)
        self._birth = ""

    async def deliver(self, tasks: asyncio.TaskGroup) -> None:
        """Send block after block, each in a task of its own, as many at a time as the window lets."""
        source = self._source
        position = self._confirmations.upto
        await self._born(position + 1)
        while True:
            if not source.durable.value > position:
                if self._confirmations.upto == position:
                    await self._on_taken()
                await source.durable.above(position)
            records = await self._block(position)
            if not records:
                await asyncio.sleep(RETRY_S)  # the disk is away, or damage waits to be declared
                continue
            await self._born(records[0].sequence)
            await self._window.acquire()
            position = records[-1].sequence
            self._confirmations.sent(position)
            birth, _ = source.births.at(records[0].sequence)
            outgoing = messages(records, birth.id, source.clock.utc_ms(), birth.weights)
            tasks.create_task(self._send(outgoing, position), name=f"uplink-block-{position}")

    async def _block(self, position: int) -> list[Record]:
        """The next records, all under one birth; empty if there is nothing that can be read now."""
        source = self._source
        if source.durable.value - position < source.records_max:
            await asyncio.sleep(source.block_ms / 1000)
        try:
            records = await asyncio.to_thread(source.journal.read, position, source.records_max, BLOCK_BYTES_MAX)
        except OSError as error:
            source.watermark.disk(error)
            return []
        if not records:
            return records
        _, behind = source.births.at(records[0].sequence)
        return [record for record in records if behind is None or record.sequence < behind]

    async def _born(self, sequence: int) -> None:
        """Publish the birth that explains this record, unless this connection has."""
        source = self._source
        birth, _ = source.births.at(sequence)
        if birth.id == self._birth:
            return
        await self._session.publish(source.topics[BIRTH], birth.payload, retain=True)
        online = state(birth.id, True, source.clock.utc_ms())
        await self._session.publish(source.topics[STATE], online, retain=True)
        self._birth = birth.id

    async def _send(self, outgoing: list[Outgoing], last: int) -> None:
        """Events before scans; the block counts when the broker has acknowledged both."""
        for message in outgoing:
            await self._session.publish(self._source.topics[message.stream], message.payload)
        self._window.release()
        self._confirmations.acknowledged(last)
        self._source.watermark.confirm(self._confirmations.upto)
        await self._on_taken()
