"""A board's own boot.py and main.py, run by CPython through firmware/hoststubs, in virtual time."""

from __future__ import annotations

import asyncio
import importlib
import runpy
import sys
import time
import tomllib
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from minegate_wire import messages
from minegate_wire.frame import HEAD, Receiver

FIRMWARE = Path(__file__).parent.parent / "firmware"
BOARDS: dict[str, dict[str, Any]] = tomllib.loads((FIRMWARE / "boards" / "boards.toml").read_text(encoding="utf-8"))
PER_BOARD = ("board", "identity", "minegate_hal.can_machine", "minegate_hal.can_pyb")


class HostBoard:
    """Board `name` in `role`. `run` powers it on; it lives until the outside ends it."""

    def __init__(self, patch: pytest.MonkeyPatch, name: str, role: str, **identity: object) -> None:
        for folder in (FIRMWARE / "hoststubs", FIRMWARE / "boards", FIRMWARE / "boards" / name):
            patch.syspath_prepend(str(folder))
        for module in PER_BOARD:
            patch.delitem(sys.modules, module, raising=False)
        self.host: Any = importlib.import_module("host_world")
        self._role = FIRMWARE / "boards" / role
        patch.setattr(time, "ticks_ms", lambda: self.host.world.ticks_ms(), raising=False)
        patch.setattr(time, "ticks_us", lambda: self.host.world.ticks_us(), raising=False)
        patch.setattr(asyncio, "sleep_ms", self._sleep_ms, raising=False)
        create_task = asyncio.create_task

        def create_task_told(coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
            """A task that dies alone: MicroPython prints that and goes on."""
            task = create_task(coroutine)
            task.add_done_callback(lambda done: None if done.cancelled() else self.died.append(done.exception()))
            return task

        patch.setattr(asyncio, "create_task", create_task_told)
        self.died: list[BaseException | None] = []
        self.world: Any = self.host.World()
        self.host.use(self.world)
        self.board: ModuleType = importlib.import_module("board")
        self.identity: ModuleType = importlib.import_module("identity")
        for key, value in identity.items():
            patch.setattr(self.identity, key, value)

    def run(self, outside: Callable[[int], None]) -> str:
        """Boot, and live until the program ends: "ended", "power off" or "watchdog". Pins are then as after a reset."""
        self.world.outside = outside
        try:
            runpy.run_path(str(self._role / "boot.py"))
            runpy.run_path(str(self._role / "main.py"), run_name="__main__")
        except self.host.PowerOff:
            self.world.reset(1)
            return "power off"
        except self.host.WatchdogReset:
            self.world.reset(3)
            return "watchdog"
        return "ended"

    async def _sleep_ms(self, ms: int) -> None:
        end_ms = self.world.now_ms + ms
        while self.world.now_ms < end_ms:
            self.world.pass_ms(1)
            await asyncio.sleep(0)
        task = asyncio.current_task()
        if self.world.end is not None and task is not None and task.get_coro().__name__ == "run":
            raise self.world.end  # a task that ended the world has died alone; the loop ends with its main coroutine


class Listener:
    """The gateway's ear on a wire: the last row of each kind that the board said, as names and values."""

    def __init__(self) -> None:
        self._receiver = Receiver()
        self.rows: dict[int, list[dict[str, int]]] = {}

    def hear(self, data: bytes | bytearray) -> None:
        for byte in data:
            if self._receiver.feed(byte):
                self.take(self._receiver)

    def take(self, received: Any) -> None:
        row = messages.row(received.kind())
        at, rows = HEAD, []
        for _ in range(received.count()):
            into = [0] * len(row[3])
            at = messages.dec(row[0], received.buf, at, into)
            rows.append(dict(zip(row[3], into, strict=True)))
        self.rows[row[0]] = rows

    def state(self) -> dict[str, int]:
        """The newest RELAY_STATE."""
        return self.rows[messages.RELAY_STATE][0]
