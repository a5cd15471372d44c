"""Messages of the uplink read back: what a receiver gets. Follows agent/PAYLOAD.md; refuses what does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import msgpack

from minegate_agent.link.blocks import joined
from minegate_agent.link.compression import CannotUnpack, unpacked
from minegate_agent.link.payload import COLUMNS, VERSION
from minegate_agent.link.records import encode_scan
from minegate_agent.scan import Scan

SCANS_MAX = 1_000_000  # in one message; with the next, a bound for nonsense far above what is ever sent
BLOCK_BYTES_MAX = 1 << 28


class PayloadError(ValueError):
    """Not a message of this format. The text says what does not fit."""


class DeliveredScan(NamedTuple):
    """One scan with its journal sequence. (gateway, sequence) recognises it when it comes twice."""

    sequence: int
    boot: int
    number: int
    device: int
    part: int
    quality: int
    utc_ms: int
    clock: int
    record: bytes
    mono_ms: int


class DeliveredEvent(NamedTuple):
    """One event with its journal sequence."""

    sequence: int
    event: dict[str, Any]


class Delivery(NamedTuple):
    """A live, history or event message."""

    birth: str
    first: int
    last: int
    scans: tuple[DeliveredScan, ...]
    events: tuple[DeliveredEvent, ...]


def opened(payload: bytes) -> dict[str, Any]:
    """The map of any message: birth, state or delivery. Raises PayloadError."""
    try:
        found = msgpack.unpackb(payload)
    except (ValueError, msgpack.UnpackException) as error:
        raise PayloadError(f"{len(payload)} bytes that are not msgpack: {error}") from error
    if not isinstance(found, dict) or found.get("v") != VERSION:
        version = found.get("v") if isinstance(found, dict) else None
        raise PayloadError(f"not a map of format version {VERSION} (v = {version!r})")
    return found


def decode(payload: bytes) -> Delivery:
    """The scans and events of a live, history or event message, in order of their sequences. Raises PayloadError."""
    found = opened(payload)
    try:
        devices = found.get("d", ())
        blocks = _blocks(found, devices) if devices else []
        pairs = zip(devices, blocks, strict=True)
        scans = [scan for device, block in pairs for scan in _scans(device, found["f"], block)]
        events = tuple(DeliveredEvent(sequence, event) for sequence, event in found.get("e", ()))
        delivery = Delivery(found["b"], found["f"], found["l"], tuple(sorted(scans)), events)
    except KeyError as error:
        raise PayloadError(f"key {error} is missing") from error
    except (TypeError, ValueError) as error:
        raise PayloadError(str(error)) from error
    told = [*(scan.sequence for scan in delivery.scans), *(event.sequence for event in delivery.events)]
    if not told or min(told) != delivery.first or max(told) != delivery.last:
        raise PayloadError(f"f = {delivery.first} and l = {delivery.last} are not the ends of what is in the message")
    return delivery


def _blocks(found: Mapping[str, Any], devices: list[Mapping[str, Any]]) -> list[bytes]:
    """The joined records of each device map."""
    sizes = [_size(device) for device in devices]
    form, _, compression = found["c"].partition("+") if isinstance(found["c"], str) else ("", "", "")
    if form != COLUMNS:
        raise PayloadError(f"c = {found['c']!r}: the form {form!r} is not known")
    try:
        whole = unpacked(compression, found["r"], sum(sizes))
    except CannotUnpack as error:
        raise PayloadError(str(error)) from error
    ends = list(accumulate(sizes, initial=0))
    return [joined(whole[at:end], one["z"], one["w"]) for one, (at, end) in zip(devices, pairwise(ends), strict=True)]


def _size(device: Mapping[str, Any]) -> int:
    count, size = len(device["s"]), device["z"]
    if not 0 < count <= SCANS_MAX or not 0 <= size * count <= BLOCK_BYTES_MAX:
        raise PayloadError(f"device {device['n']}: {count} scans of {size} bytes")
    return int(size * count)


def _scans(device: Mapping[str, Any], first: int, block: bytes) -> list[DeliveredScan]:
    sequences = list(accumulate(device["s"], initial=first))[1:]
    count, size = len(sequences), device["z"]
    boot, *numbers = device["o"]
    columns = zip(
        sequences,
        accumulate(numbers),
        _each(device["q"], count),
        accumulate(device["t"]),
        _each(device["k"], count),
        (block[at : at + size] for at in range(0, size * count, size)) if size else [b""] * count,
        accumulate(device["m"]),
        strict=True,
    )
    return [
        DeliveredScan(sequence, boot, number, device["n"], device["p"], quality, utc_ms, clock, record, mono_ms)
        for sequence, number, quality, utc_ms, clock, record, mono_ms in columns
    ]


def _each(told: int | list[int], count: int) -> list[int]:
    return [told] * count if isinstance(told, int) else told


def body_of(scan: DeliveredScan) -> bytes:
    """The scan's body as it stands in the journal, which is what the hash chain covers."""
    return encode_scan(
        Scan(
            scan.boot, scan.number, scan.device, scan.part, scan.quality, scan.mono_ms, scan.utc_ms, scan.clock,
            scan.record,
        )
    )  # fmt: skip
