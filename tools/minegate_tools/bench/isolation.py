"""`minegate bench isolation`: how late a line is read while the driver on another line misbehaves.

Two lines with one head each, both asked every `PERIOD_MS` by a real field process. The heads live in this process and
note when they are asked. Shown is by how much periods of the good line are too long (p50 / p99.9 / max); where
everybody behaves, it is what this machine causes by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import tempfile
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from minegate_agent import bound
from minegate_drivers.modbus_rtu import framed
from minegate_tools.bench import isolation_driver
from minegate_tools.bench.table import Row, show

HELP = "how late a line is read while the driver of another line raises, talks nonsense, spins or eats memory"
PERIOD_MS = 20
DELAY_MS_PROMISED = 5.0  # more than while everybody behaves
RARE = 0.999
_REQUEST_BYTES = 8
_START_S = 30.0
_METADATA = "Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n"
_ENTRY = f"[minegate.drivers]\nodd = {isolation_driver.__name__}:Odd\n"
_SITE = '[gateway]\nmine = "1"\nid = "bench"\n[page]\nenabled = false\n'


class Case(NamedTuple):
    """What the driver does, and whether its port has a process of its own."""

    way: str
    isolate: bool

    @property
    def words(self) -> str:
        """For the table."""
        return f"{self.way}{', in a process of its own' if self.isolate else ''}"


CASES = (
    Case("well", False), Case("raise", False), Case("nonsense", False),
    Case("well", True), Case("raise", True), Case("nonsense", True), Case("spin", True), Case("eat", True),
)  # fmt: skip


class Head:
    """One head: when it was asked, in seconds; and that its driver, if it is odd, has begun to be."""

    def __init__(self) -> None:
        self.asked_s: list[float] = []
        self.is_odd = asyncio.Event()

    def asked(self) -> None:
        """A question has come."""
        self.asked_s.append(time.perf_counter())
        if len(self.asked_s) > isolation_driver.WELL_FOR:
            self.is_odd.set()


class Delays(NamedTuple):
    """By how much periods were too long, in milliseconds, sorted; and how often the odd head was asked."""

    too_long_ms: list[float]
    odd_asked: int

    def at(self, share: float) -> float:
        """The delay that `share` of the periods do not exceed."""
        return self.too_long_ms[min(int(share * len(self.too_long_ms)), len(self.too_long_ms) - 1)]


def run(asked: argparse.Namespace) -> int:
    """Every case once, `asked.seconds` each, 20 unless given; 0 if every promise is kept."""
    broken = 0
    own_ms = 0.0
    for case in CASES:
        delays = asyncio.run(_measure(case, asked.seconds or 20.0))
        rare_ms = delays.at(RARE)
        measured = f"{delays.at(0.5):.2f} / {rare_ms:.2f} / {delays.at(1.0):.2f} ms"
        if case.way == "well":
            own_ms = rare_ms
            show(Row(case.words, measured))
        else:
            kept = rare_ms - own_ms < DELAY_MS_PROMISED
            show(Row(case.words, measured, f"p99.9 < {own_ms:.2f} + {DELAY_MS_PROMISED:g} ms", kept))
            broken += not kept
        show(
            Row(
                "  periods of the other line; questions to the odd head",
                f"{len(delays.too_long_ms)}; {delays.odd_asked}",
            )
        )
    return 1 if broken else 0


async def _measure(case: Case, seconds: float) -> Delays:
    with tempfile.TemporaryDirectory(prefix="minegate-bench-") as name:
        folder = Path(name)
        _write_site(folder, case)
        with _head(folder, "good", 1) as good, _head(folder, "odd", 2) as odd:
            process = await asyncio.create_subprocess_exec(
                *bound.command("minegate_agent.field", str(folder)), stderr=asyncio.subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": str(folder / "packages")},
            )  # fmt: skip
            try:
                async with asyncio.timeout(_START_S):
                    await odd.is_odd.wait()
                first = len(good.asked_s)
                await asyncio.sleep(seconds)
                last = len(good.asked_s)
            finally:
                process.send_signal(signal.SIGTERM)
                await process.wait()
    longer = sorted((after - before) * 1000 - PERIOD_MS for before, after in pairwise(good.asked_s[first:last]))
    return Delays([max(delay, 0.0) for delay in longer], len(odd.asked_s))


def _write_site(folder: Path, case: Case) -> None:
    """A site of two lines, and the driver as an installed distribution."""
    facts = folder / "packages" / "odd-1.0.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text(_METADATA, "utf-8")
    (facts / "entry_points.txt").write_text(_ENTRY, "utf-8")
    (folder / "run").mkdir()
    text = _SITE
    for number, name in enumerate(("good", "odd"), 1):
        odd = name == "odd"
        text += f'[[port]]\nname = "{name}"\nkind = "serial"\ndevice = "{name}"\nbaud = 115200\n'
        text += "isolate = true\n" if odd and case.isolate else ""
        text += f'[[device]]\nnumber = {number}\nname = "{name}-head"\nport = "{name}"\n'
        text += f'driver = "{"odd" if odd else "gas_head"}"\nperiod_ms = {PERIOD_MS}\ntimeout_ms = 10\n'
        text += f"[device.options]\nstation = {number}\n" + (f'way = "{case.way}"\n' if odd else "")
        text += f'[[point]]\nnumber = {number}\nname = "{name}-ch4"\ndevice = "{name}-head"\nfield = "ch4"\n'
    (folder / "gateway.toml").write_text(text, "utf-8")


@contextmanager
def _head(folder: Path, name: str, station: int) -> Iterator[Head]:
    """A head that answers at once."""
    master, near = os.openpty()
    tty.setraw(near)
    os.set_blocking(master, False)
    (folder / name).symlink_to(os.ttyname(near))
    answer = framed(bytes((station, 4, 4, 0, 50, 0, 1)))
    head = Head()

    def asked() -> None:
        if len(os.read(master, 4096)) >= _REQUEST_BYTES:
            head.asked()
            os.write(master, answer)

    loop = asyncio.get_running_loop()
    loop.add_reader(master, asked)
    try:
        yield head
    finally:
        loop.remove_reader(master)
        os.close(master)
        os.close(near)
