"""A CAN bus through the kernel: a raw socket read without blocking until it is empty, many frames at a time.

The kernel filters, stamps each frame and counts what it dropped; error frames tell the state of the bus. When the
interface goes down the port is lost and opened again; when the controller leaves the bus it is restarted
(can_bus_state.py).
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Protocol

from minegate_agent.clock import Clock
from minegate_agent.field.can_batch import Batches
from minegate_agent.field.can_bus_state import BusState
from minegate_agent.field.can_netlink import restart
from minegate_agent.field.can_recvmmsg import FrameReader, Taken
from minegate_agent.field.can_unsent import Unsent
from minegate_agent.field.can_wire import (
    CAN_RAW_ERR_FILTER,
    CAN_RAW_FD_FRAMES,
    CAN_RAW_FILTER,
    ERROR_MASK,
    SO_RXQ_OVFL,
    SO_TIMESTAMPNS,
    SOL_CAN_RAW,
    filters,
    raw_of,
)
from minegate_drivers.ports import BusHealth, CanFrame, PortLost

BATCH_FRAMES_MAX = 4000  # one turn must leave the loop to others; what is more is read in the next
BATCH_S = 0.020  # the kernel stamps each frame and holds a second of them, so they can wait longer than on a tty
RECEIVE_BYTES = 1 << 20  # room for a second of a full bus, if the loop was held up


class FrameSocket(Protocol):
    """What is needed of the socket; in tests another kind of real socket that stamps and counts drops as well."""

    def fileno(self) -> int:
        """The descriptor, non-blocking."""

    def send(self, raw: bytes, /) -> int:
        """Send one frame. Raises OSError."""

    def close(self) -> None:
        """Give it back."""


class SocketCanPort:
    """See minegate_drivers.ports.CanPort. `restarted` restarts the controller and says why not."""

    def __init__(self, frames: FrameSocket, name: str, clock: Clock, restarted: Callable[[], str]) -> None:
        self._socket = frames
        self._name = name
        self._clock = clock
        self._restarted = restarted
        self._state = BusState()
        self._unsent = Unsent(frames.send, name, self._state.health)
        self._closed = False
        self._descriptor = frames.fileno()
        self._reader = FrameReader()
        self._batches = Batches(self._descriptor, self._take, BATCH_S)

    @property
    def bus(self) -> BusHealth:
        """See CanPort."""
        return self._state.health

    async def read_batch(self) -> list[CanFrame]:
        """See CanPort."""
        return await self._batches.next()

    def send(self, frame: CanFrame) -> None:
        """See CanPort."""
        self._unsent.send(raw_of(frame))

    def close(self) -> None:
        """See CanPort."""
        if not self._closed:
            self._closed = True
            self._socket.close()

    def _take(self) -> list[CanFrame]:
        self._unsent.flush()
        frames: list[CanFrame] = []
        try:
            full = True
            while full and len(frames) < BATCH_FRAMES_MAX:
                taken = self._reader.take(self._descriptor)
                frames += taken.frames
                full = taken.full
                self._note(taken)
        except BlockingIOError:
            pass
        except OSError as error:
            raise PortLost(f"port {self._name}: {error.strerror}") from error
        if frames:
            self._state.traffic()
        elif self._state.restart_due(self._clock.monotonic_ms()):
            self._restart()
        return frames

    def _note(self, taken: Taken) -> None:
        if taken.dropped is not None:
            self._state.dropped_by_kernel(taken.dropped)
        self.bus.malformed += taken.malformed
        for error in taken.errors:
            self._state.note(error, self._clock.monotonic_ms())

    def _restart(self) -> None:
        self.bus.restarts += 1
        refused = self._restarted()
        if refused:
            key = f"restart: {refused}"
            self.bus.errors[key] = self.bus.errors.get(key, 0) + 1


def open_socketcan(interface: str, name: str, can_ids: tuple[tuple[int, bool], ...], clock: Clock) -> SocketCanPort:
    """Listen on network interface `interface` for `can_ids`, errors and nothing else. Raises PortLost."""
    try:
        raw = socket.socket(socket.AF_CAN, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.CAN_RAW)
    except OSError as error:
        raise PortLost(f"port {name}: this kernel has no CAN: {error.strerror}") from error
    try:
        raw.setsockopt(SOL_CAN_RAW, CAN_RAW_FILTER, filters(can_ids))
        raw.setsockopt(SOL_CAN_RAW, CAN_RAW_ERR_FILTER, ERROR_MASK)
        raw.setsockopt(SOL_CAN_RAW, CAN_RAW_FD_FRAMES, 1)
        prepare(raw)
        raw.bind((interface,))
    except OSError as error:
        raw.close()
        raise PortLost(f"port {name}: {interface}: {error.strerror}") from error
    return SocketCanPort(raw, name, clock, lambda: restart(interface))


def prepare(raw: socket.socket) -> None:
    """Stamps, the drop counter and room, on any socket that has them."""
    raw.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    raw.setsockopt(socket.SOL_SOCKET, SO_RXQ_OVFL, 1)
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
