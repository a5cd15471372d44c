"""One line, several devices: a dead or lying neighbour costs a known time, and every frame is accounted for."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from minegate_agent.config import Device, Port
from minegate_agent.field.arbiter import Arbiter, gap_ms, wire_ms
from minegate_agent.field.health import DeviceHealth, PortHealth
from minegate_agent.field.schedule import LOST_AFTER, Schedule
from minegate_agent.site import SiteDevice
from minegate_drivers.sdk import Field, Heard, Layout, LineDriver, Nonsense

PORT = Port(name="line", kind="serial", device="x", baud=9600)


class Echo(LineDriver):
    """Asks with its own number, believes one byte that repeats it; a driver with a mistake if `broken`."""

    layouts = (Layout(Field("value", "<u1")),)

    def __init__(self, number: int, broken: bool = False) -> None:
        self.number = number
        self.broken = broken

    def ask(self, now_ms: int) -> bytes | None:
        return bytes((self.number,))

    def missing(self, heard: bytes) -> int:
        return 1 - len(heard)

    def hear(self, frame: bytes) -> Heard:
        if self.broken:
            raise ZeroDivisionError("a mistake in a driver")
        if frame != bytes((self.number,)):
            raise Nonsense("foreign")
        return Heard(frame)


class VirtualTime:
    """A clock and a line that share it: `asyncio.sleep(0)` apart, nothing really waits."""

    def __init__(self) -> None:
        self.now_ms = 0

    def monotonic_ms(self) -> int:
        return self.now_ms


def device(number: int, period_ms: int = 100, broken: bool = False) -> SiteDevice:
    config = Device(number=number, name=f"d{number}", port="line", driver="echo", period_ms=period_ms)
    return SiteDevice(number, f"d{number}", "line", Echo(number, broken), config)


@pytest.mark.parametrize(("baud", "expected"), [(9600, 3.5 * 10 / 9.6), (19200, 3.5 * 10 / 19.2), (115200, 1.75)])
def test_the_silence_between_frames_is_three_and_a_half_characters(baud: int, expected: float) -> None:
    assert gap_ms(Port(name="line", kind="serial", device="x", baud=baud)) == pytest.approx(expected)


def test_parity_and_stop_bits_are_part_of_wire_time() -> None:
    assert wire_ms(Port(name="l", kind="serial", device="x", baud=9600, parity="E"), 96) == pytest.approx(110)


def simulate(dead: set[int], seconds: int = 60) -> dict[int, list[int]]:
    """The pure schedule alone: an answer takes 30 ms, a silence 150 ms. When each device was asked."""
    schedule = Schedule([(number, 500) for number in range(1, 9)], 0)
    asked: dict[int, list[int]] = {number: [] for number in range(1, 9)}
    now_ms = 0
    while now_ms < seconds * 1000:
        now_ms = max(now_ms, schedule.next().due_ms)
        turn = schedule.choose(now_ms)
        asked[turn.number].append(now_ms)
        now_ms += 150 if turn.number in dead else 30
        schedule.done(turn, turn.number not in dead, now_ms)
    return asked


@pytest.mark.parametrize("dead", [{1}, {1, 2}, {3, 5, 7}])
def test_dead_neighbours_do_not_slow_the_living(dead: set[int]) -> None:
    asked = simulate(dead)
    for number in set(asked) - dead:
        late = [after - before for before, after in zip(asked[number][10:], asked[number][11:], strict=False)]
        assert max(late) <= 500 + 150 + 8 * 30  # one time-out and one round, never more
        assert len(asked[number]) >= 115
    for number in dead:
        assert len(asked[number]) < 20  # it is probed with growing pauses


def test_a_device_that_comes_back_keeps_its_period_again() -> None:
    schedule = Schedule([(1, 500)], 0)
    now_ms = 0
    for _ in range(LOST_AFTER + 2):
        turn = schedule.choose(now_ms)
        schedule.done(turn, False, now_ms)
        now_ms = turn.due_ms
    assert turn.lost
    schedule.done(turn, True, now_ms)
    assert not turn.lost
    assert turn.due_ms == now_ms + 500


def test_missed_periods_are_skipped_and_not_caught_up() -> None:
    schedule = Schedule([(1, 100)], 0)
    turn = schedule.choose(5050)
    schedule.done(turn, True, 5050)
    assert turn.due_ms == 5100


class Line:
    """A line in memory on which some devices answer, some lie and some are silent."""

    def __init__(self, answers: dict[int, bytes]) -> None:
        self.answers = answers
        self.asked: list[int] = []
        self.heard = b""

    def write(self, data: bytes) -> None:
        self.asked.append(data[0])
        self.heard = self.answers.get(data[0], b"")

    async def read_some(self) -> bytes:
        while not self.heard:
            await asyncio.sleep(0.001)
        data, self.heard = self.heard, b""
        return data

    def discard(self) -> int:
        thrown, self.heard = len(self.heard), b""
        return thrown

    def close(self) -> None:
        """Nothing to give back."""


class Ears:
    """Counts what a reader says."""

    def __init__(self) -> None:
        self.scans: list[int] = []
        self.edges: list[tuple[int, bool]] = []
        self.kinds: list[str] = []
        self.errors: list[int] = []

    def heard(self, device: SiteDevice, heard: Heard) -> None:
        self.scans.append(device.number)

    def edge(self, device: SiteDevice, up: bool) -> None:
        self.edges.append((device.number, up))

    def nonsense(self, device: SiteDevice, error: Nonsense) -> None:
        self.kinds.append(error.kind)

    def driver_error(self, device: SiteDevice, error: Exception) -> None:
        self.errors.append(device.number)


async def test_a_lying_device_and_a_broken_driver_are_told_apart_and_the_others_go_on() -> None:
    class Fast(VirtualTime):
        def monotonic_ms(self) -> int:
            self.now_ms += 5  # each look at the clock takes the line a little further
            return self.now_ms

    devices = [device(1), device(2), device(3, broken=True)]
    ears = Ears()
    health = {d.number: DeviceHealth(d.number, d.name) for d in devices}
    arbiter = Arbiter(PORT, devices, Fast(), ears, PortHealth("line", "serial"), health)  # type: ignore[arg-type]  # two clocks of three
    line = Line({1: b"\x01", 2: b"\x09", 3: b"\x03"})
    running = asyncio.create_task(arbiter.run(line))
    async with asyncio.timeout(20):
        while len(ears.scans) < 5 or len(ears.errors) < 2 or len(ears.kinds) < 2:
            await asyncio.sleep(0.005)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert set(ears.scans) == {1}
    assert set(ears.kinds) == {"foreign"}
    assert set(ears.errors) == {3}
    assert (1, True) in ears.edges
