"""The World of each process, built from simulated parts; the real one's is built in its `__main__`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from minegate_agent.config import Port
from minegate_agent.field.app import run_field
from minegate_agent.link.app import Link
from minegate_agent.link.broker import BrokerSettings
from minegate_agent.link.world import LinkWorld
from minegate_agent.site import Site
from minegate_agent.world import FieldWorld
from minegate_interlock.output_kinds import AnyOutput, port
from minegate_interlock.world import Folder, Line, LineLost
from minegate_sim.broker import SimBroker
from minegate_sim.gateway.can import CanCable, SimCanPort
from minegate_sim.gateway.disk import HeldDisk
from minegate_sim.gateway.lines import Cable, SimLinePort, SimSerialLine
from minegate_sim.gateway.messages import SimMessagePort, Underground
from minegate_sim.gateway.program import LoopProgram
from minegate_sim.virtual.clocks import SimClock


class Around(NamedTuple):
    """What surrounds the processes of one gateway."""

    site: Site
    cables: Mapping[str, Cable | CanCable]
    underground: Underground

    def open_output(self, output: AnyOutput, folder: Folder) -> Line:
        """For the interlock."""
        cable = self.cables.get(Path(port(output)).name)
        if not isinstance(cable, Cable):
            raise LineLost(f"{os.path.join(folder, port(output))}: No such file or directory")
        return SimSerialLine(cable)


async def field(around: Around, clock: SimClock, boot: int, program: LoopProgram) -> None:
    """The field process, until it is asked to end."""

    async def open_line(port: Port) -> SimLinePort:
        cable = around.cables[Path(port.device).name]
        assert isinstance(cable, Cable)
        return SimLinePort(cable, port.name, program.wake)

    async def open_can(port: Port, can_ids: tuple[tuple[int, bool], ...]) -> SimCanPort:
        cable = around.cables[Path(port.channel).name]
        assert isinstance(cable, CanCable)
        return SimCanPort(cable, port.name, can_ids, program.wake)

    async def open_messages(port: Port, topics: tuple[str, ...]) -> SimMessagePort:
        return SimMessagePort(around.underground, port.name, topics, program.wake)

    world = FieldWorld(clock, boot, open_line, open_can, open_messages, lag_ms=program.loop.lag_ms)
    with suppress(asyncio.CancelledError):
        await run_field(around.site, world)


async def link(
    around: Around,
    clock: SimClock,
    seed: int,
    machine: str,
    disk: HeldDisk,
    broker: Callable[[BrokerSettings, Callable[[], None]], SimBroker],
    program: LoopProgram,
) -> None:
    """The link process, until it is asked to end: as its `__main__` does it."""
    stop = asyncio.Event()
    running = Link(around.site, LinkWorld(clock, disk, lambda settings: broker(settings, program.wake), seed, machine))
    task = asyncio.ensure_future(running.run(stop))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        stop.set()
        await task
    finally:
        running.close()
