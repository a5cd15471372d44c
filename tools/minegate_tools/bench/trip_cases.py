"""What `minegate bench trip` measures, and what is promised of it. Data."""

from __future__ import annotations

from typing import NamedTuple

PARTS = ("healthy", "dead", "dying", "disturbed", "can", "losses", "memory", "virtual", "virtual-losses")
BAUD = 9600
HEADS = 16
DEAD = (5, 11)
TIMEOUT_MS = 150
LINES = 4
CUTS = 500
VIRTUAL_CUTS = 100_000
LOSSES, VIRTUAL_LOSSES = 50, 10_000  # of each kind
EVENTS = 1_000_000
RSS_MB = 16
GROWN_KB = 64  # a page or two of the interpreter's own pools; a leak of one object per thousand readings would be more
LIMIT, GOOD, OVER = 1.5, 0.5, 1.8  # % CH4

CALM_MS = (150.0, 750.0)  # between the closing of a contact and the next over-limit: longer than a round of the line
RESET_FIRST_MS = 450.0  # a round of the line: before it nobody can know that the gas has gone
RESET_EVERY_MS = 250.0

CONTACT_P999_MS, CONTACT_MAX_MS = 1000.0, 2000.0  # 9600 baud, 16 heads, 2 of them dead
CONTACT_P50_MS = 400.0  # nobody dead
CAN_P999_MS = 50.0
OPEN_P99_MS, OPEN_MAX_MS = 3.0, 15.0  # from the answer on the sensors' line to OPEN on the relay's
DISTURBED_SHARE = 1.10  # while link stands still, the disk is full, the broker is gone

CAN_PERIOD_MS = 10.0
CAN_RELAY_BAUD = 115_200  # a relay whose line costs a few milliseconds, as the CAN path is for those who are in a hurry


class Shape(NamedTuple):
    """One gateway: `lines` lines of `heads` methane heads, `dead` of them; each line's area has a relay of its own."""

    lines: int = LINES
    heads: int = HEADS
    dead: tuple[int, ...] = ()
    kind: str = "serial"  # or "can": one node that speaks by itself on each bus

    @property
    def judged(self) -> tuple[int, ...]:
        """The heads that a rule looks at: who is dead from the first day on would lock its area for ever."""
        return tuple(station for station in range(1, self.heads + 1) if station not in DEAD)
