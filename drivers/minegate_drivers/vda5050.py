"""A robot that speaks VDA 5050 over MQTT: its `state` (part 0) and `connection` (part 1) messages.

`connection` says whether the robot's session with its broker is up and not whether the robot is well (the document
forbids that use), so it is a part of its own. Records: vda5050_record.py. Names of keys: vda5050_message.py.
"""

from __future__ import annotations

import struct
from typing import ClassVar

import msgspec

from minegate_drivers.ports import Message
from minegate_drivers.sdk import Catalogued, Heard, MessageDriver, Nonsense, Option, Quality
from minegate_drivers.vda5050_message import STATES, Connection, State
from minegate_drivers.vda5050_record import (
    CONNECTION_LAYOUT,
    MISSED_MAX,
    STATE_LAYOUT,
    connection,
    quality_of,
    record_of,
)

PAYLOAD_BYTES_MAX = 262_144  # a long order makes a long state; beyond this it is no state
_CONNECTION_DECODER = msgspec.json.Decoder(Connection)


class Vda5050(MessageDriver, Catalogued):
    """Robot that publishes VDA 5050 `state` and `connection`, edition 2 or 3."""

    name: ClassVar[str] = "vda5050"
    options: ClassVar[dict[str, Option]] = {
        "manufacturer": Option(str, help="as in the robot's topics"),
        "serial": Option(str, help="serial number as in the robot's topics"),
        "version": Option(int, 3, low=2, high=3, help="edition of the document: names of keys differ"),
        "interface": Option(str, "vda5050", help="first level of the robot's topics; often uagv with edition 2"),
    }

    def __init__(self, *, manufacturer: str, serial: str, version: int, interface: str) -> None:
        for key, value in (("manufacturer", manufacturer), ("serial", serial), ("interface", interface)):
            if not value or any(letter in "/+#$\0" for letter in value):
                raise ValueError(f"option {key}: {value!r} is empty or has one of / + # $, which no topic level may")
        base = f"{interface}/v{version}/{manufacturer}/{serial}"
        self.topics = (f"{base}/state", f"{base}/connection")
        self.layouts = (STATE_LAYOUT, CONNECTION_LAYOUT)
        self._state = msgspec.json.Decoder(STATES[version])
        self._last_header: int | None = None

    def hear(self, message: Message) -> Heard | None:
        """See MessageDriver."""
        if message.topic not in self.topics:
            raise Nonsense("foreign", message.topic)
        if len(message.payload) > PAYLOAD_BYTES_MAX:
            raise Nonsense("length", f"{len(message.payload)} bytes, {PAYLOAD_BYTES_MAX} at most")
        try:
            if message.topic == self.topics[1]:
                return connection(_CONNECTION_DECODER.decode(message.payload))
            return self._heard(self._state.decode(message.payload))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Nonsense("format", str(error)) from error
        except (OverflowError, struct.error) as error:  # a number that the record cannot hold
            raise Nonsense("value", str(error)) from error

    def _heard(self, state: State) -> Heard:
        record = record_of(state, _missed(self._last_header, state.header_id))
        quality = quality_of(record)
        if state.header_id == self._last_header:  # a repeated or retained message tells nothing new
            quality |= Quality.STALE
        self._last_header = state.header_id
        return Heard(record, quality)


def _missed(last: int | None, header: int) -> int:
    """How many messages lie between two header numbers; a counter that went back is a restart and not a gap."""
    if last is None or header <= last:
        return 0
    return min(header - last - 1, MISSED_MAX)
