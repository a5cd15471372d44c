"""Limits that the simulator watches at the sensors, to tell afterwards when each was first reached."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Literal, NamedTuple

DIRECTIONS = ("rising", "falling")
WATCHES_MAX = 200


class Watch(NamedTuple):
    """`rising`: reached at or above `limit`; `falling`: at or below."""

    point: str
    limit: float
    direction: Literal["rising", "falling"] = "rising"

    def reached(self, value: float) -> bool:
        """Whether `value` is at or beyond the limit."""
        return value >= self.limit if self.direction == "rising" else value <= self.limit


def parse(text: str) -> Watch:
    """`POINT:LIMIT[:rising|falling]`. ValueError names the text and what is wrong with it."""
    point, _, rest = text.partition(":")
    limit, _, direction = rest.partition(":")
    try:
        value = float(limit)
    except ValueError:
        value = float("nan")
    if not point or not isfinite(value) or (direction or "rising") not in DIRECTIONS:
        raise ValueError(f"watch {text!r} is not POINT:LIMIT:rising or POINT:LIMIT:falling")
    return Watch(point, value, "falling" if direction == "falling" else "rising")


class Watches:
    """Which of the watched limits are reached; `look` tells those that have just become so."""

    def __init__(self) -> None:
        self._reached: dict[Watch, bool] = {}

    def add(self, watch: Watch) -> None:
        """Watch one more limit; the same one twice is one. ValueError if there are WATCHES_MAX."""
        if watch not in self._reached and len(self._reached) >= WATCHES_MAX:
            raise ValueError(f"watch {watch.point}: {WATCHES_MAX} limits are watched already")
        self._reached.setdefault(watch, False)

    def look(self, values: Mapping[str, float]) -> list[Watch]:
        """The limits that `values` reach and did not reach at the last look."""
        new = []
        for watch, before in self._reached.items():
            now = watch.reached(values[watch.point])
            self._reached[watch] = now
            if now and not before:
                new.append(watch)
        return new
