"""A contactor and a GPIO chip in memory: what stands behind a GPIO output where there is no chip."""

from __future__ import annotations

import os
from dataclasses import replace

import gpiod
from gpiod.line import Value

from minegate_interlock.output_kinds import AnyOutput
from minegate_interlock.rules import Output

WATCHDOG_MS = 300
LINE, WATCHDOG, READ_BACK = 17, 27, 22
OUTPUT = Output(
    "relay-1", kind="gpio", chip="/dev/gpiochip0", line=LINE, watchdog_line=WATCHDOG, watchdog_ms=WATCHDOG_MS,
    read_back=READ_BACK,
)  # fmt: skip
BLIND = replace(OUTPUT, read_back=-1)
TRAVEL_MS = 30


class Panel:
    """A contactor behind two lines: closed while the one is high and the other was turned over not long ago.

    The shape of engine_heading.Cabinet: what goes in are levels, what comes out are those of the read-back.
    """

    def __init__(self, output: AnyOutput) -> None:
        self.output = output
        self.contact = False
        self.held = False
        self.cable = True  # the read-back's wire
        self.level, self.beat = 0, 0
        self._beaten_ms = -WATCHDOG_MS
        self._moves_ms = 0
        self.chip = True

    def turn(self, frames: list[bytes], now_ms: int) -> bytes:
        for frame in frames:
            self.level = frame[0]
            if frame[1] != self.beat:
                self.beat, self._beaten_ms = frame[1], now_ms
        asked = bool(self.level) and now_ms - self._beaten_ms < WATCHDOG_MS
        if asked == self.contact or self.held:
            self._moves_ms = now_ms
        elif now_ms - self._moves_ms >= TRAVEL_MS:
            self.contact = asked
        reads = self.contact and self.cable
        return bytes((int(reads) == self.output.read_back_closed,)) if self.chip else b""


class Chip:
    """What gpiod.LineRequest is, with levels that a test sets."""

    def __init__(self) -> None:
        self.fd, self._write_end = os.pipe()
        os.set_blocking(self.fd, False)
        self.asked: dict[int, gpiod.LineSettings] = {}
        self.levels: dict[int, Value] = {}
        self.released = False
        self.gone: OSError | None = None

    def request(self, chip: str, asked: object) -> Chip:
        assert chip == "/dev/gpiochip0"
        assert isinstance(asked, dict)
        self.asked = asked
        self.levels = {line: setting.output_value for line, setting in asked.items()}
        return self

    def move(self, line: int, level: Value) -> None:
        """From outside; the kernel tells the edge."""
        self.levels[line] = level
        os.write(self._write_end, b"e")

    def set_values(self, values: dict[int | str, Value]) -> None:
        self._alive()
        self.levels.update({int(line): value for line, value in values.items()})

    def get_value(self, line: int | str) -> Value:
        self._alive()
        return self.levels[int(line)]

    def wait_edge_events(self, timeout: float | None = None) -> bool:
        assert timeout == 0  # the loop never waits here
        try:
            self._kept = os.read(self.fd, 1)
        except BlockingIOError:
            return False
        return True

    def read_edge_events(self, max_events: int | None = None) -> object:
        return self._kept

    def release(self) -> None:
        self.released = True
        os.close(self.fd)
        os.close(self._write_end)

    def _alive(self) -> None:
        if self.gone is not None:
            raise self.gone
