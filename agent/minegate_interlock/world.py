"""What the interlock needs from outside: built once from real parts in `__main__`, once from simulated parts."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from minegate_interlock.output_kinds import AnyOutput

Folder = str | os.PathLike[str]  # no pathlib at run time: with what it imports it is half a megabyte


class LineLost(Exception):  # noqa: N818 - says what happened, as the log shows it
    """The port is missing, taken or gone. The text names it."""


class Line(Protocol):
    """An output's port. One owner, never shared, opened again when lost. `fd` is for the selector."""

    fd: int

    def read(self) -> bytes:
        """What is there; b"" if nothing. Raises LineLost."""

    def write(self, data: bytes) -> None:
        """Hand a frame to the line, or lose it. Raises LineLost."""

    def forget_waiting(self) -> None:
        """Throw away what was received and not yet read. Raises LineLost."""

    def close(self) -> None:
        """Give the port back."""


def no_clock() -> float:
    """The time of day where nobody knows it."""
    return math.nan


@dataclass(frozen=True, slots=True)
class World:
    """`now_ms` is monotonic; `boot` numbers this start, not 0; `open_line(output, folder)` raises LineLost. `utc_s`
    is the time of day, seconds since 1970: for due dates and deviations, never for a decision about gas.
    """

    now_ms: Callable[[], int]
    boot: int
    open_line: Callable[[AnyOutput, Folder], Line]
    utc_s: Callable[[], float] = no_clock
