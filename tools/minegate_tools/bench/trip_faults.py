"""Losses on real processes: field killed, interlock killed, bus cut, relay line cut, lease frames delayed.

The three processes are started here as the supervisor would, but started again at once: its growing pauses between
restarts would only make the proof longer. What is promised is the bound that `minegate check` computes for the site.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from minegate_agent import supervisor
from minegate_agent.check import check
from minegate_agent.worst_case import SILENT, Loss, loss_ms
from minegate_tools.bench import trip_site
from minegate_tools.bench.quantiles import spread
from minegate_tools.bench.rows import Row
from minegate_tools.bench.trip_cases import Shape
from minegate_tools.bench.trip_run import Far, Gateway, far_end
from minegate_tools.demo.brokers import Broker, free_port

_OPEN_S = 10.0
_CLOSED_S = 30.0
_CALM_S = 0.3

Strike = Callable[[], Awaitable[list[float]]]  # does the damage to every line; when, per line


def bounds_ms(folder: Path) -> dict[Loss, float]:
    """What `check` computes for the site, the longest of all areas."""
    report = check(folder)
    if report.problems:
        raise ValueError(report.problems[0])
    silent = [case.worst for limit in report.limits for case in limit.cases if case.name == SILENT]
    return {loss: max(loss_ms(loss, worst) for worst in silent) for loss in Loss}


class Struck:
    """A gateway whose processes can be killed, all contacts closed before each loss."""

    def __init__(self, folder: Path, shape: Shape, far: Far) -> None:
        self._folder, self._shape, self._far = folder, shape, far
        self._parts = {part.name: part.command for part in supervisor.parts(folder, folder / "run")}
        self._running: dict[str, asyncio.subprocess.Process] = {}

    async def start(self, name: str) -> None:
        """One of the three."""
        quiet = asyncio.subprocess.DEVNULL
        self._running[name] = await asyncio.create_subprocess_exec(
            *self._parts[name], stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True
        )

    async def end(self) -> None:
        """All of them."""
        for process in self._running.values():
            process.kill()
            await process.wait()

    async def times_ms(self, loss: Loss) -> list[float]:
        """From one loss to the open contact of each line."""
        await self._far.until(lambda: all(self._far.closed), _CLOSED_S)
        await asyncio.sleep(_CALM_S)
        at_s = await self._strike(loss)
        try:
            await self._far.until(lambda: not any(self._far.closed), _OPEN_S)
        finally:
            await self._mend(loss)
        return [1000 * (moved_s - begun_s) for moved_s, begun_s in zip(self._far.moved_s, at_s, strict=True)]

    async def _strike(self, loss: Loss) -> list[float]:
        lines = range(self._shape.lines)
        if loss in (Loss.FIELD, Loss.INTERLOCK):
            process = self._running[_PROCESS[loss]]
            now_s = time.perf_counter()
            os.kill(process.pid, signal.SIGKILL)
            await process.wait()
            return [now_s for _ in lines]
        return [await self._far.tell(**{_WORD[loss]: line, "on": True}) for line in lines]

    async def _mend(self, loss: Loss) -> None:
        if loss in (Loss.FIELD, Loss.INTERLOCK):
            await self.start(_PROCESS[loss])
            return
        for line in range(self._shape.lines):
            await self._far.tell(**{_WORD[loss]: line, "on": False})


_PROCESS = {Loss.FIELD: "field", Loss.INTERLOCK: "interlock"}
_WORD = {Loss.BUS: "mute", Loss.RELAY: "sever", Loss.LEASES: "hold"}


@asynccontextmanager
async def struck(folder: Path, shape: Shape, seed: int) -> AsyncIterator[Struck]:
    """Start everything; nobody passes a limit, and a person resets what has opened."""
    async with AsyncExitStack() as stack:
        broker = Broker(free_port(), folder / "broker")
        trip_site.write(folder, shape, broker.port, free_port())
        (folder / "run").mkdir()
        await broker.start()
        stack.push_async_callback(broker.stop)
        far = await stack.enter_async_context(far_end(folder, shape, seed))
        await far.tell(auto=False)
        running = Struck(folder, shape, far)
        stack.push_async_callback(running.end)
        for name in ("interlock", "field", "link"):
            await running.start(name)
        gateway = Gateway(folder, shape, far, broker)
        people = [asyncio.create_task(gateway.keep_reset(line)) for line in range(shape.lines)]
        stack.callback(lambda: [person.cancel() for person in people])
        yield running


async def losses(folder: Path, shape: Shape, seed: int, count: int) -> AsyncIterator[Row]:
    """Each loss `count` times; every line's contact counts."""
    async with struck(folder, shape, seed) as running:
        allowed_ms = bounds_ms(folder)
        for loss in Loss:
            took_ms: list[float] = []
            for _ in range(count):
                took_ms += await running.times_ms(loss)
            yield loss_row(f"{loss.value}, {count} times, {shape.lines} contacts", took_ms, allowed_ms[loss])


def loss_row(words: str, took_ms: list[float], allowed_ms: float) -> Row:
    """No contact may have stayed closed for longer."""
    found = spread(took_ms)
    return Row(words, str(found), "", f"<= {allowed_ms:.0f}", found.worst <= allowed_ms)
