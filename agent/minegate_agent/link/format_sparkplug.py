"""Sparkplug B 3.0 (Eclipse, 2022) for SCADA hosts that speak it: the gateway is an edge node, each device a device.

Field numbers and data types are those of the specification's chapter 6. What goes out has QoS 1, where the standard
says 0: this project's watermark needs the PUBACK, and no host can tell the difference but by a repetition. What is sent
again comes with a new `seq` and its own timestamp; a host that must know repetitions needs the project's own format.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Final

from minegate_agent.clock import Clock
from minegate_agent.link.birth import Birth
from minegate_agent.link.format_json import plain_event
from minegate_agent.link.formats import Message
from minegate_agent.link.meaning import Meaning, Told, meaning_of, told_of
from minegate_agent.link.payload import BIRTH, EVENTS, HISTORY, STATE
from minegate_agent.link.protobuf import Broken, bytes_, double, fields, text, whole
from minegate_agent.link.store.reader import Record
from minegate_drivers.sdk import Quality

INT32, UINT64, DOUBLE, BOOLEAN, STRING = 3, 8, 10, 11, 12  # 6.4.16, data types
GOOD, STALE, BAD = 192, 500, 0  # 6.4.18.1, the property "Quality"
REBIRTH: Final = "Node Control/Rebirth"
BDSEQ: Final = "bdSeq"
EVENT_METRIC: Final = "Event"
HEARTBEAT: Final = "Heartbeat"
_REBIRTH_ALIAS, _EVENT_ALIAS, _HEARTBEAT_ALIAS, _FIRST_ALIAS = 1, 2, 3, 16
_TOLERABLE = Quality.CALIBRATING | Quality.SUBSTITUTED | Quality.CLOCK_UNSYNCHRONISED


class Sparkplug:
    """See Format."""

    content_type = "application/x-protobuf"

    def __init__(self, mine: str, gateway: str, clock: Clock) -> None:
        self._group, self._node = mine, gateway
        self._clock = clock
        self._bd_seq = clock.utc_ms() // 1000 % 256  # another one than before the restart, most of the time
        self._seq = 0
        self._aliases: dict[tuple[int, int, str], int] = {}
        self._born = ""
        self.heard: tuple[str, ...] = (self._topic("NCMD"),)

    def begin(self) -> None:
        """See Format. Birth and death of one connection have the same bdSeq."""
        self._bd_seq = (self._bd_seq + 1) % 256
        self._born = ""

    def asks_for_birth(self, topic: str, payload: bytes) -> bool:
        """See Format: an NCMD with Node Control/Rebirth. Any other command is none of ours."""
        try:
            return topic in self.heard and any(
                REBIRTH.encode() in (dict(fields(metric)).get(1),) or dict(fields(metric)).get(2) == _REBIRTH_ALIAS
                for field, metric in fields(payload)
                if field == 2 and isinstance(metric, bytes)
            )
        except Broken:
            return False

    def born(self, birth: Birth, newest: bool) -> list[Message]:
        """See Format. A birth of before is not told: the host would take it for the present one."""
        if not newest:
            return []
        meaning = meaning_of(birth)
        self._seq, self._born = 0, birth.id
        self._aliases = {
            (device, part, field.name): alias
            for alias, (device, part, field) in enumerate(
                ((device, part, f) for (device, part), layout in meaning.layouts.items() for f in layout.fields),
                _FIRST_ALIAS,
            )
        }
        node = [
            _metric(BDSEQ, None, UINT64, whole(11, self._bd_seq)),
            _metric(REBIRTH, _REBIRTH_ALIAS, BOOLEAN, whole(14, 0)),
            _metric(EVENT_METRIC, _EVENT_ALIAS, STRING, text(15, "")),
            _metric(HEARTBEAT, _HEARTBEAT_ALIAS, UINT64, whole(11, self._clock.utc_ms())),
        ]
        messages = [self._message(BIRTH, "NBIRTH", "", node)]
        for device, name in meaning.names.items():
            messages.append(self._message(BIRTH, "DBIRTH", name, self._declared(meaning, device)))
        return messages

    def online(self, birth: Birth) -> Message:
        """See Format: a heartbeat."""
        beat = _metric(None, _HEARTBEAT_ALIAS, UINT64, whole(11, self._clock.utc_ms()))
        return self._message(STATE, "NDATA", "", [beat])

    def offline(self, birth: Birth) -> Message:
        """See Format: NDEATH, which has no seq."""
        death = bytes_(2, _metric(BDSEQ, None, UINT64, whole(11, self._bd_seq)))
        return Message(STATE, self._topic("NDEATH"), whole(1, self._clock.utc_ms()) + death)

    def block(self, records: Sequence[Record], birth: Birth, lane: str) -> list[Message]:
        """See Format."""
        told = told_of(records, birth)
        names = meaning_of(birth).names
        events = [one for one in told if one.event is not None]
        messages = []
        if events:
            historical = lane == HISTORY
            messages.append(self._message(EVENTS, "NDATA", "", [_event(one, historical) for one in events]))
        devices: dict[int, list[Told]] = {}
        for one in told:
            if one.event is None:
                devices.setdefault(one.device, []).append(one)
        for device, ones in devices.items():
            metrics = (metric for one in ones for metric in self._values(one, birth.id, lane == HISTORY))
            messages.append(self._message(lane, "DDATA", names[device], metrics))
        return messages

    def _values(self, told: Told, birth: str, historical: bool) -> Iterable[bytes]:
        rest = _quality(told.quality)
        for field, value in told.values:
            alias = self._aliases.get((told.device, told.part, field.name)) if birth == self._born else None
            name = _name(told.part, field.name) if alias is None else None
            yield _metric(name, alias, DOUBLE, rest + double(13, value), told.utc_ms, historical)

    def _declared(self, meaning: Meaning, device: int) -> Iterable[bytes]:
        for (number, part), layout in meaning.layouts.items():
            if number != device:
                continue
            for field in layout.fields:
                alias = self._aliases[device, part, field.name]
                unit = bytes_(9, text(1, "engUnit") + bytes_(2, whole(1, STRING) + text(8, field.unit)))
                yield _metric(_name(part, field.name), alias, DOUBLE, whole(7, 1) + unit)  # is_null: nothing read yet

    def _message(self, stream: str, kind: str, device: str, metrics: Iterable[bytes]) -> Message:
        seq = self._seq
        self._seq = (self._seq + 1) % 256
        payload = whole(1, self._clock.utc_ms()) + b"".join(bytes_(2, each) for each in metrics) + whole(3, seq)
        return Message(stream, self._topic(kind, device), payload)

    def _topic(self, kind: str, device: str = "") -> str:
        return "/".join(["spBv1.0", self._group, kind, self._node, *([device] if device else [])])


def _name(part: int, field: str) -> str:
    """A device that sends several kinds of records has several parts."""
    return field if part == 0 else f"{part}/{field}"


def _metric(
    name: str | None, alias: int | None, kind: int, rest: bytes, utc_ms: int | None = None, historical: bool = False
) -> bytes:
    """Fields 1 to 5 of a metric, then what else it has: properties and the value."""
    told = b"" if name is None else text(1, name)
    told += b"" if alias is None else whole(2, alias)
    told += b"" if utc_ms is None else whole(3, utc_ms)
    return told + whole(4, kind) + (whole(5, 1) if historical else b"") + rest


def _quality(flags: int) -> bytes:
    """Field 9, the property Quality; nothing for good."""
    if not flags:
        return b""
    code = STALE if flags & Quality.STALE else GOOD if not flags & ~int(_TOLERABLE) else BAD
    return bytes_(9, text(1, "Quality") + bytes_(2, whole(1, INT32) + whole(3, code)))


def _event(told: Told, historical: bool) -> bytes:
    assert told.event is not None
    words = json.dumps({"sequence": told.sequence, **plain_event(told.event)}, ensure_ascii=False)
    return _metric(None, _EVENT_ALIAS, STRING, text(15, words), told.utc_ms, historical)
