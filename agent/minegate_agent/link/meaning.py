"""What the records under a birth mean: names, fields, values. For formats that spell values out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import msgpack

from minegate_agent.link.birth import Birth
from minegate_agent.link.records import EVENT, SCAN, BadBody, decode_event, decode_scan
from minegate_agent.link.store.reader import Record
from minegate_drivers.sdk import Field, Layout, Nonsense

_PARTS = ("name", "type", "scale", "offset", "quantity", "unit", "low", "high", "at", "bit", "bits")


class Told(NamedTuple):
    """One record spelled out: a device's values, or an event, or neither where the body cannot be read."""

    sequence: int
    utc_ms: int
    device: int
    part: int
    quality: int
    clock: int
    values: tuple[tuple[Field, float], ...]
    event: dict[str, object] | None


class Meaning:
    """One birth, read."""

    def __init__(self, birth: Birth) -> None:
        told: Mapping[str, Any] = msgpack.unpackb(birth.payload)
        self.id = birth.id
        self.names: dict[int, str] = {device["number"]: device["name"] for device in told["devices"]}
        self.layouts: dict[tuple[int, int], Layout] = {
            (device["number"], part): _layout(layout)
            for device in told["devices"]
            for part, layout in enumerate(device["layouts"])
        }

    def tell(self, record: Record) -> Told:
        """The record in values. A strange body becomes an event that says so: its sequence must arrive."""
        try:
            if record.klass == SCAN:
                return self._scan(record)
            if record.klass == EVENT:
                event = decode_event(record.body)
                return Told(record.sequence, _whole(event["utc_ms"]), 0, 0, 0, 0, (), event)
            why = f"class {record.klass}"
        except (BadBody, Nonsense, KeyError) as error:
            why = str(error)
        strange = {"kind": "unreadable", "from": "link", "utc_ms": 0, "error": why, "body": record.body}
        return Told(record.sequence, 0, 0, 0, 0, 0, (), strange)

    def _scan(self, record: Record) -> Told:
        scan = decode_scan(record.body)
        layout = self.layouts[scan.device, scan.part]
        values = tuple(zip(layout.fields, layout.decode(scan.record), strict=True))
        return Told(record.sequence, scan.utc_ms, scan.device, scan.part, scan.quality, scan.clock, values, None)


@lru_cache(maxsize=8)
def _meaning(identity: str, payload: bytes, config: str) -> Meaning:
    return Meaning(Birth(identity, config, payload))


def meaning_of(birth: Birth) -> Meaning:
    """Read once per birth."""
    return _meaning(birth.id, birth.payload, birth.config)


def told_of(records: Sequence[Record], birth: Birth) -> list[Told]:
    """Every record, in order."""
    meaning = meaning_of(birth)
    return [meaning.tell(record) for record in records]


def _layout(told: Mapping[str, Any]) -> Layout:
    fields = (Field(**{key: field[key] for key in _PARTS}) for field in told["fields"])
    return Layout(*fields, name=told["name"], size=told["size"])


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
