"""A heading or a section as a process: ptys, TCP, broker, control socket and the file of truth around it."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol, TextIO

from minegate_agent.clock import Clock
from minegate_sim import pty_end, underground
from minegate_sim.control import LINE_BYTES_MAX, obey
from minegate_sim.devices.rail_robot import RailRobot
from minegate_sim.doors import Door, opened
from minegate_sim.far_end import FarEnd
from minegate_sim.heading import Heading
from minegate_sim.section import wishes
from minegate_sim.section.section import Section, load
from minegate_sim.watch import Watch

log = logging.getLogger("sim")

HOST = "127.0.0.1"


class Settings(NamedTuple):
    """What the command line says. `mqtt_port` 0: no robot."""

    folder: Path
    seed: int = 1
    speed: float = 1.0
    mqtt_port: int = 0
    watches: tuple[Watch, ...] = ()
    doors: tuple[Door, ...] = ()


class Told(Protocol):
    """A truth (place.py)."""

    @property
    def ms(self) -> float: ...
    @property
    def what(self) -> str: ...
    @property
    def fields(self) -> Mapping[str, object]: ...


class Stage(Protocol):
    """What is put on ptys and a real clock."""

    @property
    def ends(self) -> Mapping[str, FarEnd]: ...
    def step(self, now_ms: float) -> None: ...
    def due_ms(self) -> float: ...
    def answers(self) -> dict[str, int]: ...
    def watch(self, watch: Watch) -> None: ...
    def note(self, at_ms: float, what: str, **fields: object) -> None: ...
    def take_truths(self) -> Sequence[Told]: ...


class Show(NamedTuple):
    """A stage with its name, its robots, and who obeys what is said to its control socket."""

    name: str
    stage: Stage
    robots: Sequence[RailRobot]
    obey: Callable[[bytes, float], bytes]


class _Stop(Exception):  # noqa: N818 - not an error: how the task group is told to end
    """SIGTERM or SIGINT."""


async def run(settings: Settings, clock: Clock) -> None:
    """Run the heading until SIGTERM or SIGINT. OSError if the folder cannot be used; ValueError for a watch.

    When `control.sock` appears in the folder, everything else is there.
    """
    heading = Heading(settings.seed, clock.monotonic_ms(), settings.speed)
    await _run(settings, clock, Show("heading 1201", heading, (heading.robot,), partial(obey, heading)))


async def run_section(settings: Settings, clock: Clock, name: str) -> None:
    """The same for a section, with its doors. ValueError also for a file or a door that is wrong."""
    section = Section(load(name), settings.seed, clock.monotonic_ms(), settings.speed)
    show = Show(section.plan.name, section, tuple(section.robots.values()), partial(wishes.obey, section))
    await _run(settings, clock, show, section)


async def _run(settings: Settings, clock: Clock, show: Show, section: Section | None = None) -> None:
    for watch in settings.watches:
        show.stage.watch(watch)
    settings.folder.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        truth = stack.enter_context((settings.folder / "truth.jsonl").open("w", encoding="utf-8", buffering=1))
        ptys = {name: stack.enter_context(pty_end.opened(settings.folder / name)) for name in show.stage.ends}
        if section is not None and settings.doors:
            ports = await stack.enter_async_context(opened(settings.doors, section.wiring, clock))
            (settings.folder / "tcp.json").write_text(json.dumps(ports) + "\n", encoding="utf-8")
        process = _Process(settings, clock, show, truth)
        try:
            await process.serve(ptys)
        except* _Stop:
            show.stage.note(clock.monotonic_ms(), "end", answers=show.stage.answers())
            process.write_truth()


class _Process:
    def __init__(self, settings: Settings, clock: Clock, show: Show, truth: TextIO) -> None:
        self._settings = settings
        self._clock = clock
        self._show = show
        self._stage = show.stage
        self._truth = truth

    async def serve(self, ptys: dict[str, pty_end.Pty]) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        async with asyncio.TaskGroup() as tasks:
            for name, pty in ptys.items():
                end = self._stage.ends[name]
                tasks.create_task(pty_end.serve(pty, end, self._clock, self.write_truth), name=name)
            tasks.create_task(self._tick(), name="physics")
            for robot in self._show.robots if self._settings.mqtt_port else ():
                speaking = underground.publish(robot, self._clock, HOST, self._settings.mqtt_port)
                tasks.create_task(speaking, name=robot.name)
            server = await self._listen(tasks)
            log.info("%s in %s, seed %d", self._show.name, self._settings.folder, self._settings.seed)
            try:
                await stop.wait()
            finally:
                server.close()
                self._socket.unlink(missing_ok=True)
            raise _Stop

    def write_truth(self) -> None:
        """Hand what happened to the kernel: a reader sees whole lines as they arise."""
        for truth in self._stage.take_truths():
            self._truth.write(json.dumps({"ms": round(truth.ms), "what": truth.what, **truth.fields}) + "\n")

    @property
    def _socket(self) -> Path:
        return self._settings.folder / "control.sock"

    async def _tick(self) -> None:
        while True:
            self._stage.step(self._clock.monotonic_ms())
            self.write_truth()
            await asyncio.sleep(max(0.0, self._stage.due_ms() - self._clock.monotonic_ms()) / 1000.0)

    async def _listen(self, tasks: asyncio.TaskGroup) -> asyncio.Server:
        def come(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            tasks.create_task(self._talk(reader, writer), name="control")

        # appears under its name only when it listens, and with its permissions: the name is the sign that all is ready
        fresh = self._socket.with_name(".control.sock")
        fresh.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(come, fresh, limit=LINE_BYTES_MAX)
        os.chmod(fresh, 0o660)
        fresh.replace(self._socket)
        return server

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(self._show.obey(line, self._clock.monotonic_ms()))
                self.write_truth()
                await writer.drain()
        except (ConnectionError, ValueError) as error:  # gone, or a line without end
            log.warning("control connection dropped: %s", error)
        finally:
            writer.close()
