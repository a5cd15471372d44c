"""What is outside a board: pins with levels, wires with two ends, and a clock that goes when the board looks at it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

TICKS = 1 << 30


class PowerOff(BaseException):
    """The supply is gone. No handler of the firmware catches a BaseException."""


class WatchdogReset(BaseException):
    """The watchdog was not fed in time."""


class Wire:
    """A UART's two directions: what the board has written, what waits for it."""

    def __init__(self) -> None:
        self.written = bytearray()
        self.waiting = deque[int]()
        self.leaving = 0  # characters that are still on their way out
        self.hangs = False  # the driver does not return any more


class Bus:
    """A CAN controller and its bus: (identifier, data, extended, remote) in both directions."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, bytes]] = []
        self.waiting = deque[tuple[int, bytes, bool, bool]]()
        self.hears = False
        self.off = False
        self.restarts = 0
        self.full = False


def _nothing(now_ms: int) -> None:
    """Nobody is outside."""


class World:
    """One board's outside. `outside(now_ms)` is called for each millisecond."""

    def __init__(self, outside: Callable[[int], None] = _nothing, start_ms: int = 0) -> None:
        self.outside = outside
        self.now_ms = start_ms  # never wraps; what the board sees does
        self.levels: dict[str, int] = {}
        self.outputs: set[str] = set()
        self.forced: dict[str, int] = {}  # a level that a short circuit holds, whatever the board drives
        self.analog: dict[str, int] = {}
        self.wires: dict[int, Wire] = {}
        self.buses: dict[int, Bus] = {}
        self.edges: dict[str, Callable[[Any], None]] = {}
        self.hertz: dict[str, int] = {}
        self.cause = 1  # machine.PWRON_RESET
        self.end: BaseException | None = None  # how this life of the board ended
        self.watchdog_ms = 0
        self.fed_ms = 0
        self._phase: dict[str, int] = {}
        self._us = 0

    def ticks_ms(self) -> int:
        """`time.ticks_ms`: a millisecond has passed since the last look."""
        self.pass_ms(1)
        return self.now_ms % TICKS

    def ticks_us(self) -> int:
        """`time.ticks_us`; no time passes."""
        return (self.now_ms * 1000 + self._us) % TICKS

    def pass_ms(self, ms: int) -> None:
        """The outside lives on. Raises WatchdogReset or whatever `outside` raises."""
        for _ in range(ms):
            self.now_ms += 1
            self._us = 0
            for wire in self.wires.values():
                wire.leaving = max(wire.leaving - 1, 0)
            if self.end is not None:  # what is still unwinding, as the tasks of an asyncio loop, has no supply any more
                continue
            try:
                self.outside(self.now_ms)
                self._oscillate()
                if self.watchdog_ms and self.now_ms - self.fed_ms > self.watchdog_ms:
                    raise WatchdogReset
            except (PowerOff, WatchdogReset) as end:
                self.end = end
                raise

    def reset(self, cause: int) -> None:
        """Every pin an input again, buffers empty; what is outside stays as it is."""
        for name in self.outputs:
            self.levels[name] = 0
        self.outputs.clear()
        self.wires.clear()
        self.buses.clear()
        self.edges.clear()
        self.watchdog_ms = 0
        self.cause = cause
        self.end = None

    def wire(self, number: int) -> Wire:
        """The UART's wire."""
        return self.wires.setdefault(number, Wire())

    def bus(self, number: int) -> Bus:
        """The controller's bus."""
        return self.buses.setdefault(number, Bus())

    def _oscillate(self) -> None:
        for name, hertz in self.hertz.items():
            phase = self._phase.get(name, 0) + hertz
            while phase >= 1000:
                phase -= 1000
                # where within this millisecond the edge was
                self._us = 1000 - (phase * 1000 // hertz if hertz else 0)
                if name in self.edges:
                    self.edges[name](None)
            self._phase[name] = phase
        self._us = 0


world = World()


def use(new: World) -> None:
    """From now on the stubs live in this world."""
    global world
    world = new
