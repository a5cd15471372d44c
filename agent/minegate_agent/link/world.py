"""What the link process needs from outside: built once from real parts in `__main__`, once from simulated parts.

It is not in minegate_agent/world.py, because field imports that file and must not see link.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from minegate_agent.clock import Clock
from minegate_agent.link.broker import Broker, BrokerSettings
from minegate_agent.link.disk import Disk


@dataclass(frozen=True, slots=True)
class LinkWorld:
    """`seed` is where the jitter of reconnects comes from. `machine` differs from start to start of the machine; empty
    where nobody can tell.
    """

    clock: Clock
    disk: Disk
    broker: Callable[[BrokerSettings], Broker]
    seed: int
    machine: str = ""
