"""Frames are read in batches under load, and at once when they end a silence: a gas message waits for nothing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from itertools import pairwise

import pytest

from minegate_agent.field.can_batch import Batches
from minegate_drivers.ports import CanFrame
from virtual_line import in_virtual_time

PAUSE_S = 0.2


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    yield reading, writing
    os.close(reading)
    os.close(writing)


def taker(reading: int) -> tuple[Batches, list[float]]:
    """Batches of one frame per byte; and when each look was."""
    looks: list[float] = []
    loop = asyncio.get_running_loop()

    def take() -> list[CanFrame]:
        looks.append(loop.time())
        try:
            return [CanFrame(byte, b"") for byte in os.read(reading, 100)]
        except BlockingIOError:
            return []

    return Batches(reading, take, PAUSE_S), looks


def test_a_frame_that_comes_after_an_empty_look_is_not_made_to_wait(pipe: tuple[int, int]) -> None:
    reading, writing = pipe

    async def play() -> None:
        batches, _ = taker(reading)
        loop = asyncio.get_running_loop()
        os.write(writing, b"\1")
        await batches.next()
        looking = asyncio.ensure_future(batches.next())
        await asyncio.sleep(1.1 * PAUSE_S)  # the pause is over, the look behind it was empty
        assert not looking.done()
        begun_s = loop.time()
        os.write(writing, b"\2")
        assert [frame.id for frame in await looking] == [2]
        assert loop.time() == begun_s

    in_virtual_time(play())


def test_under_load_the_descriptor_is_left_alone_between_two_batches(pipe: tuple[int, int]) -> None:
    reading, writing = pipe

    async def play() -> None:
        batches, looks = taker(reading)
        for byte in range(3):
            os.write(writing, bytes((byte,)))
            assert [frame.id for frame in await batches.next()] == [byte]
        assert [after - before for before, after in pairwise(looks)] == [pytest.approx(PAUSE_S)] * 2

    in_virtual_time(play())
