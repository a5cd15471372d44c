"""What every output looks like to the engine, whatever it is reached through. Sans I/O.

`node_output.py` is a relay node on a serial line or on CAN, `gpio_output.py` are the lines of a GPIO chip. What they
send and hear are the bytes of their port (world.Line).
"""

from __future__ import annotations

import math
from typing import Protocol

from minegate_interlock.output_kinds import AnyOutput
from minegate_wire import messages

SILENT = 255  # AreaState.contact of an output that does not answer
UNREAD = 254  # of one that is told and has no read-back


class Outlet(Protocol):
    """The interlock's side of one output. `up`: it answers, and its contact does as it was told."""

    output: AnyOutput
    up: bool
    contact: int  # minegate_wire RELAY_STATE.contact as read back; SILENT; UNREAD
    lease_left_ms: int
    rebooted: int
    disobeys: bool  # its contact was given time and is not as told

    @property
    def trouble(self) -> str:
        """What it knows itself of why it is not up, or ""."""

    def send(self, permitted: bool, urgent: bool, now_ms: int) -> bytes:
        """What is due on its port at `now_ms`, or b"". `urgent`: the judge has just changed its mind."""

    def hear(self, data: bytes, now_ms: int) -> bool:
        """Take bytes of the port. True if it has told its state."""

    def check(self, permitted: bool, now_ms: int) -> bool:
        """Judge at `now_ms` whether it is up; return it."""

    def lost(self) -> None:
        """Its port is gone."""


class Following:
    """Whether a contact does as it is told: it is given `travel_ms`, and what has followed must stay."""

    def __init__(self, travel_ms: int) -> None:
        self._travel_ms = travel_ms
        self._closed_since_ms: float = math.inf
        self._open_since_ms: float = math.inf
        self._followed = False

    def differs(self, permitted: bool, contact: int, now_ms: int) -> bool:
        """The contact was given time and is not as told. One that has followed and opened by itself (its lease ran
        out, its coil failed) differs at once: it must not close again without a person.
        """
        closed, opened = contact == messages.CONTACT_CLOSED, contact == messages.CONTACT_OPEN
        self._followed = permitted and (self._followed or closed)
        self._closed_since_ms = min(self._closed_since_ms, now_ms) if closed and not permitted else math.inf
        self._open_since_ms = min(self._open_since_ms, now_ms) if opened and permitted else math.inf
        if self._followed and opened:
            return True
        return not now_ms - min(self._closed_since_ms, self._open_since_ms) <= self._travel_ms
