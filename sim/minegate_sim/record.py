"""The log of a run: everything that happened, in order, in bytes that are equal for equal seeds."""

from __future__ import annotations

import hashlib
from typing import NamedTuple


class Line(NamedTuple):
    """At `ms` of true time `who` (a bus, a process, the broker, the place) did `what`."""

    ms: float
    who: str
    what: str

    def text(self) -> str:
        """As it stands in the log."""
        return f"{self.ms:.3f} {self.who} {self.what}\n"


class Record:
    """`buses`: also every byte on every line, which is most of it."""

    def __init__(self, *, buses: bool = True) -> None:
        self.lines: list[Line] = []
        self.buses = buses

    def note(self, ms: float, who: str, what: str) -> None:
        """Something happened."""
        self.lines.append(Line(ms, who, what))

    def bus(self, ms: float, who: str, direction: str, data: bytes) -> None:
        """`data` went over a line; `direction` is ">" towards the devices, "<" towards the gateway."""
        if self.buses:
            self.lines.append(Line(ms, who, direction + data.hex()))

    def digest(self) -> str:
        """SHA-256 of the whole log."""
        found = hashlib.sha256()
        for line in self.lines:
            found.update(line.text().encode())
        return found.hexdigest()
