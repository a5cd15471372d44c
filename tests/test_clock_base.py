"""A gateway that starts without the time tells once when it has it, and what it wrote before has its true time."""

from __future__ import annotations

import asyncio
import csv
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from field_side import FieldSide, handing_over
from link_work import delivery, journaled_numbers, until, write_site
from minegate_agent.clock import ClockQuality, SystemClock
from minegate_agent.link.app import Link
from minegate_agent.link.clock_base import ClockBases, Start
from minegate_agent.link.disk import OS_DISK
from minegate_agent.link.inspection import inspect
from minegate_agent.link.mqtt import MqttBroker
from minegate_agent.link.records import EVENT, decode_event
from minegate_agent.link.store.reader import Record
from minegate_agent.link.world import LinkWorld
from minegate_agent.site import load_site
from minegate_sim.disk import SimDisk
from mosquitto import Mosquitto

WRONG_BY_MS = 1_000_000_000_000  # some thirty years: a clock that starts in the nineties
PATH = Path("/journal/clock.json")


class NoBattery(SystemClock):
    """The machine's clock without a battery, until somebody sets it."""

    def __init__(self) -> None:
        self.wrong_by_ms = WRONG_BY_MS
        self.known = ClockQuality.UNSYNCHRONISED

    def utc_ms(self) -> int:
        return super().utc_ms() - self.wrong_by_ms

    def quality(self) -> ClockQuality:
        return self.known

    def set(self) -> None:
        self.wrong_by_ms, self.known = 0, ClockQuality.SYNCHRONISED


class Life:
    """Link with this clock for as long as the block lasts."""

    def __init__(self, site: Path, clock: NoBattery, machine: str) -> None:
        self.link = Link(load_site(site), LinkWorld(clock, OS_DISK, MqttBroker, seed=1, machine=machine))
        self._stop = asyncio.Event()

    async def __aenter__(self) -> Link:
        self._running = asyncio.create_task(self.link.run(self._stop))
        return self.link

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        await self._running
        self.link.close()


def events(site: Path, kind: str) -> list[dict[str, object]]:
    records = [seen for seen in inspect(site / "journal") if isinstance(seen, Record) and seen.klass == EVENT]
    return [event for seen in records if (event := decode_event(seen.body))["kind"] == kind]


def read(field: FieldSide, clock: NoBattery, hundredths: int) -> None:
    """One reading, as field stamps it by that clock."""
    record = struct.pack(">HH", hundredths, 0)
    field.item(["s", 1, 0, 0, clock.monotonic_ms(), clock.utc_ms(), int(clock.quality()), record])


async def test_the_first_synchronisation_is_told_once_and_re_bases_what_came_before(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    site, clock = write_site(tmp_path / "site", mosquitto.port), NoBattery()
    field = FieldSide(site)
    async with handing_over(field):
        async with Life(site, clock, "first start"):
            read(field, clock, 11)
            await field.confirmed_all()
        async with Life(site, clock, "first start") as link:  # a restart of link is none of the machine
            read(field, clock, 12)
            await field.confirmed_all()
            assert not events(site, "clock_set")
            clock.set()
            await until(lambda: bool(events(site, "clock_set")), "it is told")
            read(field, clock, 13)
            await field.confirmed_all()
            await until(lambda: delivery(link)["waiting"] == 0, "and delivered")
        async with Life(site, clock, "first start") as link:
            clock.wrong_by_ms = 3_600_000  # somebody sets it back by an hour
            read(field, clock, 14)
            await field.confirmed_all()
            await until(lambda: delivery(link)["waiting"] == 0, "all of it")
            assert journaled_numbers(link) == [1, 2, 3, 4], "no step of the clock changes the order"
    (told,) = events(site, "clock_set")
    assert told["first"] == 1
    assert abs(int(str(told["step_ms"])) - WRONG_BY_MS) < 5_000
    times = exported(site, tmp_path)
    assert times == sorted(times[:3]) + times[3:]
    assert all(abs(utc_ms - int(str(told["utc_ms"]))) < 60_000 for utc_ms in times[:3]), (
        "all three have their true time"
    )
    assert abs(times[3] + 3_600_000 - times[2]) < 60_000, "what was said to be synchronised is not touched"


def exported(site: Path, folder: Path) -> list[int]:
    """The times of the gas readings in the export."""
    to = folder / "out.csv"
    command = [sys.executable, "-m", "minegate_tools", "journal", "export", str(site), "--to", str(to)]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    rows = csv.DictReader(to.read_text(encoding="utf-8-sig").splitlines())
    return [int(row["utc_ms"]) for row in rows if row["field"] == "ch4"]


def test_each_start_of_the_machine_has_a_base_of_its_own_and_all_are_kept() -> None:
    disk = SimDisk()
    bases = ClockBases.open(PATH, disk)
    assert bases.begin("a", 1) == Start("a", 1, None)
    bases.settle(5_000)
    bases = ClockBases.open(PATH, disk)
    assert bases.begin("a", 70) == Start("a", 1, 5_000), "known from before"
    assert bases.begin("b", 100) == Start("b", 100, None)
    unsynchronised = ClockQuality.UNSYNCHRONISED
    assert bases.utc_ms(99, 7, 3, unsynchronised) == 5_007
    assert bases.utc_ms(100, 7, 3, unsynchronised) == 3, "nobody knows yet"
    assert bases.utc_ms(99, 7, 3, ClockQuality.SYNCHRONISED) == bases.utc_ms(99, 7, 3, ClockQuality.UNKNOWN) == 3
    bases.settle(9_000)
    assert ClockBases.open(PATH, disk).utc_ms(100, 7, 3, unsynchronised) == 9_007
    assert ClockBases.open(PATH, disk).utc_ms(99, 7, 3, unsynchronised) == 5_007


@pytest.mark.parametrize("content", [b"", b"nonsense", b"{}", b"[[1]]", b'[["a", null, 1]]'])
def test_a_file_that_cannot_be_read_stops_nobody(content: bytes) -> None:
    disk = SimDisk()
    disk.create(PATH).write_at(0, content)
    bases = ClockBases.open(PATH, disk)
    assert bases.begin("a", 5) == Start("a", 5, None)


def test_a_disk_that_refuses_stops_nobody() -> None:
    disk = SimDisk(capacity=0)
    bases = ClockBases.open(PATH, disk)
    assert bases.begin("a", 5) == Start("a", 5, None)
