"""The site that `minegate bench uplink` measures: one line of Modbus slaves, an interlock over it, one consumer."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from minegate_tools.bench.uplink_mine import NODE

MINE, GATEWAY = "140109000001", "bench"
AREA = "heading"
BLOCK_MS = 400  # the default of [uplink]; said here, because the latency that is promised counts from it
GAS_ALARM = 120  # hundredths of % CH4: above the alarm, below the cut
STALE_MS = 1200
JUDGED = 4  # points that have a limit, as many as heading 1201 of agent/example has


class Asked(NamedTuple):
    """`eager`: ask as fast as the slaves answer; `period_ms` is then only a limit."""

    broker: int
    page: int
    stations: int = 10
    registers: int = 100
    baud: int = 115_200
    period_ms: int = 1000
    eager: bool = False
    uplink: str = ""
    journal: str = ""


def write(folder: Path, asked: Asked) -> Path:
    """Both files and the device map."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bench.toml").write_text(_map(asked.registers), encoding="utf-8")
    (folder / "gateway.toml").write_text(_gateway(asked), encoding="utf-8")
    (folder / "rules.toml").write_text(_rules(asked), encoding="utf-8")
    return folder


def _gateway(asked: Asked) -> str:
    gap = "gap_ms = 0.0\neager = true\n" if asked.eager else ""
    head = f"""
[gateway]
mine = "{MINE}"
id = "{GATEWAY}"

[[port]]
name = "line"
kind = "serial"
device = "line"
baud = {asked.baud}
{gap}
[uplink]
host = "127.0.0.1"
tcp_port = {asked.broker}
block_ms = {BLOCK_MS}
{asked.uplink}
[page]
tcp_port = {asked.page}

[journal]
{asked.journal}
"""
    return head + "".join(_device(number, asked.period_ms) for number in range(1, asked.stations + 1))


def _device(number: int, period_ms: int) -> str:
    return f"""
[[device]]
number = {number}
name = "s{number}"
port = "line"
driver = "modbus"
period_ms = {period_ms}
timeout_ms = 100
options = {{ map = "bench.toml", station = {number} }}

[[point]]
number = {number}
name = "gas-{number}"
device = "s{number}"
field = "gas"
"""


def _map(registers: int) -> str:
    """A counter, registers that wander, a gas reading."""
    head = """
[device]
name = "bench"
title_en = "Slave of the benchmark"
title_zh = "基准测试从站"
source = "tools/minegate_tools/bench/uplink_mine.py"

[[field]]
name = "count"
register = 0
type = "u32"
"""
    walking = (f'\n[[field]]\nname = "r{at}"\nregister = {at}\ntype = "u16"\n' for at in range(2, registers - 1))
    gas = f"""
[[field]]
name = "gas"
register = {registers - 1}
type = "u16"
scale = 0.01
unit = "%CH4"
quantity = "methane"
low = 0.0
high = 4.0
"""
    return head + "".join(walking) + gas


def _rules(asked: Asked) -> str:
    """The gas of the first slaves cuts the area; the lock after power-on is over at once, so that it can be reset."""
    head = f"""
[timing]
power_on_lock_s = 0
lease_ms = 400

[[output]]
name = "relay"
kind = "node"
device = "relay"
baud = 9600
node = {NODE}
relay = 0

[[area]]
name = "{AREA}"
title_zh = "掘进"
title_en = "Heading"
outputs = ["relay"]
"""
    return head + "".join(_limit(number) for number in range(1, min(JUDGED, asked.stations) + 1))


def _limit(number: int) -> str:
    return f"""
[[limit]]
area = "{AREA}"
point = "gas-{number}"
unit = "%CH4"
low = 0.0
high = 4.0
alarm = 1.0
cut = 1.5
restore = 1.0
stale_ms = {STALE_MS}
source = "benchmark"
"""
