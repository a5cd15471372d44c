"""A master's place on a simulated CAN bus: frames and errors heard, until they are fetched. No I/O, no clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from minegate_drivers.ports import CanFrame
from minegate_sim.bus.can_controller import Controller

if TYPE_CHECKING:
    from minegate_sim.bus.can_bus import CanBus

INBOX_FRAMES_MAX = 1024


class Heard(NamedTuple):
    """A frame, or what the controller noticed (`error`: the class bits of linux/can/error.h), at `at_ms`."""

    at_ms: float
    frame: CanFrame | None
    error: int = 0


ERROR_PROTOCOL, ERROR_ACK, ERROR_BUS_OFF, ERROR_RESTARTED = 0x08, 0x20, 0x40, 0x100


class CanTap:
    """A master's controller on the bus, and what it has heard. Also a CanNode, so that an adapter can sit on it."""

    def __init__(self, name: str, bus: CanBus) -> None:
        self.name = name
        self.overrun = 0  # frames that found the inbox full
        self.lossy = 0  # frames that a lossy adapter lost
        self.inbox: deque[Heard] = deque()
        self.rouse: Callable[[], None] | None = None  # called when something was heard
        self._bus = bus

    @property
    def controller(self) -> Controller:
        """Its error counters and state."""
        return self._bus.controllers[self.name]

    def send(self, frame: CanFrame, now_ms: float) -> None:
        """Hand a frame to the controller."""
        self._bus.run(now_ms)
        self.controller.queue(frame, now_ms)

    def fetch(self, now_ms: float) -> list[Heard]:
        """Everything heard until `now_ms`."""
        self._bus.run(now_ms)
        heard = list(self.inbox)
        self.inbox.clear()
        return heard

    def step(self, at_ms: float) -> list[CanFrame]:
        """See CanNode."""
        return [heard.frame for heard in self.fetch(at_ms) if heard.frame is not None]

    def due_ms(self) -> float:
        """See CanNode."""
        return self.inbox[0].at_ms if self.inbox else self._bus.due_ms()

    def hear(self, heard: Heard) -> None:
        """Keep it if there is room."""
        if len(self.inbox) < INBOX_FRAMES_MAX:
            self.inbox.append(heard)
        else:
            self.overrun += 1
        if self.rouse is not None:
            self.rouse()
