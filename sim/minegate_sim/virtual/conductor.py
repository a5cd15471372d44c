"""Who runs when: several programs and one world in one thread, one virtual time, always in the same order.

A program that is ready runs until it would wait; only when nobody is ready does time move, to the next thing that is
due anywhere. Programs talk through real sockets, whose readiness is looked for with one system call.
"""

from __future__ import annotations

import select
from typing import Protocol

from minegate_sim.virtual.timeline import NEVER, Timeline

TURNS_MAX = 100_000  # of one moment: programs that keep waking each other without any time passing


class Program(Protocol):
    """Something that is run."""

    stalled: bool

    def fileno(self) -> int:
        """Readable when there is something for it to read."""

    def due_ms(self) -> float:
        """The true time at which it wants to run next; now or earlier if it is ready."""

    def turn(self) -> None:
        """Run until it would wait."""


class Livelock(Exception):  # noqa: N818 - says what is the case
    """Programs wake each other for ever at one moment."""


class Conductor:
    """Programs in the order in which they joined."""

    def __init__(self, timeline: Timeline) -> None:
        self.timeline = timeline
        self.turns = 0
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
        while True:
            self._settle()
            due_ms = min(
                timeline.due_ms(), min((p.due_ms() for p in self._programs.values() if not p.stalled), default=NEVER)
            )
            if due_ms > ms:
                timeline.now_ms = max(timeline.now_ms, ms)
                return
            timeline.now_ms = max(timeline.now_ms, due_ms)

    def _settle(self) -> None:
        """Let everything happen that happens now."""
        timeline = self.timeline
        for _ in range(TURNS_MAX):
            timeline.run_due()
            now_ms = timeline.now_ms
            readable = {descriptor for descriptor, _ in self._poll.poll(0)}
            ready = [
                program
                for descriptor, program in self._programs.items()
                if not program.stalled and (descriptor in readable or program.due_ms() <= now_ms)
            ]
            if not ready:
                return
            for program in ready:
                if self._programs.get(program.fileno()) is program:  # another one's turn may have ended it
                    program.turn()
            self.turns += len(ready)
        raise Livelock(f"{TURNS_MAX} rounds at {timeline.now_ms:.3f} ms")
