"""What one connection delivers, in three lanes: events at once, live blocks, and history behind a pace.

Each lane reads the journal at its own place; what arrived is told to the watermark as ranges, so that none waits for
another. A sequence belongs to one lane only: an event that the first lane has taken is left out by the others.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from itertools import pairwise

from minegate_agent.link.ahead import KEPT_MAX
from minegate_agent.link.broker import Session
from minegate_agent.link.confirmed import Range
from minegate_agent.link.formats import Message
from minegate_agent.link.journal import Record
from minegate_agent.link.pace import Pace
from minegate_agent.link.payload import BIRTH, HISTORY, LIVE, LIVE_MS, STATE
from minegate_agent.link.receipts import Receipts
from minegate_agent.link.records import utc_ms_of
from minegate_agent.link.source import Source

BLOCK_BYTES_MAX = 100_000  # of records: below the 128 kB that the strictest public brokers take as one message
EVENTS_MAX = 100  # in one message
RETRY_S = 1.0
ASKED_MAX = 20  # ranges that somebody wants again; the last ones count


class Delivery:
    """`on_taken` is called after every acknowledged block, and when there is nothing to deliver."""

    def __init__(self, source: Source, session: Session, on_taken: Callable[[], Awaitable[None]]) -> None:
        self._source = source
        self._session = session
        self._on_taken = on_taken
        self._born: set[str] = set()
        self._bearing = asyncio.Lock()
        self._events: deque[Record] = deque()  # rising; the first lane has not sent them
        self._mine: set[int] = set()  # those and what of them is not acknowledged
        self._some_event = asyncio.Event()
        self._history: deque[Range] = deque()
        self._some_history = asyncio.Event()
        self._asked_for: deque[Range] = deque(maxlen=ASKED_MAX)
        self._window = asyncio.Semaphore(max(1, session.in_flight_max - 1))  # one place is kept for events
        self._pace = Pace(session.in_flight_max // 2, BLOCK_BYTES_MAX)
        self._on_the_way = 0  # blocks of history
        self._paced = asyncio.Event()

    async def deliver(self, tasks: asyncio.TaskGroup) -> None:
        """All lanes, until the connection is lost."""
        source = self._source
        start = source.durable.value
        await self._bear(start + 1)
        position = self._place(start)
        if position == start:
            await self._on_taken()
        silence = source.ahead.listen(self._hear_event)
        if source.receipts is not None:
            tasks.create_task(self._send_unreceipted(source.receipts), name="uplink-receipts")
        try:
            async with asyncio.TaskGroup() as lanes:
                lanes.create_task(self._event_lane(tasks), name="uplink-events")
                lanes.create_task(self._live_lane(position, tasks), name="uplink-live")
                lanes.create_task(self._history_lane(tasks), name="uplink-history")
        finally:
            silence()

    def _place(self, start: int) -> int:
        """Where live begins: behind a short backlog, or now; then what is before it is history."""
        gaps = self._source.watermark.ranges.gaps(start)
        if gaps and gaps[-1][1] == start and start - gaps[-1][0] < self._source.records_max and self._young(gaps[-1]):
            start = gaps.pop()[0] - 1
        self._later(gaps)
        return start

    def _young(self, gap: Range) -> bool:
        try:
            records = self._source.journal.read(gap[0] - 1, 1, BLOCK_BYTES_MAX)
        except OSError:
            return False  # the lane that reads it will say so
        return not records or self._is_live(records[0])

    def _is_live(self, record: Record) -> bool:
        utc_ms = utc_ms_of(record.klass, record.body)
        return utc_ms is None or self._source.clock.utc_ms() - utc_ms < LIVE_MS

    def send_again(self, first: int, last: int) -> None:
        """As history, whether it is confirmed or not."""
        self._asked_for.append((first, last))
        self._later([(first, last)])

    def _later(self, gaps: list[Range]) -> None:
        self._history.extend(gaps)
        if gaps:
            self._some_history.set()

    def _hear_event(self, event: Record) -> None:
        if len(self._events) < KEPT_MAX and not self._source.watermark.ranges.covers(event.sequence):
            self._events.append(event)
            self._mine.add(event.sequence)
            self._some_event.set()

    async def _event_lane(self, tasks: asyncio.TaskGroup) -> None:
        durable = self._source.durable
        while True:
            await self._some_event.wait()
            await durable.above(self._events[0].sequence - 1)
            birth, behind = self._source.births.at(self._events[0].sequence)
            upto = durable.value if behind is None else min(durable.value, behind - 1)
            block: list[Record] = []
            while self._events and self._events[0].sequence <= upto and len(block) < EVENTS_MAX:
                block.append(self._events.popleft())
            if not self._events:
                self._some_event.clear()
            await self._bear(block[0].sequence)
            outgoing = self._source.form.block(block, birth, LIVE)
            sent = [each.sequence for each in block]
            self._hand_over(tasks, outgoing, [(each, each) for each in sent], sent, _nothing)

    async def _live_lane(self, position: int, tasks: asyncio.TaskGroup) -> None:
        source = self._source
        free_ms = source.clock.monotonic_ms()  # when the next block may go, if its readings can wait that long
        while True:
            if not source.durable.value > position:
                if source.watermark.ranges.upto == position:
                    await self._on_taken()
                await source.durable.above(position)
            if source.durable.value - position < source.records_max:
                idle_ms = free_ms - source.clock.monotonic_ms()
                await asyncio.sleep(max(0, min(idle_ms, self._block_left_ms(position + 1))) / 1000)
            free_ms = source.clock.monotonic_ms() + source.block_ms
            records, last = await self._read(position, source.durable.value, BLOCK_BYTES_MAX)
            if last == position:
                await asyncio.sleep(RETRY_S)  # the disk is away, or damage waits to be declared
                continue
            first, position = position + 1, last
            if records and not self._is_live(records[-1]) and source.durable.value > last:
                position = source.durable.value  # the line is too slow: now goes on now, and this follows as history
                self._later([(first, position)])
                continue
            await self._window.acquire()
            await self._block(records, (first, last), LIVE, tasks, self._window.release)

    def _block_left_ms(self, sequence: int) -> int:
        """How long the block that begins with this record may still wait."""
        source = self._source
        for record in source.recent.after(sequence - 1, sequence, 1, BLOCK_BYTES_MAX):
            utc_ms = utc_ms_of(record.klass, record.body)
            if utc_ms is not None:
                return min(max(0, utc_ms + source.block_ms - source.clock.utc_ms()), source.block_ms)
        return 0

    async def _history_lane(self, tasks: asyncio.TaskGroup) -> None:
        source = self._source
        while True:
            await self._some_history.wait()
            first, last = self._history.popleft()
            if not self._history:
                self._some_history.clear()
            if HISTORY not in source.streams:
                source.watermark.confirm([(first, last)])
                continue
            while first <= last:
                while self._on_the_way >= self._pace.window:
                    self._paced.clear()  # an acknowledgement may have made the window smaller than what is on its way
                    await self._paced.wait()
                if source.receipts is not None:
                    await source.receipts.room()
                records, upto = await self._read(first - 1, last, self._pace.block_bytes)
                if upto < first:
                    await asyncio.sleep(RETRY_S)
                    continue
                await self._window.acquire()
                await self._block(records, (first, upto), HISTORY, tasks, self._follow())
                first = upto + 1

    def _follow(self) -> Callable[[], None]:
        """What is done when a block of history that leaves now is acknowledged."""
        left_ms = self._source.clock.monotonic_ms()
        self._on_the_way += 1

        def acknowledged() -> None:
            self._window.release()
            self._on_the_way -= 1
            self._pace.acknowledged(self._source.clock.monotonic_ms() - left_ms)
            self._paced.set()

        return acknowledged

    async def _read(self, after: int, upto: int, bytes_max: int) -> tuple[list[Record], int]:
        """The next records up to `upto`, all under one birth, and up to where they account for what there is."""
        source = self._source
        try:
            found = source.recent.after(after, upto, source.records_max, bytes_max)
            if not found:
                found = await asyncio.to_thread(source.journal.read, after, source.records_max, bytes_max)
        except OSError as error:
            source.watermark.disk(error)
            return [], after
        if not found:
            return [], after
        _, behind = source.births.at(max(after + 1, min(found[0].sequence, upto)))
        last = upto if behind is None else min(upto, behind - 1)
        records = [record for record in found if record.sequence <= last]
        whole = len(records) < len(found)  # the next one there is lies behind: nothing is left out
        return records, last if whole else records[-1].sequence

    async def _block(
        self, records: list[Record], span: Range, lane: str, tasks: asyncio.TaskGroup, done: Callable[[], None]
    ) -> None:
        """Hand the block to the line, without what is confirmed or another lane's."""
        left = [record for record in records if not self._is_elsewhere(record.sequence)]
        kept = {record.sequence for record in left}
        ranges = list(_without(span, [record.sequence for record in records if record.sequence not in kept]))
        if not left:
            self._hand_over(tasks, [], ranges, [], done)
            return
        await self._bear(left[0].sequence)
        birth, _ = self._source.births.at(left[0].sequence)
        sent = [record.sequence for record in left]
        self._hand_over(tasks, self._source.form.block(left, birth, lane), ranges, sent, done)

    def _is_elsewhere(self, sequence: int) -> bool:
        receipts = self._source.receipts
        if any(first <= sequence <= last for first, last in self._asked_for):
            return False
        return (
            sequence in self._mine
            or self._source.watermark.ranges.covers(sequence)
            or (receipts is not None and receipts.awaits(sequence))
        )

    async def _bear(self, sequence: int) -> None:
        """Publish the birth that explains this record, unless this connection has. The newest one is retained."""
        source = self._source
        birth, behind = source.births.at(sequence)
        if birth.id in self._born:
            return
        async with self._bearing:
            if birth.id in self._born:
                return
            told = source.form.born(birth, newest=behind is None)
            self._born.add(birth.id)
            # All of it is given to the line at once: nothing may come between (Sparkplug numbers what it sends).
            await asyncio.gather(
                *(self._session.publish(each.topic, each.payload, retain=each.retain) for each in told)
            )

    async def bear_again(self) -> None:
        """Somebody has asked for what explains the present."""
        self._born.clear()
        await self._bear(self._source.durable.value + 1)

    def _hand_over(
        self,
        tasks: asyncio.TaskGroup,
        messages: list[Message],
        ranges: list[Range],
        sent: list[int],
        done: Callable[[], None],
    ) -> None:
        """At once and in order: each message is a task whose first step gives it to the line."""
        wanted = [message for message in messages if message.stream in self._source.streams | {BIRTH, STATE}]
        sending = [
            tasks.create_task(self._session.publish(message.topic, message.payload, retain=message.retain))
            for message in wanted
        ]
        tasks.create_task(self._confirm(sending, ranges, sent, done), name=f"uplink-block-{ranges[-1:]}")

    async def _confirm(
        self, sending: list[asyncio.Task[None]], ranges: list[Range], sent: list[int], done: Callable[[], None]
    ) -> None:
        """The block counts when the broker has acknowledged all of it, or when the receiver has sent its receipt."""
        for publishing in sending:
            await publishing
        done()
        source = self._source
        if source.receipts is None or not sending:
            source.watermark.confirm(ranges)
        else:
            source.receipts.expect(ranges, sent, source.clock.monotonic_ms())
        self._mine.difference_update(first for first, last in ranges if first == last)
        await self._on_taken()

    async def _send_unreceipted(self, receipts: Receipts) -> None:
        """What the broker took and the receiver did not tell of is history again."""
        watermark = self._source.watermark
        while True:
            await asyncio.sleep(RETRY_S)
            if settled := receipts.settle(watermark.ranges):  # a receipt may be here before its PUBACK
                watermark.confirm(settled)
            self._later(receipts.overdue(self._source.clock.monotonic_ms()))


def _nothing() -> None:
    """An event's place on the line is not counted."""


def _without(span: Range, left_out: list[int]) -> list[Range]:
    """The range without these sequences of it, which rise."""
    edges = [span[0] - 1, *left_out, span[1] + 1]
    return [(low + 1, high - 1) for low, high in pairwise(edges) if low + 1 <= high - 1]
