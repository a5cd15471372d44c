"""A gateway without a battery clock starts with a wrong time. What it wrote before the first sync is re-based.

Readings carry the machine's monotonic clock too, which is right from the start and is never set. So one number is
enough to know their true time: what lies between both clocks, once the other one is right. It is told once per start of
the machine, by an event, and kept in a file beside the journal for those who read the journal itself.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from minegate_agent.clock import Clock, ClockQuality
from minegate_agent.link.clock_watch import offset_of
from minegate_agent.link.disk import Disk
from minegate_agent.link.store.appear import appear

LOOK_S = 1.0
STARTS_MAX = 200  # of the machine; the oldest are forgotten
_READ_BYTES_MAX = 100_000

log = logging.getLogger("link")


class Start(NamedTuple):
    """One start of the machine: its first journal sequence, and UTC less monotonic time once that was known."""

    machine: str
    first: int
    offset_ms: int | None


class ClockBases:
    """The starts of this machine that are in the journal."""

    def __init__(self, path: Path, disk: Disk, starts: list[Start]) -> None:
        self._path = path
        self._disk = disk
        self._starts = starts

    @classmethod
    def open(cls, path: Path, disk: Disk) -> ClockBases:
        """What is not there or cannot be read is a new beginning: the events in the journal still tell. OSError."""
        try:
            told = json.loads(disk.read(path, 0, _READ_BYTES_MAX))
            starts = [Start(str(machine), int(first), offset) for machine, first, offset in told]
        except FileNotFoundError:
            starts = []
        except (ValueError, TypeError) as error:
            log.warning("%s: %s; the starts of the machine before this one are forgotten", path, error)
            starts = []
        return cls(path, disk, starts)

    def begin(self, machine: str, next_sequence: int) -> Start:
        """The present start of the machine, new or known; new if nobody can tell. Durable if the disk takes it: a full
        one stops nobody.
        """
        if not machine or not self._starts or self._starts[-1].machine != machine:
            starts = [*self._starts, Start(machine, next_sequence, None)][-STARTS_MAX:]
            try:
                self._write(starts)
            except OSError as error:
                log.error("%s: %s; this start of the machine is not kept there", self._path, error.strerror)
                self._starts = starts
        return self._starts[-1]

    def settle(self, offset_ms: int) -> None:
        """The clock of the present start is right. OSError; then nothing is settled."""
        self._write([*self._starts[:-1], self._starts[-1]._replace(offset_ms=offset_ms)])

    def utc_ms(self, sequence: int, mono_ms: int, utc_ms: int, clock: int) -> int:
        """When a reading was made, as well as is known now."""
        if clock != ClockQuality.UNSYNCHRONISED:
            return utc_ms
        start = next((start for start in reversed(self._starts) if start.first <= sequence), None)
        return utc_ms if start is None or start.offset_ms is None else mono_ms + start.offset_ms

    def _write(self, starts: list[Start]) -> None:
        appear(self._disk, self._path, [json.dumps(starts).encode("ascii")]).close()
        self._starts = starts


async def tell_first_sync(
    bases: ClockBases, start: Start, clock: Clock, tell: Callable[[dict[str, int]], Awaitable[object]]
) -> None:
    """Wait for the first synchronisation of this start of the machine and tell it, unless that was done before.

    `tell` returns when its event is durable. After a crash between event and file it is told again, with the same
    meaning.
    """
    if start.offset_ms is not None:
        return
    before_ms = offset_of(clock)
    while clock.quality() is not ClockQuality.SYNCHRONISED:  # noqa: ASYNC110 - the clock tells nobody
        await asyncio.sleep(LOOK_S)
    offset_ms = offset_of(clock)
    await tell({"first": start.first, "offset_ms": offset_ms, "step_ms": offset_ms - before_ms})
    try:
        await asyncio.to_thread(bases.settle, offset_ms)
    except OSError as error:
        log.error("the clock's base cannot be kept (%s); the next start of link tells it again", error.strerror)
