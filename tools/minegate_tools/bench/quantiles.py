"""Quantiles of what was measured, by nearest rank: a figure that was seen, never one between two of them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple


class Spread(NamedTuple):
    """Of that `number` of figures."""

    number: int
    p50: float
    p99: float
    p999: float
    worst: float

    def __str__(self) -> str:
        return f"{self.p50:.1f} / {self.p99:.1f} / {self.p999:.1f} / {self.worst:.1f}"


def spread(figures: Iterable[float]) -> Spread:
    """NaN counts as the worst of all: what did not happen was no success. ValueError without a figure."""
    ordered = sorted(math.inf if math.isnan(each) else each for each in figures)
    if not ordered:
        raise ValueError("nothing was measured")
    ranks = (max(1, math.ceil(share * len(ordered))) - 1 for share in (0.5, 0.99, 0.999, 1.0))
    return Spread(len(ordered), *(ordered[rank] for rank in ranks))
