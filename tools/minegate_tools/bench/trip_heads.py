"""The sensors of one line of the measured gateway: methane heads that are asked, or one that speaks by itself on CAN.

Each says when the answer that showed the over-limit was whole on its line. Seconds are those of perf_counter, which
all processes of a machine share.
"""

from __future__ import annotations

import time
from typing import Protocol

from minegate_drivers.modbus_rtu import framed
from minegate_drivers.ports import CanFrame
from minegate_sim.pty_end import Pty
from minegate_sim.slcan import Slcan
from minegate_tools.bench.line_slaves import Line
from minegate_tools.bench.trip_cases import BAUD, CAN_PERIOD_MS, GOOD, OVER, Shape
from minegate_tools.bench.trip_site import CAN_ID

_MEASURING = 1
_REGISTERS = 2


class Sensors(Protocol):
    """What all of them do. `over` is the station above its limit, 0: none; `said_s` when it was first told."""

    over: int
    said_s: float | None
    muted: bool

    def hear(self, now_s: float) -> None:
        """Something may have been written to the line."""

    def due_s(self) -> float | None:
        """When `clock_out` is to be called next."""

    def clock_out(self, now_s: float) -> None:
        """Let happen what is due."""


class Heads(Line):
    """`gas_head` slaves of one RS-485 line. While it is `muted` the bus is cut: nobody hears, nobody answers."""

    def __init__(self, pty: Pty, shape: Shape) -> None:
        self.over = 0
        self.said_s: float | None = None
        self.muted = False
        self._tells = False
        self._always = frozenset(shape.dead)
        super().__init__(pty, BAUD, shape.heads, self._always, _REGISTERS)

    def die(self, stations: frozenset[int]) -> None:
        """These fall silent, and those that fell silent before live again."""
        self._dead = self._always | stations

    def answer(self, station: int) -> bytes:
        """See Line."""
        self._tells = station == self.over
        hundredths = round(100 * (OVER if self._tells else GOOD))
        return framed(bytes((station, 4, 4)) + hundredths.to_bytes(2, "big") + _MEASURING.to_bytes(2, "big"))

    def hear(self, now_s: float) -> None:
        """See Line."""
        if self.muted:
            self._pty.read()
        else:
            super().hear(now_s)

    def clock_out(self, now_s: float) -> None:
        """See Line."""
        if self.muted:
            self._pieces.clear()
        speaking = bool(self._pieces)
        super().clock_out(now_s)
        if speaking and not self._pieces and self._tells:
            self._tells = False
            if self.said_s is None and self.over:
                self.said_s = time.perf_counter()


class _PushHead:
    """A methane head that sends its message every CAN_PERIOD_MS."""

    name = "head"

    def __init__(self, now_ms: float) -> None:
        self.over = False
        self._due_ms = now_ms + CAN_PERIOD_MS

    def step(self, at_ms: float) -> list[CanFrame]:
        """See CanNode."""
        self._due_ms = at_ms + CAN_PERIOD_MS
        hundredths = round(100 * (OVER if self.over else GOOD))
        return [CanFrame(CAN_ID, hundredths.to_bytes(2, "little") + bytes(6))]

    def due_ms(self) -> float:
        """See CanNode."""
        return self._due_ms


class Pushing:
    """One such head behind an slcan adapter."""

    def __init__(self, pty: Pty) -> None:
        self.over = 0
        self.said_s: float | None = None
        self.muted = False
        self._pty = pty
        self._head = _PushHead(1000 * time.perf_counter())
        self._adapter = Slcan((self._head,))

    def hear(self, now_s: float) -> None:
        """See Sensors."""
        if data := self._pty.read():
            self._adapter.arrive(data, 1000 * now_s)

    def due_s(self) -> float | None:
        """See Sensors."""
        return self._adapter.due_ms() / 1000

    def clock_out(self, now_s: float) -> None:
        """See Sensors."""
        self._head.over = bool(self.over)
        self._adapter.is_cut = self.muted
        if out := self._adapter.run(1000 * now_s):
            self._pty.write(out)
            if self.over and self.said_s is None and b"t" in out:
                self.said_s = time.perf_counter()
