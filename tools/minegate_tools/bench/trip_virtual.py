"""The same lines in virtual time: real field and interlock, simulated wires, heads and relay boards.

No machine adds its noise: what is measured is what the design gives, its rounds, time-outs, ticks, leases, wires, and
collisions on the relay's two wires.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path

from minegate_interlock.lines import Command, Verb
from minegate_sim.devices.gas_head import MEASURING, GasHead
from minegate_sim.devices.relay_board import RelayBoard
from minegate_sim.far_end import NEVER, FarEnd
from minegate_sim.mine import Mine
from minegate_sim.noise import source
from minegate_sim.place import Speaker, Truth
from minegate_sim.wire import Wire
from minegate_tools.bench import trip_site
from minegate_tools.bench.trip_cases import BAUD, CALM_MS, GOOD, OVER, RESET_EVERY_MS, RESET_FIRST_MS, Shape
from minegate_tools.bench.trip_site import FIRST_NODE, area, relay

_PIECE_MS = 1000.0


class Lines:
    """See Place: lines of heads, and a relay board for each. `moved(line, at_ms, closed)` tells of each contact."""

    def __init__(self, shape: Shape, seed: int) -> None:
        self.shape = shape
        self.moved: Callable[[int, float, bool], None] = lambda line, at_ms, closed: None
        self.heads: list[list[GasHead]] = []
        self.boards: list[RelayBoard] = []
        self.sensors: list[Wire] = []
        self.relays: list[Wire] = []
        for line in range(shape.lines):
            chance = source(seed, f"line-{line}")
            heads = [GasHead(f"head-{line}-{at}", at, chance, baud=BAUD) for at in range(1, shape.heads + 1)]
            for station, head in enumerate(heads, 1):
                head.registers = [round(100 * GOOD), MEASURING]
                head.faults.dead = station in shape.dead
            board = RelayBoard(relay(line), FIRST_NODE + line, chance.getrandbits(16), self._mover(line), 0.0)
            self.heads.append(heads)
            self.boards.append(board)
            self.sensors.append(Wire(heads, chance, baud=BAUD))
            self.relays.append(Wire((board,), chance, baud=BAUD))

    def show(self, line: int, station: int, percent: float) -> None:
        """What that head measures from now on."""
        self.heads[line][station - 1].registers[0] = round(100 * percent)

    def _mover(self, line: int) -> Callable[[float, bool], None]:
        return lambda at_ms, closed: self.moved(line, at_ms, closed)

    @property
    def ends(self) -> Mapping[str, FarEnd]:
        """See Place."""
        found: dict[str, FarEnd] = {f"sensor-{line}": wire for line, wire in enumerate(self.sensors)}
        return found | {f"relay-{line}": wire for line, wire in enumerate(self.relays)}

    @property
    def speakers(self) -> Mapping[str, Speaker]:
        """See Place."""
        return {}

    @property
    def devices(self) -> Collection[str]:
        """See Place."""
        return ()

    def site(self) -> Mapping[str, str]:
        """See Place."""
        return trip_site.texts(self.shape, 1883)

    def step(self, now_ms: float) -> None:
        """See Place."""

    def due_ms(self) -> float:
        """See Place."""
        return NEVER

    def values(self) -> Mapping[str, float]:
        """See Place."""
        return {}

    def truths(self) -> Mapping[str, float]:
        """See Place."""
        return {}

    def contacts(self) -> Mapping[str, bool]:
        """See Place."""
        return {board.name: board.closed for board in self.boards}

    def do(self, wish: Mapping[str, object], now_ms: float) -> Mapping[str, object]:
        """See Place."""
        raise ValueError("nothing can be wished for here")

    def take_truths(self) -> list[Truth]:
        """See Place."""
        return []


class Cuts:
    """Passes limits on every line, resets, and notes how long each contact took, in milliseconds."""

    def __init__(self, mine: Mine, lines: Lines, seed: int) -> None:
        self.took_ms: list[float] = []
        self.over = False  # nobody resets any more
        self._mine, self._lines = mine, lines
        self._chance = source(seed, "cuts")
        self._over: dict[int, tuple[int, float]] = {}
        lines.moved = self._moved

    def _moved(self, line: int, at_ms: float, closed: bool) -> None:
        timeline = self._mine.timeline
        if closed:
            timeline.at(at_ms + self._chance.uniform(*CALM_MS), lambda: self._pass_limit(line))
            return
        if line in self._over:
            station, over_ms = self._over.pop(line)
            self.took_ms.append(at_ms - over_ms)
            self._lines.show(line, station, GOOD)
        timeline.at(at_ms + RESET_FIRST_MS, lambda: self.reset(line))

    def _pass_limit(self, line: int) -> None:
        if self._lines.boards[line].closed:
            station = self._chance.choice(self._lines.shape.judged)
            self._over[line] = (station, self._mine.now_ms)
            self._lines.show(line, station, OVER)

    def reset(self, line: int) -> None:
        """A person asks until the contact is closed."""
        if not self._lines.boards[line].closed and not self.over:
            self._mine.gateway.command(Command(Verb.RESET, area(line), "bench", ""))
            self._mine.timeline.after(RESET_EVERY_MS, lambda: self.reset(line))


def cuts_in_virtual_time(shape: Shape, seed: int, count: int) -> tuple[list[float], float, float]:
    """(milliseconds of each of `count` cuts, virtual seconds, CPU seconds)."""
    begun_s = time.process_time()
    lines = Lines(shape, seed)
    with tempfile.TemporaryDirectory(prefix="mg") as folder:
        mine = Mine(lines, seed, Path(folder), processes=("interlock", "field"), record_buses=False)
        cuts = Cuts(mine, lines, seed)
        with mine:
            for line in range(shape.lines):
                mine.timeline.at(8000.0 + 10 * line, partial(cuts.reset, line))
            while len(cuts.took_ms) < count:
                mine.run_for(_PIECE_MS)
                mine.record.lines.clear()
            virtual_s = mine.now_ms / 1000
            cuts.over = True
            mine.run_for(_PIECE_MS)  # who has asked hears his answer
    return cuts.took_ms[:count], virtual_s, time.process_time() - begun_s
