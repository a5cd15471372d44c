"""Child of `minegate bench can`: our port, our reader, our driver, and the numbering of what it heard.

`python -m minegate_tools.bench.can_ours slcan TTY FOLDER` or `... structs PORT FOLDER`. FOLDER holds bench.dbc. Ends
when nothing was heard for a second after something was; says in JSON how many frames, what was lost, CPU seconds.
"""

from __future__ import annotations

import asyncio
import json
import resource
import socket
import sys
from pathlib import Path

from minegate_agent.clock import SystemClock
from minegate_agent.config import Device, Hold, Port
from minegate_agent.field.can_port import open_can
from minegate_agent.field.can_reader import CanReader
from minegate_agent.field.health import DeviceHealth, PortHealth
from minegate_agent.field.produce import Produce
from minegate_agent.field.socketcan_port import SocketCanPort, prepare
from minegate_agent.field.tally import Tally
from minegate_agent.site import SiteDevice
from minegate_drivers.dbc import DbcListener
from minegate_drivers.ports import CanPort
from minegate_drivers.sdk import Heard, Nonsense

QUIET_S = 1.0
WAIT_S = 30.0
CONFIRMED_EVERY = 500  # link confirms some times a second; what it has not stays held


class Counting:
    """A Sink that numbers and keeps, as the field process does, and looks whether a frame is missing."""

    def __init__(self, produce: Produce, clock: SystemClock) -> None:
        self._produce, self._clock = produce, clock
        self.frames = self.gaps = self.nonsenses = 0
        self._next = 0

    def heard(self, device: SiteDevice, heard: Heard) -> None:
        """See Sink."""
        scan = self._produce.scan(device.number, heard, self._clock.monotonic_ms())
        if scan.number % CONFIRMED_EVERY == 0:
            self._produce.hold.confirm(scan.number - CONFIRMED_EVERY)
        number = int.from_bytes(heard.record[:4], "little")
        self.gaps += number != self._next
        self._next = number + 1
        self.frames += 1

    def edge(self, device: SiteDevice, up: bool) -> None:
        """See Sink."""

    def nonsense(self, device: SiteDevice, error: Nonsense) -> None:
        """See Sink."""
        self.nonsenses += 1

    def driver_error(self, device: SiteDevice, error: Exception) -> None:
        """See Sink."""
        raise error


def cpu_s() -> float:
    """Of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def _open(kind: str, where: str, reader: CanReader, folder: Path, clock: SystemClock) -> CanPort:
    if kind == "slcan":
        port = Port(name="bench", kind="can", interface="slcan", channel=where, bitrate=500_000)
        return await open_can(port, reader.can_ids, folder)
    frames = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    prepare(frames)
    frames.bind(("127.0.0.1", int(where)))
    return SocketCanPort(frames, "bench", clock, lambda: "")


async def _listen(kind: str, where: str, folder: Path) -> dict[str, float]:
    clock = SystemClock()
    produce = Produce(clock, Tally(folder / "bench.tally", 1), Hold(items_max=1_000_000))
    driver = DbcListener(file=str(folder / "bench.dbc"), messages="")
    device = SiteDevice(1, "machine", "bench", driver, Device(number=1, name="machine", port="bench", driver="dbc"))
    sink = Counting(produce, clock)
    health = {1: DeviceHealth(1, "machine")}
    reader = CanReader([device], clock, sink, PortHealth("bench", "can"), health)
    port = await _open(kind, where, reader, folder, clock)
    print("ready", flush=True)
    began_s = cpu_s()
    running = asyncio.create_task(reader.run(port))
    before, waited_s = -1, 0.0
    while (sink.frames != before or not sink.frames) and waited_s < WAIT_S:
        before = sink.frames
        await asyncio.sleep(QUIET_S)
        waited_s = 0.0 if sink.frames else waited_s + QUIET_S
    if running.done():
        running.result()  # raises what ended it
    running.cancel()
    used_s = cpu_s() - began_s
    told = {"frames": sink.frames, "gaps": sink.gaps, "nonsense": sink.nonsenses, "cpu_s": used_s}
    told |= {"dropped": port.bus.dropped, "malformed": port.bus.malformed}
    port.close()
    return told


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_listen(sys.argv[1], sys.argv[2], Path(sys.argv[3])))))
