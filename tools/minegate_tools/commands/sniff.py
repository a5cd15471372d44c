"""`minegate sniff`: what is said on a port, as a text capture that people read and tests play."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Iterable
from typing import TextIO

from minegate_agent.clock import SystemClock
from minegate_agent.config import ConfigError
from minegate_agent.site import SiteDevice
from minegate_drivers.ports import PortLost
from minegate_drivers.sdk import LineDriver
from minegate_tools.bus.listening import frames, polled
from minegate_tools.bus.port import Chosen, chosen, port_arguments
from minegate_tools.bus.recording import Recording

_ABOUT = """\
Listens to a port and writes what it hears as a capture: on a line frame by frame (they end with a silence), on CAN each
frame, from a broker each message. With --device the frames of that device of the site are understood, and the capture
is a test of its driver: `python -m minegate_drivers.testkit FILE`. It says nothing on the bus, unless --ask makes it
the master of a line that has none. A port that the running agent holds cannot be opened twice: stop field, or listen
with a second adapter.
"""


def declare(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    command = commands.add_parser(
        "sniff",
        help="record a port into a text capture",
        description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    port_arguments(command)
    command.add_argument("--device", help="a device of the site on this port: understand its frames")
    command.add_argument("--ask", action="store_true", help="ask the device ourselves; for a line without a master")
    command.add_argument("--out", type=argparse.FileType("w", encoding="utf-8"), default=None, help="file; else stdout")
    command.add_argument("--seconds", type=float, help="how long; until Ctrl-C if it is left out")
    command.set_defaults(do=_do)


def _do(asked: argparse.Namespace) -> int:
    try:
        at = chosen(asked)
        device = _device(at, asked.device, asked.ask)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    recording = Recording(device.driver if device else None)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_record(at, device, recording, asked.out or sys.stdout, asked.ask, asked.seconds))
    except PortLost as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        if asked.out:
            asked.out.close()
    print(f"{recording.frames} frames heard, {recording.understood} understood", file=sys.stderr)
    return 0


def _device(at: Chosen, name: str | None, ask: bool) -> SiteDevice | None:
    if name is None:
        if ask:
            raise ConfigError("--ask needs --device: whom should it ask?")
        return None
    found = [device for device in at.devices if device.name == name]
    if not found:
        raise ConfigError(f"device {name!r} is not on port {at.port.name!r}; there: {[d.name for d in at.devices]}")
    if ask and not isinstance(found[0].driver, LineDriver):
        raise ConfigError(f"--ask: device {name!r} speaks by itself")
    return found[0]


async def _record(
    at: Chosen, device: SiteDevice | None, recording: Recording, out: TextIO, ask: bool, seconds: float | None
) -> None:
    name = device.config.driver if device else "NAME"
    _write(out, recording.head(name, device.config.options if device else {}))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            async for lines in _lines(at, device, recording, ask):
                _write(out, lines)


async def _lines(
    at: Chosen, device: SiteDevice | None, recording: Recording, ask: bool
) -> AsyncIterator[Iterable[str]]:
    clock = SystemClock()
    begun_ms = clock.monotonic_ms()

    def now_ms() -> int:
        return clock.monotonic_ms() - begun_ms

    if ask and device is not None and isinstance(device.driver, LineDriver):
        async for request, answer in polled(at, device.driver, device.config.timeout_ms, now_ms):
            yield recording.asked(request, now_ms())
            yield recording.heard(answer, now_ms()) if answer else recording.silence(now_ms())
            await asyncio.sleep(device.config.period_ms / 1000)
    async for frame in frames(at):
        yield recording.heard(frame, now_ms())


def _write(out: TextIO, lines: Iterable[str]) -> None:
    for line in lines:
        print(line, file=out)
    out.flush()
