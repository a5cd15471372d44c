"""A tick and a reading leave nothing behind: what a year of them needs is what an hour of them needs."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable

import pytest

from engine_heading import EngineHeading
from heading import FAN, FLOW, T1, T2
from minegate_interlock.lines import PointName, Reading

WARM, TIMES = 400, 2000
ALLOWED_BLOCKS = 8  # what the interpreter's own free lists may still take


def grown(act: Callable[[int], None]) -> int:
    """Blocks that are allocated after TIMES acts and were not before them."""
    for number in range(WARM):
        act(number)
    gc.collect()
    before = sys.getallocatedblocks()
    for number in range(WARM, WARM + TIMES):
        act(number)
    gc.collect()
    return sys.getallocatedblocks() - before


def powered() -> EngineHeading:
    heading = EngineHeading()
    heading.powered()
    return heading


def test_a_tick_allocates_nothing_that_stays() -> None:
    engine = powered().engine
    begun_ms = 10_000_000

    def tick(number: int) -> None:
        engine.tick(begun_ms + 50 * number)
        engine.take_sends()

    assert grown(tick) <= ALLOWED_BLOCKS


@pytest.mark.parametrize("percent", [(0.5, 0.5), (0.4, 0.6), (0.4, 1.2)], ids=["flat", "moving", "in and out of alarm"])
def test_a_reading_allocates_nothing_that_stays(percent: tuple[float, float]) -> None:
    engine = powered().engine
    begun_ms = 10_000_000
    for number, (point, unit) in enumerate(((T1, "%CH4"), (T2, "%CH4"), (FAN, ""), (FLOW, "m/s"))):
        engine.introduce(PointName(number, point, unit), begun_ms)

    def read(number: int) -> None:
        engine.read(Reading(number % 2, 0, 5, number + 1, percent[number // 2 % 2]), begun_ms + 20 * number)
        engine.take_sends()
        engine.ring.after(0, begun_ms + 20 * number)

    for number in range(3000):  # the ring of verdicts is full from here on
        read(number)
    assert grown(lambda number: read(3000 + number)) <= ALLOWED_BLOCKS
