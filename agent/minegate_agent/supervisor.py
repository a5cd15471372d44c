"""Keeps the three processes of a site running: interlock first in, last out; a process that ends is started again.

For a laptop and the demo. On a gateway each process is a service of its own. Nothing here is needed for safety: a
process that is not there means power off, whoever is or is not restarting it.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from minegate_agent import bound
from minegate_agent.clock import Clock

RESTART_FIRST_S = 0.1
RESTART_LAST_S = 5.0
STEADY_MS = 10_000  # a process that ran this long has started well; its next restart is quick again
CONFIGURATION = 2  # exit code of a process whose configuration cannot be run: only a person can mend that
CONFIGURATION_RETRY_S = 10.0
STOP_S = 3.0  # each process promises to end within 2 s of SIGTERM

_log = logging.getLogger("supervisor")


class Part(NamedTuple):
    """One process: its name, and the command line that starts it."""

    name: str
    command: tuple[str, ...]


class AlreadyRun(Exception):  # noqa: N818 - says what is the case
    """Another supervisor holds this site. The text names folder and process."""


def parts(folder: Path, run_folder: Path) -> tuple[Part, ...]:
    """The processes of a site in the order they start."""
    return (
        Part("interlock", bound.command("minegate_interlock", str(folder / "rules.toml"), "--run", str(run_folder))),
        Part("field", bound.command("minegate_agent.field", str(folder))),
        Part("link", bound.command("minegate_agent.link", str(folder))),
    )


def restart_after_s(last_s: float, ran_ms: int, code: int) -> float:
    """How long to wait before the next start, after a process that ran `ran_ms` ended with `code`.

    `last_s` is the wait before that run, 0 at the first.
    """
    if code == CONFIGURATION:
        return CONFIGURATION_RETRY_S
    if ran_ms >= STEADY_MS or last_s == 0:
        return RESTART_FIRST_S
    return min(2 * last_s, RESTART_LAST_S)


def ending(code: int) -> str:
    """An exit code in words."""
    if code < 0:
        return f"ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


@contextmanager
def held(run_folder: Path) -> Iterator[None]:
    """Be the only supervisor of `run_folder`, which is made if it is missing. Raises AlreadyRun, OSError."""
    run_folder.mkdir(parents=True, exist_ok=True)
    path = run_folder / "supervisor.pid"
    with path.open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise AlreadyRun(f"{run_folder} is already run by process {file.read().strip() or '?'}") from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


class Keeper:
    """Keeps one part running until it is told to stop. Its process id stands in `run_folder/NAME.pid`."""

    def __init__(self, part: Part, run_folder: Path, clock: Clock) -> None:
        self.part = part
        self._pid_file = run_folder / f"{part.name}.pid"
        self._clock = clock
        self._process: asyncio.subprocess.Process | None = None
        self._stop = asyncio.Event()
        self._ended = asyncio.Event()

    async def run(self) -> None:
        """Start, wait for the end, start again; returns after `stop`."""
        wait_s = 0.0
        try:
            while not self._stop.is_set():
                since_ms = self._clock.monotonic_ms()
                code = await self._once()
                if self._stop.is_set():
                    _log.info("%s stopped: %s", self.part.name, ending(code))
                    return
                last_s, wait_s = wait_s, restart_after_s(wait_s, self._clock.monotonic_ms() - since_ms, code)
                if code != CONFIGURATION or last_s != wait_s:  # a configuration error is said once
                    _log.warning("%s %s; next start in %.1f s", self.part.name, ending(code), wait_s)
                await self._pause(wait_s)
        finally:
            self._ended.set()

    async def stop(self) -> None:
        """Ask it to end; end it by force when it does not within STOP_S. Returns when it is gone."""
        self._stop.set()
        self._ask_to_end()
        try:
            async with asyncio.timeout(STOP_S):
                await self._ended.wait()
        except TimeoutError:
            _log.error("%s did not end within %.0f s of SIGTERM: killed", self.part.name, STOP_S)
            if self._process is not None and self._process.returncode is None:
                self._process.kill()
            await self._ended.wait()

    def _ask_to_end(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()

    async def _once(self) -> int:
        # A session of its own: Ctrl-C in a terminal reaches the supervisor alone, which then ends them in order.
        process = await asyncio.create_subprocess_exec(
            *self.part.command, stdin=asyncio.subprocess.DEVNULL, start_new_session=True
        )
        self._process = process
        try:
            self._pid_file.write_text(f"{process.pid}\n", encoding="ascii")
            _log.info("%s started, process %d", self.part.name, process.pid)
            if self._stop.is_set():  # told to stop while it was being started
                self._ask_to_end()
            return await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
            self._process = None
            self._pid_file.unlink(missing_ok=True)

    async def _pause(self, wait_s: float) -> None:
        try:
            async with asyncio.timeout(wait_s):
                await self._stop.wait()
        except TimeoutError:
            pass


async def supervise(members: tuple[Part, ...], run_folder: Path, clock: Clock, stop: asyncio.Event) -> None:
    """Keep `members` running until `stop` is set, then end them: the first started ends last."""
    keepers = [Keeper(part, run_folder, clock) for part in members]
    async with asyncio.TaskGroup() as tasks:
        for keeper in keepers:
            tasks.create_task(keeper.run(), name=f"keep {keeper.part.name}")
        await stop.wait()
        first, *others = keepers
        for keeper in (*others, first):
            await keeper.stop()


async def run_site(folder: Path, run_folder: Path, clock: Clock) -> None:
    """Run the site until SIGTERM or SIGINT. Raises AlreadyRun."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with held(run_folder):
        await supervise(parts(folder, run_folder), run_folder, clock, stop)
