"""An asyncio event loop whose waiting costs nothing: real descriptors are polled, and time is somebody's argument.

When nothing is ready the loop does not sleep. Alone, it jumps to its next timer; with `hand_over` it stops instead and
says in `due_s` until when it would have slept, so that several loops, each with its own idea of time, can take turns
(`conductor.py`). Nothing of asyncio is patched: a selector is an argument of every selector loop.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from contextvars import Context
from typing import Any

NEVER = float("inf")


class Deadlock(Exception):  # noqa: N818 - says what is the case
    """Everybody waits, and nothing will ever happen. The text names the tasks."""


class _Selector(selectors.DefaultSelector):
    """Never waits. What is ready comes in the order of registration, whatever order the kernel has."""

    def __init__(self) -> None:
        super().__init__()
        self._order: dict[int, int] = {}
        self._registered = 0
        self.idle: Callable[[float | None], None] | None = None
        self.looks = -1  # how often the kernel is still asked, -1: always; whoever knows that nothing waits says 0

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = super().register(fileobj, events, data)
        self._registered += 1
        self._order[key.fd] = self._registered
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        key = super().unregister(fileobj)
        del self._order[key.fd]
        return key

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0) if self.looks else []
        if self.looks > 0:
            self.looks -= 1
        if not found and timeout != 0 and self.idle is not None:
            self.idle(timeout)
        return sorted(found, key=lambda each: self._order[each[0].fd]) if len(found) > 1 else found


class VirtualLoop(asyncio.SelectorEventLoop):
    """`now_s` is this loop's time if somebody else keeps it; without, the loop keeps its own and jumps.

    `run_in_executor` runs the function in the loop's own thread, `latency_s()` later, so a thread cannot make two runs
    differ. Raises Deadlock out of `run_until_complete` when every task waits for ever.
    """

    def __init__(
        self,
        now_s: Callable[[], float] | None = None,
        latency_s: Callable[[], float] = lambda: 0.0,
        *,
        hand_over: bool = False,
    ) -> None:
        self._polling = _Selector()
        self._own_s = 0.0
        self._now_s = now_s
        self._turn_s: float | None = None  # no time passes within a turn, so it is asked for once
        self._latency_s = latency_s
        self.due_s = NEVER
        self._late_s = 0.0
        super().__init__(self._polling)
        self._polling.idle = self._hand_over if hand_over else self._jump

    def time(self) -> float:
        """See asyncio: this loop's monotonic seconds."""
        if self._turn_s is not None:
            return self._turn_s
        return self._own_s if self._now_s is None else self._now_s()

    def fileno(self) -> int:
        """Readable when a descriptor of this loop is: loops can be polled together."""
        return self._polling.fileno()

    def descriptors(self) -> list[int]:
        """Everything this loop watches."""
        return [key.fd for key in self._polling.get_map().values()]

    def lag_ms(self) -> float:
        """How much too late a turn was at the most since the last call: the process was stopped."""
        late_s, self._late_s = self._late_s, 0.0
        return 1000.0 * late_s

    def retire(self) -> None:
        """From now on alone: jump instead of handing over, and hear of no descriptor any more."""
        self._polling.looks = 0
        self._own_s, self._now_s = self.time(), None
        self._polling.idle = self._jump

    def turn(self, *, readable: bool = True) -> None:
        """Run until the loop would wait; `due_s` is then when its next timer is. Descriptors are looked at once, and
        not at all if whoever polls loops together knows that none is ready.
        """
        self._turn_s = self.time()
        self._late_s = max(self._late_s, self._turn_s - self.due_s)
        self.due_s = NEVER
        self._polling.looks = 1 if readable else 0
        try:
            self.run_forever()
        finally:
            self._turn_s = None

    def run_in_executor(  # type: ignore[override]  # typeshed's type variable tuple says no more than this
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """See asyncio; the work is done at one moment of virtual time."""
        future = self.create_future()
        self.call_later(self._latency_s(), _work, future, func, args, context=Context())
        return future

    def _jump(self, timeout: float | None) -> None:
        if timeout is None:
            waiting = sorted(task.get_name() for task in asyncio.all_tasks(self))
            raise Deadlock(f"nothing will ever happen again; waiting: {', '.join(waiting)}")
        self._own_s += timeout

    def _hand_over(self, timeout: float | None) -> None:
        self.due_s = NEVER if timeout is None else self.time() + timeout
        self.stop()


def _work(future: asyncio.Future[Any], func: Callable[..., Any], args: tuple[Any, ...]) -> None:
    """Done even if nobody waits for it any more: a thread cannot be called back."""
    try:
        result = func(*args)
    except Exception as error:  # noqa: BLE001 - it belongs to whoever waits for the work, as with a real thread
        if not future.done():
            future.set_exception(error)
        return
    if not future.done():
        future.set_result(result)
