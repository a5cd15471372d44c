"""The Gecko's dock, on RS-485 with 9600 baud: asked in ASCII, it tells voltage and current of its charger.

> D07?\\r          asked
< D07 24.6 3.2 1 *43\\r     volts, amperes, robot in the dock; the exclusive or of everything before the star
"""

from __future__ import annotations

import re
import struct
from functools import reduce
from operator import xor
from typing import ClassVar

from minegate_drivers.sdk import Catalogued, Field, Heard, Layout, LineDriver, Nonsense, Option

ANSWER_BYTES_MAX = 40
_ANSWER = re.compile(rb"D(\d\d) (\d+\.\d) (\d+\.\d) ([01]) \*([0-9A-F]{2})\r")


def request_to(station: int) -> bytes:
    """The only question there is."""
    return b"D%02d?\r" % station


def answer_of(station: int, volts: float, amperes: float, docked: bool) -> bytes:
    """What a dock says; also what its simulation says."""
    body = b"D%02d %.1f %.1f %d " % (station, volts, amperes, docked)
    return body + b"*%02X\r" % reduce(xor, body)


class GeckoDock(LineDriver, Catalogued):
    """Dock of the Gecko robot: voltage and current of its charger, and whether the robot is in it."""

    name: ClassVar[str] = "gecko_dock"
    options: ClassVar[dict[str, Option]] = {"station": Option(int, low=0, high=99, help="number on its switches")}

    def __init__(self, *, station: int) -> None:
        self._station = station
        self._request = request_to(station)
        self.layouts = (
            Layout(
                Field("volts", "<f4", quantity="voltage", unit="V", low=0.0, high=60.0),
                Field("amperes", "<f4", quantity="current", unit="A", low=0.0, high=20.0),
                Field("docked", "<u1", low=0, high=1),
                name=self.name,
            ),
        )

    def ask(self, now_ms: int) -> bytes | None:
        """The same request every time."""
        return self._request

    def missing(self, heard: bytes) -> int:
        """An answer ends with a carriage return."""
        return 0 if heard.endswith(b"\r") or len(heard) >= ANSWER_BYTES_MAX else 1

    def hear(self, frame: bytes) -> Heard:
        """Whole, of this dock, and with the right check, or Nonsense."""
        found = _ANSWER.fullmatch(frame)
        if found is None:
            raise Nonsense("format", frame[:ANSWER_BYTES_MAX].decode("ascii", "backslashreplace"))
        body, _, _ = frame.partition(b"*")
        if int(found[5], 16) != reduce(xor, body):
            raise Nonsense("checksum")
        if int(found[1]) != self._station:
            raise Nonsense("foreign", f"dock {int(found[1])}")
        return Heard(struct.pack("<ffB", float(found[2]), float(found[3]), int(found[4])))
