"""The gateway's CAN adapter in virtual time: frames of the bus, handed over in batches as real adapters are read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from minegate_drivers.ports import BusHealth, CanFrame, PortLost
from minegate_sim.far_end import NEVER
from minegate_sim.record import Record
from minegate_sim.virtual.timeline import Timeline

BATCH_MS = 5.0  # field's adapters are emptied every 5 ms (agent/minegate_agent/field/can_port.py)
KEPT_FRAMES_MAX = 4096  # as a socket's buffer; what comes then is lost and counted
_UNHEARD_MS = 1000.0  # while nobody listens the nodes are stepped so often, so that they keep their pace


@runtime_checkable
class CanEnd(Protocol):
    """A bus as an adapter sees it."""

    def spoken(self, now_ms: float) -> list[CanFrame]:
        """Frames that went over the bus by `now_ms`, since the last call."""

    def due_ms(self) -> float:
        """When the next frame is due."""

    def send(self, frame: CanFrame, now_ms: float) -> None:
        """The gateway puts a frame on the bus."""


class CanCable:
    """One bus by name, and who listens to it."""

    def __init__(self, name: str, end: CanEnd, timeline: Timeline, record: Record) -> None:
        self.name = name
        self.near: SimCanPort | None = None
        self.unplugged = False
        self.lost_frames = 0
        self._end = end
        self._timeline = timeline
        self._record = record
        self._plan()

    def unplug(self, gone: bool) -> None:
        """The adapter is pulled out, or put back."""
        self.unplugged = gone
        if gone and self.near is not None:
            near, self.near = self.near, None
            near.lose("Input/output error")

    def send(self, frame: CanFrame) -> None:
        """From the gateway."""
        if self._record.buses:
            self._record.note(self._timeline.now_ms, self.name, f">{frame.id:X}#{frame.data.hex()}")
        self._end.send(frame, self._timeline.now_ms)

    def _plan(self) -> None:
        due_ms = self._end.due_ms()
        if due_ms == NEVER:
            due_ms = self._timeline.now_ms + _UNHEARD_MS
        batches = -(-due_ms // BATCH_MS)
        self._timeline.at(max(batches * BATCH_MS, self._timeline.now_ms + BATCH_MS), self._run)

    def _run(self) -> None:
        frames = self._end.spoken(self._timeline.now_ms)
        if frames:
            if self._record.buses:
                text = b" ".join(b"%X#%s" % (frame.id, frame.data.hex().encode()) for frame in frames)
                self._record.note(self._timeline.now_ms, self.name, text.decode())
            if self.near is not None:
                self.near.feed(frames)
        self._plan()


class SimCanPort:
    """See minegate_drivers.ports.CanPort."""

    def __init__(
        self, cable: CanCable, name: str, can_ids: Sequence[tuple[int, bool]], wake: Callable[[], None]
    ) -> None:
        if cable.unplugged:
            raise PortLost(f"port {name}: {cable.name}: No such device")
        if cable.near is not None:
            raise PortLost(f"port {name}: {cable.name}: held by another process")
        self._cable = cable
        self._name = name
        self._wake = wake
        self._wanted = frozenset(can_ids)
        self._heard: list[CanFrame] = []
        self._lost = ""
        self._arrived = asyncio.Event()
        cable.near = self

    @property
    def bus(self) -> BusHealth:
        """See CanPort."""
        return BusHealth(dropped=self._cable.lost_frames)

    async def read_batch(self) -> list[CanFrame]:
        """See CanPort."""
        while not self._heard:
            if self._lost:
                raise PortLost(f"port {self._name}: {self._lost}")
            self._arrived.clear()
            await self._arrived.wait()
        batch, self._heard = self._heard, []
        return batch

    def send(self, frame: CanFrame) -> None:
        """See CanPort."""
        if self._lost:
            raise PortLost(f"port {self._name}: {self._lost}")
        self._cable.send(frame)

    def close(self) -> None:
        """See CanPort."""
        self._lost = "closed"
        if self._cable.near is self:
            self._cable.near = None

    def feed(self, frames: list[CanFrame]) -> None:
        """Frames came in."""
        wanted = [frame for frame in frames if (frame.id, frame.extended) in self._wanted]
        room = KEPT_FRAMES_MAX - len(self._heard)
        self._cable.lost_frames += max(0, len(wanted) - room)
        self._heard += wanted[:room]
        if wanted:
            self._arrived.set()
            self._wake()

    def lose(self, why: str) -> None:
        """The adapter is gone."""
        self._lost = why
        self._arrived.set()
        self._wake()
