"""Whoever is told to end does end, also in the moment in which something it waits for fails."""

from __future__ import annotations

import asyncio

import pytest

from minegate_agent.together import until_one_ends


class Work:
    """Two coroutines that live and die together, and a parent that mends the failure of one and begins anew."""

    def __init__(self) -> None:
        self.failing = asyncio.Event()
        self.mended = 0
        self.beside = 0

    async def keep_mending(self) -> None:
        while True:
            try:
                await until_one_ends(self._fails(), self._goes_on())
            except OSError:
                self.mended += 1

    async def _fails(self) -> None:
        await self.failing.wait()
        self.failing.clear()
        raise OSError

    async def _goes_on(self) -> None:
        self.beside += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.beside -= 1


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.parametrize("later", range(8))
async def test_a_parent_cancelled_around_the_turn_of_a_failure_ends(later: int) -> None:
    work = Work()
    task = asyncio.create_task(work.keep_mending())
    await turns(3)
    work.failing.set()
    await turns(later)
    task.cancel()
    async with asyncio.timeout(10):
        await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert work.beside == 0


async def test_a_failure_is_raised_as_it_is_and_the_other_one_ends_with_it() -> None:
    work = Work()
    task = asyncio.create_task(work.keep_mending())
    for mended in range(1, 4):
        await turns(3)
        work.failing.set()
        async with asyncio.timeout(10):
            while work.mended < mended:
                await asyncio.sleep(0)
    await turns(3)
    assert work.beside == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_an_end_without_a_failure_ends_all() -> None:
    work = Work()
    await until_one_ends(work._goes_on(), asyncio.sleep(0))
    assert work.beside == 0
