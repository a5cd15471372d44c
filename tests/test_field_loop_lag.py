"""How late the field process's event loop is, told without a timer that wakes it: busy, or woken late."""

from __future__ import annotations

import asyncio
import selectors
import socket
from collections.abc import Iterator

import pytest

from minegate_agent.field.loop_lag import LagSelector


class Clock:
    """Milliseconds that the test moves."""

    def __init__(self) -> None:
        self.ms = 0

    def now_ms(self) -> int:
        return self.ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def waiting(clock: Clock) -> Iterator[LagSelector]:
    with LagSelector(clock.now_ms) as selector:
        yield selector


def test_a_loop_that_computes_between_two_looks_is_late_by_that_long(clock: Clock, waiting: LagSelector) -> None:
    waiting.select(0)
    clock.ms += 130
    waiting.select(0)
    clock.ms += 20
    waiting.select(0)
    assert waiting.take_ms() == 130
    assert waiting.take_ms() == 0


def test_a_loop_that_waits_for_something_is_not_late(clock: Clock, waiting: LagSelector) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        waiting.register(ours, selectors.EVENT_READ)
        theirs.send(b"x")
        waiting.select(3600)
        waiting.select(3600)
        assert waiting.take_ms() == 0


def test_a_process_that_gets_no_processor_is_woken_late() -> None:
    times = iter((0, 0, 450, 450))  # made; begins to wait for 200 ms; is back
    with LagSelector(lambda: next(times)) as waiting:
        waiting.select(0.2)
        assert waiting.take_ms() == 250


def test_a_loop_on_it_sleeps_and_sees_its_own_hold_up() -> None:
    clock = Clock()
    selector = LagSelector(clock.now_ms)

    async def busy() -> None:
        await asyncio.sleep(0)
        clock.ms += 400
        await asyncio.sleep(0)

    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        runner.run(busy())
    assert selector.take_ms() == 400
