"""Keeps a connection to one of a consumer's brokers, and tells at its edges. The journal is the queue, no broker is.

What is not confirmed is sent again after a reconnect, so a receiver gets each sequence at least once and recognises
repetitions by (gateway, sequence).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from minegate_agent.link.backoff import Backoff
from minegate_agent.link.birth import Birth
from minegate_agent.link.broker import Broker, BrokerLost, Ears, Session, Will
from minegate_agent.link.committer import Committer
from minegate_agent.link.delivery import Delivery
from minegate_agent.link.receipts import BadReceipt, ranges_in
from minegate_agent.link.source import Source
from minegate_agent.link.windows import Windows
from minegate_agent.together import until_one_ends

GOODBYE_S = 0.5
LOOK_S = 5.0  # at the hours of the day
REBIRTH_S = 1.0  # births are told at most so often, whoever asks
RETURN_S = 600.0  # on a broker that is not the first one; then the first one is asked again

log = logging.getLogger("link")


class Uplink:
    """One consumer's delivery. `connected`: it has taken something, or there is nothing to take, and it is still there.

    A broker that lets us in and refuses our records is therefore never up, and costs no event per attempt. `brokers`
    are tried in turn; after a loss the first one is asked first. A line on which nothing was acknowledged for half of
    `silence_s` is asked, and left when it has not answered after the other half.
    """

    def __init__(
        self,
        source: Source,
        committer: Committer,
        brokers: Sequence[Broker],
        backoff: Backoff,
        windows: Windows,
        ears: Ears,
        *,
        receipt_topic: str,
        silence_s: float,
        on_edge: Callable[[], None],
    ) -> None:
        self.connected = False
        self._source = source
        self._committer = committer
        self._brokers = brokers
        self._turn = 0
        self._backoff = backoff
        self._windows = windows
        self._ears = ears
        self._receipt_topic = receipt_topic
        self._silence_s = silence_s
        self._on_edge = on_edge
        self._delivery: Delivery | None = None
        self._asked = asyncio.Event()
        self._wanted = False
        self._taken_ms = 0
        self._why = ""
        self._strange = 0

    @property
    def name(self) -> str:
        """Of the consumer."""
        return self._source.watermark.name

    def send_again(self, first: int, last: int) -> bool:
        """Deliver these sequences once more; False if nobody is there to take them."""
        if not self.connected or self._delivery is None:
            return False
        self._delivery.send_again(first, last)
        return True

    async def keep_delivering(self) -> None:
        """Connect, deliver, connect again, for ever."""
        while True:
            await self._until_open()
            why = ""
            try:
                await until_one_ends(self._connection(self._brokers[self._turn]))
            except* BrokerLost as lost:
                why = _reason(lost)
            was_up = self.connected
            await self._down(why)
            self._turn = 0 if was_up else (self._turn + 1) % len(self._brokers)
            if self._turn == 0:
                await asyncio.sleep(self._backoff.next_s())

    async def _until_open(self) -> None:
        open_now = self._windows.open
        while not open_now(self._source.clock.utc_ms()):  # noqa: ASYNC110 - the clock tells nobody when it is time
            await asyncio.sleep(LOOK_S)

    async def _connection(self, broker: Broker) -> None:
        source = self._source
        source.form.begin()
        if source.receipts is not None:
            source.receipts.begin()
        offline = source.form.offline(self._birth())
        ears = Ears(
            (*self._ears.topics, *source.form.heard, *([self._receipt_topic] if source.receipts else [])), self._hear
        )
        async with broker.session(Will(offline.topic, offline.payload, offline.retain), ears) as session:
            self._taken_ms = source.clock.monotonic_ms()
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(session.lost(), name="uplink-lost")
                    tasks.create_task(self._notice_silence(session), name="uplink-silence")
                    tasks.create_task(self._until_elsewhere(), name="uplink-elsewhere")
                    self._delivery = Delivery(source, session, self._up)
                    tasks.create_task(self._delivery.deliver(tasks), name="uplink-deliver")
                    tasks.create_task(self._bear_when_asked(self._delivery), name="uplink-births")
            except asyncio.CancelledError:
                await self._goodbye(session)
                raise

    async def _notice_silence(self, session: Session) -> None:
        clock, half_ms = self._source.clock, self._silence_s * 500
        while True:
            waited_ms = clock.monotonic_ms() - self._taken_ms
            if waited_ms < half_ms:
                await asyncio.sleep((half_ms - waited_ms) / 1000)
                continue
            online = self._source.form.online(self._birth())
            try:
                async with asyncio.timeout(half_ms / 1000):
                    await session.publish(online.topic, online.payload, retain=online.retain)
            except TimeoutError as error:
                raise BrokerLost(f"silent for {self._silence_s:g} s, no PUBACK") from error
            self._taken_ms = clock.monotonic_ms()

    async def _until_elsewhere(self) -> None:
        """Ends the connection when its window closes, or when the first broker should be asked again."""
        left_s = RETURN_S
        while self._windows.open(self._source.clock.utc_ms()) and (self._turn == 0 or left_s > 0):
            await asyncio.sleep(LOOK_S)
            left_s -= LOOK_S
        raise BrokerLost("its window has closed" if self._turn == 0 else "the first broker is asked again")

    async def _bear_when_asked(self, delivery: Delivery) -> None:
        while True:
            await self._asked.wait()
            self._asked.clear()
            if self._wanted:
                self._wanted = False
                await delivery.bear_again()
                await asyncio.sleep(REBIRTH_S)

    async def _goodbye(self, session: Session) -> None:
        """A clean disconnect silences the last will, so the state is told before it."""
        offline = self._source.form.offline(self._birth())
        try:
            async with asyncio.timeout(GOODBYE_S):
                await session.publish(offline.topic, offline.payload, retain=offline.retain)
        except (BrokerLost, TimeoutError):
            return  # the broker tells it by the last will

    def _birth(self) -> Birth:
        return self._source.births.at(self._source.durable.value + 1)[0]

    def _hear(self, topic: str, payload: bytes) -> None:
        source = self._source
        if topic in source.form.heard:
            self._wanted |= source.form.asks_for_birth(topic, payload)
            self._asked.set()
            return
        if topic != self._receipt_topic:
            self._ears.hear(topic, payload)
            return
        try:
            ranges = ranges_in(payload, self.name, source.durable.value)
        except BadReceipt as error:
            self._strange += 1
            if self._strange == 1:
                log.error("uplink %s: a receipt that is none (%s)", self.name, error)
            return
        source.watermark.confirm(ranges)
        if source.receipts is not None:
            source.watermark.confirm(source.receipts.settle(source.watermark.ranges))

    async def _up(self) -> None:
        self._taken_ms = self._source.clock.monotonic_ms()
        if self.connected:
            return
        self.connected = True
        self._why = ""
        self._backoff.reset()
        self._on_edge()
        waiting = self._source.durable.value - self._source.watermark.confirmed.value
        log.info("uplink %s up, %d records wait", self.name, waiting)
        await self._committer.own_event("uplink_up", consumer=self.name)

    async def _down(self, why: str) -> None:
        was, self.connected = self.connected, False
        if was or why != self._why:
            log.warning("uplink %s down: %s; everything is kept, and sent when it is back", self.name, why)
        self._why = why
        if was:
            self._on_edge()
            await self._committer.own_event("uplink_down", consumer=self.name, reason=why)


def _reason(error: BaseException) -> str:
    """Of the first leaf of a group."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error)
