"""The ports a driver's bytes travel through, as small protocols. Real ones live in the agent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol


class PortLost(Exception):  # noqa: N818 - says what happened, as the page shows it
    """The port itself is gone (unplugged, broker away, socket closed); not: a device is silent."""


class CanFrame(NamedTuple):
    """One frame as heard. `id` without flag bits; `stamp_ns` is when the kernel heard it (UTC), 0: not known."""

    id: int
    data: bytes
    extended: bool = False
    fd: bool = False
    stamp_ns: int = 0


@dataclass(slots=True)
class BusHealth:
    """What a CAN bus has gone through since its port was opened. Counters only grow."""

    state: str = "unknown"  # active, warning, passive, off (ISO 11898-1 fault confinement)
    dropped: int = 0  # heard by the adapter or the kernel and lost before we read
    malformed: int = 0  # what came through the port and is no frame
    unsent: int = 0  # frames of ours that found no room
    restarts: int = 0
    tx_errors: int = 0  # the controller's own error counters, as last told
    rx_errors: int = 0
    errors: dict[str, int] = field(default_factory=dict)  # class of error frame -> how often


class Message(NamedTuple):
    """One message as heard from a broker."""

    topic: str
    payload: bytes


class LinePort(Protocol):
    """A half-duplex serial line, or what stands for one. One owner, one call at a time."""

    def write(self, data: bytes) -> None:
        """Hand a whole request to the line. Raises PortLost."""

    async def read_some(self, at_least: int = 1, within_s: float | None = None) -> bytes:
        """Wait until `at_least` bytes are there or `within_s` seconds are over (None: for ever); return all that is
        there, b"" if nothing came. Raises PortLost.

        `at_least` lets a port sleep until the whole answer is in: waking costs more than bytes.
        """

    async def pause(self, seconds: float) -> None:
        """Return when nothing was heard for `seconds`: the silence between frames, never shorter, as exactly as the
        port can. A port that does not know when it heard the last byte waits that long from now.
        """

    def take(self) -> bytes:
        """What was heard and not read, without waiting; b"" if nothing. The caller tells late from foreign."""

    def close(self) -> None:
        """Give the port back. Safe to call twice."""


class CanPort(Protocol):
    """A CAN bus, listened to in batches."""

    @property
    def bus(self) -> BusHealth:
        """What is known of the bus."""

    async def read_batch(self) -> list[CanFrame]:
        """Wait for at least one frame; return all that is there, oldest first. Raises PortLost."""

    def send(self, frame: CanFrame) -> None:
        """Queue one frame for sending. Raises PortLost."""

    def close(self) -> None:
        """Give the port back. Safe to call twice."""


class MessagePort(Protocol):
    """Messages of the topics that were named at opening."""

    async def read_batch(self) -> list[Message]:
        """Wait for at least one message; return all that is there, oldest first. Raises PortLost."""

    def close(self) -> None:
        """Give the port back. Safe to call twice."""
