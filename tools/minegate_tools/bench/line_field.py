"""The field process on one line of plain Modbus slaves: `python -m ... FOLDER WISH`, where WISH is JSON.

The real thing with a site that is made here instead of read: ports, arbiter, tally, hold and both ways out are those of
`python -m minegate_agent.field`.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

from minegate_agent.clock import SystemClock
from minegate_agent.config import Config, Device, Gateway, Point, Port
from minegate_agent.field.app import Field
from minegate_agent.field.can_port import open_can
from minegate_agent.field.message_port import open_messages
from minegate_agent.field.serial_port import SerialPort, open_serial
from minegate_agent.site import Site, SiteDevice, SitePoint
from minegate_agent.world import FieldWorld
from minegate_drivers import sdk
from minegate_drivers.modbus_rtu import missing, payload, read_holding_registers


class Registers(sdk.LineDriver):
    """`count` holding registers of one station, in one read."""

    def __init__(self, station: int, count: int) -> None:
        self._request = read_holding_registers(station, 0, count)
        self.layouts = (sdk.Layout(*(sdk.Field(f"r{at}", ">u2") for at in range(count)), name="registers"),)

    def ask(self, now_ms: int) -> bytes | None:
        """The same request every time."""
        return self._request

    def missing(self, heard: bytes) -> int:
        """See LineDriver."""
        return missing(heard, self._request)

    def hear(self, frame: bytes) -> sdk.Heard:
        """See LineDriver."""
        return sdk.Heard(payload(frame, self._request))


def site(folder: Path, wish: dict[str, Any]) -> Site:
    """A site of one line: as many devices as `stations`, each with one named point for the interlock."""
    port = Port(name="line", kind="serial", device=wish["device"], baud=wish["baud"], gap_ms=wish["gap_ms"], eager=True)
    devices, points = [], []
    for number in range(1, wish["stations"] + 1):
        config = Device(
            number=number, name=f"s{number}", port="line", driver="registers", period_ms=wish["period_ms"],
            timeout_ms=wish["timeout_ms"],
        )  # fmt: skip
        devices.append(SiteDevice(number, config.name, "line", Registers(number, wish["registers"]), config))
        named = Point(number=number, name=f"p{number}", device=config.name, field="r0")
        points.append(SitePoint(number, named.name, number, 0, 0, devices[-1].driver.layouts[0].fields[0], named))
    whole = Config(
        gateway=Gateway(mine="1", id="bench"),
        port=[port],
        device=[device.config for device in devices],
        point=[point.config for point in points],
    )
    return Site(folder, whole, "0" * 16, {device.number: device for device in devices}, tuple(points))


async def _run(folder: Path, wish: dict[str, Any]) -> None:
    lines: list[SerialPort] = []

    async def open_line(port: Port) -> SerialPort:
        lines.append(await open_serial(port, folder))
        return lines[-1]

    async def no_can(port: Port, can_ids: Any) -> Any:
        return await open_can(port, can_ids, folder)

    field = Field(site(folder, wish), FieldWorld(SystemClock(), 1, open_line, no_can, open_messages))
    running = asyncio.ensure_future(field.run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    try:
        await running
    except asyncio.CancelledError:
        print(json.dumps({"wakes": sum(line.wakes for line in lines), **field.report()}))


def main() -> None:
    """Run until SIGTERM; then say what was counted."""
    asyncio.run(_run(Path(sys.argv[1]), json.loads(sys.argv[2])))


if __name__ == "__main__":
    main()
