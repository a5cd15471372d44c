"""The bodies of journal records: a scan in 28 bytes and its record, an event as msgpack map.

A body's class is part of the journal's record; a changed form gets a new class number, the old ones stay readable.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

import msgpack

from minegate_agent.scan import Scan

SCAN: Final = 1
EVENT: Final = 2

# boot u32, number u48, device u16, part u8, clock u8, quality u16, mono_ms u48, utc_ms u48; then the record as read.
# 48 bits last 8,900 years of milliseconds; a u32 of items would turn over after 50 days at 1,000 a second.
_SCAN = struct.Struct("<IIHHBBHIHIH")
_ORIGIN = struct.Struct("<IIH")
_SOURCE = struct.Struct("<HB")
_UTC = struct.Struct("<IH")
_UTC_AT = _SCAN.size - _UTC.size
_LOW = 0xFFFF_FFFF

# Which of an event's keys numbers it, by the process that speaks. Events of link itself have no number of their own.
_NUMBER_KEY = {"field": "number", "interlock": "sequence"}


class BadBody(ValueError):  # noqa: N818 - says what the bytes are
    """Bytes that are not a body of their class. The text says what is wrong."""


def encode_scan(scan: Scan) -> bytes:
    """The scan as body of class SCAN. BadBody if a number does not fit its place."""
    number, mono_ms, utc_ms = scan.number, scan.mono_ms, scan.utc_ms
    try:
        head = _SCAN.pack(
            scan.boot, number & _LOW, number >> 32, scan.device, scan.part, scan.clock, scan.quality,
            mono_ms & _LOW, mono_ms >> 32, utc_ms & _LOW, utc_ms >> 32,
        )  # fmt: skip
    except struct.error as error:
        raise BadBody(f"scan of device {scan.device}, number {number}: {error}") from error
    return head + scan.record


def decode_scan(body: bytes) -> Scan:
    """The scan in a body of class SCAN. BadBody if it is too short to be one."""
    try:
        boot, low, high, device, part, clock, quality, mono, mono_high, utc, utc_high = _SCAN.unpack_from(body)
    except struct.error as error:
        raise BadBody(f"scan of {len(body)} bytes, at least {_SCAN.size} expected") from error
    return Scan(
        boot, high << 32 | low, device, part, quality, mono_high << 32 | mono, utc_high << 32 | utc, clock,
        body[_SCAN.size :],
    )  # fmt: skip


def encode_event(event: Mapping[str, object]) -> bytes:
    """The event as body of class EVENT. BadBody unless it has `kind`, `from` and `utc_ms`."""
    _refuse_strange(event)
    try:
        return bytes(msgpack.packb(dict(event)))
    except (TypeError, ValueError, OverflowError) as error:
        raise BadBody(f"event {event['kind']}: {error}") from error


def decode_event(body: bytes) -> dict[str, object]:
    """The event in a body of class EVENT. BadBody unless it is a map with `kind`, `from` and `utc_ms`."""
    try:
        event = msgpack.unpackb(body)
    except (ValueError, msgpack.UnpackException) as error:
        raise BadBody(f"event of {len(body)} bytes is not msgpack: {error}") from error
    if not isinstance(event, dict):
        raise BadBody(f"event is {type(event).__name__}, a map expected")
    _refuse_strange(event)
    return event


def _refuse_strange(event: Mapping[str, object]) -> None:
    for key, kind in (("kind", str), ("from", str), ("utc_ms", int)):
        if not isinstance(event.get(key), kind):
            raise BadBody(f"event: {key} is {event.get(key)!r}, {kind.__name__} expected")


def origin_of(klass: int, body: bytes) -> tuple[int, int] | None:
    """(boot, number) that the body says of itself; None if its producer numbers nothing or the body is strange."""
    if klass == SCAN and len(body) >= _SCAN.size:
        boot, low, high = _ORIGIN.unpack_from(body)
        return boot, high << 32 | low
    if klass != EVENT:
        return None
    try:
        event = decode_event(body)
    except BadBody:
        return None
    boot, number = event.get("boot"), event.get(_NUMBER_KEY.get(str(event["from"]), ""))
    return (boot, number) if isinstance(boot, int) and isinstance(number, int) else None


def utc_ms_of(klass: int, body: bytes) -> int | None:
    """When it happened; None if the body does not say."""
    if klass == SCAN and len(body) >= _SCAN.size:
        low, high = _UTC.unpack_from(body, _UTC_AT)
        return int(high) << 32 | int(low)
    if klass != EVENT:
        return None
    try:
        utc_ms = decode_event(body)["utc_ms"]
    except BadBody:
        return None
    return utc_ms if isinstance(utc_ms, int) else None


def source_of(klass: int, body: bytes) -> tuple[int, int] | None:
    """(device, part) of a reading; None for what is no reading, or a strange one, which must not be thinned."""
    if klass != SCAN or len(body) < _SCAN.size:
        return None
    device, part = _SOURCE.unpack_from(body, _ORIGIN.size)
    return int(device), int(part)
