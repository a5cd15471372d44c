"""Takes the processor back from a driver that does not return: the only thing a process can do against itself.

While the loop turns, an alarm is put off again and again; when it does not turn for `SPIN_S`, the alarm interrupts
whatever runs. If that is a driver, hearing.py counts it as its mistake and the neighbours go on; if it is anything else
the task ends and is started again. Code in C that does not return is not reached: for that there is `isolate = true`.
"""

from __future__ import annotations

import asyncio
import signal
from types import FrameType

SPIN_S = 0.5
_PUT_OFF_S = 0.1


class Spins(Exception):  # noqa: N818 - the page says: Spins: no return for 0.5 s
    """Python code that has held the loop for too long."""


async def guard(spin_s: float = SPIN_S) -> None:
    """For ever. In the main thread of a process whose SIGALRM nobody else uses."""

    def alarm(number: int, frame: FrameType | None) -> None:
        raise Spins(f"no return for {spin_s:g} s")

    before = signal.signal(signal.SIGALRM, alarm)
    try:
        while True:
            signal.setitimer(signal.ITIMER_REAL, spin_s)
            await asyncio.sleep(min(_PUT_OFF_S, spin_s / 4))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
