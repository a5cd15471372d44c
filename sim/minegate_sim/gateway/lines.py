"""The near sides of the lines: what field and interlock hold in their hands instead of a serial port.

A `Cable` joins one far end (devices, wire time, collisions) to whoever has the port open. It belongs to the world: a
process that dies takes its port object with it, the cable and what is on it stay.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Protocol

from minegate_drivers.ports import PortLost
from minegate_interlock.world import LineLost
from minegate_sim.far_end import NEVER, FarEnd
from minegate_sim.record import Record
from minegate_sim.virtual.timeline import Timeline

KEPT_BYTES_MAX = 65_536  # as field's serial port keeps at most


class Near(Protocol):
    """Whoever has the port open."""

    def feed(self, data: bytes) -> None:
        """Bytes came in."""

    def lose(self, why: str) -> None:
        """The port is gone."""


class Cable:
    """One line by name. `happened` is called whenever the far end has done something."""

    def __init__(
        self, name: str, end: FarEnd, timeline: Timeline, record: Record, happened: Callable[[], None]
    ) -> None:
        self.name = name
        self.near: Near | None = None
        self.unplugged = False
        self.delay_ms = 0.0  # of what the near side says: a device server that is held up
        self._end = end
        self._timeline = timeline
        self._record = record
        self._happened = happened
        self._planned_ms = NEVER
        self._delayed_ms = 0.0  # until then something is on its way
        self.plan()

    def arrive(self, data: bytes) -> None:
        """The near side speaks."""
        if self.delay_ms or self._timeline.now_ms < self._delayed_ms:  # bytes stay in their order
            self._delayed_ms = max(self._timeline.now_ms + self.delay_ms, self._delayed_ms)
            self._timeline.at(self._delayed_ms, lambda: self._arrived(data))
        else:
            self._arrived(data)

    def _arrived(self, data: bytes) -> None:
        now_ms = self._timeline.now_ms
        self._record.bus(now_ms, self.name, ">", data)
        self._end.arrive(data, now_ms)
        self.plan()

    def unplug(self, gone: bool) -> None:
        """The adapter is pulled out, or put back."""
        self.unplugged = gone
        if gone and self.near is not None:
            near, self.near = self.near, None
            near.lose("Input/output error")

    def plan(self) -> None:
        """Be there when the far end is due next; needed after something else has touched it."""
        due_ms = self._end.due_ms()
        if due_ms < self._planned_ms:
            self._planned_ms = due_ms
            self._timeline.at(due_ms, lambda: self._run(due_ms))

    def _run(self, planned_ms: float) -> None:
        if planned_ms != self._planned_ms:  # an earlier time was planned since, and has passed
            return
        self._planned_ms = NEVER
        now_ms = self._timeline.now_ms
        data = self._end.run(now_ms)
        if data:
            self._record.bus(now_ms, self.name, "<", data)
            if self.near is not None:
                self.near.feed(data)
        self._happened()
        self.plan()


class SimLinePort:
    """See minegate_drivers.ports.LinePort."""

    def __init__(self, cable: Cable, name: str, wake: Callable[[], None]) -> None:
        if cable.unplugged:
            raise PortLost(f"port {name}: {cable.name}: No such file or directory")
        if cable.near is not None:
            raise PortLost(f"port {name}: {cable.name}: held by another process")
        self._cable = cable
        self._name = name
        self._wake = wake
        self._heard = bytearray()
        self._lost = ""
        self._at_least = 1  # the reader is woken for no fewer bytes, as with VMIN of a tty
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] = self._loop.create_future()
        self._heard_s = self._loop.time()
        cable.near = self

    def write(self, data: bytes) -> None:
        """See LinePort."""
        if self._lost:
            raise PortLost(f"port {self._name}: {self._lost}")
        self._cable.arrive(data)

    async def read_some(self, at_least: int = 1, within_s: float | None = None) -> bytes:
        """See LinePort."""
        if len(self._heard) < at_least and not self._lost:
            self._at_least = at_least
            await self._wait(within_s)
        if self._lost and not self._heard:
            raise PortLost(f"port {self._name}: {self._lost}")
        return self.take()

    async def pause(self, seconds: float) -> None:
        """See LinePort."""
        left_s = self._heard_s + seconds - self._loop.time()
        if left_s > 0:
            self._at_least = KEPT_BYTES_MAX + 1  # as the real port: bytes do not end a silence, `take` shows them
            await self._wait(left_s)

    async def _wait(self, seconds: float | None) -> None:
        self._waiter = self._loop.create_future()
        timer = None if seconds is None else self._loop.call_later(seconds, _ring, self._waiter)
        try:
            await self._waiter
        finally:
            if timer is not None:
                timer.cancel()

    def take(self) -> bytes:
        """See LinePort."""
        data = bytes(self._heard)
        self._heard.clear()
        return data

    def close(self) -> None:
        """See LinePort."""
        self._lost = "closed"
        if self._cable.near is self:
            self._cable.near = None

    def feed(self, data: bytes) -> None:
        """See Near."""
        self._heard_s = self._loop.time()
        if len(self._heard) < KEPT_BYTES_MAX:
            self._heard += data
        if len(self._heard) >= self._at_least and not self._waiter.done():
            self._waiter.set_result(None)
            self._wake()

    def lose(self, why: str) -> None:
        """See Near."""
        self._lost = why
        _ring(self._waiter)
        self._wake()


def _ring(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class SimSerialLine:
    """See minegate_interlock.world.Line. `fd` is an eventfd that is readable while something waits."""

    def __init__(self, cable: Cable) -> None:
        if cable.unplugged:
            raise LineLost(f"{cable.name}: No such file or directory")
        if cable.near is not None:
            raise LineLost(f"{cable.name}: held by another process")
        self.fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._cable = cable
        self._heard = bytearray()
        self._lost = ""
        self._open = True
        cable.near = self

    def read(self) -> bytes:
        """See Line."""
        if self._lost:
            raise LineLost(f"{self._cable.name}: {self._lost}")
        data = bytes(self._heard)
        self.forget_waiting()
        return data

    def write(self, data: bytes) -> None:
        """See Line."""
        if self._lost:
            raise LineLost(f"{self._cable.name}: {self._lost}")
        if data:
            self._cable.arrive(data)

    def forget_waiting(self) -> None:
        """See Line."""
        if self._heard:
            self._heard.clear()
            os.eventfd_read(self.fd)

    def close(self) -> None:
        """See Line."""
        if self._open:
            self._open = False
            os.close(self.fd)
            if self._cable.near is self:
                self._cable.near = None

    def feed(self, data: bytes) -> None:
        """See Near."""
        if len(self._heard) < KEPT_BYTES_MAX:
            if not self._heard:
                os.eventfd_write(self.fd, 1)
            self._heard += data

    def lose(self, why: str) -> None:
        """See Near."""
        self._lost = why
        if not self._heard:
            os.eventfd_write(self.fd, 1)
