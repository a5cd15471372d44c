"""A producer's numbers, from 1 without gaps per boot: what is new, what came before, what is missing. Pure."""

from __future__ import annotations

from typing import NamedTuple


class Missing(NamedTuple):
    """The numbers first..last of one boot never came."""

    first: int
    last: int

    @property
    def how_many(self) -> int:
        """Both ends counted."""
        return self.last - self.first + 1


NUMBER_MAX = (1 << 48) - 1  # a producer whose numbering has come so far says nothing any more


def missing(last: int, number: int) -> Missing | None:
    """What lies between the highest number that came and the one that comes now."""
    return Missing(last + 1, number - 1) if number > last + 1 else None


def declared(
    gap: Missing, boot: int, of: str, reason: str, from_utc_ms: int | None, to_utc_ms: int
) -> dict[str, object]:
    """The loss event for what is missing of process `of`. The times bound when it was produced, as far as known."""
    return {
        "kind": "loss", "from": "link", "utc_ms": to_utc_ms, "of": of, "boot": boot, "first": gap.first,
        "last": gap.last, "count": gap.how_many, "reason": reason, "from_utc_ms": from_utc_ms, "to_utc_ms": to_utc_ms,
    }  # fmt: skip


def open_end(
    boot: int, last: int, until_boot: int, reason: str, from_utc_ms: int | None, to_utc_ms: int
) -> dict[str, object]:
    """The loss event for what field produced behind number `last` of this boot until `until_boot` began, boots between
    them included. How much that was nobody knows.
    """
    first = last + 1 if last < NUMBER_MAX else None  # None: that boot's end is on record already
    return {
        "kind": "loss", "from": "link", "utc_ms": to_utc_ms, "of": "field", "boot": boot, "first": first, "last": None,
        "count": None, "reason": reason, "from_utc_ms": from_utc_ms, "to_utc_ms": to_utc_ms, "until_boot": until_boot,
    }  # fmt: skip
