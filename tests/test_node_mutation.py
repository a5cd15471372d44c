"""A lease or a trip with one small mistake in it is told from the real one by stories of a few events.

`EQUIVALENT` names the mutants that answer the same to every story, and why.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from minegate_node import lease, trip
from mutants import module, mutants

Event = tuple[Any, ...]
NONCE = 7
BOOT = 8

_LEASE_EVENTS: list[Event] = [
    *(("grant", ms, NONCE, 5) for ms in (-1, 0, 1, lease.LEASE_MAX_MS, lease.LEASE_MAX_MS + 1)),
    *(("grant", 600, NONCE, count) for count in (6, 5 + 0x7FFF, 5 + 0x8000)), ("grant", 600, NONCE + 1, 6),
    *(("revoke", count) for count in (5, 6)),
    *(("grant_sealed", ms, NONCE, 5, 1) for ms in (-1, 0, 1, lease.LEASE_MAX_MS, lease.LEASE_MAX_MS + 1)),
    *(("grant_sealed", 600, NONCE, low, high) for low, high in ((4, 1), (6, 1), (0, 0), (1, 0), (0, 2))),
    ("grant_sealed", 600, NONCE + 1, 6, 1),
    *(("revoke_sealed", low, high) for low, high in ((5, 1), (6, 1), (0, 2), (0, 0))),
    ("end",),
    *(("pass_ms", ms) for ms in (-1, 0, 1, 599, 600)),
]  # fmt: skip
_TRIP_EVENTS: list[Event] = [
    ("trip", BOOT), ("trip", 3), ("trip", 4), ("see", 4, True), ("see", 4, False), ("see", 5, True), ("see", 5, False),
    ("open", True), ("open", False), ("close",), ("pass_ms", 7), ("pass_ms", trip.SINCE_MAX_MS),
]  # fmt: skip


def _lease_story(made: Any, story: tuple[Event, ...]) -> Iterator[tuple[object, ...]]:
    own = made.Lease(NONCE)
    yield (own.left_ms, own.count, own.count_high, own.boot_nonce)
    for name, *values in story:
        answer = getattr(own, name)(*values)
        yield (answer, own.left_ms, own.count, own.count_high)


def _trip_story(made: Any, story: tuple[Event, ...]) -> Iterator[tuple[object, ...]]:
    own = made.Trip(BOOT)
    yield (own.latched, own.cause, own.since_ms)
    for name, *values in story:
        answer = getattr(own, name)(*values)
        yield (answer, own.latched, own.cause, own.since_ms)


Tell = Callable[[Any, tuple[Event, ...]], Iterator[tuple[object, ...]]]
# file, how a story is told, its events, how many of them a story has
TABLE: list[tuple[Any, Tell, list[Event], int]] = [
    (lease, _lease_story, _LEASE_EVENTS, 3),
    (trip, _trip_story, _TRIP_EVENTS, 4),
]

EQUIVALENT = {
    "`if not 0 <= elapsed_ms < self.left_ms:`: 0 <= elapsed_ms < self.left_ms -> 0 <= elapsed_ms <= self.left_ms":
        "what is left minus itself is 0 as well",
    "`self._seen = 0`: 0 -> 1": "bit 0 is TRIP_NONE, which nobody trips with",
}  # fmt: skip


@pytest.mark.parametrize(("original", "tell", "events", "length"), TABLE, ids=["lease", "trip"])
def test_no_mutant_survives(original: Any, tell: Tell, events: list[Event], length: int) -> None:
    source = Path(original.__file__).read_text(encoding="utf-8")
    stories = [story for many in range(1, length + 1) for story in itertools.product(events, repeat=many)]
    real = [list(tell(original, story)) for story in stories]

    def survives(made: Any) -> bool:
        return all(list(tell(made, story)) == answers for story, answers in zip(stories, real, strict=True))

    alive = []
    tried = 0
    for what, tree in mutants(source):
        tried += 1
        try:
            made = module(tree)
            if survives(made):
                alive.append(what)
        except (TypeError, ValueError, AttributeError, NameError, ImportError):
            continue  # it fell over: a difference
    assert tried > 40
    assert set(alive) <= set(EQUIVALENT), "\n".join(set(alive) - set(EQUIVALENT))
