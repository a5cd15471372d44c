"""What the tests of the link process work with: a site folder, the field side of the hand-over, a subscriber."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgpack

from minegate_agent.clock import SystemClock
from minegate_agent.link.app import Link
from minegate_agent.link.broker import Broker, BrokerSettings
from minegate_agent.link.disk import OS_DISK, Disk
from minegate_agent.link.journal import SCAN
from minegate_agent.link.mqtt import MqttBroker
from minegate_agent.link.records import decode_event, decode_scan
from minegate_agent.link.world import LinkWorld
from minegate_agent.site import Site

DEADLINE_S = 30.0
MINE, GATEWAY = "140109000001", "gw-1"
BOOT = 0x1A2B3C4D

_SITE = """
[gateway]
mine = "{mine}"
id = "{gateway}"

[[port]]
name = "rs485-1"
kind = "serial"
device = "nothing-opens-this"

[[device]]
number = 1
name = "T1-head"
port = "rs485-1"
driver = "gas_head"
options = {{ station = 1 }}

[[point]]
number = 1
name = "1201-T1-ch4"
device = "T1-head"
field = "ch4"
place_zh = "掘进工作面"

[journal]
commit_ms = 20

[page]
enabled = {page}
tcp_port = {page_port}

[uplink]
host = "127.0.0.1"
tcp_port = {port}
block_ms = 20
backoff_max_s = 0.2
{uplink}
"""


def write_site(folder: Path, port: int, uplink: str = "", *, page_port: int = 0) -> Path:
    """A site with one gas head and an uplink to `port`; a page only if it has a port."""
    folder.mkdir(parents=True, exist_ok=True)
    text = _SITE.format(
        mine=MINE, gateway=GATEWAY, port=port, uplink=uplink, page=str(page_port > 0).lower(), page_port=page_port or 1
    )
    (folder / "gateway.toml").write_text(text, encoding="utf-8")
    return folder


async def until(condition: Callable[[], bool], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Wait until the condition holds."""
    try:
        async with asyncio.timeout(deadline_s):
            while not condition():
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"not within {deadline_s:g} s: {what}") from None


@asynccontextmanager
async def running(site: Site, disk: Disk = OS_DISK, *, machine: str = "") -> AsyncIterator[Link]:
    """The whole link in this loop; ended in order."""
    async with running_with(site, MqttBroker, disk, machine=machine) as link:
        yield link


@asynccontextmanager
async def running_with(
    site: Site, broker: Callable[[BrokerSettings], Broker], disk: Disk = OS_DISK, *, machine: str = ""
) -> AsyncIterator[Link]:
    """The same with another broker than a real one."""
    link = Link(site, LinkWorld(SystemClock(), disk, broker, 1, machine))
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:  # a link that ends with an error ends the test with it
        tasks.create_task(link.run(stop), name="link")
        try:
            yield link
        finally:
            stop.set()
    link.close()


def delivery(link: Link) -> dict[str, Any]:
    """What the page shows of the uplink."""
    shown = link.view.snapshot(0)["delivery"]
    assert isinstance(shown, dict)
    return shown


def shown_kinds(link: Link) -> list[str]:
    """The kinds of the events on the page, newest first."""
    shown = link.view.snapshot(0)["events"]
    assert isinstance(shown, list)
    return [event["kind"] for event in shown]


def journaled_numbers(link: Link, boot: int = BOOT) -> list[int]:
    """Item numbers of the boot in the journal, in journal order."""
    found = []
    for record in link._journal.read(0, 100_000, 100_000_000):
        if record.klass == SCAN:
            scan = decode_scan(record.body)
            found += [scan.number] if scan.boot == boot else []
        else:
            event = decode_event(record.body)
            found += [event["number"]] if event.get("boot") == boot and event["from"] == "field" else []
    return found  # type: ignore[return-value]  # an event's values are objects


class Process:
    """`python -m minegate_agent.link` on a site."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "link.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "minegate_agent.link", str(self.folder)], stdout=log, stderr=log
            )

    def kill(self) -> None:
        """As a power cut of the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def terminate(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGTERM)

    async def ended(self) -> int:
        assert self._process is not None
        process = self._process
        await until(lambda: process.poll() is not None, "the process ends")
        self._process = None
        return process.returncode

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8") if self.log.exists() else ""


def packed(message: dict[str, object]) -> bytes:
    """A frame's body alone."""
    body: bytes = msgpack.packb(message)
    return body
