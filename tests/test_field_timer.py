"""The exact timer rings once, never early, at the last end that was set, however the ends were set before."""

from __future__ import annotations

import asyncio

import pytest

from minegate_agent.field.timer import KernelTimer, LoopTimer

FAR_S = 100.0
DEADLINE_S = 20.0

# the ends as they are set, one after the other without a pause: the last one counts
ENDS = [(0.01,), (FAR_S, 0.01), (0.005, 0.03), (0.005, FAR_S, 0.02), (0.03, 0.0)]


@pytest.mark.parametrize("kind", [KernelTimer, LoopTimer])
@pytest.mark.parametrize("ends_s", ENDS)
async def test_the_last_end_counts(kind: type[KernelTimer] | type[LoopTimer], ends_s: tuple[float, ...]) -> None:
    loop = asyncio.get_running_loop()
    rung_s: list[float] = []
    rang = asyncio.Event()

    def ring() -> None:
        rung_s.append(loop.time())
        rang.set()

    timer = kind(loop, ring)
    for seconds in ends_s:
        due_s = loop.time() + seconds
        timer.set(seconds)
    async with asyncio.timeout(DEADLINE_S):
        await rang.wait()
    assert rung_s[0] >= due_s - 1e-3  # LoopTimer is as exact as the loop's clock
    timer.close()
    assert len(rung_s) == 1


async def test_an_end_that_is_put_off_again_and_again_never_rings_and_the_last_one_does() -> None:
    loop = asyncio.get_running_loop()
    rang = asyncio.Event()
    timer = KernelTimer(loop, rang.set)
    until_s = loop.time() + 0.1
    while loop.time() < until_s:
        timer.set(0.05)
        last_s = loop.time()
        await asyncio.sleep(0.001)
        if loop.time() - last_s < 0.04:  # else this computer was held up for longer than the end
            assert not rang.is_set()
    async with asyncio.timeout(DEADLINE_S):
        await rang.wait()
    timer.close()


async def test_a_closed_timer_never_rings_and_may_be_closed_again() -> None:
    rung: list[bool] = []
    timer = KernelTimer(asyncio.get_running_loop(), lambda: rung.append(True))
    timer.set(0.0)
    timer.close()
    timer.close()
    for _ in range(5):
        await asyncio.sleep(0)
    assert not rung
