"""The Gecko robot itself: once a second a small JSON text on the underground broker.

gecko/7/air   {"seq": 41, "x": 12.5, "ch4": 0.43, "battery": 81, "fault": 0}
"""

from __future__ import annotations

import json
import struct
from typing import ClassVar

from minegate_drivers.ports import Message
from minegate_drivers.sdk import Catalogued, Field, Heard, Layout, MessageDriver, Nonsense, Option, Quality

KEYS = ("seq", "x", "ch4", "battery", "fault")
PAYLOAD_BYTES_MAX = 500


class GeckoRobot(MessageDriver, Catalogued):
    """Gecko inspection robot: position, methane and battery as JSON over MQTT."""

    name: ClassVar[str] = "gecko"
    options: ClassVar[dict[str, Option]] = {"serial": Option(int, low=1, high=9999, help="serial number on its plate")}

    def __init__(self, *, serial: int) -> None:
        self.topics = (f"gecko/{serial}/air",)
        self.layouts = (
            Layout(
                Field("seq", "<u4"),
                Field("x", "<f4", quantity="position", unit="m", low=0.0, high=2000.0),
                Field("ch4", "<f4", quantity="methane", unit="%CH4", low=0.0, high=4.0),
                Field("battery", "<u1", quantity="battery", unit="%", low=0, high=100),
                name=self.name,
            ),
        )

    def hear(self, message: Message) -> Heard:
        """A message is taken whole or not at all; what the robot says of itself becomes quality."""
        if len(message.payload) > PAYLOAD_BYTES_MAX:
            raise Nonsense("length", f"{len(message.payload)} bytes")
        try:
            said = json.loads(message.payload)
            seq, x_m, ch4, battery, fault = (said[key] for key in KEYS)
            record = struct.pack("<IffB", seq, x_m, ch4, battery)
        except (ValueError, TypeError, KeyError, struct.error) as error:
            raise Nonsense("format", str(error)) from error
        return Heard(record, Quality.DEVICE_FAULT if fault else Quality.GOOD)
