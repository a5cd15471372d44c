"""Field sends what is judged and nothing else; what is not new is not heard; a reconnect asks anew."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine_heading import EngineHeading
from heading import AREA, FAN, FLOW, GOOD, T1, T2
from heading import rules as heading_rules
from minegate_agent.field.interlock_line import InterlockLine
from minegate_agent.field.points import Points
from minegate_agent.scan import Scan
from minegate_agent.site import Site, load_site
from minegate_drivers.sdk import Quality
from minegate_interlock.introduced import Introduced
from minegate_interlock.lines import RECORD_BYTES_MAX, PointName, Reading, Verb, Wanted, pack, unpack

EXAMPLE = Path(__file__).parent.parent / "agent" / "example"
SECONDS = 10.0


@pytest.fixture
def site() -> Site:
    return load_site(EXAMPLE)


class Judge:
    """The interlock's end of points.sock: it wants the named points."""

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        self._listener.bind(str(path))
        self._listener.listen(1)
        self.line: socket.socket | None = None
        self.names: dict[str, int] = {}
        self.heard: list[int] = []

    def turn(self) -> None:
        if self.line is None:
            try:
                self.line = self._listener.accept()[0]
            except BlockingIOError:
                return
            self.line.setblocking(False)
        try:
            while data := self.line.recv(RECORD_BYTES_MAX + 1):
                self._take(data)
        except BlockingIOError:
            return

    def _take(self, data: bytes) -> None:
        record = unpack(data)
        if isinstance(record, PointName):
            self.names[record.name] = record.number
        elif isinstance(record, Reading):
            self.heard.append(record.number)

    def want(self, *numbers: int) -> None:
        assert self.line is not None
        for number in numbers:
            self.line.send(pack(Wanted(number)))

    def close(self) -> None:
        if self.line is not None:
            self.line.close()
        self._listener.close()


@pytest.fixture
def judge(tmp_path: Path) -> Iterator[Judge]:
    judge = Judge(tmp_path / "points.sock")
    yield judge
    judge.close()


def scans(site: Site) -> list[Scan]:
    """One scan of every part of every device."""
    return [
        Scan(1, 7, device.number, part, Quality.GOOD, 0, 0, 1, bytes(layout.size))
        for device in site.devices.values()
        for part, layout in enumerate(device.driver.layouts)
    ]


async def until(judge: Judge, true: object) -> None:
    async with asyncio.timeout(SECONDS):
        while not true():  # type: ignore[operator]  # a condition
            judge.turn()
            await asyncio.sleep(0.01)


def send_all(line: InterlockLine, points: Points, site: Site) -> None:
    for scan in scans(site):
        line.send(points.readings(scan, 5))


async def test_only_what_the_interlock_wants_is_decoded_and_sent(site: Site, judge: Judge, tmp_path: Path) -> None:
    points = Points(site)
    line = InterlockLine(tmp_path / "points.sock", points.names, points)
    task = asyncio.create_task(line.keep_connected())
    try:
        await until(judge, lambda: len(judge.names) == len(site.points))
        assert sum(len(list(points.readings(scan, 5))) for scan in scans(site)) == 0
        judge.want(judge.names[T1], judge.names[FAN], 60_000)  # the last is nobody's
        await until(judge, lambda: sum(len(list(points.readings(scan, 5))) for scan in scans(site)) == 2)
        send_all(line, points, site)
        await until(judge, lambda: len(judge.heard) == 2)
        assert sorted(judge.heard) == sorted([judge.names[T1], judge.names[FAN]])
    finally:
        task.cancel()
        line.close()


async def test_a_reconnect_asks_anew(site: Site, judge: Judge, tmp_path: Path) -> None:
    points = Points(site)
    line = InterlockLine(tmp_path / "points.sock", points.names, points)
    task = asyncio.create_task(line.keep_connected())
    second = None
    try:
        await until(judge, lambda: len(judge.names) == len(site.points))
        judge.want(judge.names[T1])
        await until(judge, lambda: any(list(points.readings(scan, 5)) for scan in scans(site)))
        judge.close()
        second = Judge(tmp_path / "points.sock")
        await until(second, lambda: len(second.names) == len(site.points))
        assert not any(list(points.readings(scan, 5)) for scan in scans(site))
        second.want(second.names[T2])
        await until(second, lambda: any(list(points.readings(scan, 5)) for scan in scans(site)))
        send_all(line, points, site)
        await until(second, lambda: len(second.heard) == 1)
        assert second.heard == [second.names[T2]]
    finally:
        task.cancel()
        line.close()
        if second is not None:
            second.close()


async def test_a_record_of_the_interlock_that_is_none_is_no_end(site: Site, judge: Judge, tmp_path: Path) -> None:
    points = Points(site)
    line = InterlockLine(tmp_path / "points.sock", points.names, points)
    task = asyncio.create_task(line.keep_connected())
    try:
        await until(judge, lambda: len(judge.names) == len(site.points))
        assert judge.line is not None
        judge.line.send(b"\xff noise")
        judge.want(judge.names[T1])
        await until(judge, lambda: any(list(points.readings(scan, 5)) for scan in scans(site)))
        assert line.up
    finally:
        task.cancel()
        line.close()


def test_the_interlock_wants_what_its_rules_name_and_refuses_the_rest() -> None:
    heading = EngineHeading()
    engine = heading.engine
    named = [*GOOD, "1201-feed", "robot-battery", "1201-rh-oil"]
    wanted = [engine.introduce(PointName(50 + at, name, ""), 0) for at, name in enumerate(named)]
    assert [name for name, want in zip(named, wanted, strict=True) if want] == [T1, T2, FAN, FLOW, "1201-feed"]
    engine.read(Reading(55, 0, 0, 1, 0.5), 0)
    assert engine.introduced.refused == 1


def test_a_field_process_that_repeats_one_reading_does_not_look_alive() -> None:
    heading = EngineHeading()
    heading.powered()
    number, last = 0, heading.now_ms  # the number that the head at the face had last
    names, heading._numbers = heading._numbers, {p: n for p, n in heading._numbers.items() if n != number}
    for _ in range(8):
        heading.run(200)
        heading.engine.read(Reading(number, 0, 0, last - last % 200, 0.5), heading.now_ms)
    assert not heading.contact
    assert heading.engine.introduced.repeated == 8
    heading._numbers = names
    heading.run(400)
    assert heading.command(Verb.RESET)[0]
    assert heading.rules.areas[0].name == AREA


# last number, next number, whether it is new
NUMBERS = [
    (1, 2, True), (1, 1, False), (2, 1, False), (0, 2**31 - 1, True), (0, 2**31, False), (2**32 - 1, 0, True),
    (2**32 - 1, 5, True), (0, 2**32 - 1, False), (5, 2**32 - 1, False),
]  # fmt: skip


@pytest.mark.parametrize(("last", "following", "new"), NUMBERS)
def test_a_number_that_does_not_advance_is_not_new_and_the_circle_closes(last: int, following: int, new: bool) -> None:
    introduced = Introduced(heading_rules().wanted())
    introduced.introduce(PointName(3, T1, "%CH4"))
    assert introduced.point_of(Reading(3, 0, 0, last, 0.5)) == T1
    assert introduced.point_of(Reading(3, 0, 0, following, 0.5)) == (T1 if new else None)
    introduced.forget()
    assert introduced.point_of(Reading(3, 0, 0, following, 0.5)) is None
    introduced.introduce(PointName(3, T1, "%CH4"))
    assert introduced.point_of(Reading(3, 0, 0, last, 0.5)) == T1
