"""`minegate bench line`: field on simulated RS-485 lines, beside a plain pymodbus script on the same lines."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from minegate_tools.bench import line_cases
from minegate_tools.bench.line_cases import Case
from minegate_tools.bench.line_parts import Measured, measure_field, measure_pymodbus
from minegate_tools.bench.rows import Row
from minegate_tools.demo.brokers import Broker, free_port

_HEAD = ("figure", "minegate", "pymodbus", "promised", "")
_WIDTHS = (52, 10, 10, 10, 8)


def run(asked: argparse.Namespace) -> int:
    """Measure and print; 0 if every promise is kept."""
    return asyncio.run(_run(asked.seconds))


async def _run(seconds: float | None) -> int:
    _show(_HEAD)
    broken = 0
    with tempfile.TemporaryDirectory(prefix="minegate-bench-") as folder:
        async for row in _rows(Path(folder), seconds):
            said = "" if row.kept is None else "kept" if row.kept else "BROKEN"
            _show((*row[:4], said))
            broken += row.kept is False
    if broken:
        print(f"{broken} promise(s) not kept; is the machine busy?", file=sys.stderr)
    return 1 if broken else 0


async def _rows(folder: Path, seconds: float | None) -> AsyncIterator[Row]:
    def lasting(case: Case) -> Case:
        return case if seconds is None else case._replace(seconds=seconds)

    for case, promised in line_cases.USE:
        ours, theirs = await _both(folder, lasting(case))
        for row in use_rows(case, ours, theirs, promised):
            yield row
        if case is line_cases.ONE_WAKE:
            yield wake_row(ours)
    ours, theirs = await _both(folder, lasting(line_cases.ONE_DEAD))
    yield dead_row(ours, theirs)
    ours, theirs = await _both(folder, lasting(line_cases.TWO_DEAD))
    yield reread_row(ours, theirs)
    case = lasting(line_cases.UNTHROTTLED)
    async with _broker(folder) as port:
        ours = await measure_field(folder, case, gap_ms=0.0)
        theirs = await measure_pymodbus(folder, case, broker=port)
    for row in cpu_rows(case, ours, theirs):
        yield row


async def _both(folder: Path, case: Case) -> tuple[Measured, Measured]:
    return await measure_field(folder, case), await measure_pymodbus(folder, case)


@asynccontextmanager
async def _broker(folder: Path) -> AsyncIterator[int]:
    broker = Broker(free_port(), folder / "broker")
    await broker.start()
    try:
        yield broker.port
    finally:
        await broker.stop()


def use_rows(case: Case, ours: Measured, theirs: Measured, promised: float) -> list[Row]:
    """How much of the line's time is used, and how often the silence was broken for it."""
    return [
        Row(
            f"line used, {case.name}",
            f"{ours.use:.1%}",
            f"{theirs.use:.1%}",
            f">= {promised:.0%}",
            ours.use >= promised,
        ),
        Row(
            "  requests inside the silence of 3.5 characters",
            f"{ours.early:.2%}",
            f"{theirs.early:.1%}",
            "0",
            ours.slaves["early"] == 0,
        ),
    ]


def wake_row(ours: Measured) -> Row:
    """How often the process was woken for one answer."""
    answered = max(1, ours.said["ports"][0]["answered"])
    each = ours.said["wakes"] / answered
    return Row(
        "  wake-ups of the loop by the line, per answer", f"{each:.2f}", "", "1", each <= line_cases.WAKES_PROMISED
    )


def dead_row(ours: Measured, theirs: Measured) -> Row:
    """What the living keep of the line's time."""
    promised = line_cases.LIVE_SHARE_PROMISED
    return Row(
        f"line used by the living, {line_cases.ONE_DEAD.name}",
        f"{ours.use:.1%}",
        f"{theirs.use:.1%}",
        f">= {promised:.0%}",
        ours.use >= promised,
    )


def reread_row(ours: Measured, theirs: Measured) -> Row:
    """The longest time between two requests to the same living slave."""
    promised = line_cases.REREAD_PROMISED_S
    longest = ours.slaves["longest_s"]
    return Row(
        f"longest until read again, {line_cases.TWO_DEAD.name}",
        f"{longest:.2f} s",
        f"{theirs.slaves['longest_s']:.2f} s",
        f"<= {promised} s",
        0 < longest <= promised,
    )


def cpu_rows(case: Case, ours: Measured, theirs: Measured) -> list[Row]:
    """CPU of the whole process for each value; the script publishes one JSON message per answer."""
    own, other = ours.cpu_us_per_value(case.registers), theirs.cpu_us_per_value(case.registers)
    promised, share = line_cases.CPU_US_PROMISED, line_cases.CPU_SHARE_PROMISED
    return [
        Row(f"values/s, {case.name}", f"{ours.polls_per_s * 100:,.0f}", f"{theirs.polls_per_s * 100:,.0f}"),
        Row("  CPU us per value", f"{own:.2f}", f"{other:.2f}", f"<= {promised:g}", 0 < own <= promised),
        Row("  of the script's CPU", f"{own / other:.0%}", "100%", f"<= {share:.0%}", 0 < own <= share * other),
    ]


def _show(cells: tuple[str, ...]) -> None:
    print("  ".join(cell.ljust(width) for cell, width in zip(cells, _WIDTHS, strict=True)).rstrip(), flush=True)
