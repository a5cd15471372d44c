"""The real interlock under a flood of readings: how much memory it holds, whether it grows, how late its ticks are."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple

from minegate_agent import bound
from minegate_interlock.lines import RECORD_BYTES_MAX, Command, Lateness, PointName, Reading, Resume, Verb, pack, unpack
from minegate_interlock.reaction import quantile_ms
from minegate_interlock.rules import load
from minegate_tools.bench import trip_site
from minegate_tools.bench.rows import Row
from minegate_tools.bench.trip_cases import GOOD, GROWN_KB, OVER, RSS_MB, Shape
from minegate_tools.bench.trip_run import far_end, process
from minegate_tools.control import ask

_WARM, _WARM_SHARE = 250_000, 4  # readings until the ring of verdicts is full; of a shorter flood its fourth part
_START_S = 20.0
_CUT_EVERY = 1000  # readings: now and then one is over its limit, and a person resets


class Held(NamedTuple):
    """Kilobytes of resident memory when it was warm and at the end, and the worst lateness of a tick."""

    warm_kb: int
    end_kb: int
    late_ms: int
    late_p99_ms: int
    seconds: float


async def memory(folder: Path, seed: int, events: int) -> AsyncIterator[Row]:
    """Rows of one flood."""
    held = await flood(folder, Shape(lines=1), seed, events)
    rss_mb, grown_kb = held.end_kb / 1024, held.end_kb - held.warm_kb
    words = f"interlock, {events:,} readings in {held.seconds:.0f} s: resident memory, MB"
    yield Row(words, f"{rss_mb:.1f}", "", f"<= {RSS_MB}", rss_mb <= RSS_MB)
    words = f"  grown since the first {_warm(events):,}, kB"
    yield Row(words, f"{grown_kb}", "", f"<= {GROWN_KB}", grown_kb <= GROWN_KB)
    yield Row("  ticks late, 99 % / worst, ms", f"{held.late_p99_ms} / {held.late_ms}", "")


def _warm(events: int) -> int:
    return min(_WARM, events // _WARM_SHARE)


async def flood(folder: Path, shape: Shape, seed: int, events: int) -> Held:
    """`events` readings as fast as the process takes them, with cuts and resets between."""
    trip_site.write(folder, shape, 1, 0)
    run = folder / "run"
    run.mkdir()
    command = bound.command("minegate_interlock", str(folder / "rules.toml"), "--run", str(run))
    async with far_end(folder, shape, seed) as far, process(*command, log=folder / "interlock.log") as running:
        await far.tell(auto=False)
        await asyncio.to_thread(_until_there, run / "points.sock")
        with _socket(run / "points.sock") as points, _socket(run / "verdicts.sock") as verdicts:
            verdicts.send(pack(Resume(0, 0)))
            listening = asyncio.create_task(asyncio.to_thread(_last_lateness, verdicts))
            begun_s = time.perf_counter()
            warm_kb = await asyncio.to_thread(_feed, points, folder, events, running.pid)
            seconds = time.perf_counter() - begun_s
            await asyncio.sleep(1.5)  # it tells once a second
            end_kb = _rss_kb(running.pid)
            verdicts.shutdown(socket.SHUT_RD)
            told = await listening
    return Held(warm_kb, end_kb, told.worst_ms, quantile_ms(told, 0.99) or 0, seconds)


def _feed(points: socket.socket, folder: Path, events: int, pid: int) -> int:
    """Kilobytes when it was warm."""
    rules = load((folder / "rules.toml").read_bytes(), "rules.toml")
    names = [limit.point for limit in rules.limits]
    for number, name in enumerate(names):
        points.send(pack(PointName(number, name, "%CH4")))
    warm_kb = 0
    for said, data in enumerate(_readings(len(names), events)):
        points.send(data)
        if said == _warm(events):
            warm_kb = _rss_kb(pid)
        if said % _CUT_EVERY == _CUT_EVERY // 2:
            ask(folder / "run", Command(Verb.RESET, trip_site.area(0), "bench", ""))
    return warm_kb


def _readings(points: int, events: int) -> Iterator[bytes]:
    for said in range(events):
        over = said % _CUT_EVERY == _CUT_EVERY - 1
        yield pack(Reading(said % points, 0, 1, said + 1, OVER if over else GOOD + said % 7 / 100))


def _last_lateness(verdicts: socket.socket) -> Lateness:
    told = Lateness(0, bytes(48))
    while data := verdicts.recv(RECORD_BYTES_MAX + 1):
        record = unpack(data)
        if isinstance(record, Lateness):
            told = record
    return told


def _socket(path: Path) -> socket.socket:
    line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    line.connect(str(path))
    return line


def _until_there(path: Path) -> None:
    until_s = time.perf_counter() + _START_S
    while not path.exists():
        assert time.perf_counter() < until_s, f"{path}: the interlock did not start"
        time.sleep(0.05)


def _rss_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
