"""The two shapes that everything on a line has: a device on a wire, and the far end of a wire. Both know no clock.

Times are milliseconds of one monotonic clock, with fractions, because a character at 9600 baud takes 1.04 ms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from minegate_sim.faults import Faults

NEVER = float("inf")


class Gone(Exception):  # noqa: N818 - not an error: how a far end behind a socket says that it hangs up
    """The far end closes the connection; what it says last is in the argument."""


class LineDevice(Protocol):
    """A device on a serial line."""

    name: str
    faults: Faults

    def take(self, data: bytes, at_ms: float) -> None:
        """Hear bytes; the last of them was complete at `at_ms`. A line has many listeners: most are for others."""

    def step(self, at_ms: float) -> bytes:
        """Do what is due; what the device begins to send, empty if nothing. Afterwards `due_ms() > at_ms`."""

    def due_ms(self) -> float:
        """When `step` is to be called next; NEVER if only bytes can wake the device."""


class FarEnd(Protocol):
    """What is at the other side of a pty."""

    def arrive(self, data: bytes, now_ms: float) -> None:
        """The near side wrote `data`."""

    def run(self, now_ms: float) -> bytes:
        """Let everything happen that is due by `now_ms`, in the order of its time; bytes for the near side."""

    def due_ms(self) -> float:
        """When `run` is to be called next."""


@runtime_checkable
class Rousable(Protocol):
    """A far end whose bus others share: it calls `rouse` when something came that `due_ms` did not foretell."""

    rouse: Callable[[], None] | None
