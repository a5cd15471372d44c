"""What a value costs: the whole agent as fast as the slaves answer, beside a plain script and thingsboard-gateway."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiomqtt

from minegate_agent import bound
from minegate_tools.bench import uplink_thingsboard
from minegate_tools.bench.table import Row, at_least, at_most
from minegate_tools.bench.uplink_site import JUDGED, Asked
from minegate_tools.bench.uplink_stage import Stage, now_ms, stage, talking
from minegate_tools.bench.uplink_tree import Tree, Used, agent, permitted

SETTLE_S = 4.0
SECONDS = 10.0
DRAINED_S = 2.0
CPU_US_PROMISED = 1.5
SCRIPT_SHARE_PROMISED = 1 / 3
THINGSBOARD_SHARE_PROMISED = 1 / 40
VALUES_PROMISED = 400_000
WIRE_BYTES_PROMISED = 1.5
_FAST = Asked(0, 0, period_ms=10_000, eager=True)


async def rows(folder: Path, seconds: float | None, peers: bool) -> AsyncIterator[Row]:
    """The figures, one after the other."""
    lasting = seconds or SECONDS
    async with stage(folder / "cost", _FAST, wire=False) as ours:
        used, values, received, span_s, wire = await _agent(ours, folder / "agent.log", lasting)
        if not received:
            raise RuntimeError("nothing was delivered; see the words of the agent above")
        us = used.cpu_s * 1e6 / values
        yield at_least("values/s, read, on disk and delivered", received / span_s, VALUES_PROMISED)
        yield at_most(
            f"CPU of the whole agent for a value, interlock judging {JUDGED} of its points",
            us,
            CPU_US_PROMISED,
            unit="us",
        )
        for name, cpu_s in sorted(used.of.items()):
            yield Row(f"  of it {name.split()[0]}", f"{cpu_s * 1e6 / values:.3f} us")
        yield Row("bytes written to the disk for a value", f"{used.written_bytes / values:.2f}")
        yield at_most("bytes to the broker for a value of a random walk, MQTT too", wire / values, WIRE_BYTES_PROMISED)
        script_us = await _script(ours, lasting)
        yield Row("CPU of pymodbus + aiomqtt, which keeps nothing", f"{script_us:.2f} us")
        yield at_most("  the agent's part of it", us / script_us, round(SCRIPT_SHARE_PROMISED, 3), "{:.3f}")
        if not peers:
            yield Row("CPU of thingsboard-gateway", "not asked for (--peers)")
            return
        async for row in _thingsboard(ours, folder, us, lasting):
            yield row


async def _agent(ours: Stage, log: Path, seconds: float) -> tuple[Used, float, float, float, float]:
    """CPU, values read, values delivered, seconds, bytes that the broker counted."""
    async with agent(ours.site, log) as tree:
        await permitted(ours.site)
        await asyncio.sleep(SETTLE_S)
        await ours.mine.ask("count")
        wire = await _broker_bytes(ours)
        await ours.mine.ask("count")
        begin_ms, before = now_ms(), tree.used()
        await asyncio.sleep(seconds)
        counted, used, end_ms = await ours.mine.ask("count"), tree.used().since(before), now_ms()
        wire = (await _broker_bytes(ours) - wire) * (end_ms - begin_ms) / (now_ms() - begin_ms)
        await asyncio.sleep(DRAINED_S)
    judged = await ours.judged(windows={"all": (begin_ms, end_ms)})
    values, received = (each * _FAST.registers for each in (counted["answered"], judged["lags"]["all"]["n"]))
    return used, values, received, counted["span_s"], wire


async def _broker_bytes(ours: Stage) -> float:
    """What mosquitto has received: it tells every second. Waits for the next telling."""
    async with aiomqtt.Client("127.0.0.1", ours.broker.port) as client:
        await client.subscribe("$SYS/broker/bytes/received")
        told = [await anext(client.messages) for _ in range(2)]  # the first one is retained, and up to a second old
    counted = told[1].payload
    assert isinstance(counted, bytes)
    return float(counted)


async def _script(ours: Stage, seconds: float) -> float:
    """CPU of the plain script for a value, in microseconds."""
    wish = {
        "device": str(ours.site / "line"), "baud": _FAST.baud, "stations": _FAST.stations, "timeout_ms": 300,
        "registers": _FAST.registers, "broker": ours.broker.port,
    }  # fmt: skip
    async with talking(*bound.command("minegate_tools.bench.line_pymodbus", json.dumps(wish))) as script:
        return await _us_per_value(ours, script.pid, SETTLE_S, seconds)


async def _us_per_value(ours: Stage, pid: int, settle_s: float, seconds: float) -> float:
    await asyncio.sleep(settle_s)
    await ours.mine.ask("count")
    tree = Tree(pid)
    before = tree.used()
    await asyncio.sleep(seconds)
    counted, used = await ours.mine.ask("count"), tree.used().since(before)
    return used.cpu_s * 1e6 / max(1, int(counted["answered"]) * _FAST.registers)


async def _thingsboard(ours: Stage, folder: Path, us: float, seconds: float) -> AsyncIterator[Row]:
    try:
        python = await asyncio.to_thread(uplink_thingsboard.installed, folder / "thingsboard")
    except uplink_thingsboard.NotInstalled as error:
        yield Row("CPU of thingsboard-gateway", f"not installed: {error}")
        return
    config = uplink_thingsboard.configured(folder / "thingsboard", ours.site / "line", ours.broker.port, _FAST)
    async with talking(*bound.program(str(python), "-c", uplink_thingsboard.START, str(config))) as gateway:
        published_us = await uplink_thingsboard.measured(ours, gateway.pid, seconds)
    if published_us is None:
        yield Row("CPU of thingsboard-gateway", "it published nothing", "", False)
        return
    yield Row(f"CPU of {uplink_thingsboard.PACKAGE}", f"{published_us:.1f} us")
    yield at_most("  the agent's part of it", us / published_us, THINGSBOARD_SHARE_PROMISED, "{:.4f}")
