"""The byte budget. Delivered segments go first; then readings are thinned, the oldest the most; events never go.

Each level of thinning has an equal share of the budget: the newest readings are there whole, as many bytes of older
ones are every other reading, then every fourth, down to every 32nd; what falls out at the end leaves its events. An
outage that overruns the budget tenfold is so still covered from its first minute on.
"""

from __future__ import annotations

import contextlib
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from minegate_agent.link.disk import Disk
from minegate_agent.link.store.losses import Losses
from minegate_agent.link.store.shelf import Segment, Shelf
from minegate_agent.link.store.thinning import NO_READINGS, Plan, plan, smallest, thinned

RESERVE_PART = 8  # of the budget is left free for events, so that a burst of them finds room at once
PLANNED_MAX = 8  # segments that one call reads, and at a time whose loss is declared


class _Planned(NamedTuple):
    """A segment that is thinned when the losses up to this serial are durable events."""

    plan: Plan
    serial: int


class Retention:
    """Used by one thread at a time."""

    def __init__(self, disk: Disk, folder: Path, shelf: Shelf, losses: Losses, bytes_max: int) -> None:
        self._disk = disk
        self._folder = folder
        self._shelf = shelf
        self._losses = losses
        self._bytes_max = bytes_max
        self._room = bytes_max - bytes_max // RESERVE_PART
        self._planned: deque[_Planned] = deque()
        self._doomed: deque[tuple[Path, int]] = deque()  # files nobody reads any longer, with their bytes
        self._stuck = False  # there is nothing left that may go
        self.trouble = ""
        self.thinned = 0  # readings taken out by this process
        self.bytes_written = 0  # by thinning

    @property
    def wanted(self) -> bool:
        """Whether `keep` has something to do."""
        return bool(self._planned or self._doomed) or self._shelf.bytes_used > self._room

    @property
    def bytes_used(self) -> int:
        """Bytes of all segments that are still on disk."""
        return self._shelf.bytes_used + sum(size for _, size in tuple(self._doomed))

    def keep(self, released: int, durable: int) -> None:
        """Bring the folder to the budget. What the disk refuses is told in `trouble` and tried again next time."""
        try:
            self._delete_doomed()
            self._thin_settled(durable)
            self._make_way(released)
        except OSError as error:
            self.trouble = f"journal: cannot make room in {self._folder}: {error.strerror}"
        else:
            self.trouble = self._too_many_events()

    def make_room(self, released: int) -> bool:
        """Delete the oldest delivered segment because the disk is full: old news make room for new. OSError."""
        oldest = self._shelf.oldest_sealed()
        if oldest is None or oldest.last > released:
            return False
        self._delete(oldest.path)
        self._shelf.remove_oldest()
        return True

    def _make_way(self, released: int) -> None:
        self._stuck = False
        looked = 0
        while self._excess() > 0:
            if self._give_up_oldest(released):
                continue
            if len(self._planned) >= PLANNED_MAX or looked >= PLANNED_MAX:
                return
            next_one = self._next_one()
            if next_one is None:
                self._stuck = not self._planned
                return
            self._plan(next_one, released)
            looked += 1

    def _give_up_oldest(self, released: int) -> bool:
        """Delete the oldest segment if everybody has it, or if nothing is left in it."""
        oldest = self._shelf.oldest_sealed()
        if oldest is None or not (oldest.last <= released or (oldest.bare and smallest(oldest))):
            return False
        self._shelf.remove_oldest()
        self._doomed.append((oldest.path, oldest.size))
        self._delete_doomed()
        self._losses.forget_below(self._shelf.first)
        return True

    def _excess(self) -> int:
        """Bytes above the budget when everything planned is done."""
        saved = sum(planned.plan.segment.size - planned.plan.size for planned in self._planned)
        return self._shelf.bytes_used - saved - self._room

    def _next_one(self) -> Segment | None:
        """The oldest segment of the lowest level that has more than its share; else the oldest of the highest level."""
        busy = {planned.plan.segment.path for planned in self._planned}
        levels: list[list[Segment]] = [[] for _ in range(NO_READINGS)]
        for segment in self._shelf.sealed():
            if not segment.bare and segment.level < NO_READINGS and segment.path not in busy:
                levels[segment.level].append(segment)
        share = self._room // NO_READINGS
        for level in levels:
            if sum(segment.size for segment in level) > share:
                return level[0]
        return next((level[0] for level in reversed(levels) if level), None)

    def _plan(self, segment: Segment, released: int) -> None:
        planned = plan(self._disk, segment)
        for loss in planned.damaged:
            first = max(loss.first, released + 1)
            if first <= loss.last:
                self._losses.declare(replace(loss, first=first, count=loss.last - first + 1))
        if planned.loss is None:
            segment.bare = True
            return
        self._planned.append(_Planned(planned, self._losses.declare_thinned(planned.loss)))

    def _thin_settled(self, durable: int) -> None:
        settled = self._losses.settled(durable)
        while self._planned and self._planned[0].serial <= settled:
            job = self._planned[0].plan
            old = job.segment
            if self._shelf.holds(old.path):
                fresh = thinned(self._disk, job)
                self._shelf.replace(old.path, fresh)
                self._doomed.append((old.path, old.size))
                self.thinned += len(job.gone)
                self.bytes_written += fresh.size
            self._planned.popleft()
            self._delete_doomed()

    def _too_many_events(self) -> str:
        used = self._shelf.bytes_used
        if not self._stuck or used <= self._bytes_max:
            return ""
        return (
            f"journal: events and what cannot be thinned take {used} bytes, budget {self._bytes_max}; none is given up"
        )

    def _delete_doomed(self) -> None:
        while self._doomed:
            self._delete(self._doomed[0][0])
            self._doomed.popleft()

    def _delete(self, path: Path) -> None:
        """Each deletion is synced before the next, so a power cut cannot leave a hole between segments."""
        with contextlib.suppress(FileNotFoundError):  # a try before this one deleted it and failed at the sync
            self._disk.delete(path)
        self._disk.sync_folder(self._folder)
