"""How old a reading is when it arrives, how soon an alarm is there, and how many bytes that takes on the line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from minegate_tools.bench.table import Row, at_most
from minegate_tools.bench.uplink_site import BLOCK_MS, GAS_ALARM, Asked
from minegate_tools.bench.uplink_stage import Stage, now_ms, stage
from minegate_tools.bench.uplink_tree import agent, permitted
from minegate_tools.demo.brokers import free_port
from minegate_tools.demo.door import Door

SETTLE_S = 4.0
SECONDS = 60.0
ALARM_EVERY_S = 0.53
DRAINED_S = 1.5
GAS_QUIET = 50
BULK_MS_PROMISED = BLOCK_MS + 20
EVENT_MS_PROMISED = 15
_ASKED = Asked(0, 0)


async def rows(folder: Path, seconds: float | None, _peers: bool) -> AsyncIterator[Row]:
    """The figures, one after the other."""
    lasting = seconds or SECONDS
    port = free_port()
    async with stage(folder / "latency", _ASKED, uplink_port=port) as ours:
        door = Door(port, ours.broker.port)
        await door.open()
        async with agent(ours.site, folder / "agent.log") as tree:
            await permitted(ours.site)
            await asyncio.sleep(SETTLE_S)
            # first the bulk alone: what is on the line then are readings
            begin_ms, passed, before = now_ms(), door.passed, tree.used()
            await asyncio.sleep(lasting / 2)
            bulk_ms, passed, used = now_ms(), door.passed - passed, tree.used().since(before)
            await _alarms(ours, lasting / 2)
            end_ms = now_ms()
            await asyncio.sleep(DRAINED_S)
        await door.shut()
        judged = await ours.judged(windows={"bulk": (begin_ms, bulk_ms), "alarms": (bulk_ms, end_ms)})
    bulk, beside, alarms = judged["lags"]["bulk"], judged["lags"]["alarms"], judged["alarms"]
    values = bulk["n"] * _ASKED.registers
    yield at_most(f"reading to subscriber, p99 of {bulk['n']} scans", bulk["p99"], BULK_MS_PROMISED, "{:.0f}", "ms")
    yield Row("  p50, greatest", f"{bulk['p50']:.0f}, {bulk['max']:.0f} ms")
    yield Row("  beside alarms: p50, p99", f"{beside['p50']:.0f}, {beside['p99']:.0f} ms")
    yield at_most(
        f"gas over its limit to the alarm at the subscriber, p99 of {alarms['n']}", alarms["p99"], EVENT_MS_PROMISED,
        "{:.1f}", "ms",
    )  # fmt: skip
    yield Row("  p50, greatest", f"{alarms['p50']:.1f}, {alarms['max']:.1f} ms")
    # one record of a device in a block: nothing to XOR it with (`cost` shows blocks that have)
    yield Row("bytes on the line for a value, MQTT and acknowledgements too", f"{passed / max(1, values):.2f}")
    yield Row("bytes written to the disk for a value", f"{used.written_bytes / max(1, values):.1f}")


async def _alarms(ours: Stage, seconds: float) -> None:
    """The gas of station 1 goes over its alarm and back. Told when the answer that shows it has left."""
    until_ms = now_ms() + seconds * 1000
    gas = GAS_QUIET
    while now_ms() < until_ms:
        gas = GAS_ALARM if gas == GAS_QUIET else GAS_QUIET
        await ours.mine.ask(f"gas {gas}")
        await asyncio.sleep(ALARM_EVERY_S * 2)
    await ours.mine.ask(f"gas {GAS_QUIET}")
