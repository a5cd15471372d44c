"""Bodies of the journal come back as they went in; their form is fixed; strange bytes are refused with a reason."""

from __future__ import annotations

import contextlib

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
    loss_event_in,
    origin_of,
    utc_ms_of,
)
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
        (None, "03 00 00 00 95 3f 86 d1 08 07 06 05 04 03 02 01 02 61 62 63"),
        ((7, 9), "0f 00 00 00 9e 3a 02 58 08 07 06 05 04 03 02 01 82 07 00 00 00 09 00 00 00 00 00 00 00 61 62 63"),
    ],
)
def test_the_form_of_a_record_is_fixed(origin: tuple[int, int] | None, expected: str) -> None:
    packed = pack_record(0x0102_0304_0506_0708, EVENT, b"abc", origin)
    assert packed.hex(" ") == expected
    stored = unpack_record(b"??" + packed + b"!", 2, 1000)
    assert stored == (1000, 1000 + len(packed), 0x0102_0304_0506_0708, EVENT, origin, b"abc")


def test_the_form_of_a_header_is_fixed() -> None:
    packed = pack_header(Header(0x0102, {7: 9}))
    assert packed.rstrip(b"\0")[:31].hex(" ") == (
        "6d 69 6e 65 67 61 74 65 01 00 02 01 00 00 00 00 00 00 01 07 00 00 00 09 00 00 00 00 00 00 00"
    )
    assert len(packed) == 128
    assert unpack_header(packed) == Header(0x0102, {7: 9})


@pytest.mark.parametrize("at", [0, 8, 10, 18, 60, 127])
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
    assert loss_event_in(EVENT, body) == []
    assert loss_event_in(EVENT, encode_event(event | {"kind": "loss"})) == [event | {"kind": "loss"}]


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
        loss_event_in(klass, body)
