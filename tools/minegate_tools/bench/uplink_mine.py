"""What the measured agent is wired to, in a process of its own: RS-485 slaves that count, and a relay node.

`python -m ... FOLDER BAUD STATIONS REGISTERS`. Registers 0-1 of each slave hold how many answers it has given, the last
one a gas reading, those between a random walk. So a receiver that knows nothing of this project's numbers can say what
was read and never came, twice, or in a wrong order. A line on stdin: `count` begins a new count and prints the one
before, `gas N` sets the reading of station 1, `truth FILE` writes when every answer left.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import selectors
import sys
import time
from array import array
from collections.abc import Iterable
from pathlib import Path

from minegate_drivers.modbus_rtu import framed
from minegate_node.relay import RelayNode
from minegate_sim.pty_end import Pty, opened
from minegate_tools.bench.line_slaves import SPIN_S, Line

NODE = 9
WALK_STEP = 8  # a register moves by -8..8 from one answer to the next
_WALKS = 500  # steps that are made beforehand; then the walk goes back the way it came
_GAS_QUIET = 50
_MASTER, _NODE_LINE, _STDIN = "master", "node", "stdin"


class CountingLine(Line):
    """Slaves whose answers say which of their answers they are."""

    def __init__(self, pty: Pty, baud: int, stations: int, registers: int, seed: int = 1) -> None:
        super().__init__(pty, baud, stations, frozenset(), registers)
        self._walks = [walk(random.Random(seed * 1000 + station), registers - 3) for station in range(stations)]
        self.left_ms: list[array[float]] = [array("d") for _ in range(stations)]  # UTC, by station and count
        self.gas = _GAS_QUIET
        self.gas_told: list[int] = []  # the counts of the answers of station 1 that showed a change of it first
        self._told = _GAS_QUIET
        self._leaving = 0

    def answer(self, station: int) -> bytes:
        """The next answer of a slave."""
        self._leaving = station - 1
        count = len(self.left_ms[station - 1])
        gas = self.gas if station == 1 else _GAS_QUIET
        values = count.to_bytes(4, "big") + at_step(self._walks[station - 1], count) + gas.to_bytes(2, "big")
        return framed(bytes((station, 3, len(values))) + values)

    def left(self) -> None:
        """It has left."""
        now_ms = time.time_ns() / 1e6
        self.left_ms[self._leaving].append(now_ms)
        if self._leaving == 0 and self.gas != self._told:
            self._told = self.gas
            self.gas_told.append(len(self.left_ms[0]) - 1)

    def truth(self) -> dict[str, object]:
        """Everything that was answered."""
        return {"left_ms": [list(times) for times in self.left_ms], "gas": self.gas_told}


def walk(chance: random.Random, registers: int) -> list[bytes]:
    """Records of a random walk, in order."""
    values = [chance.randrange(10_000, 50_000) for _ in range(registers)]
    steps = []
    for _ in range(_WALKS):
        values = [value + chance.randint(-WALK_STEP, WALK_STEP) for value in values]
        steps.append(b"".join(value.to_bytes(2, "big") for value in values))
    return steps


def at_step(steps: list[bytes], count: int) -> bytes:
    """The record of a walk that goes on for ever: to its end, and back the way it came."""
    at = count % (2 * len(steps) - 2)
    return steps[min(at, 2 * len(steps) - 2 - at)]


def serve(line: CountingLine, master: Pty, node_line: Pty) -> None:
    """Until stdin ends."""
    node, coil = RelayNode(NODE, 4711), False
    with selectors.DefaultSelector() as selector:
        for descriptor, what in (
            (master.master, _MASTER),
            (node_line.master, _NODE_LINE),
            (sys.stdin.fileno(), _STDIN),
        ):
            selector.register(descriptor, selectors.EVENT_READ, what)
        while True:
            for key, _ in selector.select(line.wait_s(time.perf_counter())):
                if key.data == _MASTER:
                    line.hear(time.perf_counter())
                elif key.data == _NODE_LINE:
                    node.feed(node_line.read())
                    coil = node.step(time.monotonic_ns() // 1_000_000 & 0x3FFF_FFFF, coil)
                    node_line.write(node.reply())
                elif not _obeyed(line, os.read(sys.stdin.fileno(), 1000).decode().split()):
                    return
            due_s = line.due_s()
            if due_s is not None and 0 < due_s - time.perf_counter() <= SPIN_S:
                while time.perf_counter() < due_s:
                    pass
            line.clock_out(time.perf_counter())


def _obeyed(line: CountingLine, words: Iterable[str]) -> bool:
    """Do what a line on stdin asks; False at its end."""
    told = list(words)
    if not told:
        return False
    now_s = time.perf_counter()
    done: object = "done"
    if told[0] == "count":
        done = line.count(now_s)
        line.reset()
    elif told[0] == "gas":
        line.gas = int(told[1])
    else:
        Path(told[1]).write_text(json.dumps(line.truth()), encoding="ascii")
    print(json.dumps(done), flush=True)
    return True


def main() -> None:
    """Serve until stdin is closed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("baud", type=int, help="0: no wire, every answer at once")
    parser.add_argument("stations", type=int)
    parser.add_argument("registers", type=int)
    asked = parser.parse_args()
    with opened(asked.folder / "line") as master, opened(asked.folder / "relay") as node_line:
        line = CountingLine(master, asked.baud, asked.stations, asked.registers)
        print("ready", flush=True)
        serve(line, master, node_line)


if __name__ == "__main__":
    main()
