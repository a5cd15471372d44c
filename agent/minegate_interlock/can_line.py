"""A CAN bus through the kernel for one relay node: a raw socket that hears this node and the state of the bus.

The bytes are structs as node_wire.py makes and takes them. The bit rate and `restart-ms` belong to the interface and
are set where it is brought up (agent/README.md); nothing is restarted here, because a bus that is off cuts anyway.
"""

from __future__ import annotations

import errno
import socket
import struct
from typing import Protocol

from minegate_interlock.node_wire import (
    ERR_BUS_OFF,
    ERR_CONTROLLER,
    ERR_RESTARTED,
    STRUCT,
    node_filter,
)
from minegate_interlock.world import LineLost

STRUCTS_AT_ONCE_MAX = 256  # so that a flooded bus cannot hold up the tick
CAN_RAW_ERR_FILTER = 2  # linux/can/raw.h; not every Python names it
# The kernel doubles it (socket(7)) and charges some 770 bytes for a segment: an OPEN finds room behind a PERMIT that is
# still on its way, and no row of PERMITs can wait for a dead bus, each of them good for a lease when it is back.
SEND_BYTES = 4096
_RECEIVE_BYTES = 1 << 18
_WANTED_ERRORS = ERR_CONTROLLER | ERR_BUS_OFF | ERR_RESTARTED
_FILTER = struct.Struct("=II")
_ERRORS = struct.Struct("=I")


class CanSocket(Protocol):
    """What is needed of the socket; in tests another kind of real datagram socket."""

    def fileno(self) -> int:
        """The descriptor, non-blocking."""

    def recv(self, size: int, /) -> bytes:
        """One struct. Raises OSError."""

    def send(self, data: bytes, /) -> int:
        """Send one struct. Raises OSError."""

    def close(self) -> None:
        """Give it back."""


class CanLine:
    """See world.Line."""

    def __init__(self, bus: CanSocket, channel: str) -> None:
        self.fd = bus.fileno()
        self._bus = bus
        self._channel = channel

    def read(self) -> bytes:
        """See Line. What is not one whole struct is thrown away here, so that the next one is found."""
        heard = bytearray()
        try:
            for _ in range(STRUCTS_AT_ONCE_MAX):
                data = self._bus.recv(STRUCT.size + 1)
                if len(data) == STRUCT.size:
                    heard += data
        except BlockingIOError:
            pass
        except OSError as error:
            raise LineLost(f"{self._channel}: {error.strerror}") from error
        return bytes(heard)

    def write(self, data: bytes) -> None:
        """See Line. A bus that takes nothing loses the rest of the frame: half of one means nothing to a node."""
        try:
            for at in range(0, len(data), STRUCT.size):
                self._bus.send(data[at : at + STRUCT.size])
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.ENOBUFS:  # the interface's own queue is full
                raise LineLost(f"{self._channel}: {error.strerror}") from error

    def forget_waiting(self) -> None:
        """See Line."""
        while len(self.read()) == STRUCTS_AT_ONCE_MAX * STRUCT.size:
            pass

    def close(self) -> None:
        """See Line."""
        self._bus.close()


class SocketOptions(Protocol):
    """What `prepare` needs."""

    def setsockopt(self, level: int, option: int, value: int | bytes, /) -> None:
        """As of a socket. Raises OSError."""


def open_can(channel: str, node: int) -> CanLine:
    """Interface `channel`, for `node` alone. Raises LineLost."""
    try:
        bus = socket.socket(socket.AF_CAN, socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, socket.CAN_RAW)
    except OSError as error:
        raise LineLost(f"{channel}: this kernel has no CAN: {error.strerror}") from error
    try:
        prepare(bus, node)
        bus.bind((channel,))
    except OSError as error:
        bus.close()
        raise LineLost(f"{channel}: {error.strerror}") from error
    return CanLine(bus, channel)


def prepare(bus: SocketOptions, node: int) -> None:
    """Filter, error frames and buffers, before the socket is bound. Raises OSError."""
    bus.setsockopt(socket.SOL_CAN_RAW, socket.CAN_RAW_FILTER, _FILTER.pack(*node_filter(node)))
    bus.setsockopt(socket.SOL_CAN_RAW, CAN_RAW_ERR_FILTER, _ERRORS.pack(_WANTED_ERRORS))
    bus.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
    bus.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
