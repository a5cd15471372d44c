"""Events that go ahead of everything: each connection gets them one by one as they are journaled, bodies and all."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from minegate_agent.link.store.reader import Record

KEPT_MAX = 2000  # the newest; older ones come with the history of their time


class Ahead:
    """The newest events of the journal, for connections that begin later, and those who listen now."""

    def __init__(self) -> None:
        self._newest: deque[Record] = deque(maxlen=KEPT_MAX)
        self._listening: list[Callable[[Record], None]] = []

    def note(self, event: Record) -> None:
        """An event has its sequence; it may not be durable yet."""
        self._newest.append(event)
        for listener in self._listening:
            listener(event)

    def listen(self, listener: Callable[[Record], None]) -> Callable[[], None]:
        """Tell what is kept at once and what comes as it comes; return what ends that."""
        for event in self._newest:
            listener(event)
        self._listening.append(listener)
        return lambda: self._listening.remove(listener)
