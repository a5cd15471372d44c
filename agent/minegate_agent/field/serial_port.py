"""A serial line in the event loop: pyserial opens and locks it, its descriptor is read without blocking.

Waking costs more than bytes, so the kernel is told how long the answer is (VMIN) and reports the line only when all of
it is there. Two things follow (n_tty, termios(3)): one read returns at most 64 bytes then, so it is read until empty;
and a shorter answer wakes nobody, so the timer of the deadline reads too.
"""

from __future__ import annotations

import asyncio
import os
import termios
from pathlib import Path
from typing import Any

import serial
import serial.rs485

from minegate_agent.config import Port
from minegate_agent.field.timer import exact_timer
from minegate_drivers.ports import PortLost

_READ_BYTES = 4096
# A babbling device cannot fill the memory; what is too much is not kept.
_KEPT_BYTES_MAX = 65_536
_VMIN_MAX = 255
_FOR_EVER_S = 1e9
_CONTROL = 6  # where tcgetattr returns the control characters


class SerialPort:
    """See minegate_drivers.ports.LinePort. `wakes` counts how often the loop was woken for this line."""

    def __init__(self, line: serial.Serial, name: str) -> None:
        self.wakes = 0
        self._line = line
        self._name = name
        self._fd: int = line.fileno()
        self._heard = bytearray()
        self._heard_s = 0.0
        self._lost = ""
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None
        self._at_least = 1
        self._vmin = 0
        self._attributes, self._control = _attributes(self._fd)
        self._timer = exact_timer(self._loop, self._ring)
        self._expect(1)  # from here on an empty read means hung up, not: nothing there
        self._loop.add_reader(self._fd, self._readable)

    def write(self, data: bytes) -> None:
        """See LinePort."""
        try:
            written = os.write(self._fd, data)
        except (OSError, termios.error) as error:
            raise PortLost(f"port {self._name}: {error}") from error
        if written != len(data):
            raise PortLost(f"port {self._name}: takes no more bytes")

    async def read_some(self, at_least: int = 1, within_s: float | None = None) -> bytes:
        """See LinePort."""
        if len(self._heard) < at_least and not self._lost:
            self._expect(at_least - len(self._heard))
            self._at_least = at_least
            self._timer.set(_FOR_EVER_S if within_s is None else within_s)
            await self._wait()
            if len(self._heard) < at_least:
                self._empty()
        if self._lost and not self._heard:
            raise PortLost(f"port {self._name}: {self._lost}")
        data = bytes(self._heard)
        self._heard.clear()
        return data

    async def pause(self, seconds: float) -> None:
        """See LinePort."""
        left_s = self._heard_s + seconds - self._loop.time()
        if left_s <= 0:
            return
        self._at_least = _KEPT_BYTES_MAX + 1  # bytes do not end a silence; `take` shows them afterwards
        self._timer.set(left_s)
        await self._wait()

    def take(self) -> bytes:
        """See LinePort."""
        self._empty()
        data = bytes(self._heard)
        self._heard.clear()
        return data

    def close(self) -> None:
        """See LinePort."""
        self._timer.close()
        if self._line.is_open:
            self._loop.remove_reader(self._fd)
            self._line.close()

    async def _wait(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _ring(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _readable(self) -> None:
        self.wakes += 1
        self._empty()
        if len(self._heard) >= self._at_least:
            self._ring()

    def _empty(self) -> None:
        """Read what is there. After a whole VMIN a read returns 64 bytes at most, so until nothing is left."""
        while not self._lost:
            try:
                data = os.read(self._fd, _READ_BYTES)
            except BlockingIOError:
                return
            except OSError as error:
                self._end(str(error.strerror))
                return
            if not data:
                self._end("unplugged")
                return
            self._heard_s = self._loop.time()
            if len(self._heard) < _KEPT_BYTES_MAX:
                self._heard += data
            if self._at_least <= len(self._heard):
                return

    def _end(self, why: str) -> None:
        self._lost = why
        self._loop.remove_reader(self._fd)
        self._ring()

    def _expect(self, count: int) -> None:
        """Have the kernel wake us only when `count` bytes are there."""
        vmin = min(count, _VMIN_MAX)
        if vmin == self._vmin or not self._attributes:
            return
        self._control[termios.VMIN] = vmin
        try:
            termios.tcsetattr(self._fd, termios.TCSANOW, self._attributes)
        except termios.error as error:
            raise PortLost(f"port {self._name}: {error}") from error
        self._vmin = vmin


def _attributes(descriptor: int) -> tuple[list[Any], list[bytes | int]]:
    """What tcsetattr takes and the control characters in it, VTIME 0; empty: a socket behind a URL, which has none."""
    try:
        attributes = termios.tcgetattr(descriptor)
    except termios.error:
        return [], []
    control: list[bytes | int] = attributes[_CONTROL]
    control[termios.VTIME] = 0
    return attributes, control


async def open_serial(port: Port, folder: Path) -> SerialPort:
    """Open `port.device`, relative to `folder` if it is no URL and not absolute. Raises PortLost: missing, held by
    another process, not a serial line, no direction control where it is asked for.
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
    try:
        if port.rs485:
            _turn_by_kernel(line, port)
        os.set_blocking(line.fileno(), False)
    except BaseException:
        line.close()
        raise
    return SerialPort(line, port.name)


def _turn_by_kernel(line: serial.Serial, port: Port) -> None:
    """TIOCSRS485: the kernel turns the transceiver round with RTS. Refused where the driver of the UART cannot."""
    before_s, after_s = port.rts_before_ms / 1000, port.rts_after_ms / 1000
    try:
        line.rs485_mode = serial.rs485.RS485Settings(delay_before_tx=before_s, delay_before_rx=after_s)
    except (ValueError, OSError) as error:
        raise PortLost(
            f"port {port.name}: {port.device}: rs485 = true, but this UART has no direction control in the kernel"
        ) from error
