"""Everything a part of `minegate bench uplink` starts: broker, subscriber, mine, and a site that is not run yet."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from minegate_agent import bound
from minegate_tools.bench import uplink_ear, uplink_site
from minegate_tools.bench.uplink_site import Asked
from minegate_tools.demo.brokers import Broker, free_port

READER = Path(__file__).parents[2] / "read_payload.py"
START_S = 20.0
LOOK_S = 0.02
JUDGE_S = 1.5
ANSWER_S = 180.0  # a day of history takes a while to be judged
LINE_BYTES_MAX = 1 << 26


class Told:
    """A process that answers each line with a line of JSON."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid

    async def ask(self, words: str) -> Any:
        """What it says to that."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(words.encode() + b"\n")
        async with asyncio.timeout(ANSWER_S):
            return json.loads(await self._process.stdout.readline())

    async def ready(self) -> None:
        """Wait for its first line."""
        assert self._process.stdout is not None
        async with asyncio.timeout(START_S):
            line = await self._process.stdout.readline()
        assert line == b"ready\n", line


@asynccontextmanager
async def talking(*command: str) -> AsyncIterator[Told]:
    """A process of ours, ended at the end."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, start_new_session=True,
        limit=LINE_BYTES_MAX,
    )  # fmt: skip
    try:
        yield Told(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


class Stage:
    """`site` is a folder that `minegate run` takes; `broker`, `ear` and `mine` are running."""

    def __init__(self, site: Path, broker: Broker, ear: Told, mine: Told) -> None:
        self.site = site
        self.broker = broker
        self.ear = ear
        self.mine = mine

    async def judged(self, **asked: object) -> dict[str, Any]:
        """The subscriber's verdict on everything so far."""
        truth = self.site / "truth.json"
        await self.mine.ask(f"truth {truth}")
        found: dict[str, Any] = await self.ear.ask("judge " + json.dumps({"truth": str(truth), **asked}))
        return found

    async def first_reading(self, after_ms: float) -> float:
        """When the first reading that was taken behind that time was heard, ms UTC. TimeoutError.

        Asked seldom: judging holds up those who are asked, who are on the road that is measured.
        """
        async with asyncio.timeout(START_S):
            while True:
                await asyncio.sleep(JUDGE_S)
                first: float | None = (await self.judged(after=after_ms))["first"].get("reading")
                if first is not None:
                    return first

    async def listening(self) -> None:
        """Wait until the subscriber hears. TimeoutError."""
        async with asyncio.timeout(START_S):
            while not await self.ear.ask("up"):  # noqa: ASYNC110 - another process
                await asyncio.sleep(LOOK_S)


@asynccontextmanager
async def stage(
    folder: Path, asked: Asked, *, wire: bool = True, uplink_port: int | None = None
) -> AsyncIterator[Stage]:
    """`wire`: the slaves answer at the pace of a line. `uplink_port`: where the gateway goes, if not to the broker."""
    async with AsyncExitStack() as stack:
        broker = Broker(free_port(), folder / "broker")
        if broker.kind != "mosquitto":
            raise RuntimeError("mosquitto is not installed (Debian: apt install mosquitto)")
        await broker.start()
        stack.push_async_callback(broker.stop)
        site = uplink_site.write(folder / "site", asked._replace(broker=uplink_port or broker.port, page=free_port()))
        numbers = (asked.baud if wire else 0, asked.stations, asked.registers)
        command = bound.command("minegate_tools.bench.uplink_mine", str(site), *map(str, numbers))
        mine = await stack.enter_async_context(talking(*command))
        await mine.ready()
        ear = await stack.enter_async_context(
            talking(*bound.program(sys.executable, uplink_ear.__file__, str(broker.port), str(READER)))
        )
        made = Stage(site, broker, ear, mine)
        await made.listening()
        yield made


def now_ms() -> float:
    """UTC, as the mine and the subscriber take it."""
    return time.time_ns() / 1e6
