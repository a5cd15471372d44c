"""The lease: permission that runs out by itself. No clock, no pin, no message; the relay's loop tells it how time
passes.

What is kept is the time left, counted down and held at zero. A stored time stamp compared with `ticks_diff` would
energise the relay again after 6.3 days of silence, because the difference turns negative (seen on a 32-bit
MicroPython).
"""

LEASE_MAX_MS = 2000  # a longer lease could not open the contact within the 2 s of AQ 6201


class Lease:
    """Milliseconds of permission left, and which PERMIT gave them."""

    def __init__(self, boot_nonce: int) -> None:
        self.boot_nonce = boot_nonce
        self.left_ms = 0
        self.count = 0
        self._heard = False

    def grant(self, lease_ms: int, boot_nonce: int, count: int) -> bool:
        """Take a PERMIT. False, and nothing changes, if it is of another boot, not newer than the last, or out of
        range.
        """
        if boot_nonce != self.boot_nonce or not 0 < lease_ms <= LEASE_MAX_MS or not self._newer(count):
            return False
        self.count = count
        self._heard = True
        self.left_ms = lease_ms
        return True

    def revoke(self, count: int) -> None:
        """Take an OPEN: always valid; a PERMIT must now be newer than it as well."""
        self.left_ms = 0
        if self._newer(count):
            self.count = count
            self._heard = True

    def pass_ms(self, elapsed_ms: int) -> None:
        """Time goes by; nonsense (a negative step) ends the lease."""
        if not 0 <= elapsed_ms < self.left_ms:
            self.left_ms = 0
        else:
            self.left_ms -= elapsed_ms

    def _newer(self, count: int) -> bool:
        # half the 16-bit circle ahead; the first message of a boot is newer than nothing
        return not self._heard or 0 < (count - self.count) & 0xFFFF < 0x8000
