"""Lines of a GPIO chip through the kernel's character device, by the library gpiod (2.x).

What becomes of a line whose owner dies depends on the chip's driver: the kernel takes it back, and it may keep its last
level or become an input. Hence a pull-down at the pin, and the watchdog relay that output_kinds.py asks for. While the
owner lives, nobody else gets the lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import gpiod
from gpiod.line import Bias, Direction, Edge, Value

from minegate_interlock.gpio_output import HIGH, LOW
from minegate_interlock.output_kinds import AnyOutput
from minegate_interlock.world import LineLost

CONSUMER = "minegate-interlock"
_LEVELS = {LOW: Value.INACTIVE, HIGH: Value.ACTIVE}


class Lines(Protocol):
    """What is needed of gpiod.LineRequest."""

    @property
    def fd(self) -> int:
        """Readable when the read-back has changed."""

    def set_values(self, values: dict[int | str, Value]) -> None:
        """Drive them, all at once. Raises OSError."""

    def get_value(self, line: int | str) -> Value:
        """A level. Raises OSError."""

    def wait_edge_events(self, timeout: float | None = None) -> bool:
        """Whether the read-back has changed."""

    def read_edge_events(self, max_events: int | None = None) -> object:
        """Take what it has told."""

    def release(self) -> None:
        """Give them back."""


Request = Callable[[str, Mapping[int, gpiod.LineSettings]], Lines]


class GpioLine:
    """See world.Line. It is read at every tick as well: a level that does not change sends no event."""

    def __init__(self, output: AnyOutput, chip: str, request: Request) -> None:
        self._output = output
        self._chip = chip
        try:
            self._lines = request(chip, settings(output))
        except (OSError, ValueError) as error:
            raise LineLost(f"{chip}: {error}") from error
        self.fd = self._lines.fd

    def read(self) -> bytes:
        """See Line: the level of the read-back now; of the driven line itself where there is none."""
        output = self._output
        try:
            if self._lines.wait_edge_events(0):
                self._lines.read_edge_events()
            level = self._lines.get_value(output.read_back if output.read_back >= 0 else output.line)
        except OSError as error:
            raise LineLost(f"{self._chip}: {error.strerror}") from error
        return bytes((HIGH if level is Value.ACTIVE else LOW,))

    def write(self, data: bytes) -> None:
        """See Line: levels of line and watchdog line."""
        if not data:
            return
        values: dict[int | str, Value] = {
            self._output.line: _LEVELS[data[0]],
            self._output.watchdog_line: _LEVELS[data[1]],
        }
        try:
            self._lines.set_values(values)
        except OSError as error:
            raise LineLost(f"{self._chip}: {error.strerror}") from error

    def forget_waiting(self) -> None:
        """See Line. A level is always of now."""

    def close(self) -> None:
        """See Line: driven low before the kernel gets them back, if the chip still listens."""
        try:
            self.write(bytes((LOW, LOW)))
        except LineLost:
            pass  # the chip is gone, and with it whatever could be driven
        finally:
            self._lines.release()


def settings(output: AnyOutput) -> dict[int, gpiod.LineSettings]:
    """What is asked of the chip: outputs that begin low, and the read-back with both edges."""
    low = gpiod.LineSettings(direction=Direction.OUTPUT, output_value=Value.INACTIVE)
    asked = {output.line: low, output.watchdog_line: low}
    if output.read_back >= 0:
        # pulled to the level of an open contact, so that a broken wire never reads as a closed one
        bias = Bias.PULL_DOWN if output.read_back_closed == HIGH else Bias.PULL_UP
        asked[output.read_back] = gpiod.LineSettings(direction=Direction.INPUT, edge_detection=Edge.BOTH, bias=bias)
    return asked


def request_lines(chip: str, asked: Mapping[int, gpiod.LineSettings]) -> Lines:
    """The kernel's. Raises OSError, ValueError."""
    config: dict[Iterable[int | str] | int | str, gpiod.LineSettings | None] = {}
    config.update(asked.items())
    return gpiod.request_lines(chip, config=config, consumer=CONSUMER)
