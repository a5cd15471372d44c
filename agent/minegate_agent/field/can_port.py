"""The CAN ports by the word in `interface`; and python-can behind the same port, for socketcand and vendor adapters.

    socketcan    the kernel, `channel` a network interface (socketcan_port.py)
    slcan        a tty, `channel` its path, or path@baud (can_slcan.py); a URL goes to python-can
    tcp13        a converter with 13-byte frames, `channel` host:port (can_gateway.py)
    others       python-can's own names

python-can's asyncio Notifier wakes once a frame and its buffered reader is unbounded, so neither is used: a timer
empties the adapter every few milliseconds (measured: 58 us per frame woken, 11 us in batches).
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import can

from minegate_agent.clock import SystemClock
from minegate_agent.config import Port
from minegate_agent.field.can_gateway import open_gateway
from minegate_agent.field.can_slcan import open_slcan
from minegate_agent.field.socketcan_port import open_socketcan
from minegate_drivers.ports import BusHealth, CanFrame, CanPort, PortLost

log = logging.getLogger("field")

BATCH_S = 0.005
BATCH_FRAMES_MAX = 1000


class PythonCanPort:
    """See minegate_drivers.ports.CanPort."""

    def __init__(self, bus: can.BusABC, name: str) -> None:
        self._bus = bus
        self._name = name
        self._health = BusHealth()

    @property
    def bus(self) -> BusHealth:
        """See CanPort."""
        return self._health

    async def read_batch(self) -> list[CanFrame]:
        """See CanPort."""
        while True:
            frames = self._take()
            if frames:
                return frames
            await asyncio.sleep(BATCH_S)

    def send(self, frame: CanFrame) -> None:
        """See CanPort."""
        message = can.Message(arbitration_id=frame.id, data=frame.data, is_extended_id=frame.extended, is_fd=frame.fd)
        try:
            self._bus.send(message, timeout=0)
        except (can.CanError, OSError) as error:
            raise PortLost(f"port {self._name}: {error}") from error

    def close(self) -> None:
        """See CanPort."""
        try:
            self._bus.shutdown()
        except (can.CanError, OSError) as error:
            # an adapter that was unplugged cannot be told to close its channel, and must not end field for it
            log.info("port %s: %s", self._name, error)
            _let_go(self._bus)

    def _take(self) -> list[CanFrame]:
        frames: list[CanFrame] = []
        try:
            while len(frames) < BATCH_FRAMES_MAX:
                message = self._bus.recv(timeout=0)
                if message is None:
                    break
                if message.is_error_frame:
                    self._health.errors["error_frame"] = self._health.errors.get("error_frame", 0) + 1
                elif not message.is_remote_frame:
                    frames.append(_frame(message))
        except (can.CanError, OSError, ValueError) as error:
            raise PortLost(f"port {self._name}: {error}") from error
        return frames


def _frame(message: can.Message) -> CanFrame:
    return CanFrame(message.arbitration_id, bytes(message.data), message.is_extended_id, message.is_fd)


async def open_can(port: Port, can_ids: tuple[tuple[int, bool], ...], folder: Path) -> CanPort:
    """Open `port.interface`, letting only `can_ids` through; a tty is relative to `folder`. Raises PortLost."""
    if port.interface == "socketcan":
        return open_socketcan(port.channel, port.name, can_ids, SystemClock())
    if port.interface == "slcan" and "://" not in port.channel:
        return open_slcan(port, can_ids, folder, SystemClock())
    if port.interface == "tcp13":
        return await open_gateway(port, can_ids)
    return await _open_python_can(port, can_ids)


async def _open_python_can(port: Port, can_ids: tuple[tuple[int, bool], ...]) -> PythonCanPort:
    filters: list[can.typechecking.CanFilter] = [
        {"can_id": number, "can_mask": 0x1FFFFFFF if extended else 0x7FF, "extended": extended}
        for number, extended in can_ids
    ]
    try:
        # opening some adapters waits for their firmware; the loop must not
        bus = await asyncio.to_thread(_open, port, filters)
    except (can.CanError, OSError, ValueError, ImportError) as error:
        raise PortLost(f"port {port.name}: {port.interface} {port.channel}: {error}") from error
    return PythonCanPort(bus, port.name)


def _let_go(bus: can.BusABC) -> None:
    """Give back the tty that slcan keeps open when its goodbye fails."""
    line = getattr(bus, "serialPortOrig", None)
    if line is not None:
        line.close()


def _open(port: Port, filters: list[can.typechecking.CanFilter]) -> can.BusABC:
    more: dict[str, Any] = {"sleep_after_open": 0.0} if port.interface == "slcan" else {}
    if port.interface == "socketcand":
        more = {"host": port.host, "port": port.tcp_port}
    return can.Bus(channel=port.channel, interface=port.interface, bitrate=port.bitrate, can_filters=filters, **more)
