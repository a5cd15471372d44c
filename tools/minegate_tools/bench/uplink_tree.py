"""The agent as it is started by `minegate run`, seen from outside: what all its processes use together (proc(5))."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from minegate_agent import bound
from minegate_interlock.lines import Command, Verb
from minegate_tools import control
from minegate_tools.bench.uplink_site import AREA

END_S = 10.0
PERMIT_S = 20.0
_MB = 1e6


class Used(NamedTuple):
    """What a tree of processes has used since its start. `of`: CPU by process, for a person who wonders."""

    cpu_s: float
    written_bytes: int
    of: dict[str, float]

    def since(self, before: Used) -> Used:
        """The difference."""
        of = {name: used - before.of.get(name, 0.0) for name, used in self.of.items()}
        return Used(self.cpu_s - before.cpu_s, self.written_bytes - before.written_bytes, of)


class Tree:
    """A process and all that come from it."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def pids(self) -> list[int]:
        """Of the living, the root first."""
        found, left = [], [self._pid]
        while left:
            pid = left.pop()
            found.append(pid)
            with suppress(FileNotFoundError):
                tasks = list(Path(f"/proc/{pid}/task").iterdir())
                left += [int(child) for task in tasks for child in (task / "children").read_text().split()]
        return found

    def used(self) -> Used:
        """So far."""
        of: dict[str, float] = {}
        written = 0
        for pid in self.pids():
            with suppress(FileNotFoundError, ProcessLookupError):
                name = f"{_name(pid)} {pid}"
                of[name] = of.get(name, 0.0) + cpu_s(pid)
                written += _io(pid)
        return Used(sum(of.values()), written, of)

    def pss_mb(self) -> dict[str, float]:
        """Proportional set size of each process, in MB."""
        found: dict[str, float] = {}
        for pid in self.pids():
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
                if line.startswith("Pss:"):
                    found[f"{_name(pid)} {pid}"] = int(line.split()[1]) * 1024 / _MB
        return found

    def kill(self) -> None:
        """All of it, with -9."""
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@asynccontextmanager
async def agent(site: Path, log: Path) -> AsyncIterator[Tree]:
    """`minegate run SITE`; its words go to `log`."""
    with log.open("ab") as words:
        process = await asyncio.create_subprocess_exec(
            *bound.program(sys.executable, "-m", "minegate_tools", "run", str(site)),
            stdin=asyncio.subprocess.DEVNULL, stdout=words, stderr=words, start_new_session=True,
        )  # fmt: skip
    tree = Tree(process.pid)
    try:
        yield tree
    finally:
        await _end(process, tree)


async def _end(process: asyncio.subprocess.Process, tree: Tree) -> None:
    """Ask it to end; by force when it does not."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(END_S):
                await process.wait()
        except TimeoutError:
            tree.kill()
    await process.wait()


async def permitted(site: Path) -> None:
    """Reset the area as a person does, until the interlock agrees. TimeoutError with its last word if it never does."""
    said = ""
    try:
        async with asyncio.timeout(PERMIT_S):
            while True:
                try:
                    answer = await asyncio.to_thread(
                        control.ask, site / "run", Command(Verb.RESET, AREA, "bench", "", 0)
                    )
                except control.NoAnswer as error:
                    said = str(error)
                else:
                    if answer.done:
                        return
                    said = answer.text
                await asyncio.sleep(0.2)
    except TimeoutError as error:
        raise TimeoutError(f"the interlock does not permit: {said}") from error


def cpu_s(pid: int) -> float:
    """CPU time of all threads of a process, to the nanosecond: the first number of each schedstat (proc(5))."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


def _io(pid: int) -> int:
    fields = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text(encoding="ascii").splitlines())
    return int(fields["write_bytes"])


def _name(pid: int) -> str:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    modules = [word.decode() for word in words if word.startswith(b"minegate_") and not word.endswith(b".bound")]
    return modules[0].removeprefix("minegate_").replace("agent.", "") if modules else "process"
