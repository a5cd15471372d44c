"""Notices when the time of day jumps, because every time in the journal before and after means something else then."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from minegate_agent.clock import Clock

LOOK_S = 1.0
STEP_MS = 500  # a slewing time service moves less than 1 ms in a second (adjtimex(2): 500 ppm)


def step_ms(offset_ms: int, clock: Clock) -> int:
    """By how much UTC has jumped since the offset between the clocks was `offset_ms`; 0 if it has not."""
    moved = offset_of(clock) - offset_ms
    return moved if not abs(moved) < STEP_MS else 0


def offset_of(clock: Clock) -> int:
    """UTC less monotonic time."""
    return clock.utc_ms() - clock.monotonic_ms()


async def watch(clock: Clock, on_step: Callable[[int], Awaitable[object]]) -> None:
    """Call `on_step` with the milliseconds of each jump, for ever."""
    offset_ms = offset_of(clock)
    while True:
        await asyncio.sleep(LOOK_S)
        if jumped := step_ms(offset_ms, clock):
            offset_ms = offset_of(clock)
            await on_step(jumped)
