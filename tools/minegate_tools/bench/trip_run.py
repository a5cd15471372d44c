"""One measured gateway: its far ends, a broker, and the three processes as `minegate run` starts them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from minegate_agent import bound
from minegate_interlock.lines import Command, Verb
from minegate_tools.bench import trip_site
from minegate_tools.bench.trip_cases import RESET_EVERY_MS, RESET_FIRST_MS, Shape
from minegate_tools.control import NoAnswer, ask
from minegate_tools.demo.brokers import Broker, free_port

START_S = 120.0
STOP_S = 10.0
_LINE_BYTES = 1 << 20


class Cut(NamedTuple):
    """One cut, in milliseconds after the limit was passed. NaN: no answer or no OPEN was seen before the contact."""

    line: int
    said_ms: float  # the answer that shows it was whole on the sensors' line
    open_ms: float  # OPEN was on the relay's line
    contact_ms: float

    @property
    def reaction_ms(self) -> float:
        """From the one to the other: what field and interlock took."""
        return self.open_ms - self.said_ms


class Far:
    """The process of trip_world.py, and what it has told."""

    def __init__(self, process: asyncio.subprocess.Process, lines: int) -> None:
        self.cuts: list[Cut] = []
        self.closed = [False] * lines
        self.moved_s = [0.0] * lines
        self.changed = asyncio.Condition()
        self._process = process
        self._obeyed: asyncio.Queue[float] = asyncio.Queue()

    async def hear(self) -> None:
        """Until it ends."""
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            told = json.loads(line)
            async with self.changed:
                self._take(told)
                self.changed.notify_all()

    async def tell(self, **word: object) -> float:
        """Have it do something; when it was done, in seconds of perf_counter."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(word).encode() + b"\n")
        return await self._obeyed.get()

    async def until(self, true: Callable[[], bool], within_s: float) -> None:
        """Wait until what it told makes `true` true. Raises TimeoutError."""
        async with asyncio.timeout(within_s), self.changed:
            await self.changed.wait_for(true)

    def _take(self, told: dict[str, Any]) -> None:
        if "moved" in told:
            self.closed[told["moved"]] = told["closed"]
            self.moved_s[told["moved"]] = told["at"]
        elif "cut" in told:
            since_ms = [_ms(told[key], told["over"]) for key in ("said", "open", "contact")]
            self.cuts.append(Cut(told["cut"], *since_ms))
        elif "obeyed" in told:
            self._obeyed.put_nowait(told["at"])


def _ms(at_s: float | None, over_s: float) -> float:
    return float("nan") if at_s is None else 1000 * (at_s - over_s)


@asynccontextmanager
async def far_end(folder: Path, shape: Shape, seed: int) -> AsyncIterator[Far]:
    """Start it, and end it."""
    words = (str(folder), json.dumps(shape._asdict()), str(seed))
    async with process(*bound.command("minegate_tools.bench.trip_world", *words)) as running:
        assert running.stdout is not None
        async with asyncio.timeout(START_S):
            assert json.loads(await running.stdout.readline()) == {"ready": True}
        far = Far(running, shape.lines)
        hearing = asyncio.create_task(far.hear(), name="far end")
        try:
            yield far
        finally:
            hearing.cancel()


@asynccontextmanager
async def process(*command: str, log: Path | None = None) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process in a session of its own; SIGTERM at the end, and SIGKILL if that is not enough."""
    pipe = asyncio.subprocess.PIPE
    with open(log or os.devnull, "ab") as said:  # noqa: ASYNC230 - before anything is measured
        running = await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe if log is None else said, stderr=said, start_new_session=True,
            limit=_LINE_BYTES,
        )  # fmt: skip
    try:
        yield running
    finally:
        if running.returncode is None:
            running.terminate()
            try:
                async with asyncio.timeout(STOP_S):
                    await running.wait()
            except TimeoutError:
                running.kill()
                await running.wait()


class Gateway:
    """A site that runs, with somebody who resets every area whose contact has opened."""

    def __init__(self, folder: Path, shape: Shape, far: Far, broker: Broker) -> None:
        self.folder, self.shape, self.far, self.broker = folder, shape, far, broker

    def pid(self, name: str) -> int:
        """Of `interlock`, `field` or `link`. Raises OSError, ValueError while it is not there."""
        return int((self.folder / "run" / f"{name}.pid").read_text(encoding="ascii"))

    def signal(self, name: str, number: signal.Signals) -> None:
        """To one of the three."""
        os.kill(self.pid(name), number)

    async def cuts(self, count: int, within_s: float) -> list[Cut]:
        """The next `count` cuts of all lines together. Raises TimeoutError."""
        begun = len(self.far.cuts)
        await self.far.until(lambda: len(self.far.cuts) >= begun + count, within_s)
        return self.far.cuts[begun : begun + count]

    async def all_closed(self, within_s: float = START_S) -> None:
        """Every contact is closed at the same time: only with the over-limits switched off."""
        await self.far.until(lambda: all(self.far.closed), within_s)

    async def keep_reset(self, line: int) -> None:
        """The person who resets that line's area, for ever."""
        run = self.folder / "run"
        command = Command(Verb.RESET, trip_site.area(line), "bench", "")
        while True:
            await self.far.until(lambda: not self.far.closed[line], float("inf"))
            await asyncio.sleep(RESET_FIRST_MS / 1000)
            while not self.far.closed[line]:
                with suppress(NoAnswer):  # it is being started
                    await asyncio.to_thread(ask, run, command)
                await asyncio.sleep(RESET_EVERY_MS / 1000)


@asynccontextmanager
async def gateway(folder: Path, shape: Shape, seed: int) -> AsyncIterator[Gateway]:
    """The whole of it, after every line has cut once."""
    async with AsyncExitStack() as stack:
        broker = Broker(free_port(), folder / "broker")
        trip_site.write(folder, shape, broker.port, free_port())
        await broker.start()
        stack.push_async_callback(broker.stop)
        far = await stack.enter_async_context(far_end(folder, shape, seed))
        command = bound.command("minegate_tools", "run", str(folder))
        await stack.enter_async_context(process(*command, log=folder / "run.log"))
        running = Gateway(folder, shape, far, broker)
        people = [asyncio.create_task(running.keep_reset(line)) for line in range(shape.lines)]
        stack.callback(lambda: [person.cancel() for person in people])
        await far.until(lambda: len(far.cuts) >= shape.lines, START_S)
        yield running
