"""The watermark: up to which sequence everything is acknowledged, although acknowledgements come in any order. Pure."""

from __future__ import annotations

from collections import deque


class Confirmations:
    """Blocks are sent in order, each with its last sequence; `upto` moves over those that are acknowledged."""

    def __init__(self, upto: int) -> None:
        self.upto = upto
        self._sent: deque[int] = deque()
        self._acknowledged: set[int] = set()

    def sent(self, last: int) -> None:
        """A block that ends at `last` is on its way."""
        assert last > (self._sent[-1] if self._sent else self.upto), last
        self._sent.append(last)

    def acknowledged(self, last: int) -> None:
        """Every message of the block that ends at `last` is acknowledged."""
        self._acknowledged.add(last)
        while self._sent and self._sent[0] in self._acknowledged:
            self.upto = self._sent.popleft()
            self._acknowledged.discard(self.upto)
