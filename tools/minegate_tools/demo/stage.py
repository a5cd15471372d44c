"""Everything the demo starts, as one thing: simulator, brokers, subscriber and `minegate run`, all real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from minegate_agent import bound
from minegate_agent.clock import Clock
from minegate_interlock.lines import Command, Verb
from minegate_interlock.rules import load
from minegate_tools import control
from minegate_tools.demo import simulator
from minegate_tools.demo.brokers import Broker
from minegate_tools.demo.door import Door
from minegate_tools.demo.receiver import Receiver
from minegate_tools.demo.site import Addresses
from minegate_tools.demo.story import Act
from minegate_tools.demo.until import until

# into some 120 m3 of face air: 1.1 % CH4 more, enough for the cut at the face or in the return, and soon blown away
BURST_M3 = 1.3
OPERATOR = "demo operator"
READY_S = 30.0
STOP_S = 12.0
QUIET_S = 0.3  # a broker on this machine hands on what it has within milliseconds


class StageError(Exception):
    """Something of the demo could not be started or ended too early. The text names it and its log."""


class Settings(NamedTuple):
    """What the user may choose of the stage."""

    seed: int = 1
    speed: float = 1.0
    embedded: bool = False  # the embedded broker even if mosquitto is here


class Stage:
    """An async context: on entry everything runs, on exit nothing of it is left."""

    def __init__(self, folder: Path, at: Addresses, settings: Settings, clock: Clock) -> None:
        self.folder = folder
        self.at = at
        self.sim_folder = folder / "sim"
        self.kills: list[tuple[str, int]] = []
        self.broker = Broker(at.broker, folder / "broker", settings.embedded)
        self.receiver = Receiver(at.broker)
        self.outage_since_ms: int | None = None
        self._settings = settings
        self._clock = clock
        self._underground = Broker(at.underground, folder / "underground", settings.embedded)
        self._door = Door(at.door, at.broker)
        self._area = ""
        self._processes: dict[str, asyncio.subprocess.Process] = {}

    @property
    def run_folder(self) -> Path:
        """Where the sockets of the site are."""
        return self.folder / "run"

    async def __aenter__(self) -> Stage:
        try:
            await self._enter()
        except BaseException:
            await self._leave()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._leave()

    async def do(self, act: Act) -> None:
        """Do one act of the story. Raises SimulatorLost."""
        match act.verb:
            case "broker":
                await (self._broker_back() if act.on else self._broker_lost())
            case "reset":
                await asyncio.to_thread(self._reset)
            case "fan":
                await simulator.command(self.sim_folder, do="fan", run=act.on)
            case "burst":
                await simulator.command(self.sim_folder, do="burst", m3=BURST_M3)

    async def kill(self, process: str) -> None:
        """End `process` of the site by SIGKILL, and return when it is gone. Raises StageError."""
        path = self.run_folder / f"{process}.pid"
        try:
            number = int(path.read_text(encoding="ascii"))
            self.kills.append((process, self._clock.monotonic_ms()))
            os.kill(number, signal.SIGKILL)
        except (OSError, ValueError) as error:
            raise StageError(f"{process}: cannot be killed: {path}: {error}") from error
        if not await until(lambda: not _runs(number), READY_S, every_s=0.005):
            raise StageError(f"{process}: process {number} has not ended within {READY_S:.0f} s of SIGKILL")

    def ended(self) -> str:
        """Name of a process that has ended though it should not; empty if there is none."""
        return next((name for name, process in self._processes.items() if process.returncode is not None), "")

    def log(self, name: str) -> Path:
        """Where the words of a process go."""
        return self.folder / f"{name}.log"

    async def stop_site(self) -> int:
        """End `minegate run` in order; its exit code."""
        return await self._end(self._processes.pop("run"))

    async def _enter(self) -> None:
        self._area, watches = _rules(self.folder / "rules.toml")
        await self._underground.start()
        await self._start("simulator", *bound.command("minegate_sim", "heading", *self._simulated(), *watches))
        await self._until("simulator", self.sim_folder / "control.sock")
        await self.broker.start()
        await self.receiver.come()
        await self._door.open()
        await self._start("run", *bound.program(sys.executable, "-m", "minegate_tools", "run", str(self.folder)))
        await self._until("run", self.run_folder / "status.sock")

    def _simulated(self) -> tuple[str, ...]:
        settings = self._settings
        return (
            f"--dir={self.sim_folder}",
            f"--seed={settings.seed}",
            f"--speed={settings.speed}",
            f"--mqtt-port={self.at.underground}",
        )

    async def _leave(self) -> None:
        for name in ("run", "simulator"):  # the site first: it closes its ports before the far ends vanish
            process = self._processes.pop(name, None)
            if process is not None:
                await self._end(process)
        await self.receiver.go()
        await self._door.shut()
        await self.broker.stop()
        await self._underground.stop()

    async def _start(self, name: str, *command: str) -> None:
        with self.log(name).open("ab") as log:
            self._processes[name] = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    async def _until(self, name: str, path: Path) -> None:
        process = self._processes[name]
        if not await until(lambda: path.exists() or process.returncode is not None, READY_S):
            raise StageError(f"{name} was not ready within {READY_S:.0f} s; see {self.log(name)}")
        if process.returncode is not None:
            raise StageError(f"{name} ended at once; see {self.log(name)}")

    async def _end(self, process: asyncio.subprocess.Process) -> int:
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(STOP_S):
                return await process.wait()
        except TimeoutError:
            process.kill()
            return await process.wait()

    async def _broker_lost(self) -> None:
        # The door first: a message that the broker confirmed must have reached the subscriber before it goes.
        await self._door.shut()
        self.outage_since_ms = self._clock.monotonic_ms()
        await self._heard_all()
        await self.receiver.go()
        await self.broker.stop()

    async def _broker_back(self) -> None:
        await self.broker.start()
        await self.receiver.come()
        await self._door.open()
        self.outage_since_ms = None

    async def _heard_all(self) -> None:
        messages = self.receiver.count.messages
        heard = -1
        while heard != messages.total():
            heard = messages.total()
            await asyncio.sleep(QUIET_S)

    def _reset(self) -> None:
        with suppress(control.NoAnswer):  # the interlock was just killed: the story asks again
            control.ask(self.run_folder, Command(Verb.RESET, self._area, OPERATOR, "demo"))


def _rules(path: Path) -> tuple[str, tuple[str, ...]]:
    """The first area, and every cut limit as the simulator is asked to watch it at the sensor."""
    rules = load(path.read_bytes(), str(path))
    watches = (f"--watch={limit.point}:{limit.cut}:{limit.direction}" for limit in rules.limits)
    return rules.areas[0].name, tuple(watches)


def _runs(number: int) -> bool:
    # A killed process stays in the table until its parent has asked for its exit code: state Z has stopped running.
    try:
        state = Path(f"/proc/{number}/stat").read_text(encoding="ascii", errors="replace").rpartition(") ")[2]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return not state.startswith("Z")
