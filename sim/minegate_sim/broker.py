"""The broker that takes delivery, and the way to it, in virtual time: every way in which they can let a sender down.

It keeps the contract of `minegate_agent.link.broker` as a line over TCP does: what is on its way arrives in order even
if the sender dies; an acknowledgement can be lost behind a delivery; a half-open line takes everything and gives
nothing; a will is published when a session ends without a goodbye.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NoReturn

from minegate_agent.link.broker import DEAF, BrokerLost, BrokerSettings, Ears, Session, Will
from minegate_sim.record import Record
from minegate_sim.virtual.timeline import Timeline

IN_FLIGHT_MAX = 20  # Receive Maximum that this broker grants


@dataclass(slots=True)
class Way:
    """What is wrong with broker and network. A healthy one has none of these."""

    away: bool = False  # nobody listens: connections are refused, sessions end
    silent: bool = False  # packets vanish: half-open lines, connections that hang
    deaf_back: bool = False  # only the way back is gone: what is sent arrives, its acknowledgement does not
    refuses: bool = False  # lets in, and refuses every record
    delay_ms: float = 5.0  # one way
    bytes_s: float = 1_000_000.0
    twice: float = 0.0  # share of messages that its subscribers get twice


class Far:
    """The broker itself; `deliver(ms, topic, payload)` is its subscriber."""

    def __init__(
        self,
        timeline: Timeline,
        record: Record,
        chance: random.Random,
        deliver: Callable[[float, str, bytes], None],
        forgotten: Callable[[], None],
    ) -> None:
        self.way = Way()
        self.sessions = 0
        self._timeline = timeline
        self._record = record
        self._chance = chance
        self._deliver = deliver
        self._forgotten = forgotten
        self._present: list[SimSession] = []

    def go(self, away: bool) -> None:
        """It stops: every session ends, what is on its way is lost. Or it comes back."""
        self.way.away = away
        if away:
            self.drop_sessions("Connection reset by peer")

    def restart(self) -> None:
        """It forgets sessions and retained messages; whoever subscribes afterwards knows nothing."""
        self.drop_sessions("Connection reset by peer")
        self._forgotten()

    def drop_sessions(self, why: str) -> None:
        """Every line breaks."""
        for session in list(self._present):
            session.break_off(why)
            self._will(session)

    def enter(self, session: SimSession) -> None:
        """CONNECT. A session of the same client that is still there is taken over."""
        for old in list(self._present):
            old.break_off("session taken over")
            self._will(old)
        self._present.append(session)
        self.sessions += 1
        self._record.note(self._timeline.now_ms, "broker", "session")

    def leave(self, session: SimSession) -> None:
        """DISCONNECT."""
        if session in self._present:
            self._present.remove(session)
            self._record.note(self._timeline.now_ms, "broker", "goodbye")

    def vanished(self, session: SimSession) -> None:
        """The line ended without a goodbye."""
        if session in self._present:
            self._will(session)

    def take(self, session: SimSession, topic: str, payload: bytes) -> bool:
        """A PUBLISH arrived. Whether it is acknowledged."""
        if session not in self._present or self.way.away:
            return False
        self._publish(topic, payload)
        return True

    def _will(self, session: SimSession) -> None:
        self._present.remove(session)
        self._record.note(self._timeline.now_ms, "broker", "lost")
        if not self.way.away:
            self._publish(session.will.topic, session.will.payload)

    def _publish(self, topic: str, payload: bytes) -> None:
        times = 2 if self.way.twice and self._chance.random() < self.way.twice else 1
        for _ in range(times):
            self._record.note(self._timeline.now_ms, "broker", f"{topic} {payload.hex()}")
            self._deliver(self._timeline.now_ms, topic, payload)


class SimBroker:
    """The gateway's end. `wake` tells the program that holds it; after `revoke` nothing of its session goes out."""

    def __init__(self, settings: BrokerSettings, far: Far, timeline: Timeline, wake: Callable[[], None]) -> None:
        self._settings = settings
        self._far = far
        self._timeline = timeline
        self._wake = wake
        self._session: SimSession | None = None

    @asynccontextmanager
    async def session(self, will: Will, ears: Ears = DEAF) -> AsyncIterator[Session]:
        """See Broker. Nobody speaks down to a simulated gateway, so there is nothing for `ears` to hear."""
        way, settings = self._far.way, self._settings
        name = f"{settings.host}:{settings.tcp_port}"
        if way.silent or way.deaf_back:
            await asyncio.sleep(settings.ack_timeout_s)
            raise BrokerLost(f"{name}: Operation timed out")
        await asyncio.sleep(4 * way.delay_ms / 1000.0)  # TCP and CONNECT, there and back
        if way.away:
            raise BrokerLost(f"{name}: [Errno 111] Connection refused")
        session = SimSession(self._far, will, settings, self._timeline, self._wake)
        self._far.enter(session)
        self._session = session
        try:
            yield session
        finally:
            if not (session.mute or way.silent):
                self._far.leave(session)
            session.break_off("closed")

    def revoke(self, *, at_once: bool) -> None:
        """The process is gone; `at_once`: its kernel lives and closes the line, so the broker notices."""
        session = self._session
        if session is None:
            return
        session.mute = True
        delay_ms = self._far.way.delay_ms if at_once else 1500.0 * self._settings.keepalive_s
        self._timeline.after(delay_ms, lambda: self._far.vanished(session))


class SimSession:
    """See minegate_agent.link.broker.Session."""

    def __init__(
        self, far: Far, will: Will, settings: BrokerSettings, timeline: Timeline, wake: Callable[[], None]
    ) -> None:
        self.in_flight_max = min(settings.in_flight_max, IN_FLIGHT_MAX)
        self.will = will
        self.mute = False
        self._far = far
        self._settings = settings
        self._name = f"{settings.host}:{settings.tcp_port}"
        self._timeline = timeline
        self._wake = wake
        self._line_free_ms = 0.0
        self._why = ""
        self._ended = asyncio.Event()

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """See Session."""
        acknowledged: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._send(topic, payload, acknowledged)
        ended = asyncio.ensure_future(self._ended.wait())
        try:
            await asyncio.wait(
                (acknowledged, ended), timeout=self._settings.ack_timeout_s, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            ended.cancel()
        if acknowledged.done() and not acknowledged.cancelled():
            if acknowledged.result():
                return
            raise BrokerLost(f"{self._name}: the broker refused a message: Not authorized")
        acknowledged.cancel()
        if self._why:
            raise BrokerLost(f"{self._name}: {self._why}")
        raise BrokerLost(f"{self._name}: no PUBACK within {self._settings.ack_timeout_s:g} s")

    async def lost(self) -> NoReturn:
        """See Session."""
        await self._ended.wait()
        raise BrokerLost(f"{self._name}: {self._why}")

    def break_off(self, why: str) -> None:
        """The line is dead, and this end knows it."""
        if not self._why:
            self._why = why
            self._ended.set()
            self._wake()

    def _send(self, topic: str, payload: bytes, acknowledged: asyncio.Future[bool]) -> None:
        way, now_ms = self._far.way, self._timeline.now_ms
        if self.mute or self._why or way.silent:
            return
        self._line_free_ms = max(self._line_free_ms, now_ms) + 1000.0 * len(payload) / way.bytes_s
        self._timeline.at(self._line_free_ms + way.delay_ms, lambda: self._arrive(topic, payload, acknowledged))

    def _arrive(self, topic: str, payload: bytes, acknowledged: asyncio.Future[bool]) -> None:
        way = self._far.way
        if way.silent:
            return
        if way.refuses:
            self._timeline.after(way.delay_ms, lambda: self._acknowledge(acknowledged, False))
        elif self._far.take(self, topic, payload):
            self._timeline.after(way.delay_ms, lambda: self._acknowledge(acknowledged, True))

    def _acknowledge(self, acknowledged: asyncio.Future[bool], taken: bool) -> None:
        way = self._far.way
        if way.silent or way.deaf_back or self.mute or self._why or acknowledged.done():
            return
        acknowledged.set_result(taken)
        self._wake()
