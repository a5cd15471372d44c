"""The relay board: the project's own firmware (minegate_node.relay) drives a coil, and a contactor follows it late.

The contactor is what a mine has behind the board: it takes time to pull in and to drop out, and an auxiliary contact
reads back where the main contacts are. A board without supply lets the coil go.
"""

from __future__ import annotations

from collections.abc import Callable

from minegate_node.relay import RelayNode
from minegate_sim.far_end import NEVER
from minegate_sim.faults import Faults

LOOP_MS = 10.0  # of the firmware's main loop
PULL_IN_MS = 45.0  # of a contactor of some 100 A; makers give 20-70 ms to close, 10-40 ms to open
DROP_OUT_MS = 25.0


class RelayBoard:
    """Relay 0 of node `address`. `moved(at_ms, closed)` is called at every movement of the main contact."""

    def __init__(
        self, name: str, address: int, boot_nonce: int, moved: Callable[[float, bool], None], now_ms: float
    ) -> None:
        self.name = name
        self.faults = Faults()
        self.closed = False
        self._address = address
        self._boot_nonce = boot_nonce
        self._node = RelayNode(address, boot_nonce)
        self._moved = moved
        self._contact_due_ms = NEVER
        self._loop_ms = self._looped_ms = now_ms
        self._was_dead = False

    def take(self, data: bytes, at_ms: float) -> None:
        """See LineDevice."""
        self._drive(self._energised(at_ms), at_ms)  # the loops that were left out: a new lease starts now
        self._node.feed(data)
        self._loop_ms = at_ms  # the firmware looks at its UART before it looks at its lease

    def step(self, at_ms: float) -> bytes:
        """See LineDevice."""
        if self._contact_due_ms <= at_ms:
            self._contact_due_ms = NEVER
            self.closed = not self.closed
            self._moved(at_ms, self.closed)
        if self._loop_ms > at_ms and self.faults.dead == self._was_dead:
            return b""
        self._looped_ms = at_ms
        coil = self._energised(at_ms)
        self._drive(coil, at_ms)
        self._loop_ms = at_ms + self._pause_ms(coil)
        return self._node.reply()

    def due_ms(self) -> float:
        """See LineDevice."""
        if self.faults.dead != self._was_dead:  # its supply went or came since it last looked
            return min(self._looped_ms + LOOP_MS, self._contact_due_ms)
        return min(self._loop_ms, self._contact_due_ms)

    def _pause_ms(self, coil: bool) -> float:
        """How long nothing will happen in the firmware's loop: loops that only count time are left out."""
        if coil != self.closed:
            return LOOP_MS
        return -(-self._node.lease.left_ms // LOOP_MS) * LOOP_MS if coil else NEVER

    def _energised(self, at_ms: float) -> bool:
        if self.faults.dead:
            self._was_dead = True
            return False
        if self._was_dead:  # supply is back: a new boot, whose nonce no PERMIT that is on its way knows
            self._was_dead = False
            self._boot_nonce = (self._boot_nonce + 1) & 0xFFFF
            self._node = RelayNode(self._address, self._boot_nonce)
        return self._node.step(int(at_ms), self.closed)

    def _drive(self, coil: bool, at_ms: float) -> None:
        held = self.faults.welded if self.closed else self.faults.stuck_open
        if coil == self.closed or held:
            self._contact_due_ms = NEVER
        elif self._contact_due_ms == NEVER:
            self._contact_due_ms = at_ms + (PULL_IN_MS if coil else DROP_OUT_MS)
