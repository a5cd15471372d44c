"""A layout says what the bytes of a record mean, and refuses bytes that are not one of its records."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minegate_drivers.ranges import range_quality
from minegate_drivers.sdk import Field, Layout, Nonsense, Quality

deterministic = settings(derandomize=True, database=None, deadline=None, max_examples=200)


@pytest.mark.parametrize(
    ("type_", "record", "value"),
    [
        ("<u1", "ff", 255),
        ("<i1", "ff", -1),
        (">u2", "007d", 125),
        ("<u2", "7d00", 125),
        (">i2", "fffd", -3),
        (">u4", "00010000", 65536),
        ("<i4", "ffffffff", -1),
        ("<u8", "ffffffffffffffff", 2**64 - 1),
        (">i8", "8000000000000000", -(2**63)),
        (">f4", "3fa00000", 1.25),
        ("<f8", struct.pack("<d", -0.5).hex(), -0.5),
    ],
)
def test_every_type_means_what_struct_says(type_: str, record: str, value: float) -> None:
    assert Layout(Field("x", type_)).decode(bytes.fromhex(record)) == (float(value),)


def test_a_value_is_raw_times_scale_plus_offset() -> None:
    layout = Layout(Field("ch4", ">u2", scale=0.01), Field("t", "<i1", scale=0.5, offset=-40.0))
    assert layout.decode(bytes.fromhex("007df6")) == (1.25, -45.0)


def test_fields_lie_behind_each_other_unless_told_where() -> None:
    layout = Layout(Field("a", "<u2"), Field("b", "<u1"), Field("c", "<u4", at=8), Field("d", "<u1"))
    assert [field.at for field in layout.fields] == [0, 2, 8, 12]
    assert layout.size == 13


def test_a_record_may_be_longer_than_its_last_field() -> None:
    assert Layout(Field("a", "<u1"), size=8).decode(b"\x07" + bytes(7)) == (7.0,)


@deterministic
@given(st.integers(0, 2**64 - 1), st.sampled_from([1, 2, 4, 8]), st.data())
def test_bits_are_a_slice_of_the_integer_with_its_sign(raw: int, size: int, data: st.DataObject) -> None:
    raw &= (1 << 8 * size) - 1
    bits = data.draw(st.integers(1, 8 * size))
    bit = data.draw(st.integers(0, 8 * size - bits))
    digits = f"{raw:0{8 * size}b}"[::-1][bit : bit + bits][::-1]
    unsigned = int(digits, 2)
    signed = unsigned - (1 << bits) if digits[0] == "1" else unsigned
    for order, word in (("<", "little"), (">", "big")):
        record = raw.to_bytes(size, "little" if word == "little" else "big")
        layout = Layout(
            Field("u", f"{order}u{size}", at=0, bit=bit, bits=bits),
            Field("i", f"{order}i{size}", at=0, bit=bit, bits=bits),
        )
        assert layout.decode(record) == (float(unsigned), float(signed))


@pytest.mark.parametrize("length", [0, 1, 3, 400])
def test_a_record_of_another_length_is_nonsense(length: int) -> None:
    with pytest.raises(Nonsense, match=f"length: record of {length} bytes, layout 'two' has 2"):
        Layout(Field("a", "<u2"), name="two").decode(bytes(length))


@pytest.mark.parametrize("type_", ["u2", "=u2", "<u3", "<x2", "", "<f2"])
def test_a_type_that_nobody_can_read_is_refused(type_: str) -> None:
    with pytest.raises(ValueError, match=r"field a: type .* is not one of"):
        Field("a", type_)


@pytest.mark.parametrize(("type_", "bit", "bits"), [("<u1", 0, 9), ("<u2", 15, 2), ("<u1", -1, 1), ("<u1", 0, 0)])
def test_bits_outside_their_integer_are_refused(type_: str, bit: int, bits: int) -> None:
    with pytest.raises(ValueError, match=f"field a: {bits} bits from bit {bit} are not inside {type_}"):
        Field("a", type_, bit=bit, bits=bits)


def test_bits_of_a_float_are_refused() -> None:
    with pytest.raises(ValueError, match="are not inside <f4"):
        Field("a", "<f4", bits=4)


def test_two_fields_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="a field name appears twice"):
        Layout(Field("a", "<u1"), Field("a", "<u1"))


@pytest.mark.parametrize(
    ("value", "quality"),
    [
        (0.0, Quality.GOOD),
        (4.0, Quality.GOOD),
        (-0.01, Quality.OUT_OF_RANGE),
        (4.01, Quality.OUT_OF_RANGE),
        (math.nan, Quality.OUT_OF_RANGE),
        (math.inf, Quality.OUT_OF_RANGE),
        (-math.inf, Quality.OUT_OF_RANGE),
    ],
)
def test_a_value_is_in_range_from_low_to_high_and_nan_is_nowhere(value: float, quality: Quality) -> None:
    assert range_quality(Field("ch4", "<f4", low=0.0, high=4.0), value) is quality
    assert range_quality(Field("free", "<f4"), value) is Quality.GOOD


@pytest.mark.parametrize("field", [Field("low", "<f4", low=0.0), Field("high", "<f4", high=0.0)])
def test_nan_is_outside_of_half_a_range_too(field: Field) -> None:
    assert range_quality(field, math.nan) is Quality.OUT_OF_RANGE
    assert range_quality(field, 0.0) is Quality.GOOD
