"""What `minegate bench line` measures: each line of slaves, and what is promised of it. Data."""

from __future__ import annotations

from typing import NamedTuple


class Case(NamedTuple):
    """One line. `baud` 0: no wire, as fast as the answers come."""

    name: str
    baud: int
    stations: int
    registers: int
    dead: tuple[int, ...] = ()
    timeout_ms: int = 300
    seconds: float = 6.0
    settle_s: float = 2.0


USE = (
    (Case("9600 baud, 100 registers", 9600, 10, 100, seconds=12.0, settle_s=6.0), 0.99),
    (Case("9600 baud, 10 registers", 9600, 10, 10, seconds=8.0, settle_s=3.0), 0.98),
    (Case("115200 baud, 100 registers", 115_200, 10, 100), 0.97),
    (Case("115200 baud, 10 registers", 115_200, 10, 10), 0.93),
)
ONE_WAKE = USE[2][0]
WAKES_PROMISED = 1.05  # one for each answer; a stray byte or a slave that the machine held up may cost another
ONE_DEAD = Case("115200 baud, 10 slaves, 1 dead", 115_200, 10, 2, dead=(4,), settle_s=4.0)
LIVE_SHARE_PROMISED = 0.90
TWO_DEAD = Case("9600 baud, 16 slaves, 2 dead", 9600, 16, 2, dead=(5, 11), seconds=15.0, settle_s=6.0)
REREAD_PROMISED_S = 0.6
UNTHROTTLED = Case("no wire, 10 slaves, 100 registers", 0, 10, 100, seconds=6.0)
CPU_US_PROMISED = 1.0
CPU_SHARE_PROMISED = 0.25
