"""Keeps a connection to the broker, and tells at its edges. The journal is the queue, the broker is never one.

Everything behind the watermark is sent again after a reconnect, so a receiver gets each sequence at least once and
recognises repetitions by (gateway, sequence).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from minegate_agent.link.backoff import Backoff
from minegate_agent.link.broker import Broker, BrokerLost, Session, Will
from minegate_agent.link.committer import Committer
from minegate_agent.link.delivery import Delivery, Source
from minegate_agent.link.payload import STATE, state
from minegate_agent.together import until_one_ends

GOODBYE_S = 0.5

log = logging.getLogger("link")


class Uplink:
    """One broker's delivery. `connected`: it has taken something, or there is nothing to take, and it is still there.

    A broker that lets us in and refuses our records is therefore never up, and costs no event per attempt.
    """

    def __init__(
        self,
        source: Source,
        committer: Committer,
        broker: Broker,
        backoff: Backoff,
        *,
        on_edge: Callable[[], None],
    ) -> None:
        self.connected = False
        self._source = source
        self._committer = committer
        self._broker = broker
        self._backoff = backoff
        self._on_edge = on_edge
        self._why = ""

    async def keep_delivering(self) -> None:
        """Connect, deliver, connect again, for ever."""
        while True:
            why = ""
            try:
                await until_one_ends(self._connection())
            except* BrokerLost as lost:
                why = _reason(lost)
            await self._down(why)
            await asyncio.sleep(self._backoff.next_s())

    async def _connection(self) -> None:
        will = Will(self._source.topics[STATE], self._offline())
        async with self._broker.session(will) as session:
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(session.lost(), name="uplink-lost")
                    tasks.create_task(Delivery(self._source, session, self._up).deliver(tasks), name="uplink-deliver")
            except asyncio.CancelledError:
                await self._goodbye(session)
                raise

    async def _goodbye(self, session: Session) -> None:
        """A clean disconnect silences the last will, so the state is told before it."""
        try:
            async with asyncio.timeout(GOODBYE_S):
                await session.publish(self._source.topics[STATE], self._offline(), retain=True)
        except (BrokerLost, TimeoutError):
            return  # the broker tells it by the last will

    def _offline(self) -> bytes:
        birth, _ = self._source.births.at(self._source.watermark.confirmed.value + 1)
        return state(birth.id, False, self._source.clock.utc_ms())

    async def _up(self) -> None:
        if self.connected:
            return
        self.connected = True
        self._why = ""
        self._backoff.reset()
        self._on_edge()
        log.info("uplink up, %d records wait", self._source.durable.value - self._source.watermark.confirmed.value)
        await self._committer.own_event("uplink_up")

    async def _down(self, why: str) -> None:
        was, self.connected = self.connected, False
        if was or why != self._why:
            log.warning("uplink down: %s; everything is kept, and sent when it is back", why)
        self._why = why
        if was:
            self._on_edge()
            await self._committer.own_event("uplink_down", reason=why)


def _reason(error: BaseException) -> str:
    """Of the first leaf of a group."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error)
