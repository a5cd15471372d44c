"""What is to be sent on a CAN port and found no room yet: few, bounded, the oldest given up and counted."""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Callable

from minegate_drivers.ports import BusHealth, PortLost

UNSENT_MAX = 64
_FULL = frozenset((errno.EAGAIN, errno.ENOBUFS))  # a raw CAN socket says ENOBUFS when the interface's queue is full


class Unsent:
    """`write` is the port's own non-blocking write; it returns how many bytes it took. `name` is for PortLost."""

    def __init__(self, write: Callable[[bytes], int], name: str, health: BusHealth) -> None:
        self._write = write
        self._name = name
        self._health = health
        self._waiting: deque[bytes] = deque()
        self._begun = False  # the first that waits is the rest of a piece: without it the far end hears nonsense

    def send(self, piece: bytes) -> None:
        """Send behind what waits already. Raises PortLost."""
        if len(self._waiting) == UNSENT_MAX:
            del self._waiting[1 if self._begun else 0]
            self._health.unsent += 1
        self._waiting.append(piece)
        self.flush()

    def flush(self) -> None:
        """Send what waits, as far as there is room. Raises PortLost."""
        while self._waiting:
            try:
                taken = self._write(self._waiting[0])
            except OSError as error:
                if error.errno in _FULL:
                    return
                raise PortLost(f"port {self._name}: {error.strerror}") from error
            rest = self._waiting.popleft()[taken:]
            self._begun = bool(rest)
            if rest:
                self._waiting.appendleft(rest)
                return
