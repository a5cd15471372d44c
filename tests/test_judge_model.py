"""The judge against a reference that was written differently: it keeps the whole history and asks it every time.

2,000 seeded stories of 60 events, values on and around every limit. Beside equality two promises are watched on every
step: power is never permitted while a cause stands, and becomes permitted in no step but a reset's.
"""

from __future__ import annotations

import math
import random

import pytest

from heading import AREA, FAN, FLOW, LOCK_MS, STALE_MS, T1, T2, Story
from minegate_interlock.lines import Cause
from minegate_interlock.state import Cut, Event, Heard, Named, OutputsUp, Reset, Tick

VALUES = {
    T1: [0.0, 0.5, 0.99, 1.0, 1.2, 1.49, 1.5, 4.0, 4.01, -0.1, math.nan, math.inf],
    T2: [0.0, 0.99, 1.0, 1.01, 4.0, -9999.0],
    FAN: [0.0, 0.5, 1.0, 1.0, 1.0, 2.0],
    FLOW: [0.0, 2.0, 2.01, 2.5, 2.51, 9.0, math.nan],
}
UNITS = {T1: "%CH4", T2: "%CH4", FAN: "", FLOW: "m/s"}


class Reference:
    """Lists of what happened; the answers are read off them backwards."""

    def __init__(self) -> None:
        self.heard: dict[str, list[tuple[float, int, int]]] = {point: [] for point in VALUES}
        self.units = dict(UNITS)
        self.up = False
        self.commanded = False
        self.power = False

    def healthy(self, point: str, now_ms: int) -> bool:
        if not self.heard[point] or self.units[point] != UNITS[point]:
            return False
        value, quality, seen_ms = self.heard[point][-1]
        if now_ms < seen_ms or now_ms > seen_ms + STALE_MS or not self.proves(point, value, quality):
            return False
        return not self.latched(point)

    def proves(self, point: str, value: float, quality: int) -> bool:
        top = {T1: 4.0, T2: 4.0, FAN: 1.0, FLOW: 30.0}[point]
        return quality in (0, 256) and math.isfinite(value) and value >= 0.0 and value <= top

    def latched(self, point: str) -> bool:
        """Walk back to the last reading that cut or restored, whichever comes first."""
        for value, quality, _ in reversed(self.heard[point]):
            if math.isnan(value) or self.cuts(point, value):
                return True
            if self.proves(point, value, quality) and self.restores(point, value):
                return False
        return False

    def cuts(self, point: str, value: float) -> bool:
        return {T1: value >= 1.5, T2: value >= 1.0, FAN: value <= 0.5, FLOW: value <= 2.0}[point]

    def restores(self, point: str, value: float) -> bool:
        return {T1: value < 1.0, T2: value < 1.0, FAN: value > 0.5, FLOW: value > 2.5}[point]

    def clear(self, now_ms: int) -> bool:
        everything = all(self.healthy(point, now_ms) for point in VALUES)
        return everything and self.up and not self.commanded and now_ms >= LOCK_MS

    def tell(self, event: Event, now_ms: int) -> None:
        asked = isinstance(event, Reset) and event.area == AREA
        if isinstance(event, Heard):
            self.heard[event.point].append((event.value, event.quality, event.seen_ms))
        elif isinstance(event, Named):
            self.units[event.point] = event.unit
        elif isinstance(event, OutputsUp) and event.area == AREA:
            self.up = event.up
        elif isinstance(event, Cut) and event.area == AREA:
            self.commanded = True
        elif asked:
            self.commanded = False
        self.power = self.clear(now_ms) and (self.power or asked)


def _event(chance: random.Random, now_ms: int) -> Event:
    kind = chance.randrange(20)
    if kind < 11:
        point = chance.choice(list(VALUES))
        usual = {T1: 0.5, T2: 0.5, FAN: 1.0, FLOW: 9.0}[point]
        value = usual if chance.random() < 0.7 else chance.choice(VALUES[point])
        quality = chance.choice([0] * 12 + [256, 1, 16, 512])
        return Heard(point, value, quality, now_ms - chance.choice([0, 0, 0, 50, STALE_MS, STALE_MS + 1, -1]))
    if kind < 14:
        return Tick()
    if kind < 17:
        return Reset(chance.choice([AREA, AREA, AREA, "another"]), "Li")
    point = chance.choice(list(UNITS))
    rare: list[Event] = [
        OutputsUp(AREA, chance.random() < 0.8),
        Named(point, UNITS[point] if chance.random() < 0.8 else "ppm"),
        Cut(chance.choice([AREA, "another"]), "Wang", ""),
    ]
    return chance.choice(rare)


@pytest.mark.parametrize("seed", range(8))
def test_no_story_lets_judge_and_reference_differ(seed: int) -> None:
    permissions = 0
    for number in range(250):
        chance = random.Random(seed * 1000 + number)
        story, reference = Story(), Reference()
        story.now_ms = chance.choice([0, LOCK_MS - 500, LOCK_MS, LOCK_MS])
        if chance.random() < 0.7:
            opening: list[Event] = [OutputsUp(AREA, True)]
            opening += [Heard(p, {T1: 0.5, T2: 0.5, FAN: 1.0, FLOW: 9.0}[p], 0, story.now_ms) for p in VALUES]
            for event in opening:
                story.tell(event)
                reference.tell(event, story.now_ms)
        for step in range(60):
            story.now_ms += chance.choice([0, 0, 1, 50, 200, 1200])
            event = _event(chance, story.now_ms)
            before = story.area.permitted
            story.tell(event)
            reference.tell(event, story.now_ms)
            where = f"seed {seed}, story {number}, step {step}: {event}"
            assert story.area.permitted == reference.power, where
            assert story.area.restorable == (reference.clear(story.now_ms) and not reference.power), where
            if story.area.permitted:
                assert before or isinstance(event, Reset), where
                assert all(given.cause is Cause.NONE for given in story.state.inputs), where
            permissions += story.area.permitted and not before
    assert permissions > 10  # the stories do reach power, or they would prove nothing
