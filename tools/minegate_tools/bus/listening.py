"""Frames of a port as they come: on a line they are what lies between two silences."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from minegate_agent.field.wire_time import gap_ms, wire_ms
from minegate_drivers.ports import CanFrame, LinePort, Message
from minegate_drivers.sdk import LineDriver, MessageDriver
from minegate_tools.bus.port import Chosen, open_broker, open_bus, open_line

FRAME_BYTES_MAX = 4096
_ADAPTER_MS = 5.0  # USB adapters hand bytes on in lumps; a silence that is only theirs must not cut a frame in two


async def frames(at: Chosen) -> AsyncIterator[bytes | CanFrame | Message]:
    """Everything that is heard, for ever. Raises PortLost."""
    if at.port.kind == "serial":
        line = await open_line(at)
        try:
            while True:
                yield await line_frame(line, (gap_ms(at.port) + _ADAPTER_MS) / 1000)
        finally:
            line.close()
    elif at.port.kind == "can":
        bus = await open_bus(at)
        try:
            while True:
                for frame in await bus.read_batch():
                    yield frame
        finally:
            bus.close()
    else:
        topics = [t for device in at.devices if isinstance(device.driver, MessageDriver) for t in device.driver.topics]
        broker = await open_broker(at, topics)
        try:
            while True:
                for message in await broker.read_batch():
                    yield message
        finally:
            broker.close()


async def line_frame(line: LinePort, silence_s: float) -> bytes:
    """The next bytes, up to a silence."""
    heard = await line.read_some()
    while len(heard) < FRAME_BYTES_MAX and (more := await line.read_some(1, silence_s)):
        heard += more
    return heard


async def polled(
    at: Chosen, driver: LineDriver, timeout_ms: float, now_ms: Callable[[], int]
) -> AsyncIterator[tuple[bytes, bytes]]:
    """Request and answer of a device that we ask ourselves, for ever; b"" when nothing came."""
    line = await open_line(at)
    try:
        while True:
            request = driver.ask(now_ms())
            if request is None:
                await asyncio.sleep(0.1)
                continue
            await line.pause(gap_ms(at.port) / 1000)
            line.take()
            line.write(request)
            heard = await line.read_some(1, (wire_ms(at.port, len(request)) + timeout_ms) / 1000)
            while heard and (missing := driver.missing(heard)) > 0:
                more = await line.read_some(missing, (wire_ms(at.port, missing) + timeout_ms) / 1000)
                if not more:
                    break
                heard += more
            yield request, heard
    finally:
        line.close()
