"""Which device of a line is asked next. Pure: milliseconds in, a choice out.

Jobs of a higher class go first, inside a class the one that is due longest. A device that has not answered
`LOST_AFTER` times is lost and only probed: in time that nobody else needs, or out of a small share of the line, and
never twice before every living device has had its turn. So dead neighbours cost a live one at most one short time-out
per round, and a device that comes back is heard at its next probe and keeps its period from then on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

LOST_AFTER = 3
PROBE_SHARE = 0.03  # of the line's time, for lost devices, when the living need all of it
_CREDIT_MAX_MS = 1000.0
_LOOK_AGAIN_MS = 1000.0


class Job(IntEnum):
    """Classes of work on a line, most urgent first."""

    TRIP = 0
    COMMAND = 1
    REREAD = 2
    SCAN = 3
    BACKGROUND = 4


JOBS = {"trip": Job.TRIP, "scan": Job.SCAN, "background": Job.BACKGROUND}


class Planned(NamedTuple):
    """What the configuration says of one device."""

    number: int
    period_ms: float
    job: Job = Job.SCAN


@dataclass(slots=True)
class Turn:
    """One device's place in the schedule."""

    number: int
    period_ms: float
    due_ms: float
    job: Job = Job.SCAN
    misses: int = 0
    asked_ms: float = -1.0
    again: bool = False

    @property
    def lost(self) -> bool:
        """Silent for so long that it is only probed."""
        return self.misses >= LOST_AFTER

    @property
    def urgency(self) -> int:
        """The class of its next question: a re-read precedes every scan, but no trip."""
        return min(self.job, Job.REREAD) if self.again else self.job


class Schedule:
    """The turns of one line, phases spread over each device's period.

    `probe_ms`: what a probe of that device takes of the line if nobody answers.
    `eager`: living devices are asked again whenever the line is free; the period is then what it may take at most.
    """

    def __init__(
        self, planned: Iterable[Planned], now_ms: float, *, probe_ms: Callable[[int], float], eager: bool = False
    ) -> None:
        listed = list(planned)
        self.turns = {
            one.number: Turn(one.number, one.period_ms, now_ms + one.period_ms * index / len(listed), one.job)
            for index, one in enumerate(listed)
        }
        self._ordered = list(self.turns.values())
        self._eager = eager
        self._probe_ms = probe_ms
        self._credit_ms = 0.0
        self._credited_ms = now_ms
        self._probed_ms = -1.0

    def choose(self, now_ms: float) -> Turn | None:
        """Who is asked at `now_ms`; None: nobody yet, look again at `wake_ms`."""
        best: Turn | None = None
        rested: Turn | None = None  # the living one that was asked longest ago
        next_due_ms = float("inf")
        lost = False
        for turn in self._ordered:
            if turn.misses >= LOST_AFTER:
                lost = True
                continue
            if rested is None or turn.asked_ms < rested.asked_ms:
                rested = turn
            if turn.due_ms <= now_ms or turn.again:
                if best is None or (turn.urgency, turn.due_ms) < (best.urgency, best.due_ms):
                    best = turn
            elif turn.due_ms < next_due_ms:
                next_due_ms = turn.due_ms
        if lost:
            probe = self._probe(best, next_due_ms, now_ms)
            if probe is not None:
                return probe
        return rested if best is None and self._eager else best

    def wake_ms(self, now_ms: float) -> float:
        """When `choose` should be asked again after it has said None; always later than `now_ms`.

        A probe that is due and was not chosen waits for a longer pause, which can only come after the next turn.
        """
        return min((turn.due_ms for turn in self._ordered if turn.due_ms > now_ms), default=now_ms + _LOOK_AGAIN_MS)

    def done(self, turn: Turn, answered: bool, now_ms: float) -> None:
        """Set the turn's next due time. Missed periods are skipped, never caught up in a storm."""
        turn.again = False
        turn.misses = 0 if answered else turn.misses + 1
        if turn.due_ms <= now_ms:
            turn.due_ms += turn.period_ms
            if turn.due_ms <= now_ms:
                turn.due_ms += ((now_ms - turn.due_ms) // turn.period_ms + 1) * turn.period_ms
        elif self._eager:  # asked before it was due: its period runs from now
            turn.due_ms = now_ms + turn.period_ms

    def begin(self, turn: Turn, now_ms: float) -> None:
        """The line belongs to `turn` from `now_ms`."""
        turn.asked_ms = now_ms

    def _probe(self, waiting: Turn | None, next_due_ms: float, now_ms: float) -> Turn | None:
        """The lost device that may be probed now, if one may."""
        earned_ms = (now_ms - self._credited_ms) * PROBE_SHARE
        self._credit_ms = min(self._credit_ms + earned_ms, _CREDIT_MAX_MS)
        self._credited_ms = now_ms
        due = [turn for turn in self._ordered if turn.lost and turn.due_ms <= now_ms]
        if not due:
            return None
        probe = min(due, key=lambda turn: turn.asked_ms)
        cost_ms = self._probe_ms(probe.number)
        free = waiting is None and not self._eager and now_ms + cost_ms <= next_due_ms
        alone = all(turn.lost for turn in self._ordered)
        if not free and not alone:
            if self._credit_ms < cost_ms or not self._round_is_over():
                return None
            self._credit_ms -= cost_ms
        self._probed_ms = now_ms
        return probe

    def _round_is_over(self) -> bool:
        """Every living device has been asked since the last probe."""
        return all(turn.asked_ms > self._probed_ms for turn in self._ordered if not turn.lost)
