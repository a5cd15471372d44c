"""A frame of a private protocol, described in data: head, length, escape, check, tail. Builds and takes apart, no port.

head = "68"             bytes that begin a frame, hex
tail = "16"             bytes that end it, "" if none
length = 1              where the length stands, counted from the frame's first byte; -1: none, `size` is fixed
length_bytes = 1        1 or 2
length_order = "big"    big, little
length_adds = 5         whole frame = length + this, before escaping
size = 0                the whole frame, if it has no length
check = "crc16_modbus"  see checksums.NAMED, or "none"
check_from = 0          first byte that is summed
check_order = "little"  big, little
escape = "7d:7e=7d5e,7d=7d5d"     the escaping byte, then what is sent for what; between head and tail only
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from minegate_drivers.checksums import NAMED
from minegate_drivers.sdk import Nonsense

FRAME_BYTES_MAX = 1024
Hex = Annotated[str, Meta(pattern=r"^([0-9A-Fa-f]{2}){0,8}$")]


class Framing(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """See the module."""

    head: Annotated[str, Meta(pattern=r"^([0-9A-Fa-f]{2}){1,8}$")]
    tail: Hex = ""
    length: Annotated[int, Meta(ge=-1, le=16)] = -1
    length_bytes: Literal[1, 2] = 1
    length_order: Literal["big", "little"] = "big"
    length_adds: Annotated[int, Meta(ge=-64, le=64)] = 0
    size: Annotated[int, Meta(ge=0, le=FRAME_BYTES_MAX)] = 0
    check: str = "none"
    check_from: Annotated[int, Meta(ge=0, le=16)] = 0
    check_order: Literal["big", "little"] = "little"
    escape: str = ""


class Codec:
    """A framing made ready. ValueError if it contradicts itself."""

    def __init__(self, framing: Framing) -> None:
        self._framing = framing
        self._head, self._tail = bytes.fromhex(framing.head), bytes.fromhex(framing.tail)
        if framing.check != "none" and framing.check not in NAMED:
            raise ValueError(f"check {framing.check!r} is not one of none, {', '.join(NAMED)}")
        self._sum_bytes, self._sum = NAMED.get(framing.check, (0, _no_sum))
        self._sent, self._meant = _escapes(framing.escape)
        self._shortest = len(self._head) + self._sum_bytes + len(self._tail)
        if framing.length >= 0:
            if framing.length < len(self._head):
                raise ValueError(f"length at {framing.length} lies inside the head")
            self._shortest = max(self._shortest, framing.length + framing.length_bytes)
        elif framing.size and framing.size < self._shortest:
            raise ValueError(f"size {framing.size} is less than head, check and tail")
        elif not framing.size and not framing.tail:
            raise ValueError("a frame needs a length, a size or a tail to end")

    def build(self, body: bytes) -> bytes:
        """The frame whose bytes between head and check are `body`, its length put in. ValueError if it does not fit."""
        frame = bytearray(self._head + body)
        whole = len(frame) + self._sum_bytes + len(self._tail)
        at, size = self._framing.length, self._framing.length_bytes
        if at >= 0:
            frame[at : at + size] = (whole - self._framing.length_adds).to_bytes(size, self._framing.length_order)
        total = self._sum(bytes(frame[self._framing.check_from :]))
        frame += total.to_bytes(self._sum_bytes, self._framing.check_order)
        inner = bytes(frame[len(self._head) :])
        sent = b"".join(self._sent.get(byte, bytes((byte,))) for byte in inner) if self._sent else inner
        return self._head + sent + self._tail

    def missing(self, heard: bytes) -> int:
        """How many bytes at least are missing until `heard` holds a whole frame; 0: it does, or never will."""
        if len(heard) > FRAME_BYTES_MAX:
            return 0
        at = self._begin(heard)
        if at < 0:
            return self._shortest - _overlap(heard, self._head)
        raw = heard[at:]
        if self._sent and self._tail:
            return max(1, self._shortest - len(raw)) if self._tail not in raw[len(self._head) :] else 0
        plain, held = self._plain(raw)
        return max(self._whole(plain) - len(plain), 1 if held else 0, 0)

    def body(self, heard: bytes) -> bytes:
        """What lies between head and check of the frame in `heard`. Raises Nonsense."""
        at = self._begin(heard)
        if at < 0:
            raise Nonsense("format", "no head")
        raw = heard[at:]
        if self._sent and self._tail:
            raw = self._cut(raw)
        frame, held = self._plain(raw)
        if held or len(frame) < self._shortest or len(frame) != self._whole(frame):
            raise Nonsense("length", f"{len(frame)} bytes")
        if self._tail and frame[-len(self._tail) :] != self._tail:
            raise Nonsense("format", f"the frame ends with {frame[-len(self._tail) :].hex()}")
        end = len(frame) - len(self._tail) - self._sum_bytes
        said = int.from_bytes(frame[end : end + self._sum_bytes], self._framing.check_order)
        if self._sum(frame[self._framing.check_from : end]) != said:
            raise Nonsense("checksum", f"{said:x} is not the {self._framing.check} of the frame")
        return frame[len(self._head) : end]

    def _begin(self, heard: bytes) -> int:
        """Where the frame begins, -1: nowhere. Where head and tail are the same, two in a row end one and begin one."""
        at = heard.find(self._head)
        while at >= 0 and self._head == self._tail and heard.startswith(self._head, at + len(self._head)):
            at += len(self._head)
        return at

    def _cut(self, raw: bytes) -> bytes:
        end = raw.find(self._tail, len(self._head))
        if end < 0 or end + len(self._tail) != len(raw):
            raise Nonsense("length", f"{len(raw)} bytes without a tail at their end")
        return raw

    def _plain(self, raw: bytes) -> tuple[bytes, bool]:
        """Without escapes; True if the last byte begins one."""
        if not self._meant:
            return raw, False
        plain = bytearray(raw[: len(self._head)])
        escapes = {sent[0] for sent in self._meant}
        at = len(self._head)
        while at < len(raw):
            if raw[at] in escapes:
                if at + 1 == len(raw):
                    return bytes(plain), True
                plain.append(self._meant.get(raw[at : at + 2], raw[at]))
                at += 2
                continue
            plain.append(raw[at])
            at += 1
        return bytes(plain), False

    def _whole(self, plain: bytes) -> int:
        """The length that the beginning of a frame announces, at least the shortest; 0: one that cannot be."""
        framing = self._framing
        at, size = framing.length, framing.length_bytes
        if at < 0:
            if framing.size:
                return framing.size
            end = plain.find(self._tail, self._shortest - len(self._tail))
            return end + len(self._tail) if end >= 0 else max(self._shortest, len(plain) + 1)
        if len(plain) < at + size:
            return self._shortest
        whole = int.from_bytes(plain[at : at + size], framing.length_order) + framing.length_adds
        return whole if self._shortest <= whole <= FRAME_BYTES_MAX else 0


def _no_sum(data: bytes) -> int:
    return 0


def _overlap(heard: bytes, head: bytes) -> int:
    """How many bytes at the end of `heard` may be the beginning of `head`."""
    return next((size for size in range(min(len(heard), len(head) - 1), 0, -1) if heard.endswith(head[:size])), 0)


def _escapes(text: str) -> tuple[dict[int, bytes], dict[bytes, int]]:
    if not text:
        return {}, {}
    found = re.fullmatch(r"([0-9a-f]{2}):((?:[0-9a-f]{2}=[0-9a-f]{4})(?:,[0-9a-f]{2}=[0-9a-f]{4})*)", text.lower())
    if not found:
        raise ValueError(f"escape {text!r} is not like 7d:7e=7d5e,7d=7d5d")
    sent = {int(pair[:2], 16): bytes.fromhex(pair[3:]) for pair in found[2].split(",")}
    escape = int(found[1], 16)
    if escape not in sent or any(pair[0] != escape for pair in sent.values()):
        raise ValueError(f"escape {text!r}: the escaping byte itself must be escaped, and begin every escape")
    return sent, {pair: byte for byte, pair in sent.items()}
