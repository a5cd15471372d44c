"""Bodies of the journal come back as they went in; their form is fixed; strange bytes are refused with a reason."""

from __future__ import annotations

import contextlib
import hashlib
import zlib
from collections.abc import Callable

import crc32c
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minegate_agent.link.records import (
    EVENT,
    SCAN,
    BadBody,
    decode_event,
    decode_scan,
    encode_event,
    encode_scan,
    origin_of,
    source_of,
    utc_ms_of,
)
from minegate_agent.link.store.chain import START, linked
from minegate_agent.link.store.checksum import CRC32C
from minegate_agent.link.store.form import Header, Strange, pack_header, pack_record, unpack_header, unpack_record
from minegate_agent.scan import Scan

U16, U32, U48 = (st.integers(0, 2**bits - 1) for bits in (16, 32, 48))
U8 = st.integers(0, 255)
SCANS = st.builds(Scan, U32, U48, U16, U8, U16, U48, U48, U8, st.binary(max_size=200))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(SCANS)
def test_a_scan_comes_back_as_it_went_in(scan: Scan) -> None:
    body = encode_scan(scan)
    assert decode_scan(body) == scan
    assert len(body) == 28 + len(scan.record)
    assert origin_of(SCAN, body) == (scan.boot, scan.number)
    assert utc_ms_of(SCAN, body) == scan.utc_ms


def test_the_form_of_a_scan_is_fixed() -> None:
    """A journal on disk outlives the program that wrote it: a changed form needs a new class."""
    times = (0x0708_090A_0B0C, 0x0D0E_0F10_1112, 0x66)
    scan = Scan(0xA1B2C3D4, 0x0102_0304_0506, 0x1122, 0x33, 0x4455, *times, b"\x00\x7d")
    assert encode_scan(scan).hex(" ") == (
        "d4 c3 b2 a1 06 05 04 03 02 01 22 11 33 66 55 44 0c 0b 0a 09 08 07 12 11 10 0f 0e 0d 00 7d"
    )


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        (None, "03 00 00 00 f5 1a 21 94 08 07 06 05 04 03 02 01 02 61 62 63"),
        ((7, 9), "0f 00 00 00 5d 5c 04 cc 08 07 06 05 04 03 02 01 82 07 00 00 00 09 00 00 00 00 00 00 00 61 62 63"),
    ],
)
def test_the_form_of_a_record_is_fixed(origin: tuple[int, int] | None, expected: str) -> None:
    packed = pack_record(0x0102_0304_0506_0708, EVENT, b"abc", origin)
    assert packed.hex(" ") == expected
    stored = unpack_record(b"??" + packed + b"!", 2, 1000)
    assert stored == (1000, 1000 + len(packed), 0x0102_0304_0506_0708, EVENT, origin, b"abc", 0)


def test_the_form_of_a_header_is_fixed() -> None:
    header = Header(0x0102, {7: 9}, bytes(range(32)), CRC32C)
    packed = pack_header(header)
    assert packed[:64].hex(" ") == (
        "6d 69 6e 65 67 61 74 65 02 00 02 01 00 00 00 00 00 00 01 02 "
        "00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f "
        "07 00 00 00 09 00 00 00 00 00 00 00"
    )
    assert len(packed) == 160
    assert unpack_header(packed) == header


def test_the_chain_is_the_hash_of_what_came_before_and_the_record() -> None:
    once = hashlib.sha256(bytes(32) + bytes.fromhex("01 00 00 00 00 00 00 00 02 03 00 00 00") + b"abc").digest()
    assert linked(START, 1, EVENT, b"abc") == once


@pytest.mark.parametrize("other", [zlib.crc32, crc32c.crc32c])
def test_a_record_is_read_whichever_checksum_it_was_written_with(other: Callable[[bytes], int]) -> None:
    packed = bytearray(pack_record(7, EVENT, b"abc", None))
    packed[4:8] = other(packed[8:17] + packed[:4] + packed[17:]).to_bytes(4, "little")
    assert unpack_record(bytes(packed), 0, 0) is not None
    packed[-1] ^= 1
    assert unpack_record(bytes(packed), 0, 0) is None


@pytest.mark.parametrize("at", [0, 8, 10, 18, 60, 127, 159])
def test_a_header_with_any_damaged_byte_is_refused(at: int) -> None:
    damaged = bytearray(pack_header(Header(1, {})))
    damaged[at] ^= 0x80
    with pytest.raises(Strange, match="damaged"):
        unpack_header(bytes(damaged))


@pytest.mark.parametrize(
    "changed",
    [{"number": -1}, {"number": 2**48}, {"utc_ms": -1}, {"mono_ms": 2**48}, {"device": 65536}, {"boot": 2**32}],
)
def test_a_scan_whose_numbers_do_not_fit_is_refused(changed: dict[str, int]) -> None:
    with pytest.raises(BadBody, match="scan of device"):
        encode_scan(Scan(**{**Scan(1, 1, 1, 1, 1, 1, 1, 1, b"")._asdict(), **changed}))


def test_an_event_comes_back_as_it_went_in() -> None:
    event: dict[str, object] = {
        "kind": "cut", "from": "interlock", "utc_ms": 1_700_000_000_000, "boot": 4_000_000_000, "sequence": 7,
        "area": "heading-1201", "value": 1.52, "by": "", "reason": "甲烷", "rules": b"\x01\xff", "none": None,
    }  # fmt: skip
    body = encode_event(event)
    assert decode_event(body) == event
    assert origin_of(EVENT, body) == (4_000_000_000, 7)
    assert utc_ms_of(EVENT, body) == 1_700_000_000_000


@pytest.mark.parametrize("missing", ["kind", "from", "utc_ms"])
def test_an_event_without_what_every_event_has_is_refused(missing: str) -> None:
    event = {"kind": "started", "from": "link", "utc_ms": 1}
    del event[missing]
    with pytest.raises(BadBody, match=missing):
        encode_event(event)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.binary(max_size=60))
def test_no_bytes_make_a_decoder_raise_anything_but_bad_body(body: bytes) -> None:
    for klass, decode in ((SCAN, decode_scan), (EVENT, decode_event)):
        with contextlib.suppress(BadBody):
            decode(body)
        origin_of(klass, body)
        utc_ms_of(klass, body)
        source_of(klass, body)
