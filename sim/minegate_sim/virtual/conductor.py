"""Who runs when: several programs and one world in one thread, one virtual time, always in the same order.

A program that is ready runs until it would wait; only when nobody is ready does time move, to the next thing that is
due anywhere. Programs talk through real sockets, whose readiness is looked for with one system call.
"""

from __future__ import annotations

import select
from typing import Protocol

from minegate_sim.virtual.timeline import Timeline

_NONE: frozenset[int] = frozenset()
TURNS_MAX = 100_000  # of one moment: programs that keep waking each other without any time passing


class Program(Protocol):
    """Something that is run."""

    stalled: bool
    due_ms: float  # the true time at which it wants to run next; now or earlier if it is ready

    def fileno(self) -> int:
        """Readable when there is something for it to read."""

    def turn(self, *, readable: bool) -> None:
        """Run until it would wait. `readable`: whether its descriptor is."""


class Livelock(Exception):  # noqa: N818 - says what is the case
    """Programs wake each other for ever at one moment."""


class Conductor:
    """Programs in the order in which they joined."""

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline
        self.turns = 0
        self._stirred = True  # something has happened since the descriptors were last looked at
        self._poll = select.epoll()
        self._programs: dict[int, Program] = {}

    def join(self, program: Program) -> None:
        """From now on it is run."""
        descriptor = program.fileno()
        self._programs[descriptor] = program
        self._poll.register(descriptor, select.EPOLLIN)

    def leave(self, program: Program) -> None:
        """It is run no more. Before its descriptor is closed."""
        descriptor = program.fileno()
        if self._programs.pop(descriptor, None) is not None:
            self._poll.unregister(descriptor)

    def close(self) -> None:
        """Give the descriptor back."""
        self._poll.close()

    def run_until(self, ms: float) -> None:
        """Let true time pass up to `ms`."""
        timeline = self.timeline
        self._stirred = True  # whatever the caller has done
        while True:
            self._settle()
            due_ms = timeline.due_ms()
            for program in self._programs.values():
                if program.due_ms < due_ms and not program.stalled:
                    due_ms = program.due_ms
            if due_ms > ms:
                timeline.now_ms = max(timeline.now_ms, ms)
                return
            if due_ms > timeline.now_ms:
                timeline.now_ms = due_ms

    def _settle(self) -> None:
        """Let everything happen that happens now."""
        now_ms = self.timeline.now_ms
        for _ in range(TURNS_MAX):
            readable = self._readable(self.timeline.run_due())
            ready = [
                (program, descriptor in readable)
                for descriptor, program in self._programs.items()
                if (program.due_ms <= now_ms or descriptor in readable) and not program.stalled
            ]
            if not ready:
                return
            for program, heard in ready:
                if self._programs.get(program.fileno()) is program:  # another one's turn may have ended it
                    program.turn(readable=heard)
            self._stirred = True
            self.turns += len(ready)
        raise Livelock(f"{TURNS_MAX} rounds at {now_ms:.3f} ms")

    def _readable(self, happened: bool) -> frozenset[int] | set[int]:
        """The descriptors that have something to read. While only time passes none can have become so."""
        if not (happened or self._stirred):
            return _NONE
        self._stirred = False
        return {descriptor for descriptor, _ in self._poll.poll(0)}
