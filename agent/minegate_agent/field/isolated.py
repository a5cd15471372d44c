"""One port in a process of its own: `python -m minegate_agent.field.isolated DIR PORT`, started by isolation.py.

Its drivers may raise, spin or eat memory: this process ends, its neighbours do not notice. It says what it hears on its
standard output in the frames of isolation.py, and ends when its port is lost, its memory is used up, or nobody listens.
"""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import signal
import sys
from pathlib import Path

from minegate_agent.clock import SystemClock
from minegate_agent.config import ConfigError, Port
from minegate_agent.field.can_port import open_can
from minegate_agent.field.health import DeviceHealth, PortHealth
from minegate_agent.field.isolation import BEAT_S, pack
from minegate_agent.field.message_port import open_messages
from minegate_agent.field.readers import reader
from minegate_agent.field.tcp_port import open_line as open_any_line
from minegate_agent.site import Site, SiteDevice, load_site
from minegate_agent.world import FieldWorld
from minegate_drivers.ports import CanPort, LinePort, PortLost
from minegate_drivers.sdk import Heard, Nonsense

_NO_BOOT = 1  # field numbers what it hears from here; this process numbers nothing
NICENESS = 10  # a driver that spins must not hold up the process that feeds the interlock (`minegate bench isolation`)


class Voice:
    """The Sink of this process: everything goes to field, at once. A pipe that is full makes this process wait."""

    def __init__(self, clock: SystemClock, descriptor: int) -> None:
        self._clock = clock
        self._descriptor = descriptor

    def say(self, *words: object) -> None:
        """One frame. BrokenPipeError when field is gone."""
        frame = pack(words)
        while frame:
            frame = frame[os.write(self._descriptor, frame) :]

    def heard(self, device: SiteDevice, heard: Heard) -> None:
        """See Sink. The monotonic clock is the machine's, so field can compare it with its own."""
        self.say("s", device.number, heard.part, int(heard.quality), self._clock.monotonic_ms(), heard.record)

    def edge(self, device: SiteDevice, up: bool) -> None:
        """See Sink."""
        self.say("e", device.number, up)

    def nonsense(self, device: SiteDevice, error: Nonsense) -> None:
        """See Sink."""
        self.say("n", device.number, error.kind, str(error)[:200])

    def driver_error(self, device: SiteDevice, error: Exception) -> None:
        """See Sink."""
        self.say("d", device.number, f"{type(error).__name__}: {error}"[:200])


async def _run(site: Site, port: Port, voice: Voice) -> None:
    clock = SystemClock()

    async def open_line(wanted: Port) -> LinePort:
        return await open_any_line(wanted, site.folder)

    async def open_bus(wanted: Port, can_ids: tuple[tuple[int, bool], ...]) -> CanPort:
        return await open_can(wanted, can_ids, site.folder)

    devices = [device for device in site.devices.values() if device.port == port.name]
    health = PortHealth(port.name, port.kind)
    of_device = {device.number: DeviceHealth(device.number, device.name) for device in devices}
    world = FieldWorld(clock, _NO_BOOT, open_line, open_bus, open_messages)

    async def beat() -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            told = [one.report(clock.monotonic_ms()) for one in of_device.values()]
            voice.say("h", health.report(list(of_device.values()), clock.monotonic_ms()), told)

    beating = asyncio.create_task(beat(), name="beat")
    try:
        await reader(port, devices, world, voice, health, of_device)(lambda: voice.say("o"))
    except PortLost as lost:
        voice.say("l", str(lost))
    finally:
        beating.cancel()


def main() -> int:
    """Until the port is lost. 2: the configuration cannot be used."""
    logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is for field, which ends this process
    os.nice(NICENESS)
    folder, name = Path(sys.argv[1]), sys.argv[2]
    # a driver that prints must not speak in our frames
    descriptor = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        site = load_site(folder)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    port = next(port for port in site.config.port if port.name == name)
    limit_bytes = port.memory_mb * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))
    try:
        asyncio.run(_run(site, port, Voice(SystemClock(), descriptor)))
    except BrokenPipeError:
        return 1  # field is gone
    return 0


if __name__ == "__main__":
    sys.exit(main())
