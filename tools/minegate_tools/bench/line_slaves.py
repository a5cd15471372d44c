"""Simulated Modbus slaves on a pty, clocked like a UART, in a process of their own: `python -m ... LINK BAUD ...`.

They know what the master cannot fake: when each request began after the last answer ended on the wire, how often each
live slave was asked, and how late they were themselves. A line on stdin starts a new count; the answer is one line of
JSON with the count before. Baud 0: no wire, every answer at once.
"""

from __future__ import annotations

import argparse
import json
import os
import selectors
import sys
import time
from pathlib import Path

from minegate_drivers.modbus_rtu import framed
from minegate_sim.pty_end import Pty, opened

BITS = 10
PIECE_BYTES = 16  # the trigger level of a common UART's FIFO
GAP_FAST_S = 0.00175
SPIN_S = 0.0003
ATTENTIVE_S = 0.003  # for so long after the silence the next request is waited for without sleeping
_ANSWERS_EACH = 64
_REQUEST_BYTES = 8


class Line:
    """The slaves of one line. Seconds are those of perf_counter."""

    def __init__(self, pty: Pty, baud: int, stations: int, dead: frozenset[int], registers: int) -> None:
        self._pty = pty
        self._dead = dead
        self._stations = stations
        self._character_s = BITS / baud if baud else 0.0
        self.gap_s = 0.0 if not baud else GAP_FAST_S if baud > 19_200 else 3.5 * self._character_s
        self._answers = {
            station: [_answer(station, registers, shift) for shift in range(_ANSWERS_EACH)]
            for station in range(1, stations + 1)
        }
        self._heard = b""
        self._line_free_s = 0.0
        self._asked_s: dict[int, float] = {}
        self._pieces: list[tuple[float, bytes]] = []
        self._turn = 0
        self._planned_bytes = 0
        self._whole_s = time.perf_counter()  # when the last answer was with the master
        self.reset()

    def reset(self) -> None:
        """Begin a new count, where the last answer ended: a poll that is cut in two by the end of a count would be
        2 % of twelve seconds at 9600 baud.
        """
        self._begun_s = self._whole_s
        self._answered = self._probes = self._early = self._garbled = 0
        self._wire_s = self._late_s = 0.0
        self._longest_s = 0.0
        self._asked_s.clear()

    def count(self, now_s: float) -> dict[str, float]:
        """The count so far, from answer to answer; if there was none, up to now."""
        return {
            "span_s": (self._whole_s if self._answered else now_s) - self._begun_s,
            "answered": self._answered,
            "asked_dead": self._probes,
            "early": self._early,
            "garbled": self._garbled,
            "wire_s": self._wire_s,
            "late_s": self._late_s,
            "longest_s": self._longest_s,
        }

    def hear(self, now_s: float) -> None:
        """Take what the master wrote; a whole request plans its answer."""
        if not self._heard:
            self._early += self._line_free_s > 0 and now_s < self._line_free_s + self.gap_s
        self._heard += self._pty.read()
        if len(self._heard) < _REQUEST_BYTES:
            return
        station = self._heard[0]
        if len(self._heard) > _REQUEST_BYTES or not 1 <= station <= self._stations:
            self._garbled += 1
            self._heard = b""
            return
        self._heard = b""
        asked_end_s = now_s + _REQUEST_BYTES * self._character_s
        if station in self._dead:
            self._probes += 1
            self._line_free_s = asked_end_s
            return
        if station in self._asked_s:
            self._longest_s = max(self._longest_s, now_s - self._asked_s[station])
        self._asked_s[station] = now_s
        answer = self.answer(station)
        if not self._character_s:
            self._pty.write(answer)
            self._ended(now_s)
            return
        self._plan(answer, asked_end_s + self.gap_s)

    def answer(self, station: int) -> bytes:
        """What that slave answers now."""
        self._turn += 1
        return self._answers[station][self._turn % _ANSWERS_EACH]

    def left(self) -> None:
        """The last byte of an answer is with the master."""

    def wait_s(self, now_s: float) -> float | None:
        """How long there is nothing to do but to listen; 0 while the next request may come at any moment.

        Who sleeps then hears a request late, and the master would be blamed for it.
        """
        if self._pieces:
            return max(0.0, self._pieces[0][0] - now_s - SPIN_S)
        begins_s = self._line_free_s + self.gap_s
        if now_s < begins_s - SPIN_S:
            return begins_s - SPIN_S - now_s
        return 0.0 if now_s < begins_s + ATTENTIVE_S else None

    def due_s(self) -> float | None:
        """When the next piece leaves."""
        return self._pieces[0][0] if self._pieces else None

    def clock_out(self, now_s: float) -> None:
        """Write what has been on the wire by now."""
        while self._pieces and self._pieces[0][0] <= now_s:
            due_s, piece = self._pieces.pop(0)
            self._pty.write(piece)
            if not self._pieces:
                self._late_s += time.perf_counter() - due_s
                self._line_free_s = due_s
                # what a poll takes at least: request, silence, answer, silence
                self._wire_s += (_REQUEST_BYTES + self._planned_bytes) * self._character_s + 2 * self.gap_s
                self._ended(due_s)

    def _plan(self, answer: bytes, begin_s: float) -> None:
        for first in range(0, len(answer), PIECE_BYTES):
            end = min(first + PIECE_BYTES, len(answer))
            self._pieces.append((begin_s + end * self._character_s, answer[first:end]))
        self._planned_bytes = len(answer)

    def _ended(self, at_s: float) -> None:
        self._answered += 1
        self._whole_s = at_s
        self.left()


def _answer(station: int, registers: int, shift: int) -> bytes:
    values = b"".join((station * 256 + (at * 7 + shift) % 251).to_bytes(2, "big") for at in range(registers))
    return framed(bytes((station, 3, len(values))) + values)


def serve(line: Line, pty: Pty) -> None:
    """Until stdin ends. Sleeps until shortly before a piece is due, then spins, so that it is hardly ever late."""
    with selectors.DefaultSelector() as selector:
        selector.register(pty.master, selectors.EVENT_READ)
        selector.register(sys.stdin.fileno(), selectors.EVENT_READ)
        os.set_blocking(sys.stdin.fileno(), False)
        while True:
            due_s = line.due_s()
            for key, _ in selector.select(line.wait_s(time.perf_counter())):
                if key.fd == pty.master:
                    line.hear(time.perf_counter())
                elif not _told(line):
                    return
            if due_s is not None and 0 < due_s - time.perf_counter() <= SPIN_S:
                while time.perf_counter() < due_s:
                    pass
            line.clock_out(time.perf_counter())


def _told(line: Line) -> bool:
    """Answer a word on stdin; False at its end."""
    if not os.read(sys.stdin.fileno(), 100):
        return False
    now_s = time.perf_counter()
    print(json.dumps(line.count(now_s)), flush=True)
    line.reset()
    return True


def main() -> None:
    """Serve one line until stdin is closed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("link", type=Path)
    parser.add_argument("baud", type=int)
    parser.add_argument("stations", type=int)
    parser.add_argument("registers", type=int)
    parser.add_argument("--dead", type=int, nargs="*", default=[])
    asked = parser.parse_args()
    with opened(asked.link) as pty:
        line = Line(pty, asked.baud, asked.stations, frozenset(asked.dead), asked.registers)
        print("ready", flush=True)
        serve(line, pty)


if __name__ == "__main__":
    main()
