"""`python -m minegate_agent.link DIR`: keep what field reads, deliver it, show it. Ends on SIGTERM within 2 s."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from minegate_agent.clock import SystemClock
from minegate_agent.config import ConfigError
from minegate_agent.link.app import Link
from minegate_agent.link.disk import OS_DISK
from minegate_agent.link.journal import NotOurs
from minegate_agent.link.machine import start_of_machine
from minegate_agent.link.mqtt import MqttBroker
from minegate_agent.link.world import LinkWorld
from minegate_agent.site import Site, load_site

CONFIGURATION = 2
FAILED = 1


def main() -> int:
    """The exit code."""
    if len(sys.argv) != 2:
        print("usage: python -m minegate_agent.link DIR", file=sys.stderr)
        return CONFIGURATION
    folder = Path(sys.argv[1])
    logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s", stream=sys.stderr)
    try:
        site = load_site(folder)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return CONFIGURATION
    # Jitter must differ between gateways that start together, so its seed is chance; it is written down all the same.
    seed = int.from_bytes(os.urandom(4), "little")
    world = LinkWorld(SystemClock(), OS_DISK, MqttBroker, seed, start_of_machine())
    logging.getLogger("link").debug("jitter seed %d", world.seed)
    runner = asyncio.Runner()  # not closed: closing waits for threads
    try:
        runner.run(_run(site, world))
    except (OSError, NotOurs) as error:
        print(f"link: {error}", file=sys.stderr)
        return FAILED
    return 0


async def _run(site: Site, world: LinkWorld) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    link = Link(site, world)
    try:
        await link.run(stop)
    finally:
        link.close()


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    sys.stdout.flush()
    # Everything is committed, confirmed and closed. What may be left is a thread inside connect() or getaddrinfo() of a
    # broker that does not answer: nothing can interrupt it, and nothing in it is worth waiting for.
    os._exit(code)
