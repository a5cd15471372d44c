"""The gate before the watchdog: it is fed once per cycle, and only by a cycle that did everything in time.

Never from a timer or an interrupt: those go on when the loop hangs.
"""

INPUTS = 1
LOGIC = 2
OUTPUT = 4
BUS = 8
ALL = INPUTS | LOGIC | OUTPUT | BUS


class Gate:
    """`did(part)` after each part of a cycle, `passes(...)` at its end."""

    def __init__(self, cycle_max_ms: int) -> None:
        self.cycle_max_ms = cycle_max_ms
        self.refused = 0
        self._done = 0

    def did(self, part: int) -> None:
        """This part of the cycle was run."""
        self._done |= part

    def passes(self, cycle_ms: int, energised: bool, guarded: bool, pin_agrees: bool) -> bool:
        """Whether this cycle may feed: every part ran, not too late, the coil's pin is as commanded, and, while the
        coil is energised, its reasons are good. A node that is off need not be `guarded`: it has to go on telling why
        it is off, and a reset would not mend a welded contact or a broken sensor.
        """
        whole = self._done == ALL and 0 <= cycle_ms <= self.cycle_max_ms and pin_agrees and (guarded or not energised)
        self._done = 0
        if not whole:
            self.refused = min(self.refused + 1, 65535)
        return whole
