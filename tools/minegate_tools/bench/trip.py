"""`minegate bench trip`: from over-limit to open contact, measured at the relay: real processes, and virtual time."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from minegate_agent.worst_case import Loss
from minegate_tools.bench import trip_cases
from minegate_tools.bench.quantiles import Spread, spread
from minegate_tools.bench.rows import Row
from minegate_tools.bench.trip_cases import DEAD, PARTS, Shape
from minegate_tools.bench.trip_disturb import disturbed
from minegate_tools.bench.trip_faults import loss_row, losses
from minegate_tools.bench.trip_losses_virtual import losses_in_virtual_time
from minegate_tools.bench.trip_memory import memory
from minegate_tools.bench.trip_run import Cut, gateway
from minegate_tools.bench.trip_script import measure_script
from minegate_tools.bench.trip_virtual import cuts_in_virtual_time

SEED = 20_251
_CUT_S = 6.0  # of patience for one cut of one line, reset and calm included
_HEAD = ("figure", "minegate", "script", "promised", "")
_WIDTHS = (62, 30, 30, 12, 8)

Rows = AsyncIterator[Row]


def run(asked: argparse.Namespace) -> int:
    """Measure and print; 0 if every promise is kept."""
    if unknown := _unknown(asked):
        print(f"--only: {unknown!r} is not one of {', '.join(PARTS)}", file=sys.stderr)
        return 2
    return asyncio.run(_run(asked))


def _unknown(asked: argparse.Namespace) -> str:
    named = asked.only.split(",") if asked.only else []
    return next((name for name in named if name not in PARTS), "")


async def _run(asked: argparse.Namespace) -> int:
    measure: tuple[Callable[[argparse.Namespace, Path], Rows], ...] = (
        _healthy, _dead, _dying, _disturbed, _can, _losses, _memory, _virtual, _virtual_losses
    )  # fmt: skip
    parts = dict(zip(PARTS, measure, strict=True))
    print("milliseconds; spreads are p50 / p99 / p99.9 / max")
    _show(_HEAD)
    broken = 0
    for name in asked.only.split(",") if asked.only else parts:
        with tempfile.TemporaryDirectory(prefix="mgb") as folder:
            async for row in parts[name](asked, Path(folder)):
                _show((*row[:4], "" if row.kept is None else "OK" if row.kept else "BROKEN"))
                broken += row.kept is False
    if broken:
        print(f"{broken} promise(s) not kept; is the machine busy?", file=sys.stderr)
    return 1 if broken else 0


def patience_s(count: int, lines: int) -> float:
    """How long that many cuts may take."""
    return 30.0 + _CUT_S * count / lines


async def _healthy(asked: argparse.Namespace, folder: Path) -> Rows:
    shape = Shape()
    async with gateway(folder, shape, SEED) as running:
        cuts = await running.cuts(asked.cuts, patience_s(asked.cuts, shape.lines))
    contact = _contact(cuts)
    promised = trip_cases.CONTACT_P50_MS
    yield Row(f"over-limit to contact, 9600 baud, 16 heads, {contact.number} cuts", str(contact), "")
    yield Row("  p50", f"{contact.p50:.0f}", "", f"<= {promised:.0f}", contact.p50 <= promised)


async def _dead(asked: argparse.Namespace, folder: Path) -> Rows:
    shape = Shape(dead=DEAD)
    async with gateway(_made(folder, "ours"), shape, SEED) as running:
        cuts = await running.cuts(asked.cuts, patience_s(asked.cuts, shape.lines))
    script = await measure_script(_made(folder, "script"), shape, SEED, max(50, asked.cuts // 5))
    for row in (*contact_rows(cuts, script), *reaction_rows(cuts, script)):
        yield row


async def _dying(asked: argparse.Namespace, folder: Path) -> Rows:
    """Two heads die in the moment in which a third one's limit is passed: nobody has learned yet not to wait."""
    shape = Shape()
    async with gateway(folder, shape, SEED) as running:
        await running.far.tell(mortal=list(DEAD))
        cuts = await running.cuts(asked.cuts, patience_s(asked.cuts, shape.lines))
    contact, longest = _contact(cuts), trip_cases.CONTACT_MAX_MS
    yield Row(f"over-limit to contact, two die just then, {contact.number} cuts", str(contact), "")
    yield Row("  max", f"{contact.worst:.0f}", "", f"< {longest:.0f}", contact.worst < longest)


async def _disturbed(asked: argparse.Namespace, folder: Path) -> Rows:
    async for row in disturbed(folder, Shape(dead=DEAD), SEED, asked.cuts):
        yield row


async def _can(asked: argparse.Namespace, folder: Path) -> Rows:
    shape = Shape(lines=4, kind="can")
    async with gateway(folder, shape, SEED) as running:
        cuts = await running.cuts(asked.cuts, patience_s(asked.cuts, shape.lines))
    contact, promised = _contact(cuts), trip_cases.CAN_P999_MS
    period = f"{trip_cases.CAN_PERIOD_MS:.0f} ms"
    yield Row(f"over-limit to contact, CAN by slcan, a message every {period}, {contact.number} cuts", str(contact), "")
    yield Row("  p99.9", f"{contact.p999:.1f}", "", f"<= {promised:.0f}", contact.p999 <= promised)


async def _losses(asked: argparse.Namespace, folder: Path) -> Rows:
    async for row in losses(folder, Shape(lines=4, heads=4), SEED, asked.losses):
        yield row


async def _memory(asked: argparse.Namespace, folder: Path) -> Rows:
    async for row in memory(folder, SEED, asked.events):
        yield row


async def _virtual(asked: argparse.Namespace, folder: Path) -> Rows:
    took_ms, virtual_s, cpu_s = await asyncio.to_thread(cuts_in_virtual_time, Shape(dead=DEAD), SEED, asked.virtual)
    contact, high, longest = spread(took_ms), trip_cases.CONTACT_P999_MS, trip_cases.CONTACT_MAX_MS
    yield Row(f"virtual: over-limit to contact, 2 dead, {contact.number:,} cuts", str(contact), "")
    yield Row("  p99.9", f"{contact.p999:.0f}", "", f"<= {high:.0f}", contact.p999 <= high)
    yield Row("  max", f"{contact.worst:.0f}", "", f"< {longest:.0f}", contact.worst < longest)
    yield Row(f"  {virtual_s:,.0f} virtual seconds, CPU seconds", f"{cpu_s:.0f}", "")


async def _virtual_losses(asked: argparse.Namespace, folder: Path) -> Rows:
    for loss in Loss:
        took_ms, allowed_ms, _, cpu_s = await asyncio.to_thread(
            losses_in_virtual_time, loss, SEED, asked.virtual_losses
        )
        yield loss_row(f"virtual: {loss.value}, {len(took_ms):,} times, {cpu_s:.0f} s CPU", took_ms, allowed_ms)


def contact_rows(ours: list[Cut], theirs: list[Cut]) -> list[Row]:
    """From the over-limit to the open contact, at the relay's end."""
    own, other = _contact(ours), _contact(theirs)
    high, longest = trip_cases.CONTACT_P999_MS, trip_cases.CONTACT_MAX_MS
    return [
        Row(f"over-limit to contact, 9600 baud, 16 heads, 2 dead, {own.number} cuts", str(own), str(other)),
        Row("  p99.9", f"{own.p999:.0f}", f"{other.p999:.0f}", f"<= {high:.0f}", own.p999 <= high),
        Row("  max", f"{own.worst:.0f}", f"{other.worst:.0f}", f"< {longest:.0f}", own.worst < longest),
        Row("  of the script's median", f"{own.p50 / other.p50:.0%}", "100%"),
    ]


def reaction_rows(ours: list[Cut], theirs: list[Cut]) -> list[Row]:
    """From the answer that shows it, whole on the sensors' line, to OPEN on the relay's."""
    own, other = reaction(ours), reaction(theirs)
    high, longest = trip_cases.OPEN_P99_MS, trip_cases.OPEN_MAX_MS
    return [
        Row("answer whole on its line to OPEN on the relay's", str(own), str(other)),
        Row("  p99", f"{own.p99:.2f}", f"{other.p99:.2f}", f"<= {high:g}", own.p99 <= high),
        Row("  max", f"{own.worst:.2f}", f"{other.worst:.2f}", f"<= {longest:g}", own.worst <= longest),
        Row("  of the script's median", f"{own.p50 / other.p50:.1f} times", "1"),
    ]


def _contact(cuts: list[Cut]) -> Spread:
    return spread(cut.contact_ms for cut in cuts)


def reaction(cuts: list[Cut]) -> Spread:
    """What field and interlock took."""
    return spread(cut.reaction_ms for cut in cuts)


def _made(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    return folder / name


def _show(cells: tuple[str, ...]) -> None:
    print("  ".join(cell.ljust(width) for cell, width in zip(cells, _WIDTHS, strict=True)).rstrip(), flush=True)
