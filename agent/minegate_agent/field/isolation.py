"""Field's end of a port that runs in a process of its own: starts it, hears it, ends it when it shows no sign of life.

Frames: a length (4 bytes, little-endian), then a msgpack array whose first item says what it is.

    ("s", device, part, quality, mono_ms, record)   a believed answer
    ("e", device, up)   ("n", device, kind, text)   ("d", device, text)     edge, nonsense, a mistake of a driver
    ("o",)   ("l", text)   ("h", port report, device reports)               open, lost, health: the heartbeat

What comes from there is checked like a message from a stranger: the process runs code that is not trusted.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import msgpack

from minegate_agent import bound
from minegate_agent.config import Port
from minegate_agent.site import SiteDevice
from minegate_drivers.ports import PortLost
from minegate_drivers.sdk import Heard, Nonsense, Quality

BEAT_S = 1.0
START_S = 20.0
BEAT_LOST_S = 3.0
FRAME_BYTES_MAX = 1_000_000
_LENGTH = struct.Struct("<I")
_QUALITY_ALL = sum(flag for flag in Quality)


class AgedSink(Protocol):
    """A Sink that is told when the answer was heard (monotonic milliseconds of this machine)."""

    def heard(self, device: SiteDevice, heard: Heard, at_ms: int | None = None) -> None:
        """See Sink."""

    def edge(self, device: SiteDevice, up: bool) -> None:
        """See Sink."""

    def nonsense(self, device: SiteDevice, error: Nonsense) -> None:
        """See Sink."""

    def driver_error(self, device: SiteDevice, error: Exception) -> None:
        """See Sink."""


class DriverMistake(Exception):  # noqa: N818 - the text is what the other process said
    """A driver's mistake, as the other process told it."""


def pack(words: tuple[object, ...]) -> bytes:
    """One frame."""
    body: bytes = msgpack.packb(words)
    return _LENGTH.pack(len(body)) + body


class Isolated:
    """The process of one port. `told` is its newest health: the port's report and those of its devices."""

    def __init__(
        self, folder: Path, port: Port, devices: list[SiteDevice], sink: AgedSink, clock_ms: Callable[[], int]
    ) -> None:
        self.told: tuple[dict[str, Any], list[dict[str, Any]]] | None = None
        self._folder = folder
        self._port = port
        self._devices = {device.number: device for device in devices}
        self._sink = sink
        self._clock_ms = clock_ms

    async def read(self, opened: Callable[[], None]) -> None:
        """Until the other process ends, is silent or talks nonsense. Raises PortLost."""
        command = bound.command("minegate_agent.field.isolated", str(self._folder), self._port.name)
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        patience_s = START_S
        try:
            while True:
                try:
                    async with asyncio.timeout(patience_s):
                        self._take(await _receive(process.stdout), opened)
                except TimeoutError:
                    raise self._lost(f"its process shows no sign of life for {patience_s:g} s") from None
                except asyncio.IncompleteReadError:
                    raise self._lost("its process has ended") from None
                except _StrangeError as error:
                    raise self._lost(f"its process talks nonsense: {error}") from error
                patience_s = BEAT_LOST_S
        finally:
            self.told = None
            if process.returncode is None:
                process.kill()
            await process.wait()

    def _lost(self, why: str) -> PortLost:
        return PortLost(f"port {self._port.name}: {why}")

    def _take(self, words: list[Any], opened: Callable[[], None]) -> None:
        match words:
            case ["s", int(number), int(part), int(quality), int(at_ms), bytes(record)]:
                self._heard(self._device(number), part, quality, at_ms, record)
            case ["e", int(number), bool(up)]:
                self._sink.edge(self._device(number), up)
            case ["n", int(number), str(kind), str(text)] if kind in Nonsense.KINDS:
                self._sink.nonsense(self._device(number), Nonsense(kind, text))
            case ["d", int(number), str(text)]:
                self._sink.driver_error(self._device(number), DriverMistake(text))
            case ["o"]:
                opened()
            case ["l", str(text)]:
                raise PortLost(text)
            case ["h", dict(port), list(devices)]:
                self.told = port, devices
            case _:
                raise _StrangeError(str(words)[:80])

    def _heard(self, device: SiteDevice, part: int, quality: int, at_ms: int, record: bytes) -> None:
        layouts = device.driver.layouts
        if not (0 <= part < len(layouts) and layouts[part].size == len(record) and quality & ~_QUALITY_ALL == 0):
            raise _StrangeError(f"a reading of device {device.name} that its layout does not explain")
        # a time of the future would make an old reading young
        self._sink.heard(device, Heard(record, Quality(quality), part), min(at_ms, self._clock_ms()))

    def _device(self, number: int) -> SiteDevice:
        if number not in self._devices:
            raise _StrangeError(f"device {number} is not on this port")
        return self._devices[number]


class _StrangeError(Exception):
    """Not a frame of ours."""


async def _receive(reader: asyncio.StreamReader) -> list[Any]:
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    if length > FRAME_BYTES_MAX:
        raise _StrangeError(f"a frame of {length} bytes")
    try:
        words = msgpack.unpackb(await reader.readexactly(length))
    except (ValueError, msgpack.UnpackException) as error:
        raise _StrangeError(str(error)) from error
    if not isinstance(words, list):
        raise _StrangeError("a frame that is no list")
    return words
