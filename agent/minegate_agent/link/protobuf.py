"""The little of Protocol Buffers that Sparkplug needs (protobuf.dev, "Encoding"): varints, doubles, bytes. Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterator

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class Broken(ValueError):  # noqa: N818 - says what the bytes are
    """Not a message."""


def varint(number: int) -> bytes:
    """A number from 0 to 2**64 - 1."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def whole(field: int, number: int) -> bytes:
    """A field of type uint32, uint64 or bool."""
    return varint(field << 3 | _VARINT) + varint(number)


def double(field: int, number: float) -> bytes:
    """A field of type double."""
    return varint(field << 3 | _FIXED64) + struct.pack("<d", number)


def bytes_(field: int, value: bytes) -> bytes:
    """A field of type bytes, or a message."""
    return varint(field << 3 | _BYTES) + varint(len(value)) + value


def text(field: int, value: str) -> bytes:
    """A field of type string."""
    return bytes_(field, value.encode("utf-8"))


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(field, value) of each field; numbers of fixed size as bytes. Raises Broken."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        field, kind = key >> 3, key & 7
        if kind == _VARINT:
            number, at = _varint(message, at)
            yield field, number
            continue
        if kind == _BYTES:
            size, at = _varint(message, at)
        elif kind in (_FIXED32, _FIXED64):
            size = 8 if kind == _FIXED64 else 4
        else:
            raise Broken(f"wire type {kind}")
        if at + size > len(message):
            raise Broken("cut short")
        yield field, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while at < len(message) and shift < 64:
        byte = message[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return number, at
    raise Broken("a number without end")
