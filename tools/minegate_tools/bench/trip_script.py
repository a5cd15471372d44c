"""The plain script that anybody would write for the same cut: one process, pymodbus asks, OPEN goes out at once.

`python -m ... FOLDER SHAPE`. One asyncio task polls each line with library defaults but for the time-out, another keeps
that line's relay permitted; it knows no silence, no doubt, no latch and no person, and permits again by itself.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
import tty
from contextlib import suppress
from pathlib import Path

from pymodbus.client import AsyncModbusSerialClient
from pymodbus.exceptions import ModbusException

from minegate_agent import bound
from minegate_interlock.node_output import NodeOutput
from minegate_interlock.terms import Output, Timing
from minegate_tools.bench import trip_site
from minegate_tools.bench.trip_cases import BAUD, LIMIT, TIMEOUT_MS, Shape
from minegate_tools.bench.trip_run import Cut, far_end, process

_STEP_S = 0.05
_PERMIT_AGAIN_S = 0.5
_CUT_S = 12.0


class Area:
    """One line and its relay."""

    def __init__(self, folder: Path, line: int) -> None:
        self._device = str(folder / trip_site.device(line, "sensor"))
        self._relay = os.open(folder / trip_site.device(line, "relay"), os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self._relay)
        self._node = NodeOutput(Output(f"relay-{line}", node=trip_site.FIRST_NODE + line), Timing(), bytes(4))
        self._over: set[int] = set()
        self._cut_s = 0.0

    @property
    def _permitted(self) -> bool:
        return not self._over and time.perf_counter() - self._cut_s > _PERMIT_AGAIN_S

    async def poll(self, stations: int) -> None:
        """Ask one head after the other, for ever."""
        client = AsyncModbusSerialClient(self._device, baudrate=BAUD, timeout=TIMEOUT_MS / 1000, retries=0)
        assert await client.connect()
        while True:
            for station in range(1, stations + 1):
                try:
                    answer = await client.read_input_registers(0, count=2, device_id=station)
                except ModbusException:
                    continue
                if not answer.isError():
                    self._judge(station, answer.registers[0] / 100)

    async def permit(self) -> None:
        """Hear the relay, and renew what it is permitted, for ever."""
        while True:
            await asyncio.sleep(_STEP_S)
            with suppress(BlockingIOError):
                self._node.hear(os.read(self._relay, 4096), _now_ms())
            self._send(urgent=False)

    def _judge(self, station: int, percent: float) -> None:
        if percent < LIMIT:
            self._over.discard(station)
            return
        first = not self._over
        self._over.add(station)
        self._cut_s = time.perf_counter()
        if first:
            self._send(urgent=True)

    def _send(self, urgent: bool) -> None:
        if frame := self._node.send(self._permitted, urgent, _now_ms()):
            os.write(self._relay, frame)


def _now_ms() -> int:
    return time.perf_counter_ns() // 1_000_000


async def _run(folder: Path, shape: Shape) -> None:
    areas = [Area(folder, line) for line in range(shape.lines)]
    async with asyncio.TaskGroup() as tasks:
        for area in areas:
            tasks.create_task(area.poll(shape.heads))
            tasks.create_task(area.permit())


async def measure_script(folder: Path, shape: Shape, seed: int, count: int) -> list[Cut]:
    """That many cuts by the script."""
    (folder / "sim").mkdir()
    words = (str(folder), json.dumps(shape._asdict()))
    async with far_end(folder, shape, seed) as far:
        async with process(*bound.command("minegate_tools.bench.trip_script", *words), log=folder / "script.log"):
            await far.until(lambda: len(far.cuts) >= shape.lines, 60.0)
            begun = len(far.cuts)
            await far.until(lambda: len(far.cuts) >= begun + count, 60 + _CUT_S * count / shape.lines)
        return far.cuts[begun : begun + count]


if __name__ == "__main__":
    asyncio.run(_run(Path(sys.argv[1]), Shape(**json.loads(sys.argv[2]))))
