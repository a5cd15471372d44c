"""Virtual time: waiting costs nothing, nothing is out of order, and clocks are as wrong as they are told to be."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from minegate_agent.clock import ClockQuality
from minegate_sim.virtual.clocks import SimClock
from minegate_sim.virtual.conductor import Conductor
from minegate_sim.virtual.loop import Deadlock, VirtualLoop
from minegate_sim.virtual.timeline import Timeline

DAY_S = 86_400.0


def test_a_day_of_sleep_takes_no_time_and_ends_at_its_second() -> None:
    loop = VirtualLoop()
    try:
        loop.run_until_complete(asyncio.sleep(DAY_S))
        assert loop.time() == pytest.approx(DAY_S)
    finally:
        loop.close()


def test_timers_of_many_tasks_fire_in_the_order_of_their_times() -> None:
    order: list[float] = []

    async def note(after_s: float) -> None:
        await asyncio.sleep(after_s)
        order.append(after_s)

    async def all_of_them() -> None:
        await asyncio.gather(*(note(after_s) for after_s in (3600.0, 0.25, 7.0, 0.5)))

    loop = VirtualLoop()
    try:
        loop.run_until_complete(all_of_them())
    finally:
        loop.close()
    assert order == [0.25, 0.5, 7.0, 3600.0]


def test_a_time_out_beats_what_comes_later_and_loses_to_what_comes_sooner() -> None:
    async def waits(work_s: float) -> bool:
        try:
            async with asyncio.timeout(5.0):
                await asyncio.sleep(work_s)
        except TimeoutError:
            return False
        return True

    loop = VirtualLoop()
    try:
        assert loop.run_until_complete(waits(4.9))
        assert not loop.run_until_complete(waits(5.1))
    finally:
        loop.close()


def test_everybody_waiting_for_ever_is_an_error_that_names_them() -> None:
    async def stuck() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.set_name("the stuck one")
        await asyncio.Event().wait()

    loop = VirtualLoop()
    try:
        with pytest.raises(Deadlock, match="the stuck one"):
            loop.run_until_complete(stuck())
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


def test_real_sockets_are_heard_before_time_moves() -> None:
    async def talk() -> float:
        near, far = socket.socketpair()
        near.setblocking(False)
        loop = asyncio.get_running_loop()
        loop.call_later(10.0, far.send, b"late")
        far.send(b"now")
        assert await loop.sock_recv(near, 10) == b"now"
        at_s = loop.time()
        assert await loop.sock_recv(near, 10) == b"late"
        near.close()
        far.close()
        return at_s

    loop = VirtualLoop()
    try:
        assert loop.run_until_complete(talk()) == 0.0
        assert loop.time() == pytest.approx(10.0)
    finally:
        loop.close()


def test_a_thread_is_a_moment_of_virtual_time_in_the_same_thread() -> None:
    async def work() -> threading.Thread:
        return await asyncio.to_thread(threading.current_thread)

    loop = VirtualLoop(latency_s=lambda: 0.25)
    try:
        assert loop.run_until_complete(work()) is threading.current_thread()
        assert loop.time() == pytest.approx(0.25)
    finally:
        loop.close()


def test_what_a_thread_raises_reaches_whoever_waits() -> None:
    async def work() -> None:
        await asyncio.to_thread(int, "no number")

    loop = VirtualLoop()
    try:
        with pytest.raises(ValueError, match="no number"):
            loop.run_until_complete(work())
    finally:
        loop.close()


class Ticker:
    """A program that is due every `period_ms` by its own clock, and reads one socket."""

    def __init__(self, clock: SimClock, period_ms: float) -> None:
        self.stalled = False
        self.ticks: list[float] = []
        self.near, self.far = socket.socketpair()
        self.near.setblocking(False)
        self._clock = clock
        self._period_ms = period_ms
        self._next_s = clock.monotonic_s()
        self.due_ms = clock.true_at_ms(self._next_s) + 1e-6

    def fileno(self) -> int:
        return self.near.fileno()

    def turn(self, *, readable: bool) -> None:
        if readable:
            self.near.recv(100)
            return
        self.ticks.append(self._clock.monotonic_s())
        self._next_s += self._period_ms / 1000.0
        self.due_ms = self._clock.true_at_ms(self._next_s) + 1e-6

    def close(self) -> None:
        self.near.close()
        self.far.close()


def test_programs_run_by_their_own_clocks_and_not_at_all_while_stalled() -> None:
    timeline = Timeline()
    conductor = Conductor(timeline)
    exact = Ticker(SimClock(timeline.now), 100.0)
    fast = Ticker(SimClock(timeline.now, offset_ms=5e6, drift_ppm=500.0), 100.0)
    try:
        conductor.join(exact)
        conductor.join(fast)
        conductor.run_until(1_000_000.0)
        assert (len(exact.ticks), len(fast.ticks)) == (10_000, 10_005)
        exact.stalled = True
        conductor.run_until(1_010_000.0)
        assert len(exact.ticks) == 10_000
        assert timeline.now_ms == 1_010_000.0
    finally:
        conductor.close()
        exact.close()
        fast.close()


def test_without_any_program_time_passes_all_the_same() -> None:
    conductor = Conductor(Timeline())
    conductor.run_until(5000.0)
    assert conductor.timeline.now_ms == 5000.0
    conductor.close()


def test_a_step_of_the_wall_clock_is_not_one_of_the_monotonic_clock() -> None:
    timeline = Timeline()
    clock = SimClock(timeline.now, offset_ms=1000.0)
    timeline.now_ms = 10_000.0
    before = clock.monotonic_ms(), clock.utc_ms()
    clock.step(-3_600_000.0, ClockQuality.UNSYNCHRONISED)
    assert clock.monotonic_ms() == before[0] == 11_000
    assert clock.utc_ms() == before[1] - 3_600_000
    assert clock.quality() is ClockQuality.UNSYNCHRONISED
