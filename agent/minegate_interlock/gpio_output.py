"""Lines of a GPIO chip as an output, sans I/O: active high energises, a watchdog line is turned over while it does.

The bytes of its port are levels: it sends two, line and watchdog line, and hears one, the read-back. The watchdog relay
in series opens by itself when this stops being called (output_kinds.py); there is nothing to renew while power is off.
"""

from __future__ import annotations

import math

from minegate_interlock.outlet import SILENT, UNREAD, Following
from minegate_interlock.output_kinds import AnyOutput
from minegate_interlock.terms import Timing
from minegate_wire import messages

LOW, HIGH = 0, 1


class GpioOutput:
    """See Outlet. Without a read-back it is up while its chip takes what it is told, and its contact is UNREAD."""

    rebooted = 0  # nothing there that could
    trouble = ""

    def __init__(self, output: AnyOutput, timing: Timing) -> None:
        self.output = output
        self.up = False
        self.disobeys = False
        self.contact = SILENT
        self.lease_left_ms = 0
        self._timing = timing
        self._reads = output.read_back >= 0
        self._beat = LOW
        self._sent_ms = -math.inf
        self._heard_ms = -math.inf
        self._following = Following(timing.lease_ms)

    def send(self, permitted: bool, urgent: bool, now_ms: int) -> bytes:
        """See Outlet: both levels, at every call while permitted."""
        if not (permitted or urgent or now_ms - self._sent_ms >= self._timing.renew_ms):
            return b""
        self._sent_ms = now_ms
        self._beat = HIGH - self._beat if permitted else LOW
        return bytes((HIGH if permitted else LOW, self._beat))

    def hear(self, data: bytes, now_ms: int) -> bool:
        """See Outlet: levels of the read-back, the newest last; any one of a line that has none says that it lives."""
        if not data:
            return False
        closed = data[-1] == self.output.read_back_closed
        self.contact = messages.CONTACT_CLOSED if closed else messages.CONTACT_OPEN
        if not self._reads:
            self.contact = UNREAD
        self._heard_ms = now_ms
        return True

    def check(self, permitted: bool, now_ms: int) -> bool:
        """See Outlet."""
        silent = not now_ms - self._heard_ms <= self._timing.lease_ms - self._timing.tick_ms
        if silent:
            self.contact = SILENT
        held_ms = self._sent_ms + self.output.watchdog_ms - now_ms
        self.lease_left_ms = max(0, int(held_ms)) if permitted and held_ms > 0 else 0
        self.disobeys = self._following.differs(permitted, self.contact, now_ms)
        self.up = not silent and not self.disobeys
        return self.up

    def lost(self) -> None:
        """See Outlet."""
        self.contact = SILENT
