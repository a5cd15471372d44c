"""`python -m minegate_agent.field DIR`. Exit code 2: gateway.toml cannot be used."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from minegate_agent.clock import SystemClock
from minegate_agent.config import ConfigError, Port
from minegate_agent.field.app import run_field
from minegate_agent.field.can_port import PythonCanPort, open_can
from minegate_agent.field.message_port import open_messages
from minegate_agent.field.serial_port import SerialPort, open_serial
from minegate_agent.site import Site, load_site
from minegate_agent.world import FieldWorld


async def _run(site: Site) -> None:
    async def open_line(port: Port) -> SerialPort:
        return await open_serial(port, site.folder)

    async def open_bus(port: Port, can_ids: tuple[tuple[int, bool], ...]) -> PythonCanPort:
        return await open_can(port, can_ids, site.folder)

    boot = int.from_bytes(os.urandom(4), "little") or 1
    world = FieldWorld(SystemClock(), boot, open_line, open_bus, open_messages)
    running = asyncio.ensure_future(run_field(site, world))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    try:
        await running
    except asyncio.CancelledError:
        logging.getLogger("field").info("stopped")


def main() -> int:
    """Run until told to stop."""
    logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
    try:
        site = load_site(Path(sys.argv[1]))
    except IndexError:
        print("usage: python -m minegate_agent.field DIR", file=sys.stderr)
        return 2
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    asyncio.run(_run(site))
    return 0


if __name__ == "__main__":
    sys.exit(main())
