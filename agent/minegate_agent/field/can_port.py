"""A CAN bus through python-can: slcan, socketcand and vendor adapters. Read in batches, because waking costs more
than bytes.

python-can's asyncio Notifier wakes once a frame and its buffered reader is unbounded, so neither is used: a timer
empties the adapter every few milliseconds (measured: 58 us per frame woken, 11 us in batches).
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import can

from minegate_agent.config import Port
from minegate_drivers.ports import CanFrame, PortLost

log = logging.getLogger("field")

BATCH_S = 0.005
BATCH_FRAMES_MAX = 1000


class PythonCanPort:
    """See minegate_drivers.ports.CanPort."""

    def __init__(self, bus: can.BusABC, name: str) -> None:
        self._bus = bus
        self._name = name

    async def read_batch(self) -> list[CanFrame]:
        """See CanPort."""
        while True:
            frames = self._take()
            if frames:
                return frames
            await asyncio.sleep(BATCH_S)

    def send(self, frame: CanFrame) -> None:
        """See CanPort."""
        message = can.Message(arbitration_id=frame.id, data=frame.data, is_extended_id=frame.extended)
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
                if not (message.is_error_frame or message.is_remote_frame):
                    frames.append(CanFrame(message.arbitration_id, bytes(message.data), message.is_extended_id))
        except (can.CanError, OSError, ValueError) as error:
            raise PortLost(f"port {self._name}: {error}") from error
        return frames


async def open_can(port: Port, can_ids: tuple[tuple[int, bool], ...], folder: Path) -> PythonCanPort:
    """Open `port.interface`, letting only `can_ids` through; a tty is relative to `folder`. Raises PortLost."""
    filters: list[can.typechecking.CanFilter] = [
        {"can_id": number, "can_mask": 0x1FFFFFFF if extended else 0x7FF, "extended": extended}
        for number, extended in can_ids
    ]
    try:
        # opening some adapters waits for their firmware; the loop must not
        bus = await asyncio.to_thread(_open, port, filters, folder)
    except (can.CanError, OSError, ValueError, ImportError) as error:
        raise PortLost(f"port {port.name}: {port.interface} {port.channel}: {error}") from error
    return PythonCanPort(bus, port.name)


def _let_go(bus: can.BusABC) -> None:
    """Give back the tty that slcan keeps open when its goodbye fails."""
    line = getattr(bus, "serialPortOrig", None)
    if line is not None:
        line.close()


def _open(port: Port, filters: list[can.typechecking.CanFilter], folder: Path) -> can.BusABC:
    tty = port.interface == "slcan" and "://" not in port.channel
    channel = str(folder / port.channel) if tty else port.channel
    more: dict[str, Any] = {"sleep_after_open": 0.0} if port.interface == "slcan" else {}
    if port.interface == "socketcand":
        more = {"host": port.host, "port": port.tcp_port}
    return can.Bus(channel=channel, interface=port.interface, bitrate=port.bitrate, can_filters=filters, **more)
