"""Lines of a GPIO chip as an output, sans I/O: active high energises, a watchdog line is turned over while it does.

The bytes of its port are levels: it sends two, line and watchdog line, and hears one, the read-back. The watchdog relay
in series opens by itself when this stops being called (output_kinds.py); there is nothing to renew while power is off.

A node that has opened by itself stays open; a watchdog relay closes again with the next beat. So when this was called
so late that the relay can have opened, the output is lost until a person resets, whatever is read back.
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

    def __init__(self, output: AnyOutput, timing: Timing) -> None:
        self.output = output
        self.up = False
        self.disobeys = False
        self.contact = SILENT
        self.lease_left_ms = 0
        self._timing = timing
        self._reads = output.read_back >= 0
        self.trouble = ""
        self._beat = LOW
        self._beaten_ms: int | None = None  # while permitted: when the watchdog line was last turned over
        self._sent_ms = -math.inf
        self._heard_ms = -math.inf
        self._following = Following(timing.lease_ms)

    def send(self, permitted: bool, urgent: bool, now_ms: int) -> bytes:
        """See Outlet: both levels, at every call while permitted."""
        if not (permitted or urgent or now_ms - self._sent_ms >= self._timing.renew_ms):
            return b""
        self._sent_ms = now_ms
        if not permitted or self._is_late(now_ms):
            self._beat = LOW
            return bytes((LOW, LOW))
        self._beat, self._beaten_ms = HIGH - self._beat, now_ms
        return bytes((HIGH, self._beat))

    def _is_late(self, now_ms: int) -> bool:
        """Whether the relay can have opened since the last beat. It says so until it is no longer permitted."""
        if not self.trouble and self._beaten_ms is not None:
            late_ms = now_ms - self._beaten_ms
            if late_ms > self.output.watchdog_ms - self._timing.tick_ms:
                self.trouble = f"watchdog relay: it can have opened, the loop was held up for {late_ms} ms"
        return bool(self.trouble)

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
        if not permitted:
            self.trouble, self._beaten_ms = "", None
        late = self._is_late(now_ms)
        left_ms = 0 if late or self._beaten_ms is None else self._beaten_ms + self.output.watchdog_ms - now_ms
        self.lease_left_ms = max(0, left_ms)
        self.disobeys = self._following.differs(permitted, self.contact, now_ms)
        self.up = not silent and not self.disobeys and not late
        return self.up

    def lost(self) -> None:
        """See Outlet."""
        self.contact, self._heard_ms = SILENT, -math.inf  # what it said last is not known to be so any more
