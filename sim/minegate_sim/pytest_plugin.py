"""pytest fixtures of the simulator: a mine with the real agent, buses, a broker, power, and time that costs nothing.

Found by pytest when the distribution is installed (entry point `pytest11`). What is heavy is imported when it is used.
How to begin: sim/example/README.md.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

if TYPE_CHECKING:
    from minegate_sim.bus_under_test import CanUnderTest, Rs485UnderTest
    from minegate_sim.under_test import UnderTest
    from minegate_sim.virtual.loop import VirtualLoop

T = TypeVar("T")


class Mines:
    """The fixture `mine_section`: call it to start a mine. What one test starts ends with it."""

    def __init__(self) -> None:
        self.started: list[UnderTest] = []
        self._may_break: list[bool] = []

    def __call__(self, section: str, *, may_break: bool = False, **given: Any) -> UnderTest:
        """A running mine: UnderTest(section, guests=, seed=, speed=, rules=). A promise that it breaks fails the test,
        unless it `may_break` them.
        """
        from minegate_sim.under_test import UnderTest

        mine = UnderTest(section, **given)
        mine.__enter__()
        self.started.append(mine)
        self._may_break.append(may_break)
        return mine

    @property
    def newest(self) -> UnderTest:
        """The one that was started last. LookupError if there is none."""
        if not self.started:
            raise LookupError('no mine is running: call mine_section("heading-section") first')
        return self.started[-1]

    def end(self) -> list[str]:
        """End all of them; the promises that were broken."""
        broken = []
        for mine, may_break in zip(self.started, self._may_break, strict=True):
            mine.__exit__(None, None, None)
            broken += [] if may_break else mine.broken
        return broken


class BrokerUnderTest:
    """The fixture `broker`: the one that takes delivery from the newest mine, and the way to it."""

    def __init__(self, mines: Mines) -> None:
        self._mines = mines

    def stop(self) -> None:
        """It is gone; every session ends."""
        self._mines.newest.mine.far.go(True)

    def start(self) -> None:
        """It is back."""
        self._mines.newest.mine.far.go(False)

    def silent(self, on: bool) -> None:
        """Packets vanish on the way, in both directions."""
        self._mines.newest.mine.far.way.silent = on

    def far(self, delay_ms: float) -> None:
        """How long a packet takes one way."""
        self._mines.newest.mine.far.way.delay_ms = delay_ms

    def forget(self) -> None:
        """It restarts, without its sessions and retained messages."""
        self._mines.newest.mine.far.restart()

    @property
    def readings(self) -> int:
        """Values that arrived, each counted once."""
        return self._mines.newest.mine.receiver.readings

    @property
    def backlog(self) -> int:
        """Items that field has produced and that have not arrived."""
        mine = self._mines.newest.mine
        return mine.receiver.backlog(mine.gateway.produced_now())

    @property
    def missing(self) -> list[str]:
        """What is wrong with the account; empty if everything that was produced came, once, or is declared lost."""
        from minegate_sim.promises import account

        return account(self._mines.newest.mine)


class PowerUnderTest:
    """The fixture `power`: of the gateway, and of the areas of the newest mine."""

    def __init__(self, mines: Mines) -> None:
        self._mines = mines

    def gateway(self, on: bool) -> None:
        """The gateway's own supply."""
        gateway = self._mines.newest.mine.gateway
        if on:
            gateway.power_on()
        else:
            gateway.power_off()

    def mains(self, on: bool, area: str | None = None) -> None:
        """The supply of an area, before its contactor."""
        self._mines.newest.wish(do="mains", on=on, **({"area": area} if area else {}))

    def is_on(self, area: str) -> bool:
        """Whether the load side of that area is live. LookupError if the section has no such area."""
        from minegate_sim.section.section import Section

        place = self._mines.newest.place
        if not isinstance(place, Section) or area not in place.ground.areas:
            raise LookupError(f"area {area!r} is none of this place")
        return place.ground.areas[area].powered


class VirtualTime:
    """The fixture `virtual_time`: run coroutines without waiting for them."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    @property
    def now_s(self) -> float:
        """Seconds since the fixture was made."""
        return self._loop.time()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run to the end. Raises minegate_sim.virtual.loop.Deadlock if it would wait for ever."""
        return self._loop.run_until_complete(coroutine)


@pytest.fixture
def mine_section() -> Iterator[Mines]:
    """`mine_section("longwall", guests=[...])` starts a section with the real agent, in virtual time."""
    mines = Mines()
    try:
        yield mines
    finally:
        broken = mines.end()
    assert not broken, f"promises of the agent were broken: {broken}"


@pytest.fixture
def rs485_bus() -> Callable[..., Rs485UnderTest]:
    """`rs485_bus(device, ..., baud=9600)` is a line in virtual time: ask, drive, begin and end faults."""
    from minegate_sim.bus_under_test import Rs485UnderTest

    return lambda *devices, **given: Rs485UnderTest(devices, **given)


@pytest.fixture
def can_bus() -> Callable[..., CanUnderTest]:
    """`can_bus(node, ..., bit_rate=250_000)` is a bus in virtual time: listen, send, drive, begin and end faults."""
    from minegate_sim.bus_under_test import CanUnderTest

    return lambda *nodes, **given: CanUnderTest(nodes, **given)


@pytest.fixture
def broker(mine_section: Mines) -> BrokerUnderTest:
    """The broker that takes delivery from the mine of `mine_section`: stop, start, silent, far, forget."""
    return BrokerUnderTest(mine_section)


@pytest.fixture
def power(mine_section: Mines) -> PowerUnderTest:
    """The power of the gateway and of the areas of the mine of `mine_section`."""
    return PowerUnderTest(mine_section)


@pytest.fixture
def virtual_time() -> Iterator[VirtualTime]:
    """Runs coroutines in a loop whose waiting costs nothing."""
    from minegate_sim.virtual.loop import VirtualLoop

    loop = VirtualLoop()
    try:
        yield VirtualTime(loop)
    finally:
        loop.close()
