"""`minegate bench uplink`: the whole agent through a real broker, beside a plain script and thingsboard-gateway."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path

from minegate_tools.bench import uplink_cost, uplink_drain, uplink_latency, uplink_outage, uplink_quiet
from minegate_tools.bench.table import Row, show

HELP = "the whole agent through a real mosquitto: CPU, memory, start, latency, bytes, a day of backlog, an outage"
PARTS = {
    "cost": uplink_cost.rows,
    "quiet": uplink_quiet.rows,
    "latency": uplink_latency.rows,
    "drain": uplink_drain.rows,
    "outage": uplink_outage.rows,
}


def run(asked: argparse.Namespace) -> int:
    """Measure and print; 0 if every promise is kept."""
    wanted = asked.only.split(",") if asked.only else list(PARTS)
    strange = [name for name in wanted if name not in PARTS]
    if strange:
        print(f"--only {strange[0]}: not one of {', '.join(PARTS)}", file=sys.stderr)
        return 2
    return asyncio.run(_run(wanted, asked.seconds, asked.peers))


async def _run(wanted: list[str], seconds: float | None, peers: bool) -> int:
    broken = 0
    show(Row("figure", "measured", "promised"))
    # who computes beside takes caches as well as time: wake-ups then cost two or three times as much
    show(Row("load of this machine at the start, cores", f"{os.getloadavg()[0]:.1f}, {os.cpu_count()}"))
    with tempfile.TemporaryDirectory(prefix="minegate-bench-") as folder:
        for name in wanted:
            own = Path(folder) / name
            own.mkdir()
            async for row in PARTS[name](own, seconds, peers):
                show(row)
                broken += row.kept is False
    if broken:
        print(f"{broken} promise(s) not kept; is the machine busy?", file=sys.stderr)
    return 1 if broken else 0
