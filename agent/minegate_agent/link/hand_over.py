"""The frames between field and link: u32 length, low byte first, and a msgpack map. Refused if anything is off."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeGuard

import msgpack

from minegate_agent.link.numbering import NUMBER_MAX
from minegate_agent.link.records import EVENT, SCAN, BadBody, encode_event, encode_scan
from minegate_agent.link.store.form import BODY_BYTES_MAX
from minegate_agent.scan import Scan

FRAME_BYTES_MAX = 16 * 1024 * 1024
BOOT_MAX = (1 << 32) - 1
_LENGTH = struct.Struct("<I")


class Mangled(Exception):  # noqa: N818 - says what the frame is
    """Not a frame of this protocol; the connection is closed. The text says what is wrong."""


class Hello(NamedTuple):
    """Who speaks. `previous`: boot and last number of the field process before, as its tally on disk tells."""

    boot: int
    previous: tuple[int, int] | None
    config: str


class Item(NamedTuple):
    """One numbered thing. `body` is empty if it cannot be journaled; `strange` says why then."""

    number: int
    utc_ms: int
    klass: int
    body: bytes
    scan: Scan | None
    event: dict[str, object] | None
    strange: str = ""


def frame(message: Mapping[str, object]) -> bytes:
    """The bytes of a message."""
    body: bytes = msgpack.packb(dict(message))
    return _LENGTH.pack(len(body)) + body


async def receive(reader: asyncio.StreamReader) -> dict[str, Any]:
    """The next message. Raises Mangled; asyncio.IncompleteReadError at the end of the line."""
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    if not length <= FRAME_BYTES_MAX:
        raise Mangled(f"a frame of {length} bytes, limit {FRAME_BYTES_MAX}")
    body = await reader.readexactly(length)
    try:
        message = msgpack.unpackb(body)
    except (ValueError, msgpack.UnpackException) as error:
        raise Mangled(f"a frame that is not msgpack: {error}") from error
    if not isinstance(message, dict) or not isinstance(message.get("k"), str):
        raise Mangled("a frame that is no map with `k`")
    return message


def hello(message: Mapping[str, Any]) -> Hello:
    """Raises Mangled."""
    if message["k"] != "hello":
        raise Mangled(f"{message['k']!r} before hello")
    boot, previous, config = message.get("boot"), message.get("previous"), message.get("config")
    if not _whole(boot, 1, BOOT_MAX) or not isinstance(config, str):
        raise Mangled(f"hello with boot {boot!r}, config {config!r}")
    if previous is None:
        return Hello(boot, None, config)
    if not isinstance(previous, list) or len(previous) != 2:
        raise Mangled(f"hello with previous {previous!r}")
    if not _whole(previous[0], 1, BOOT_MAX) or not _whole(previous[1], 0, NUMBER_MAX):
        raise Mangled(f"hello with previous {previous!r}")
    return Hello(boot, (previous[0], previous[1]), config)


def item(row: Any, boot: int) -> Item:
    """One row of an items frame. Raises Mangled if it has no number; what else is wrong stands in `strange`."""
    if not isinstance(row, list) or len(row) < 2 or not _whole(row[0], 1, NUMBER_MAX):
        raise Mangled(f"an item without a number: {str(row)[:80]}")
    number = row[0]
    try:
        if row[1] == "s":
            _, _, device, part, quality, mono_ms, utc_ms, clock, record = row
            scan = Scan(boot, number, device, part, quality, mono_ms, utc_ms, clock, bytes(record))
            return _fitting(Item(number, utc_ms, SCAN, encode_scan(scan), scan, None))
        if row[1] == "e":
            _, _, utc_ms, told = row
            event = {**told, "from": "field", "utc_ms": utc_ms, "boot": boot, "number": number}
            return _fitting(Item(number, utc_ms, EVENT, encode_event(event), None, event))
    except (BadBody, TypeError, ValueError) as error:
        return Item(number, 0, 0, b"", None, None, str(error)[:200])
    return Item(number, 0, 0, b"", None, None, f"kind {row[1]!r} is not known")


def _fitting(one: Item) -> Item:
    if len(one.body) <= BODY_BYTES_MAX:
        return one
    return one._replace(body=b"", scan=None, event=None, strange=f"{len(one.body)} bytes, limit {BODY_BYTES_MAX}")


def _whole(value: object, low: int, high: int) -> TypeGuard[int]:
    return type(value) is int and low <= value <= high
