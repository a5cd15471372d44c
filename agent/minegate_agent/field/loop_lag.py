"""How late an event loop is, seen where it waits: no timer has to fire for it, so a loop with nothing to do sleeps.

A loop that is held up comes back to its selector late (a driver computes), or is woken late (the process got no
processor). Both are measured around `select`; together they are what a timer of the loop would have been late by.
"""

from __future__ import annotations

import selectors
from collections.abc import Callable
from typing import Any


class LagSelector(selectors.DefaultSelector):
    """`now_ms` is monotonic. For one event loop."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        super().__init__()
        self._now_ms = now_ms
        self._back_ms = now_ms()  # when the loop last had everything it needs to go on
        self._worst_ms = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, Any]]:
        """See BaseSelector."""
        begun_ms = self._now_ms()
        held_ms = begun_ms - self._back_ms
        found = super().select(timeout)
        self._back_ms = self._now_ms()
        if timeout is not None and not found:
            held_ms = max(held_ms, self._back_ms - begun_ms - int(1000 * timeout))
        self._worst_ms = max(self._worst_ms, held_ms)
        return found

    def take_ms(self) -> float:
        """The longest hold-up since the last call."""
        worst_ms, self._worst_ms = self._worst_ms, 0
        return float(worst_ms)
