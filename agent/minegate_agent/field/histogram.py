"""Times in fixed buckets, so that a distribution costs the same after a minute and after a year. Pure."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from operator import add

_FIRST_MS = 0.25
_RATIO = 1.25
_BUCKETS = 48
BOUNDS_MS = tuple(_FIRST_MS * _RATIO**index for index in range(_BUCKETS))  # 0.25 ms .. 9 s, each 25 % above the last
_REMEMBERED = 2048  # then every count is halved: yesterday's habits fade


class Histogram:
    """How often a time fell into which bucket; the newest one to two thousand times weigh most."""

    def __init__(self) -> None:
        self.count = 0
        self._counts = [0] * (_BUCKETS + 1)

    def add(self, took_ms: float) -> None:
        """One more time, in milliseconds."""
        self._counts[bisect_left(BOUNDS_MS, took_ms)] += 1
        self.count += 1
        if self.count >= _REMEMBERED:
            self._counts = [count // 2 for count in self._counts]
            self.count = sum(self._counts)

    def quantile_ms(self, share: float) -> float | None:
        """The upper bound of the bucket in which `share` of all times end; None before the first."""
        if not self.count:
            return None
        bucket = bisect_left(list(accumulate(self._counts)), share * self.count)
        return BOUNDS_MS[min(bucket, _BUCKETS - 1)]

    def merge(self, other: Histogram) -> None:
        """Add what `other` has counted."""
        self._counts = list(map(add, self._counts, other._counts))
        self.count += other.count
