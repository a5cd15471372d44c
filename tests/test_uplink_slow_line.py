"""History gives way on a line that becomes slow, and the loop lives on while it waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NoReturn

from field_side import FieldSide, handing_over
from link_work import running_with, until, write_site
from minegate_agent.clock import SystemClock
from minegate_agent.link.broker import DEAF, BrokerSettings, Ears, Session, Will
from minegate_agent.site import load_site

FAST = 12  # blocks of history that are acknowledged at once, so that the window opens
SLOW_S = 0.08


class Line:
    """A broker in memory: acknowledges at once, then slowly, one after the other, then at once again."""

    def __init__(self) -> None:
        self.in_flight_max = 12
        self.history = 0
        self.most_on_the_way = 0
        self._on_the_way = 0

    @asynccontextmanager
    async def session(self, will: Will, ears: Ears = DEAF) -> AsyncIterator[Session]:
        yield self

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        await asyncio.sleep(0.001)
        if not topic.endswith("history"):
            return
        self.history += 1
        self._on_the_way += 1
        self.most_on_the_way = max(self.most_on_the_way, self._on_the_way)
        place = self.history - FAST
        if 0 < place <= FAST:
            await asyncio.sleep(SLOW_S * place / 4)
        self._on_the_way -= 1

    async def lost(self) -> NoReturn:
        await asyncio.Event().wait()
        raise AssertionError


async def test_a_window_that_shrinks_below_what_is_on_its_way_does_not_stop_the_loop(tmp_path: Path) -> None:
    site = load_site(write_site(tmp_path / "site", 1, "block_records_max = 20\nin_flight_max = 12"))
    line, field, away = Line(), FieldSide(tmp_path / "site"), asyncio.Event()

    class Later(Line):
        """Nobody is there before the backlog is whole."""

        @asynccontextmanager
        async def session(self, will: Will, ears: Ears = DEAF) -> AsyncIterator[Session]:
            await away.wait()
            yield line

    def broker(_: BrokerSettings) -> Later:
        return Later()

    async with running_with(site, broker) as link, handing_over(field):
        before = SystemClock().utc_ms() - 3_600_000
        for number in range(1200):
            field.scan(utc_ms=before + number)
        await field.confirmed_all()
        away.set()
        turns = 0

        async def breathe() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0.005)

        breathing = asyncio.create_task(breathe())
        await until(lambda: link.view.snapshot(0)["delivery"]["waiting"] == 0, "all delivered")  # type: ignore[index]  # a map
        breathing.cancel()
    assert line.most_on_the_way > 1, "the window never opened, so nothing was shown"
    assert line.history > 2 * FAST
    assert turns > 20
