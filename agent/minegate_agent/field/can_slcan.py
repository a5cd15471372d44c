"""An slcan adapter on a tty, read in batches without blocking.

python-can reads slcan a byte or a line at a time and makes an object per frame, which ends at 2,200-3,300 frames a
second on the machine where this reads 4,000 at a few per cent of it (`minegate bench can`).
"""

from __future__ import annotations

import os
import termios
from pathlib import Path

import serial

from minegate_agent.clock import Clock
from minegate_agent.config import Port
from minegate_agent.field.can_batch import Batches
from minegate_agent.field.can_slcan_text import BIT_RATES, STATUS, SlcanText, line_of
from minegate_agent.field.can_unsent import Unsent
from minegate_drivers.ports import BusHealth, CanFrame, PortLost

BAUD = 115_200  # of a real UART behind the adapter; USB ones do not care. `channel = "/dev/...@1000000"` says another
READ_BYTES = 65_536
STATUS_MS = 1000


class SlcanPort:
    """See minegate_drivers.ports.CanPort."""

    def __init__(self, tty: serial.Serial, name: str, can_ids: tuple[tuple[int, bool], ...], clock: Clock) -> None:
        self._tty = tty
        self._descriptor: int = tty.fileno()
        self._name = name
        self._clock = clock
        self._health = BusHealth()
        self._text = SlcanText(can_ids, self._health)
        self._unsent = Unsent(lambda line: os.write(self._descriptor, line), name, self._health)
        self._status_ms = clock.monotonic_ms()
        self._batches = Batches(self._descriptor, self._take)

    @property
    def bus(self) -> BusHealth:
        """See CanPort."""
        return self._health

    async def read_batch(self) -> list[CanFrame]:
        """See CanPort."""
        return await self._batches.next()

    def send(self, frame: CanFrame) -> None:
        """See CanPort."""
        self._unsent.send(line_of(frame))

    def start(self, bitrate: int) -> None:
        """Close, set the bit rate, open; the empty commands clear what the adapter had half heard. Raises PortLost."""
        for command in (b"", b"", b"C", BIT_RATES[bitrate], b"O"):
            self._unsent.send(command + b"\r")

    def close(self) -> None:
        """See CanPort."""
        if self._tty.is_open:
            try:
                os.write(self._descriptor, b"C\r")
            except OSError:
                self._health.errors["closing"] = 1  # gone already
            self._tty.close()

    def _take(self) -> list[CanFrame]:
        now_ms = self._clock.monotonic_ms()
        if now_ms - self._status_ms >= STATUS_MS:
            self._status_ms = now_ms
            self._unsent.send(STATUS)
        else:
            self._unsent.flush()
        frames: list[CanFrame] = []
        while True:
            try:
                heard = os.read(self._descriptor, READ_BYTES)
            except BlockingIOError:
                return frames
            except OSError as error:
                raise PortLost(f"port {self._name}: {error.strerror}") from error
            if not heard:
                raise PortLost(f"port {self._name}: unplugged")
            frames += self._text.feed(heard)
            if len(heard) < READ_BYTES and frames:
                return frames


def open_slcan(port: Port, can_ids: tuple[tuple[int, bool], ...], folder: Path, clock: Clock) -> SlcanPort:
    """Open the adapter at `port.channel`, relative to `folder`. Raises PortLost."""
    device, _, baud = port.channel.partition("@")
    if port.bitrate not in BIT_RATES:
        rates = ", ".join(str(rate) for rate in BIT_RATES)
        raise PortLost(f"port {port.name}: bitrate {port.bitrate} is not one of slcan's: {rates}")
    if baud and not baud.isdecimal():
        raise PortLost(f"port {port.name}: channel {port.channel!r}: {baud!r} is no baud rate")
    try:
        tty = serial.Serial(str(folder / device), int(baud or BAUD), timeout=0, exclusive=True)
    except (serial.SerialException, OSError, ValueError) as error:
        raise PortLost(f"port {port.name}: {port.channel}: {getattr(error, 'strerror', None) or error}") from error
    os.set_blocking(tty.fileno(), False)
    _told_apart(tty.fileno())
    opened = SlcanPort(tty, port.name, can_ids, clock)
    opened.start(port.bitrate)
    return opened


def _told_apart(descriptor: int) -> None:
    """With VMIN 1 an empty line reads as "would block" and a hung-up one as nothing; pyserial's VMIN 0 mixes both."""
    attributes = termios.tcgetattr(descriptor)
    attributes[6][termios.VMIN], attributes[6][termios.VTIME] = 1, 0
    termios.tcsetattr(descriptor, termios.TCSANOW, attributes)
