"""The processes of one measured line: slaves, master, and who takes what field hands over. Started and ended here."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from minegate_agent import bound
from minegate_agent.link.hand_over import frame, receive
from minegate_tools.bench.line_cases import Case

_PERIOD_MS = 10_000  # no device is asked later than this; the eager line asks it far earlier
_START_S = 20.0


class Measured(NamedTuple):
    """One master on one line: what the slaves saw, what the master cost, what it said at its end."""

    slaves: dict[str, float]
    cpu_s: float
    said: dict[str, Any]

    @property
    def use(self) -> float:
        """The part of the line's time that was used, the slaves' own lateness taken out."""
        return self.slaves["wire_s"] / (self.slaves["span_s"] - self.slaves["late_s"])

    @property
    def early(self) -> float:
        """The part of the polls that began inside the silence of 3.5 characters."""
        return self.slaves["early"] / max(1.0, self.slaves["answered"])

    @property
    def polls_per_s(self) -> float:
        """Answers a second."""
        return self.slaves["answered"] / self.slaves["span_s"]

    def cpu_us_per_value(self, registers: int) -> float:
        """CPU of the whole master process, in microseconds for each register read."""
        return self.cpu_s * 1e6 / max(1.0, self.slaves["answered"] * registers)


class Slaves:
    """The process of line_slaves.py."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def count(self) -> dict[str, float]:
        """What was counted since the last time; begins a new count."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"count\n")
        counted: dict[str, float] = json.loads(await self._process.stdout.readline())
        return counted


@asynccontextmanager
async def _process(*command: str) -> AsyncIterator[asyncio.subprocess.Process]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def _slaves(folder: Path, case: Case) -> AsyncIterator[Slaves]:
    dead = ("--dead", *map(str, case.dead)) if case.dead else ()
    numbers = map(str, (case.baud, case.stations, case.registers))
    command = bound.command("minegate_tools.bench.line_slaves", str(folder / "line"), *numbers, *dead)
    async with _process(*command) as process:
        assert process.stdout is not None
        async with asyncio.timeout(_START_S):
            assert await process.stdout.readline() == b"ready\n", "the slaves did not start"
        yield Slaves(process)


@asynccontextmanager
async def _link(folder: Path) -> AsyncIterator[None]:
    """Takes and confirms everything, as link does; what it does with it is not measured here."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            boot = (await receive(reader))["boot"]
            writer.write(frame({"k": "have", "boot": boot, "number": 0}))
            while True:
                message = await receive(reader)
                if message["k"] == "items":
                    writer.write(frame({"k": "have", "boot": boot, "number": message["items"][-1][0]}))
        except (EOFError, OSError):
            writer.close()

    (folder / "run").mkdir(exist_ok=True)
    server = await asyncio.start_unix_server(talk, str(folder / "run" / "scans.sock"))
    try:
        yield
    finally:
        server.close()


async def measure_field(folder: Path, case: Case, gap_ms: float | None = None) -> Measured:
    """The field process on that line."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(_link(folder))
        wish = _wish(folder, case) | {"period_ms": _PERIOD_MS, "gap_ms": gap_ms}
        command = bound.command("minegate_tools.bench.line_field", str(folder), json.dumps(wish))
        return await _measure(stack, folder, case, command)


async def measure_pymodbus(folder: Path, case: Case, broker: int = 0) -> Measured:
    """The plain script on that line."""
    async with AsyncExitStack() as stack:
        command = bound.command(
            "minegate_tools.bench.line_pymodbus", json.dumps(_wish(folder, case) | {"broker": broker})
        )
        return await _measure(stack, folder, case, command)


def _wish(folder: Path, case: Case) -> dict[str, Any]:
    return {
        "device": str(folder / "line"),
        "baud": case.baud or 4_000_000,
        "stations": case.stations,
        "registers": case.registers,
        "timeout_ms": case.timeout_ms,
    }


async def _measure(stack: AsyncExitStack, folder: Path, case: Case, command: tuple[str, ...]) -> Measured:
    slaves = await stack.enter_async_context(_slaves(folder, case))
    master = await stack.enter_async_context(_process(*command))
    await asyncio.sleep(case.settle_s)
    await slaves.count()
    cpu_s = _cpu_s(master.pid)
    await asyncio.sleep(case.seconds)
    counted, used_s = await slaves.count(), _cpu_s(master.pid) - cpu_s
    if master.returncode is not None:
        raise RuntimeError(f"{command[-2]} ended by itself with {master.returncode}")
    master.send_signal(signal.SIGTERM)
    said, _ = await master.communicate()
    return Measured(counted, used_s, json.loads(said) if said.strip() else {})


def _cpu_s(pid: int) -> float:
    """CPU time of all threads of a process, to the nanosecond: the first number of each schedstat (proc(5))."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9
