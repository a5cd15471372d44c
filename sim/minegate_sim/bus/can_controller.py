"""A CAN controller: a queue to send from, error counters, and the state that follows from them. Pure.

Source: Bosch, CAN Specification 2.0, chapter 8 (fault confinement); ISO 11898-1. Sending badly costs 8, well earns 1;
receiving badly costs 1, well earns 1. From 128 on a station is passive; from 256 on its transmitter is off the bus,
until it has seen 128 times 11 recessive bits.
"""

from __future__ import annotations

from collections import deque
from enum import StrEnum

from minegate_drivers.ports import CanFrame

WARNING, PASSIVE, OFF = 96, 128, 256
BACK_FROM_PASSIVE = 119  # "a value between 119 and 127"
RECOVERY_COUNTS, RECOVERY_BITS = 128, 11
QUEUE_FRAMES_MAX = 64
ROUNDING = 1e-3  # of a recessive run: times are milliseconds since boot as floats


class BusState(StrEnum):
    """What a controller is allowed to do."""

    ACTIVE = "error-active"
    PASSIVE = "error-passive"
    OFF = "bus-off"


class Controller:
    """One station's controller. `restarts`: whether it comes back from bus-off by itself."""

    def __init__(self, name: str, restarts: bool = True) -> None:
        self.name = name
        self.restarts = restarts
        self.tec = 0
        self.rec = 0
        self.sent = 0
        self.dropped = 0  # frames for which the queue had no room, or that a bus-off threw away
        self.went_off = 0
        self.ready_ms = 0.0
        self._off = False
        self._seen = 0.0  # of the recessive runs that end a bus-off
        self._queue: deque[CanFrame] = deque()

    @property
    def state(self) -> BusState:
        """As the counters have it."""
        if self._off:
            return BusState.OFF
        return BusState.PASSIVE if max(self.tec, self.rec) >= PASSIVE else BusState.ACTIVE

    @property
    def head(self) -> CanFrame | None:
        """What it wants to send next."""
        return self._queue[0] if self._queue and not self._off else None

    @property
    def waiting(self) -> int:
        """Frames in the queue."""
        return len(self._queue)

    def queue(self, frame: CanFrame, now_ms: float) -> None:
        """Send `frame` as soon as the bus lets it; dropped and counted if there is no room, or if off the bus."""
        if self._off or len(self._queue) >= QUEUE_FRAMES_MAX:
            self.dropped += 1
            return
        if not self._queue:
            self.ready_ms = max(self.ready_ms, now_ms)
        self._queue.append(frame)

    def has_sent(self) -> None:
        """The head went through."""
        self._queue.popleft()
        self.sent += 1
        self.tec = max(0, self.tec - 1)

    def failed_to_send(self, unacknowledged: bool = False) -> None:
        """The head was damaged; it stays. Nobody there to acknowledge does not drive a passive station off."""
        if unacknowledged and self.state is BusState.PASSIVE:
            return
        self.tec += 8
        if self.tec >= OFF:
            self._off = True
            self._seen = 0.0
            self.went_off += 1
            self.dropped += len(self._queue)
            self._queue.clear()

    def has_received(self) -> None:
        """A frame came in whole."""
        self.rec = BACK_FROM_PASSIVE if self.rec >= PASSIVE else max(0, self.rec - 1)

    def failed_to_receive(self) -> None:
        """A frame came in damaged."""
        self.rec = min(self.rec + 1, OFF - 1)

    def sees_recessive(self, runs: float) -> None:
        """Runs of 11 recessive bits went by."""
        if self._off and self.restarts:
            self._seen += runs
            if self._seen >= RECOVERY_COUNTS - ROUNDING:
                self.restart()

    @property
    def runs_left(self) -> float | None:
        """Recessive runs until it is back; None if it is not off, or stays off."""
        return RECOVERY_COUNTS - self._seen if self._off and self.restarts else None

    def restart(self) -> None:
        """Back on the bus with clean counters."""
        self._off = False
        self.tec = self.rec = 0
