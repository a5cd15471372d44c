"""The two ways out of field: nothing waits for the interlock, and link gets every item until it has confirmed it."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from heading import EXAMPLE
from link_work import journaled_numbers, running, shown_kinds, until, write_site
from minegate_agent.clock import SystemClock
from minegate_agent.config import Hold
from minegate_agent.field.interlock_line import InterlockLine
from minegate_agent.field.link_line import IN_FLIGHT_MAX, LinkLine
from minegate_agent.field.points import Points
from minegate_agent.field.produce import Produce
from minegate_agent.field.tally import Tally
from minegate_agent.link.hand_over import frame, receive
from minegate_agent.site import load_site
from minegate_drivers.sdk import Heard
from minegate_interlock import sockets
from minegate_interlock.lines import RECORD_BYTES_MAX, PointName, Reading, Record, unpack
from mosquitto import free_port

# -- link -------------------------------------------------------------------------------------------------------------


def producing(folder: Path, boot: int = 5) -> Produce:
    limits = Hold(items_max=100_000, bytes_max=100_000_000)
    return Produce(SystemClock(), Tally(folder / "field.tally", boot), limits)


def scan(produce: Produce) -> None:
    produce.scan(1, Heard(struct.pack(">HH", 50, 0)), 0)


@asynccontextmanager
async def handing(line: LinkLine | InterlockLine) -> AsyncIterator[None]:
    task = asyncio.create_task(line.keep_connected(), name="line")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_every_item_reaches_the_journal_though_link_restarts_in_the_middle(tmp_path: Path) -> None:
    site = load_site(write_site(tmp_path / "site", free_port()))
    produce = producing(tmp_path)
    line = LinkLine(site.run_folder / "scans.sock", produce, site.hash)
    async with handing(line):
        for _ in range(3):
            async with running(site):
                for _ in range(700):
                    scan(produce)
                await until(lambda: len(produce.hold) < 700, "some are confirmed")
            scan(produce)  # nobody is there: it is held
            await until(lambda: not line.up, "the end is noticed")
        async with running(site) as link:
            await until(lambda: len(produce.hold) == 0, "everything is confirmed")
            assert journaled_numbers(link, produce.boot) == list(range(1, 2104))
            assert "loss" not in shown_kinds(link)


async def test_what_died_with_field_is_told_to_link_by_the_tally(tmp_path: Path) -> None:
    site = load_site(write_site(tmp_path / "site", free_port()))
    dead = producing(tmp_path, boot=5)
    async with running(site):
        async with handing(LinkLine(site.run_folder / "scans.sock", dead, site.hash)):
            for _ in range(10):
                scan(dead)
            await until(lambda: len(dead.hold) == 0, "handed over")
        for _ in range(4):
            scan(dead)  # numbered and noted, and then the process is gone
    alive = producing(tmp_path, boot=6)
    assert alive.previous == (5, 14)
    async with running(site) as link, handing(LinkLine(site.run_folder / "scans.sock", alive, site.hash)):
        await until(lambda: "loss" in shown_kinds(link), "declared")
        told = next(e for e in link.view.snapshot(0)["events"] if e["kind"] == "loss")  # type: ignore[attr-defined]
    assert (told["boot"], told["first"], told["last"], told["reason"]) == (5, 11, 14, "field_died")
    assert told["from_utc_ms"] <= told["to_utc_ms"]


async def test_a_link_that_confirms_nothing_is_not_fed_without_end(tmp_path: Path) -> None:
    produce = producing(tmp_path)
    taken: list[int] = []

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await receive(reader)
        writer.write(frame({"k": "have", "boot": produce.boot, "number": 0}))
        try:
            while True:
                taken.extend(row[0] for row in (await receive(reader))["items"])
        except asyncio.IncompleteReadError:
            writer.close()

    server = await asyncio.start_unix_server(silent, str(tmp_path / "scans.sock"))
    line = LinkLine(tmp_path / "scans.sock", produce, "hash")
    async with handing(line):
        for _ in range(IN_FLIGHT_MAX + 1000):
            scan(produce)
        await until(lambda: len(taken) >= IN_FLIGHT_MAX, "as many as may be on their way")
        for _ in range(50):  # were there more to come, it would come in one of these turns
            await asyncio.sleep(0)
        assert taken == list(range(1, IN_FLIGHT_MAX + 1))
        assert len(produce.hold) == IN_FLIGHT_MAX + 1000
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("answer", [b"\x05\x00\x00\x00\xc1\xc1\xc1\xc1\xc1", b"\xff\xff\xff\xff", frame({"k": "what"})])
async def test_a_link_that_talks_nonsense_is_left_and_nothing_is_lost(tmp_path: Path, answer: bytes) -> None:
    produce = producing(tmp_path)
    visits = 0

    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal visits
        await receive(reader)
        visits += 1
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(nonsense, str(tmp_path / "scans.sock"))
    scan(produce)
    async with handing(LinkLine(tmp_path / "scans.sock", produce, "hash")):
        await until(lambda: visits >= 2, "it comes again")
    assert len(produce.hold) == 1
    server.close()
    await server.wait_closed()


# -- interlock --------------------------------------------------------------------------------------------------------

NAMES = (PointName(1, "1201-T1-ch4", "%CH4"), PointName(2, "1201-fan-run", ""))
POINTS = Points(load_site(EXAMPLE.parent))


def reading(number: int) -> Reading:
    return Reading(1, 0, 0, number, 0.5)


def records(connection: socket.socket) -> list[Record]:
    """Everything that waits in the socket."""
    found = []
    while True:
        try:
            found.append(unpack(connection.recv(RECORD_BYTES_MAX + 1)))
        except BlockingIOError:
            return found


def accepted(listener: socket.socket) -> socket.socket:
    connection, _ = listener.accept()
    connection.setblocking(False)
    return connection


async def test_points_are_introduced_before_they_are_read_and_again_to_the_next_interlock(tmp_path: Path) -> None:
    line = InterlockLine(tmp_path / sockets.POINTS, NAMES, POINTS)
    line.send([reading(1)])
    assert line.dropped == 1  # nobody is there, and nobody waits
    async with handing(line):
        for visit in range(2):
            listener = sockets.listen(tmp_path, sockets.POINTS)
            await until(lambda: line.up, "connected")
            connection = accepted(listener)
            line.send([reading(visit)])
            assert records(connection) == [*NAMES, reading(visit)]
            connection.close()
            listener.close()
            await until(lambda: not line.up, "the end is noticed")


async def test_an_interlock_that_does_not_read_costs_readings_and_no_time(tmp_path: Path) -> None:
    listener = sockets.listen(tmp_path, sockets.POINTS)
    line = InterlockLine(tmp_path / sockets.POINTS, NAMES, POINTS)
    async with handing(line):
        await until(lambda: line.up, "connected")
        connection = accepted(listener)
        sent = 0
        while not line.dropped:
            line.send([reading(sent)])
            sent += 1
        assert line.up
        assert records(connection) == [*NAMES, *(reading(number) for number in range(sent - 1))]
        line.send([reading(sent)])
        assert records(connection) == [reading(sent)]
        connection.close()
    line.close()
    listener.close()
