"""`python -m minegate_agent.field DIR`. Exit code 2: gateway.toml cannot be used, or a rule would act too late."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from minegate_agent.check import admit_times
from minegate_agent.clock import SystemClock
from minegate_agent.config import ConfigError, Port
from minegate_agent.field.app import run_field
from minegate_agent.field.isolation import AgedSink, Isolated
from minegate_agent.field.loop_lag import LagSelector
from minegate_agent.field.plan import admit
from minegate_agent.field.spin_guard import guard
from minegate_agent.field.tcp_port import open_line as open_any_line
from minegate_agent.site import Site, SiteDevice, load_site
from minegate_agent.world import FieldWorld
from minegate_drivers.ports import CanPort, LinePort, MessagePort
from minegate_interlock.urgency import FIELD, go_first


async def _run(site: Site, clock: SystemClock, lag_ms: Callable[[], float]) -> None:
    async def open_line(port: Port) -> LinePort:
        return await open_any_line(port, site.folder)

    async def open_bus(port: Port, can_ids: tuple[tuple[int, bool], ...]) -> CanPort:
        from minegate_agent.field.can_port import open_can  # python-can is loaded where there is a CAN bus

        return await open_can(port, can_ids, site.folder)

    async def open_messages(port: Port, topics: tuple[str, ...]) -> MessagePort:
        from minegate_agent.field import message_port  # the same for MQTT

        return await message_port.open_messages(port, topics)

    def isolate(port: Port, devices: list[SiteDevice], sink: AgedSink) -> Isolated:
        return Isolated(site.folder, port, devices, sink, clock.monotonic_ms)

    boot = int.from_bytes(os.urandom(4), "little") or 1
    world = FieldWorld(clock, boot, open_line, open_bus, open_messages, isolate, lag_ms)
    guarding = asyncio.create_task(guard(), name="spin guard")
    running = asyncio.ensure_future(run_field(site, world))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    try:
        await running
    except asyncio.CancelledError:
        logging.getLogger("field").info("stopped")
    finally:
        guarding.cancel()


def main() -> int:
    """Run until told to stop."""
    logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
    try:
        site = load_site(Path(sys.argv[1]))
        admit(site)
        admit_times(site)
    except IndexError:
        print("usage: python -m minegate_agent.field DIR", file=sys.stderr)
        return 2
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    logging.getLogger("field").info("goes first: %s", go_first(FIELD))
    clock = SystemClock()
    waiting = LagSelector(clock.monotonic_ms)
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(waiting)) as runner:
        runner.run(_run(site, clock, waiting.take_ms))
    return 0


if __name__ == "__main__":
    sys.exit(main())
