"""What field has produced and link has not confirmed: bounded, counted, the oldest dropped and declared. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

ITEM_OVERHEAD_BYTES = 64  # what an item costs beside its record, so that tiny records are bounded too


class Item(NamedTuple):
    """One numbered thing on its way to link: `body` as it goes over the line, `utc_ms` for the bounds of a loss."""

    number: int
    utc_ms: int
    body: tuple[object, ...]
    cost_bytes: int


class Lost(NamedTuple):
    """A gap that dropping has made: exactly the numbers first..last."""

    first: int
    last: int
    from_utc_ms: int
    to_utc_ms: int


class Hold:
    """Items in order of their numbers. What is dropped makes room first, then becomes one declared loss."""

    def __init__(self, items_max: int, bytes_max: int, declare: Callable[[Lost], None]) -> None:
        self.dropped = 0
        self.bytes = 0
        self._items_max = items_max
        self._bytes_max = bytes_max
        self._declare = declare
        self._items: deque[Item] = deque()

    def __len__(self) -> int:
        return len(self._items)

    def add(self, item: Item) -> None:
        """Keep one more item; when a bound is passed a tenth of the oldest goes at once, so that losses are few and
        long.
        """
        self._items.append(item)
        self.bytes += item.cost_bytes
        if len(self._items) <= self._items_max and self.bytes <= self._bytes_max:
            return
        first = self._items[0]
        last = first
        items_target, bytes_target = self._items_max * 9 // 10, self._bytes_max * 9 // 10
        while len(self._items) > 1 and (len(self._items) > items_target or self.bytes > bytes_target):
            last = self._items.popleft()
            self.bytes -= last.cost_bytes
            self.dropped += 1
        if last is not first or self._items[0] is not first:
            self._declare(Lost(first.number, last.number, first.utc_ms, last.utc_ms))

    def confirm(self, number: int) -> None:
        """Link has everything up to `number` on its disk."""
        while self._items and self._items[0].number <= number:
            self.bytes -= self._items.popleft().cost_bytes

    def after(self, number: int, items_max: int) -> Iterator[Item]:
        """Up to `items_max` items behind `number`, oldest first. The numbers in the hold have no gap inside."""
        if not self._items:
            return iter(())
        behind = max(0, number + 1 - self._items[0].number)
        return islice(self._items, behind, behind + items_max)
