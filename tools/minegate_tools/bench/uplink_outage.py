"""A minute without a broker, and the same with every process killed inside it: the account of the subscriber."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from minegate_tools.bench.table import Row, at_most
from minegate_tools.bench.uplink_site import BLOCK_MS, Asked
from minegate_tools.bench.uplink_stage import Stage, now_ms, stage
from minegate_tools.bench.uplink_tree import agent, permitted
from minegate_tools.demo.brokers import free_port
from minegate_tools.demo.door import Door

SECONDS = 60.0
BEFORE_S = 8.0
AFTER_S = 12.0
BACK_S_PROMISED = 1.0
KILL_LOSS_MS = 200.0
LIVE_LOOK_S = 10.0
_ASKED = Asked(0, 0)


async def rows(folder: Path, seconds: float | None, _peers: bool) -> AsyncIterator[Row]:
    """The figures, one after the other."""
    lasting = seconds or SECONDS
    judged, killed_ms = await _outage(folder / "outage", lasting, kill=False)
    yield Row(f"--- broker killed, back after {lasting:.0f} s, 1,000 values/s", f"{judged['scans']} scans came")
    yield Row("values lost", str(len(judged["lost"]) * _ASKED.registers), "0", not judged["lost"])
    for row in _shared(judged):
        yield row
    before, after = judged["lags"]["before"], judged["lags"]["back"]
    yield at_most(
        "live p99 in the 10 s behind the outage, beside the backlog", after["p99"], round(before["p99"] * 1.1 + 5, 1),
        "{:.0f}", "ms",
    )  # fmt: skip
    yield Row("  before the outage: p99", f"{before['p99']:.0f} ms")
    judged, killed_ms = await _outage(folder / "killed", lasting, kill=True)
    yield Row("--- the same, all processes killed with -9 in the middle", f"{judged['scans']} scans came")
    for row in _killed(judged, killed_ms):
        yield row
    for row in _shared(judged):
        yield row


async def _outage(folder: Path, lasting: float, *, kill: bool) -> tuple[dict[str, Any], float]:
    """The subscriber's verdict, and when the processes were killed (ms UTC, else 0)."""
    port, killed_ms = free_port(), 0.0
    async with AsyncExitStack() as stack:
        ours = await stack.enter_async_context(stage(folder, _ASKED, uplink_port=port))
        door = Door(port, ours.broker.port)
        await door.open()
        async with AsyncExitStack() as running:
            tree = await running.enter_async_context(agent(ours.site, folder / "agent.log"))
            await permitted(ours.site)
            await asyncio.sleep(BEFORE_S)
            out_ms = now_ms()
            await ours.broker.kill()
            await door.shut()
            await asyncio.sleep(lasting / 2)
            if kill:
                killed_ms = now_ms()
                tree.kill()
                await running.aclose()
                await running.enter_async_context(agent(ours.site, folder / "agent.log"))
                await asyncio.sleep(max(0.0, lasting / 2 - (now_ms() - killed_ms) / 1000))
            else:
                await asyncio.sleep(lasting / 2)
            back_ms = await _back(ours, door)
            await asyncio.sleep(AFTER_S)
            end_ms = now_ms()
        await asyncio.sleep(0.5)
        await door.shut()
        windows = {
            "before": (out_ms - 6000, out_ms - 1000),
            "back": (back_ms, min(end_ms, back_ms + LIVE_LOOK_S * 1000)),
        }
        judged = await ours.judged(windows=windows, after=back_ms)
    judged["back_ms"] = min(judged["first"].values(), default=float("inf")) - back_ms
    # what was read in the last block is on its way when the end comes; it is delivered after the next start
    judged["lost"] = [each for each in judged["lost"] if each[2] < end_ms - 2 * BLOCK_MS - 200]
    for station, count, left_ms in judged["lost"][:5]:
        print(
            f"lost: slave {station}, answer {count}, {left_ms - out_ms:+.0f} ms from the outage's begin, "
            f"{left_ms - back_ms:+.0f} ms from its end",
            file=sys.stderr,
        )
    return judged, killed_ms


async def _back(ours: Stage, door: Door) -> float:
    """The broker is there again and the subscriber hears; then the line is open, and that time is told."""
    await ours.broker.start()
    await ours.listening()
    back_ms = now_ms()
    await door.open()
    return back_ms


def _shared(judged: dict[str, Any]) -> list[Row]:
    """What holds with and without a kill."""
    unmarked = judged["unmarked"] + judged["changed"]
    return [
        Row("values out of order per device", str(judged["out_of_order"]), "0", judged["out_of_order"] == 0),
        Row("unmarked duplicates", str(unmarked), "0", unmarked == 0),
        Row("  sent again, each under its own sequence as before", f"{judged['repeated']} scans"),
        at_most("link back to the first message", judged["back_ms"] / 1000, BACK_S_PROMISED, unit="s"),
    ]


def _killed(judged: dict[str, Any], killed_ms: float) -> list[Row]:
    """What a kill may cost: the last moments before it, and those told. An answer behind it was read by nobody."""
    lost = [each for each in judged["lost"] if each[2] <= killed_ms]
    early = [each for each in lost if each[2] < killed_ms - KILL_LOSS_MS]
    losses = [loss for loss in judged["losses"] if loss.get("of") == "field"]
    bare = [each for each in lost if not any(_covers(loss, each[2]) for loss in losses)]
    told = sum(loss["count"] for loss in losses)
    nobody = len(judged["lost"]) - len(lost)
    oldest = f"{killed_ms - min(each[2] for each in lost):.0f} ms before the kill" if lost else "nothing"
    bounds = ", ".join(
        f"{loss['from_utc_ms'] - killed_ms:.0f}..{loss['to_utc_ms'] - killed_ms:+.0f} ms" for loss in losses
    )
    return [
        Row(
            "values lost that were read earlier than 0.2 s before the kill",
            str(len(early) * _ASKED.registers),
            "0",
            not early,
        ),
        Row("  lost in the last 0.2 s", f"{len(lost) * _ASKED.registers} values, oldest {oldest}"),
        Row("  not inside the bounds of a declared gap", str(len(bare)), "0", not bare),
        Row("  declared", f"{told} items; {bounds or 'no gap'}"),
        Row("  answered to nobody, while no process ran", f"{nobody} scans"),
    ]


def _covers(loss: dict[str, Any], left_ms: float) -> bool:
    begin, end = loss["from_utc_ms"], loss["to_utc_ms"]
    return begin is not None and end is not None and begin <= left_ms <= end
