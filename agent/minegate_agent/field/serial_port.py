"""A serial line in the event loop: pyserial opens and locks it, its descriptor is read without blocking."""

from __future__ import annotations

import asyncio
import os
import select
import termios
from pathlib import Path

import serial

from minegate_agent.config import Port
from minegate_drivers.ports import PortLost

_READ_BYTES = 4096
# A babbling device cannot fill the memory; what is too much is not kept.
_KEPT_BYTES_MAX = 65_536


class SerialPort:
    """See minegate_drivers.ports.LinePort."""

    def __init__(self, line: serial.Serial, name: str) -> None:
        self._line = line
        self._name = name
        self._fd: int = line.fileno()
        self._heard = bytearray()
        self._lost = ""
        self._arrived = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._fd, self._readable)

    def write(self, data: bytes) -> None:
        """See LinePort."""
        try:
            written = os.write(self._fd, data)
        except (OSError, termios.error) as error:
            raise PortLost(f"port {self._name}: {error}") from error
        if written != len(data):
            raise PortLost(f"port {self._name}: takes no more bytes")

    async def read_some(self) -> bytes:
        """See LinePort."""
        while not self._heard:
            if self._lost:
                raise PortLost(f"port {self._name}: {self._lost}")
            self._arrived.clear()
            await self._arrived.wait()
        data = bytes(self._heard)
        self._heard.clear()
        return data

    def discard(self) -> int:
        """See LinePort."""
        self._readable()
        thrown = len(self._heard)
        self._heard.clear()
        return thrown

    def close(self) -> None:
        """See LinePort."""
        if self._line.is_open:
            self._loop.remove_reader(self._fd)
            self._line.close()

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, _READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._end(str(error.strerror))
            return
        if not data:  # an empty line reads as empty (pyserial sets VMIN 0); so does one that was unplugged, for ever
            if _hung_up(self._fd):
                self._end("unplugged")
            return
        if len(self._heard) < _KEPT_BYTES_MAX:
            self._heard += data
        self._arrived.set()

    def _end(self, why: str) -> None:
        self._lost = why
        self._loop.remove_reader(self._fd)
        self._arrived.set()


def _hung_up(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return any(events & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, events in poll.poll(0))


async def open_serial(port: Port, folder: Path) -> SerialPort:
    """Open `port.device`, relative to `folder` if it is no URL and not absolute. Raises PortLost: missing, held by
    another process, not a serial line.
    """
    try:
        line = serial.serial_for_url(
            port.device if "://" in port.device else str(folder / port.device),
            port.baud,
            parity=port.parity,
            stopbits=port.stop_bits,
            timeout=0,
            exclusive=True,
        )
    except (serial.SerialException, OSError, ValueError) as error:
        held = isinstance(error, serial.SerialException) and "exclusively lock" in str(error)
        why = "held by another process" if held else str(getattr(error, "strerror", None) or error)
        raise PortLost(f"port {port.name}: {port.device}: {why}") from error
    os.set_blocking(line.fileno(), False)
    return SerialPort(line, port.name)
