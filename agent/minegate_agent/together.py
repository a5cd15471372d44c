"""Coroutines that live and die together, for a parent that goes on after their failure and still must hear its own end.

A TaskGroup is not for that on CPython 3.11 and 3.12: when a child fails in the turn in which the parent is cancelled,
the child's error is all that is raised. A parent that mends the error and loops has then lost its cancellation (seen:
field did not end on SIGTERM when link ended in the same moment), and `Task.cancelling` does not tell the two apart.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


async def until_one_ends(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Run them until the first one ends; the others are cancelled and waited for. Raises what that one raised."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        ended = [task for task in tasks if task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in ended:
        task.result()
