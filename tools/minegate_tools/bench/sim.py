"""`minegate bench sim`: what virtual time costs. A shift of 8 h with a trip, and a day without an uplink, both whole.

The real agent runs in both; the last table says who takes the processor in each, from a profiled piece of it.
"""

from __future__ import annotations

import argparse
import cProfile
import logging
import pstats
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import msgspec

import minegate_sim
from minegate_sim import run as virtual
from minegate_sim.scenario import Scenario, load
from minegate_tools.bench.table import Row, at_most, show

HELP = "wall time of a shift of 8 h and of a day without an uplink in the simulator"
PROFILED_S = 900.0
_SCENARIOS = Path(minegate_sim.__file__).parent / "scenarios"
_PARTS = (
    ("asyncio", "/asyncio/"), ("simulator: loops and clocks", "/minegate_sim/virtual/"),
    ("simulator: gateway's ports, disk, broker", "/minegate_sim/gateway/"), ("simulator: the rest", "/minegate_sim/"),
    ("field", "/minegate_agent/field/"), ("link", "/minegate_agent/link/"), ("interlock", "/minegate_interlock/"),
    ("drivers", "/minegate_drivers/"), ("node and wire", "/minegate_node/"), ("node and wire", "/minegate_wire/"),
)  # fmt: skip


class Promise(NamedTuple):
    """A shipped scenario, and within how many seconds it runs."""

    scenario: str
    wall_s: float


PROMISES = (Promise("shift", 5.0), Promise("uplink-24h", 20.0))


def run(asked: argparse.Namespace) -> int:
    """Show every figure; 1 if a promise was not kept. `--seconds`: so much virtual time, and no promise."""
    logging.disable(logging.CRITICAL)
    kept = True
    for promise in PROMISES:
        scenario = load(_SCENARIOS / f"{promise.scenario}.toml")
        row = _piece(scenario, asked.seconds) if asked.seconds else _whole(scenario, promise.wall_s)
        show(row)
        kept = kept and row.kept is not False
        for part, share in _shares(scenario):
            show(Row(f"  {part}", f"{share:.0%}"))
    return 0 if kept else 1


def _whole(scenario: Scenario, limit_s: float) -> Row:
    begun_s = time.perf_counter()
    outcome = virtual.run(scenario, buses=False)
    took_s = time.perf_counter() - begun_s
    if not outcome.kept:
        return Row(scenario.title, "an expectation was not kept", "all are", False)
    return at_most(f"{scenario.title}: wall time", took_s, limit_s, "{:.1f}", "s")


def _piece(scenario: Scenario, seconds: float) -> Row:
    begun_s = time.perf_counter()
    virtual.run(_first(scenario, seconds), buses=False)
    each_ms = 1000.0 * (time.perf_counter() - begun_s) / seconds
    return Row(f"{scenario.title}: wall time of a virtual second", f"{each_ms:.2f} ms")


def _first(scenario: Scenario, seconds: float) -> Scenario:
    at = [at for at in scenario.at if at.t < seconds]
    return msgspec.structs.replace(scenario, lasts_s=seconds, at=at, expect=[])


def _shares(scenario: Scenario) -> list[tuple[str, float]]:
    """Who takes the processor, the most first. What a function in C takes is its caller's."""
    profile = cProfile.Profile()
    profile.runcall(virtual.run, _first(scenario, PROFILED_S), buses=False)
    spent_s: Counter[str] = Counter()
    for (file, _, _), (_, _, own_s, _, callers) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]  # typeshed lacks it
        if file != "~":
            spent_s[_part(file)] += own_s
            continue
        for (calling, _, _), (_, _, here_s, _) in callers.items():
            spent_s[_part(calling)] += here_s
    return [(part, own_s / spent_s.total()) for part, own_s in spent_s.most_common()]


def _part(file: str) -> str:
    return next((name for name, folder in _PARTS if folder in file), "the standard library and packages")
