"""The bytes of a segment: header and records. Little endian everywhere; the header names the checksum of records.

A whole segment leaves out no sequence. A thinned one (store/thinning.py) does, and each of its records says how many
sequences were taken out directly before it; if its last sequence went, a stub stands for that. So a jump that nobody
speaks of is damage, in either kind.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from typing import Final, NamedTuple

from minegate_agent.link.store.chain import START
from minegate_agent.link.store.checksum import OURS, checked, fits

FORMAT: Final = 2
FORMAT_THINNED: Final = 3
HEADER_BYTES: Final = 160
RECORD_BYTES: Final = 17  # in front of every body
BODY_BYTES_MAX: Final = 1 << 20
ORIGINS_MAX: Final = 8

_MAGIC = b"minegate"
_HEADER = struct.Struct("<8sHQBB32s")  # magic, format, first sequence, how many origins, checksum, chain
_ORIGIN = struct.Struct("<IQ")  # boot, number of its last item that is in the journal
_RECORD = struct.Struct("<IIQB")  # length of what follows, CRC, sequence, class
_COVERED = struct.Struct("<QBI")  # what the CRC covers before the body: sequence, class, length
_CRC = struct.Struct("<I")
_GONE = struct.Struct("<I")
_NAME = re.compile(r"(\d{20})(?:-([1-9]))?\.seg")
_ORIGIN_FOLLOWS = 0x80  # in the class: boot and number stand before the body
_GONE_FOLLOWS = 0x40  # in the class: how many sequences before this one were thinned stands before that
CLASS_MAX: Final = 0x3F
STUB: Final = 0  # the class of a record that is itself thinned; only the last of a segment is told so
PAYLOAD_BYTES_MAX: Final = BODY_BYTES_MAX + _ORIGIN.size + _GONE.size

Origin = tuple[int, int]  # boot of a producer, number it gave to the item


class Header(NamedTuple):
    """What a segment says of itself. `origins`: last number per boot in all records before this segment; `chain`: the
    hash chain behind the record before it (store/chain.py); `checksum`: whose CRC its records have; `thinned`: whether
    records were taken out of it.
    """

    first: int
    origins: dict[int, int]
    chain: bytes = START
    checksum: int = OURS
    thinned: bool = False


class Strange(Exception):  # noqa: N818 - says what the header is
    """Not a header. `format` is the number of a newer form, or 0 if the bytes are damaged."""

    def __init__(self, text: str, newer: int = 0) -> None:
        super().__init__(text)
        self.format = newer


class Stored(NamedTuple):
    """A whole record as found in a file, from byte `at` up to `end`. `origin` only if it was given beside the body.

    `gone`: so many sequences directly before this one were thinned. Class STUB: this one too, and it has no body.
    """

    at: int
    end: int
    sequence: int
    klass: int
    origin: Origin | None
    body: bytes
    gone: int = 0


class Name(NamedTuple):
    """What a file's name says: its first sequence, and how often it was thinned."""

    first: int
    level: int


def name_of(first: int, level: int = 0) -> str:
    """The file that starts with this sequence. A thinned one has another name, so that no reader sees both as one."""
    return f"{first:020d}-{level}.seg" if level else f"{first:020d}.seg"


def said_by(name: str) -> Name | None:
    """None if that is no segment's name."""
    match = _NAME.fullmatch(name)
    return Name(int(match[1]), int(match[2] or 0)) if match else None


def pack_header(header: Header) -> bytes:
    """HEADER_BYTES bytes."""
    assert len(header.origins) <= ORIGINS_MAX, len(header.origins)
    form = FORMAT_THINNED if header.thinned else FORMAT
    head = _HEADER.pack(_MAGIC, form, header.first, len(header.origins), header.checksum, header.chain)
    origins = b"".join(_ORIGIN.pack(boot, number) for boot, number in header.origins.items())
    covered = (head + origins).ljust(HEADER_BYTES - _CRC.size, b"\0")
    return covered + _CRC.pack(zlib.crc32(covered))


def unpack_header(data: bytes) -> Header:
    """Raises Strange."""
    covered, crc = data[: HEADER_BYTES - _CRC.size], data[HEADER_BYTES - _CRC.size : HEADER_BYTES]
    if len(crc) != _CRC.size or _CRC.unpack(crc)[0] != zlib.crc32(covered):
        raise Strange("header damaged")
    magic, form, first, count, checksum, chain = _HEADER.unpack_from(covered)
    if magic != _MAGIC:
        raise Strange("not a segment of a minegate journal")
    if form not in (FORMAT, FORMAT_THINNED):
        raise Strange(f"format {form}, this program reads formats {FORMAT} and {FORMAT_THINNED}", newer=form)
    if checksum > OURS:
        raise Strange("records with CRC-32C, and the package crc32c is not installed", newer=form)
    if not count <= ORIGINS_MAX:
        raise Strange(f"header names {count} origins, limit {ORIGINS_MAX}")
    at = _HEADER.size
    origins = dict(_ORIGIN.unpack_from(covered, at + i * _ORIGIN.size) for i in range(count))
    return Header(first, origins, chain, checksum, form == FORMAT_THINNED)


def pack_record(sequence: int, klass: int, body: bytes, origin: Origin | None, gone: int = 0) -> bytes:
    """The record as it stands in the file."""
    if origin is not None:
        klass |= _ORIGIN_FOLLOWS
        body = _ORIGIN.pack(*origin) + body
    if gone or klass == STUB:
        klass |= _GONE_FOLLOWS
        body = _GONE.pack(gone) + body
    crc = checked(body, _COVERED.pack(sequence, klass, len(body)))
    return _RECORD.pack(len(body), crc, sequence, klass) + body


def payload_bytes(buffer: bytes, at: int) -> int:
    """How many bytes follow the RECORD_BYTES bytes at `at`, if those are a record's; may be nonsense."""
    return int.from_bytes(buffer[at : at + 4], "little")


def unpack_record(buffer: bytes, index: int, at: int) -> Stored | None:
    """The record at `index` of the buffer, which is byte `at` of the file; None unless it is whole and right."""
    if len(buffer) - index < RECORD_BYTES:
        return None
    length, crc, sequence, klass = _RECORD.unpack_from(buffer, index)
    begin = index + RECORD_BYTES
    payload = buffer[begin : begin + length]
    if len(payload) != length or not fits(crc, payload, _COVERED.pack(sequence, klass, length)):
        return None
    end = at + RECORD_BYTES + length
    if not klass > CLASS_MAX:
        return Stored(at, end, sequence, klass, None, payload)
    return _with_more(Stored(at, end, sequence, klass, None, payload))


def whole_records(buffer: bytes, index: int, at: int) -> Iterator[Stored]:
    """The whole, right records one behind the other from `index` of the buffer on, which is byte `at` of the file.

    The same as `unpack_record` again and again, cheaper: opening and draining a journal is little else.
    """
    unpack, size, shift = _RECORD.unpack_from, len(buffer), at - index
    while size - index >= RECORD_BYTES:
        length, crc, sequence, klass = unpack(buffer, index)
        end = index + RECORD_BYTES + length
        if end > size:
            return
        payload = buffer[index + RECORD_BYTES : end]
        head = buffer[index + 8 : index + RECORD_BYTES] + buffer[index : index + 4]  # as _COVERED has it
        if crc != checked(payload, head) and not fits(crc, payload, head):
            return
        stored = Stored(index + shift, end + shift, sequence, klass, None, payload)
        if klass <= CLASS_MAX:
            yield stored
        elif (more := _with_more(stored)) is not None:
            yield more
        else:
            return
        index = end


def _with_more(stored: Stored) -> Stored | None:
    """What stands before the body."""
    klass, payload, gone, origin = stored.klass, stored.body, 0, None
    if klass & _GONE_FOLLOWS:
        if len(payload) < _GONE.size:
            return None
        (gone,) = _GONE.unpack_from(payload)
        payload = payload[_GONE.size :]
    if klass & _ORIGIN_FOLLOWS:
        if len(payload) < _ORIGIN.size:
            return None
        origin = _ORIGIN.unpack_from(payload)
        payload = payload[_ORIGIN.size :]
    return stored._replace(klass=klass & CLASS_MAX, origin=origin, body=payload, gone=gone)


def candidates(above: int, upto: int) -> re.Pattern[bytes]:
    """Where a record with a sequence in (above, upto] may start in bytes that lost their order.

    A regular expression looks at tens of millions of positions a second; a loop in Python at less than one.
    """
    low, high = (above + 1).to_bytes(8, "big"), upto.to_bytes(8, "big")
    common = next((i for i in range(8) if low[i] != high[i]), 8)
    sequence = b"." * (8 - common) + b"".join(re.escape(bytes((byte,))) for byte in reversed(low[:common]))
    return re.compile(rb"(?=..[\x00-\x10]\x00.{4}" + sequence + rb"[^\x00\x80\xc0])", re.DOTALL)
