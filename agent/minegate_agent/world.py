"""The world a process lives in: built once from real parts in `__main__`, once from simulated parts in the simulator.

There is no third way to start the agent, and no `if simulated` anywhere.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from minegate_agent.clock import Clock
from minegate_agent.config import Port
from minegate_agent.site import SiteDevice
from minegate_drivers.ports import CanPort, LinePort, MessagePort


class Isolated(Protocol):
    """A port in a process of its own. `told` is its newest health, None while it has said nothing."""

    told: tuple[dict[str, Any], list[dict[str, Any]]] | None

    async def read(self, opened: Callable[[], None]) -> None:
        """Until the port is lost. Raises PortLost."""


@dataclass(frozen=True, slots=True)
class FieldWorld:
    """What the field process needs from outside. Each opener raises PortLost with a sentence that names the port.

    `boot` numbers this start among all starts, not 0. `lag_ms`: how long the event loop was held up at the longest
    since it was last asked for.
    """

    clock: Clock
    boot: int
    open_line: Callable[[Port], Awaitable[LinePort]]
    open_can: Callable[[Port, tuple[tuple[int, bool], ...]], Awaitable[CanPort]]
    open_messages: Callable[[Port, tuple[str, ...]], Awaitable[MessagePort]]
    isolate: Callable[[Port, list[SiteDevice], Any], Isolated] | None = None  # None: no port has a process of its own
    lag_ms: Callable[[], float] = lambda: 0.0
