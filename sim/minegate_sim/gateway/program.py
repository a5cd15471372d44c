"""One process of the agent as something that is run, stalled and killed in virtual time.

Killed means what SIGKILL means: nothing of it reaches the world any more. Python has no way to drop a coroutine without
running its `finally` blocks, so they are run at once, in a loop of their own, when every way out is already dead:
sockets are shut down, the disk refuses, the broker takes nothing.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from contextlib import suppress

from minegate_sim.virtual.clocks import SimClock
from minegate_sim.virtual.loop import NEVER, VirtualLoop

KILLED = -9
CRASHED = 1
BURIAL_S_MAX = 60.0
_LATE_MS = 1e-6  # so that a clock that counts whole milliseconds has reached its due time in spite of rounding


class LoopProgram:
    """An asyncio program. `ended(code, error)` is called when it ends by itself.

    Building it starts `main`; `revoke` makes every way out of it dead.
    """

    def __init__(
        self,
        name: str,
        clock: SimClock,
        main: Callable[[LoopProgram], Coroutine[None, None, None]],
        *,
        latency_s: Callable[[], float],
        ended: Callable[[LoopProgram, BaseException | None], None],
        revoke: Callable[[], None],
    ) -> None:
        self.name = name
        self.stalled = False
        self.dying = False
        self._clock = clock
        self._ended = ended
        self._revoke = revoke
        self.due_ms = 0.0
        self.loop = VirtualLoop(clock.monotonic_s, latency_s, hand_over=True)
        self._descriptor = self.loop.fileno()
        self._task = self.loop.create_task(main(self), name=name)

    def fileno(self) -> int:
        """See Program."""
        return self._descriptor

    def wake(self) -> None:
        """The world has done something to an object of this loop."""
        self.due_ms = 0.0

    def turn(self, *, readable: bool) -> None:
        """See Program."""
        self.due_ms = NEVER
        self.loop.turn(readable=readable)
        if self.due_ms and self.loop.due_s != NEVER:  # unless it was woken meanwhile
            self.due_ms = self._clock.true_at_ms(self.loop.due_s) + _LATE_MS
        if self.dying:
            self._ended(self, None)
        elif self._task.done():
            error = None if self._task.cancelled() else self._task.exception()
            self._ended(self, error)
            self._bury()

    def ask_to_end(self) -> None:
        """SIGTERM to a program whose answer to it is to cancel itself."""
        self._task.cancel()
        self.wake()

    def kill(self) -> None:
        """SIGKILL. Whoever conducts it has let it leave before."""
        self._revoke()
        for descriptor in self.loop.descriptors():
            _shut_down(descriptor)
        self._bury()

    def _bury(self) -> None:
        loop = self.loop
        loop.set_exception_handler(lambda _loop, _context: None)  # nobody listens to the dead
        loop.retire()
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left, timeout=BURIAL_S_MAX))
        for task in left:
            if task.done() and not task.cancelled():
                task.exception()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def _shut_down(descriptor: int) -> None:
    """The peer sees the end; what waits in our own buffers goes nowhere."""
    with suppress(OSError):  # not a socket, or not connected
        copy = socket.socket(fileno=socket.dup(descriptor))
        try:
            copy.shutdown(socket.SHUT_RDWR)
        finally:
            copy.close()
