"""A day of backlog, generated straight into a journal, and live readings beside it while it drains."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

from minegate_agent.link.journal import SCAN, Full, Journal
from minegate_agent.link.records import encode_scan
from minegate_agent.scan import Scan
from minegate_tools.bench.table import Row, at_least, at_most
from minegate_tools.bench.uplink_mine import at_step, walk
from minegate_tools.bench.uplink_site import Asked
from minegate_tools.bench.uplink_stage import Stage, now_ms, stage
from minegate_tools.bench.uplink_tree import Tree, agent, permitted
from minegate_tools.live import NotRunning, document
from minegate_tools.progress import parts_of

HOURS = 24
LIVE_S = 30.0  # of live readings alone, afterwards
LOOK_S = 0.5
DRAIN_S_MAX = 900.0
SPEED_PROMISED = 100
LIVE_PART_PROMISED = 1.1
LIVE_MS_PROMISED = 5.0
GROWN_PART_PROMISED = 1.1  # what "flat" means here
_BOOT = 0x0BAD_DA7E
_ASKED = Asked(0, 0)
_COMMIT_EVERY = 2000


async def rows(folder: Path, seconds: float | None, _peers: bool) -> AsyncIterator[Row]:
    """The figures, one after the other."""
    live_s = seconds or LIVE_S
    async with stage(folder / "drain", _ASKED) as ours:
        backlog = await asyncio.to_thread(_filled, ours.site / "journal", int(now_ms()), HOURS)
        began_ms = now_ms()
        async with agent(ours.site, folder / "agent.log") as tree:
            await permitted(ours.site)
            up_ms = now_ms()
            sizes = await _drained(ours, tree, backlog)
            drained_ms = now_ms()
            await asyncio.sleep(live_s)
            end_ms = now_ms()
            await asyncio.sleep(1.5)
        windows = {"beside": (up_ms, drained_ms), "alone": (drained_ms + 1000, end_ms)}
        judged = await ours.judged(windows=windows, live_from=began_ms - 1000)
    beside, alone = judged["lags"]["beside"], judged["lags"]["alone"]
    took_s = (drained_ms - began_ms) / 1000
    speed = HOURS * 3600 / took_s
    yield at_least(f"{HOURS} h of 1,000 values/s drained in {took_s:.1f} s: times real time", speed, SPEED_PROMISED)
    yield Row(
        "  of the backlog's records came", f"{judged['old']:,} of {backlog:,}", f"{backlog:,}", judged["old"] == backlog
    )
    allowed = alone["p99"] * LIVE_PART_PROMISED + LIVE_MS_PROMISED
    yield at_most(f"live p99 beside it, of {beside['n']} scans", beside["p99"], round(allowed, 1), "{:.0f}", "ms")
    yield Row(f"  alone, of {alone['n']} scans: p50, p99", f"{alone['p50']:.0f}, {alone['p99']:.0f} ms")
    yield Row("  beside it: p50, greatest", f"{beside['p50']:.0f}, {beside['max']:.0f} ms")
    first, most = sizes[0], max(sizes)
    yield at_most(
        f"memory while it drains, from {first:.1f} MB at its start",
        most,
        round(first * GROWN_PART_PROMISED, 1),
        "{:.1f}",
        "MB",
    )


def _filled(folder: Path, now_utc_ms: int, hours: int) -> int:
    """A journal of so many hours before now; how many records it has."""
    journal = Journal.open(folder, segment_bytes=8_000_000, bytes_max=2_000_000_000)
    steps = [walk(random.Random(station), _ASKED.registers - 3) for station in range(_ASKED.stations)]
    seconds = hours * 3600
    with parts_of("journal of a day", seconds) as more:
        for second in range(seconds):
            utc_ms = now_utc_ms - (seconds - second + 60) * 1000
            for device in range(_ASKED.stations):
                record = second.to_bytes(4, "big") + at_step(steps[device], second) + b"\0\x32"
                number = second * _ASKED.stations + device + 1
                scan = Scan(
                    _BOOT, number, device + 1, 0, 0, second * 1000 + device * 22, utc_ms + device * 22, 1, record
                )
                _append(journal, encode_scan(scan))
            if second % _COMMIT_EVERY == 0:
                journal.commit()
                more(_COMMIT_EVERY)
    journal.commit()
    last = journal.last_sequence
    journal.close()
    return last


def _append(journal: Journal, body: bytes) -> None:
    try:
        journal.append(SCAN, body)
    except Full:
        journal.commit()
        journal.append(SCAN, body)


async def _drained(ours: Stage, tree: Tree, backlog: int) -> list[float]:
    """Wait until all of it is confirmed; the memory of all processes meanwhile, in MB."""
    sizes: list[float] = []
    with parts_of("draining", backlog) as more:
        before = 0
        async with asyncio.timeout(DRAIN_S_MAX):
            while before < backlog:
                await asyncio.sleep(LOOK_S)
                sizes.append(sum(tree.pss_mb().values()))
                confirmed = min(backlog, await asyncio.to_thread(_confirmed, ours.site / "run"))
                more(confirmed - before)
                before = confirmed
    return sizes


def _confirmed(sockets: Path) -> int:
    try:
        return int(document(sockets)["delivery"]["confirmed"])
    except NotRunning:
        return 0
