"""From error frames to the state of a bus, and when a controller that has left it is to be restarted. No I/O.

A controller that is off hears nothing: its machine is silent, and silence already cuts where it must. The restart is
what brings the readings back; it is asked for with growing pauses, because a short circuit does not go away by asking.
"""

from __future__ import annotations

from minegate_agent.field.can_wire import BusError
from minegate_drivers.ports import BusHealth

RESTART_FIRST_MS = 200
RESTART_MAX_MS = 30_000
CALM_MS = 60_000  # after so long without leaving the bus the pauses begin anew


class BusState:
    """What one port knows of its bus; `health` is the shown part."""

    def __init__(self) -> None:
        self.health = BusHealth()
        self._pause_ms = RESTART_FIRST_MS
        self._off_ms: int | None = None
        self._asked_ms: int | None = None
        self._kernel_dropped = 0

    def dropped_by_kernel(self, total: int) -> None:
        """The socket's own count of frames dropped since it was opened, 32 bits wide."""
        self.health.dropped += (total - self._kernel_dropped) & 0xFFFFFFFF
        self._kernel_dropped = total

    def note(self, error: BusError, now_ms: int) -> None:
        """One error frame, heard at `now_ms`."""
        health = self.health
        for word in error.classes:
            health.errors[word] = health.errors.get(word, 0) + 1
        health.dropped += error.overflow
        if error.tx_errors is not None and error.rx_errors is not None:
            health.tx_errors, health.rx_errors = error.tx_errors, error.rx_errors
        health.restarts += "restarted" in error.classes
        if error.state:
            self._become(error.state, now_ms)

    def traffic(self) -> None:
        """Frames are heard: whoever was off or never looked at is on the bus."""
        if self.health.state in ("unknown", "off"):
            self.health.state, self._asked_ms = "active", None

    def restart_due(self, now_ms: int) -> bool:
        """True once per pause while the controller is off."""
        if self.health.state != "off":
            return False
        since = self._asked_ms if self._asked_ms is not None else self._off_ms
        if since is not None and not now_ms - since >= self._pause_ms:
            return False
        self._asked_ms = now_ms
        self._pause_ms = min(2 * self._pause_ms, RESTART_MAX_MS)
        return True

    def _become(self, state: str, now_ms: int) -> None:
        if state == "off" and self.health.state != "off":
            if self._off_ms is not None and now_ms - self._off_ms > CALM_MS:
                self._pause_ms = RESTART_FIRST_MS
            self._off_ms, self._asked_ms = now_ms, None
        self.health.state = state
