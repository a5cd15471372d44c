"""Which device of a line is asked next. Pure: milliseconds in, a choice out.

A device that has not answered `LOST_AFTER` times is lost: it is asked again with growing pauses, and while one lost
device is asked no other lost device is, so that dead neighbours cost a live one at most one time-out per period.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

LOST_AFTER = 3
PROBE_MAX_MS = 10_000


@dataclass(slots=True)
class Turn:
    """One device's place in the plan."""

    number: int
    period_ms: int
    due_ms: int
    misses: int = 0

    @property
    def lost(self) -> bool:
        """Silent for so long that it is only probed."""
        return self.misses >= LOST_AFTER


class Schedule:
    """The turns of one line, phases spread over each device's period."""

    def __init__(self, devices: Iterable[tuple[int, int]], now_ms: int) -> None:
        listed = list(devices)
        self.turns = {
            number: Turn(number, period_ms, now_ms + period_ms * index // len(listed))
            for index, (number, period_ms) in enumerate(listed)
        }

    def next(self) -> Turn:
        """The turn that is due first; of equals the live one, then the one with the shorter period."""
        return min(self.turns.values(), key=lambda turn: (turn.due_ms, turn.lost, turn.period_ms, turn.number))

    def choose(self, now_ms: int) -> Turn:
        """Of all turns that are due at `now_ms` the live one that waits longest; a lost one only if no live one is
        due.
        """
        due = [turn for turn in self.turns.values() if turn.due_ms <= now_ms]
        if not due:
            return self.next()
        return min(due, key=lambda turn: (turn.lost, turn.due_ms, turn.number))

    def done(self, turn: Turn, answered: bool, now_ms: int) -> None:
        """Set the turn's next due time. Missed periods are skipped, never caught up in a storm."""
        turn.misses = 0 if answered else turn.misses + 1
        pause_ms = turn.period_ms
        if turn.lost:
            pause_ms = min(turn.period_ms * 2 ** min(turn.misses - LOST_AFTER, 10), max(PROBE_MAX_MS, turn.period_ms))
        turn.due_ms += pause_ms
        if turn.due_ms <= now_ms:
            behind_ms = now_ms - turn.due_ms
            turn.due_ms += (behind_ms // turn.period_ms + 1) * turn.period_ms
