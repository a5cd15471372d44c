"""Waiting for a condition of another process, which cannot tell us itself: it is looked at again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

LOOK_S = 0.05


async def until(condition: Callable[[], bool], deadline_s: float, every_s: float = LOOK_S) -> bool:
    """Return True as soon as `condition` is true, False when it has not come true within `deadline_s`."""
    try:
        async with asyncio.timeout(deadline_s):
            while True:
                if condition():
                    return True
                await asyncio.sleep(every_s)
    except TimeoutError:
        return False
