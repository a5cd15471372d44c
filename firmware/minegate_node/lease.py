"""The lease: permission that runs out by itself. No clock, no pin, no message; the relay's loop tells it how time
passes.

What is kept is the time left, counted down and held at zero. A stored time stamp compared with `ticks_diff` would
energise the relay again after 6.3 days of silence, because the difference turns negative (seen on a 32-bit
MicroPython).
"""

LEASE_MAX_MS = 2000  # a longer lease could not open the contact within the 2 s of AQ 6201


class Lease:
    """Milliseconds of permission left, and which PERMIT gave them.

    A plain PERMIT has a count on a circle of 16 bits. A sealed one has a sequence of 32 bits in two halves that never
    turns over: at four frames a second it lasts for 34 years of one boot, and then for none.
    """

    def __init__(self, boot_nonce: int) -> None:
        self.boot_nonce = boot_nonce
        self.left_ms = 0
        self.count = 0  # of a sealed PERMIT: the low half of its sequence
        self.count_high = 0
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

    def grant_sealed(self, lease_ms: int, boot_nonce: int, low: int, high: int) -> bool:
        """Take a SIGNED_PERMIT whose seal is good. False as with `grant`."""
        if boot_nonce != self.boot_nonce or not 0 < lease_ms <= LEASE_MAX_MS or not self._later(low, high):
            return False
        self.count = low
        self.count_high = high
        self.left_ms = lease_ms
        return True

    def revoke_sealed(self, low: int, high: int) -> bool:
        """Take a SIGNED_OPEN whose seal is good: ends the lease in any case. Whether it was not a replay."""
        self.left_ms = 0
        if not self._later(low, high):
            return False
        self.count = low
        self.count_high = high
        return True

    def end(self) -> None:
        """Nothing is permitted any more."""
        self.left_ms = 0

    def pass_ms(self, elapsed_ms: int) -> None:
        """Time goes by; nonsense (a negative step) ends the lease."""
        if not 0 <= elapsed_ms < self.left_ms:
            self.left_ms = 0
        else:
            self.left_ms -= elapsed_ms

    def _newer(self, count: int) -> bool:
        # half the 16-bit circle ahead; the first message of a boot is newer than nothing
        return not self._heard or 0 < (count - self.count) & 0xFFFF < 0x8000

    def _later(self, low: int, high: int) -> bool:
        return high > self.count_high or (high == self.count_high and low > self.count)
