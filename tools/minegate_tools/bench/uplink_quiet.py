"""What the agent takes when there is little to do: 1,000 values/s, nothing, its memory, and how soon it is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from statistics import median

from minegate_tools.bench.table import Row, at_most
from minegate_tools.bench.uplink_site import Asked
from minegate_tools.bench.uplink_stage import now_ms, stage
from minegate_tools.bench.uplink_tree import agent, permitted

SETTLE_S = 5.0
SECONDS = 20.0
STARTS = 5
RATE_PROMISED = 0.01
IDLE_PROMISED = 0.005
PSS_MB_PROMISED = 65.0
START_S_PROMISED = 0.6
_RATE = Asked(0, 0)
_IDLE = Asked(0, 0, stations=1, registers=10)  # what is judged must be read once a second, or it cannot cut in time


async def rows(folder: Path, seconds: float | None, _peers: bool) -> AsyncIterator[Row]:
    """The figures, one after the other."""
    lasting = seconds or SECONDS
    async with stage(folder / "rate", _RATE) as ours:
        starts = []
        for _ in range(STARTS):
            began_ms = now_ms()
            async with agent(ours.site, folder / "agent.log"):
                starts.append(await ours.first_reading(began_ms) - began_ms)
        yield at_most(
            f"start of `minegate run` to the first value at a subscriber, median of {STARTS}", median(starts) / 1000,
            START_S_PROMISED, unit="s",
        )  # fmt: skip
        async with agent(ours.site, folder / "agent.log") as tree:
            await permitted(ours.site)
            await asyncio.sleep(SETTLE_S)
            before = tree.used()
            await asyncio.sleep(lasting)
            used = tree.used().since(before)
            yield at_most("CPU at 1,000 values/s, of a core", used.cpu_s / lasting, RATE_PROMISED, "{:.2%}")
            for name, cpu_s in sorted(used.of.items()):
                yield Row(f"  of it {name.split()[0]}", f"{cpu_s / lasting:.2%}")
            pss = tree.pss_mb()
            yield at_most("memory of all processes (PSS)", sum(pss.values()), PSS_MB_PROMISED, "{:.1f}", "MB")
            for name, each in sorted(pss.items()):
                yield Row(f"  of it {name.split()[0]}", f"{each:.1f} MB")
    async with stage(folder / "idle", _IDLE) as ours, agent(ours.site, folder / "agent.log") as tree:
        await asyncio.sleep(SETTLE_S)
        before = tree.used()
        await asyncio.sleep(lasting)
        used = tree.used().since(before)
        yield at_most(
            "CPU idle (one slave, ten registers, once a second), of a core",
            used.cpu_s / lasting,
            IDLE_PROMISED,
            "{:.2%}",
        )
        for name, cpu_s in sorted(used.of.items()):
            yield Row(f"  of it {name.split()[0]}", f"{cpu_s / lasting:.2%}")
