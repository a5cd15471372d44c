"""When a consumer may be connected to: hours of the day in UTC. Pure."""

from __future__ import annotations

from collections.abc import Iterable

_DAY_MIN = 24 * 60


class Windows:
    """`told`: texts like "22:00-06:00"; none: always."""

    def __init__(self, told: Iterable[str]) -> None:
        self._spans = [(_minutes(text[:5]), _minutes(text[6:])) for text in told]

    def open(self, utc_ms: int) -> bool:
        """Whether one is open at that time."""
        now = utc_ms // 60_000 % _DAY_MIN
        return not self._spans or any(_within(now, begin, end) for begin, end in self._spans)


def _within(now: int, begin: int, end: int) -> bool:
    """A window may go over midnight; one that ends where it begins is the whole day."""
    return begin <= now < end if begin < end else now >= begin or now < end


def _minutes(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])
