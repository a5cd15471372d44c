"""A message of the uplink spelled out for people: names, units, times, flags. The birth says what the records mean."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from minegate_agent.link.delivered import DeliveredScan, Delivery, PayloadError, decode, opened
from minegate_drivers.sdk import Field, Layout, Nonsense, Quality

_PARTS = ("name", "type", "scale", "offset", "quantity", "unit", "low", "high", "at", "bit", "bits")


class Birth:
    """What a birth message tells of records. Raises PayloadError."""

    def __init__(self, payload: bytes) -> None:
        told = opened(payload)
        try:
            self.id = str(told["b"])
            self.names = {device["number"]: str(device["name"]) for device in told["devices"]}
            self._layouts = {
                (device["number"], part): _layout(layout)
                for device in told["devices"]
                for part, layout in enumerate(device["layouts"])
            }
        except (KeyError, TypeError, ValueError) as error:
            raise PayloadError(f"not a birth message: {type(error).__name__} {error}") from error

    def readings(self, scan: DeliveredScan) -> list[tuple[Field, float]]:
        """Every field with its value. Raises PayloadError if this birth does not explain the record."""
        layout = self._layouts.get((scan.device, scan.part))
        if layout is None:
            raise PayloadError(f"the birth does not know part {scan.part} of device {scan.device}")
        try:
            values = layout.decode(scan.record)
        except Nonsense as error:
            raise PayloadError(str(error)) from error
        return list(zip(layout.fields, values, strict=True))

    def values(self, scan: DeliveredScan) -> dict[str, str]:
        """Field -> value with its unit. Raises PayloadError if this birth does not explain the record."""
        return {field.name: f"{value:.6g} {field.unit}".rstrip() for field, value in self.readings(scan)}


def quality_text(quality: int) -> str:
    """The flags, or "good"."""
    return " ".join(str(flag.name).lower() for flag in Quality(quality)) or "good"


def spelled(payload: bytes, birth: Birth | None) -> dict[str, Any]:
    """The message as a JSON-able map. Raises PayloadError."""
    told = opened(payload)
    if not {"d", "e"} & told.keys():  # a birth or a state: nothing is packed in it
        plain: dict[str, Any] = _plain(told)
        return plain
    delivery = decode(payload)
    if birth is not None and birth.id != delivery.birth:
        raise PayloadError(f"the message goes with birth {delivery.birth}, this is birth {birth.id}")
    return _delivery(delivery, birth)


def _delivery(delivery: Delivery, birth: Birth | None) -> dict[str, Any]:
    return {
        "birth": delivery.birth,
        "first": delivery.first,
        "last": delivery.last,
        "scans": [_scan(scan, birth) for scan in delivery.scans],
        "events": [{"sequence": told.sequence, **_plain(told.event)} for told in delivery.events],
    }


def _scan(scan: DeliveredScan, birth: Birth | None) -> dict[str, Any]:
    at = datetime.fromtimestamp(scan.utc_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return {
        "sequence": scan.sequence,
        "utc": at.replace("+00:00", "Z"),
        "device": scan.device if birth is None else birth.names[scan.device],
        "part": scan.part,
        "quality": quality_text(scan.quality).split(),
        **({"record": scan.record.hex()} if birth is None else {"values": birth.values(scan)}),
        "boot": scan.boot,
        "number": scan.number,
    }


def _layout(told: Mapping[str, Any]) -> Layout:
    fields = (Field(**{key: field[key] for key in _PARTS}) for field in told["fields"])
    return Layout(*fields, name=told["name"], size=told["size"])


def _plain(value: Any) -> Any:
    """JSON knows no bytes; they are written as hex digits."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
