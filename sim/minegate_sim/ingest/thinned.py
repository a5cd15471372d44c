"""Thinned segments where their data arrive: what was kept is what the gateway said it keeps. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from minegate_agent.link.confirmed import Range
from minegate_agent.link.ledger import BadLedger, mask
from minegate_agent.link.store.chain import linked
from minegate_sim.ingest.store import Arrived


class Checked(NamedTuple):
    """Ranges of thinned segments: all that was kept arrived and is right, or some of it is not what was kept."""

    proved: tuple[Range, ...]
    contradicted: tuple[Range, ...]


def check(thinnings: Iterable[dict[str, Any]], between: Callable[[int, int], Iterable[Arrived]]) -> Checked:
    """Compare what arrived with the newest thinning of each segment. `between`: records of a range, rising."""
    segments: dict[Range, tuple[int, dict[str, Any]]] = {}
    for event in thinnings:
        try:
            first, last = event["segment"]
            begin, bits = mask(event)
        except (BadLedger, KeyError, TypeError, ValueError):
            continue  # what it does not declare stays missing in the account
        before, _ = segments.get((first, last), (0, {}))
        segments[first, last] = (before | bits << max(0, begin - first), event)
    proved: list[Range] = []
    contradicted: list[Range] = []
    for (first, last), (gone, event) in segments.items():
        kept = [each for each in between(first, last) if not gone >> each.sequence - first & 1]
        if len(kept) != last - first + 1 - gone.bit_count():
            continue  # something is still on its way, or was damaged
        chain = event.get("before")
        for each in kept:
            chain = linked(chain, each.sequence, each.klass, each.body) if isinstance(chain, bytes) else None
        (proved if chain == event.get("kept") else contradicted).append((first, last))
    return Checked(tuple(proved), tuple(contradicted))
