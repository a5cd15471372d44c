"""The heading as a process: ptys, broker, control socket and the file of truth around a `Heading`."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple, TextIO

from minegate_agent.clock import Clock
from minegate_sim import pty_end, underground
from minegate_sim.control import LINE_BYTES_MAX, obey
from minegate_sim.heading import Heading
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


class _Stop(Exception):  # noqa: N818 - not an error: how the task group is told to end
    """SIGTERM or SIGINT."""


async def run(settings: Settings, clock: Clock) -> None:
    """Run the heading until SIGTERM or SIGINT. OSError if the folder cannot be used; ValueError for a watch.

    When `control.sock` appears in the folder, everything else is there.
    """
    heading = Heading(settings.seed, clock.monotonic_ms(), settings.speed)
    for watch in settings.watches:
        heading.watch(watch)
    settings.folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        truth = stack.enter_context((settings.folder / "truth.jsonl").open("w", encoding="utf-8", buffering=1))
        ptys = {name: stack.enter_context(pty_end.opened(settings.folder / name)) for name in heading.ends}
        process = _Process(settings, clock, heading, truth)
        try:
            await process.serve(ptys)
        except* _Stop:
            heading.note(clock.monotonic_ms(), "end", answers=heading.answers())
            process.write_truth()


class _Process:
    def __init__(self, settings: Settings, clock: Clock, heading: Heading, truth: TextIO) -> None:
        self._settings = settings
        self._clock = clock
        self._heading = heading
        self._truth = truth

    async def serve(self, ptys: dict[str, pty_end.Pty]) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        async with asyncio.TaskGroup() as tasks:
            for name, pty in ptys.items():
                end = self._heading.ends[name]
                tasks.create_task(pty_end.serve(pty, end, self._clock, self.write_truth), name=name)
            tasks.create_task(self._tick(), name="physics")
            if self._settings.mqtt_port:
                speaking = underground.publish(self._heading.robot, self._clock, HOST, self._settings.mqtt_port)
                tasks.create_task(speaking, name="robot")
            server = await self._listen(tasks)
            log.info("heading 1201 in %s, seed %d", self._settings.folder, self._settings.seed)
            try:
                await stop.wait()
            finally:
                server.close()
                self._socket.unlink(missing_ok=True)
            raise _Stop

    def write_truth(self) -> None:
        """Hand what happened to the kernel: a reader sees whole lines as they arise."""
        for truth in self._heading.take_truths():
            self._truth.write(json.dumps({"ms": round(truth.ms), "what": truth.what, **truth.fields}) + "\n")

    @property
    def _socket(self) -> Path:
        return self._settings.folder / "control.sock"

    async def _tick(self) -> None:
        while True:
            self._heading.step(self._clock.monotonic_ms())
            self.write_truth()
            await asyncio.sleep(max(0.0, self._heading.due_ms() - self._clock.monotonic_ms()) / 1000.0)

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
                writer.write(obey(self._heading, line, self._clock.monotonic_ms()))
                self.write_truth()
                await writer.drain()
        except (ConnectionError, ValueError) as error:  # gone, or a line without end
            log.warning("control connection dropped: %s", error)
        finally:
            writer.close()
