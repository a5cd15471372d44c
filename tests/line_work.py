"""Modbus heads on a virtual line, an arbiter that asks them, and ears that count."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Coroutine
from itertools import pairwise
from typing import Any

from minegate_agent.config import Device, Port
from minegate_agent.field.arbiter import Arbiter
from minegate_agent.field.health import DeviceHealth, PortHealth
from minegate_agent.field.wire_time import character_ms
from minegate_agent.site import SiteDevice
from minegate_drivers.gas_head import GasHead
from minegate_drivers.modbus_rtu import framed
from minegate_drivers.sdk import Heard, LineDriver, Nonsense
from virtual_line import Answer, LoopClock, VirtualLine

GOOD_STATUS = 1


def line_port(**keys: Any) -> Port:
    return Port(**({"name": "line", "kind": "serial", "device": "x", "baud": 9600} | keys))


def head(number: int, driver: LineDriver | None = None, **keys: Any) -> SiteDevice:
    """Device `number`, whose station is its number."""
    config = Device(number=number, name=f"d{number}", port="line", driver="gas_head", **({"period_ms": 500} | keys))
    own = GasHead(station=number, first=0, function=4, scale=0.01, low=0.0, high=4.0)
    return SiteDevice(number, f"d{number}", "line", driver or own, config)


def reading(station: int, hundredths: int = 50, status: int = GOOD_STATUS) -> bytes:
    """What a methane head answers."""
    return framed(bytes((station, 4, 4)) + hundredths.to_bytes(2, "big") + status.to_bytes(2, "big"))


class Ears:
    """Counts what a reader says."""

    def __init__(self, health: dict[int, DeviceHealth]) -> None:
        self._health = health
        self.scans: list[tuple[int, float]] = []
        self.edges: list[tuple[int, bool]] = []
        self.kinds: list[str] = []
        self.errors: list[int] = []

    def heard(self, device: SiteDevice, heard: Heard) -> None:
        self.scans.append((device.number, asyncio.get_running_loop().time() * 1000))

    def edge(self, device: SiteDevice, up: bool) -> None:
        self.edges.append((device.number, up))

    def nonsense(self, device: SiteDevice, error: Nonsense) -> None:
        self.kinds.append(error.kind)
        self._health[device.number].nonsense[error.kind] += 1

    def driver_error(self, device: SiteDevice, error: Exception) -> None:
        self.errors.append(device.number)

    def count(self) -> Counter[int]:
        return Counter(number for number, _ in self.scans)

    def pauses_ms(self, number: int, from_ms: float = 0.0) -> list[float]:
        """The times between two readings of one device."""
        times = [at_ms for heard, at_ms in self.scans if heard == number and at_ms >= from_ms]
        return [after - before for before, after in pairwise(times)]

    def longest_ms(self, number: int, from_ms: float = 0.0) -> float:
        """The longest of them."""
        return max(self.pauses_ms(number, from_ms))


class Stage:
    """One line with its arbiter, inside a virtual loop."""

    def __init__(self, devices: list[SiteDevice], answer: Answer, port: Port | None = None) -> None:
        self.port = port or line_port()
        self.line = VirtualLine(answer, character_ms(self.port))
        self.health = {device.number: DeviceHealth(device.number, device.name) for device in devices}
        self.ears = Ears(self.health)
        self.port_health = PortHealth("line", "serial")
        self.arbiter = Arbiter(self.port, devices, LoopClock(), self.ears, self.port_health, self.health)

    async def play(self, seconds: float, meanwhile: Callable[[], Coroutine[Any, Any, None]] | None = None) -> None:
        """Let the line run for so long. `meanwhile` runs beside it."""
        running = asyncio.create_task(self.arbiter.run(self.line))
        beside = asyncio.create_task(meanwhile()) if meanwhile else None
        await asyncio.sleep(seconds)
        for task in (running, beside):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task


def answering(dead: set[int] | None = None, delay_ms: float = 6.0) -> Answer:
    """Every head answers its own request `delay_ms` after it; `dead` may be changed while the line runs."""
    silent = dead if dead is not None else set()

    def answer(request: bytes, now_ms: float) -> tuple[float, bytes] | None:
        return None if request[0] in silent else (delay_ms, reading(request[0]))

    return answer
