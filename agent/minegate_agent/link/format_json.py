"""JSON for consumers that read nothing else: one message a block, values with their names. 20 to 50 times the bytes.

Topics are `minegate-json/1/{mine}/{gateway}/{stream}`; times, sequences and quality flags as in agent/PAYLOAD.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgpack
import msgspec

from minegate_agent.clock import Clock
from minegate_agent.link.birth import Birth
from minegate_agent.link.formats import Message
from minegate_agent.link.meaning import Told, meaning_of, told_of
from minegate_agent.link.payload import BIRTH, EVENTS, HISTORY, STATE, VERSION
from minegate_agent.link.store.reader import Record
from minegate_drivers.sdk import Quality


class Json:
    """See Format."""

    content_type = "application/json"
    heard: tuple[str, ...] = ()

    def __init__(self, mine: str, gateway: str, clock: Clock) -> None:
        self._prefix = f"minegate-json/{VERSION}/{mine}/{gateway}"
        self._clock = clock

    def begin(self) -> None:
        """See Format."""

    def asks_for_birth(self, _topic: str, _payload: bytes) -> bool:
        """See Format. Nobody can."""
        return False

    def born(self, birth: Birth, newest: bool) -> list[Message]:
        """See Format."""
        told = self._message(BIRTH, msgpack.unpackb(birth.payload), retain=newest)
        return [told, self.online(birth)] if newest else [told]

    def online(self, birth: Birth) -> Message:
        """See Format."""
        return self._state(birth, online=True)

    def offline(self, birth: Birth) -> Message:
        """See Format."""
        return self._state(birth, online=False)

    def block(self, records: Sequence[Record], birth: Birth, lane: str) -> list[Message]:
        """See Format."""
        names = meaning_of(birth).names
        told = told_of(records, birth)
        events = [{"sequence": one.sequence, **plain_event(one.event)} for one in told if one.event is not None]
        scans = [_scan(one, names) for one in told if one.event is None]
        head = {"v": VERSION, "birth": birth.id}
        messages = []
        if events:
            messages.append(self._message(EVENTS, {**head, "events": events}))
        if scans:
            messages.append(self._message(lane, {**head, "historical": lane == HISTORY, "scans": scans}))
        return messages

    def _state(self, birth: Birth, *, online: bool) -> Message:
        told = {"v": VERSION, "birth": birth.id, "online": online, "utc_ms": self._clock.utc_ms()}
        return self._message(STATE, told, retain=True)

    def _message(self, stream: str, told: object, retain: bool = False) -> Message:
        return Message(stream, f"{self._prefix}/{stream}", msgspec.json.encode(told), retain)


def _scan(told: Told, names: dict[int, str]) -> dict[str, object]:
    return {
        "sequence": told.sequence,
        "utc_ms": told.utc_ms,
        "device": names[told.device],
        "part": told.part,
        "quality": [str(flag.name).lower() for flag in Quality(told.quality)],
        "values": {field.name: value if math.isfinite(value) else None for field, value in told.values},
    }


def plain_event(event: dict[str, object]) -> dict[str, object]:
    """JSON knows no bytes and no NaN."""
    return {key: _plain(value) for key, value in event.items()}


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value
