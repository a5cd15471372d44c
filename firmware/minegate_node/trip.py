"""Why the contact may not close. A trip latches: it goes when its cause is gone and an OPEN has been heard, not before.

No clock, no pin, no message. A cause is a number of `minegate_wire.messages.TRIP_...`.
"""

from minegate_wire.messages import TRIP_COMMAND, TRIP_NONE

SINCE_MAX_MS = 65535000  # RELAY_STATE.age_s


class Trip:
    """`latched`: power is off until it is armed again. `cause`: the newest reason, TRIP_NONE while permitted."""

    def __init__(self, boot_cause: int) -> None:
        self.cause = boot_cause
        self.latched = True
        self.since_ms = 0
        self._seen = 1 << boot_cause  # causes of this latch: one that comes and goes does not restart the age
        self._present = 0  # causes that last; none may be left when an OPEN arms

    def trip(self, cause: int) -> bool:
        """Latch. True if this cause is new to this latch."""
        self.latched = True
        if self._seen & 1 << cause:
            return False
        self._seen |= 1 << cause
        self._say(cause)
        return True

    def see(self, cause: int, present: bool) -> bool:
        """A cause that lasts, as it is now; called in every step. True as with `trip`."""
        if not present:
            self._present &= ~(1 << cause)
            return False
        self._present |= 1 << cause
        return self.trip(cause)

    def open(self, arms: bool) -> bool:
        """An OPEN was heard. Armed again if it `arms` and no cause lasts. True if it is the new reason."""
        if self.latched and (self._present or not arms):
            return False
        self.latched = False
        self._seen = 0
        if self.cause == TRIP_COMMAND:
            return False
        self._say(TRIP_COMMAND)
        return True

    def close(self) -> None:
        """A PERMIT was taken while nothing is latched."""
        if self.cause != TRIP_NONE:
            self._say(TRIP_NONE)

    def pass_ms(self, elapsed_ms: int) -> None:
        """Time goes by."""
        self.since_ms = min(self.since_ms + elapsed_ms, SINCE_MAX_MS)

    def _say(self, cause: int) -> None:
        self.cause = cause
        self.since_ms = 0
