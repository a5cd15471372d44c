"""The interlock's records: what is packed comes back, and what is mangled is refused whole."""

from __future__ import annotations

import math
import random
import struct

import pytest

from minegate_interlock.lines import (
    NAME_BYTES,
    RECORD_BYTES_MAX,
    TEXT_BYTES,
    Answer,
    AreaState,
    Command,
    Kind,
    PointName,
    Reading,
    Record,
    Refused,
    Resume,
    Verb,
    Verdict,
    pack,
    unpack,
)  # fmt: skip

RULES = bytes(range(1, 9))
RECORDS: list[Record] = [
    PointName(65535, "1201-T1-甲烷", "%CH4"),
    PointName(0, "", ""),
    Reading(7, 0x1FF, 4_294_967_295, 12, -0.25),
    Verdict(1, 4_294_967_295, 4, 2, 7, "heading-1201", "1201-T1-ch4", 1.52, 1.5, "李工", "掘进面有烟", RULES),
    AreaState("heading-1201", 1, 0, 0, "", 0.5, 1.5, 9, 255, 255, 600, 2, RULES),
    Resume(0, 0),
    Command(Verb.CUT, "heading-1201", "Wang", "smoke at the face"),
    Answer(1, "power is permitted"),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_comes_back_as_it_was_sent(record: Record) -> None:
    assert unpack(pack(record)) == record
    assert len(pack(record)) <= RECORD_BYTES_MAX


@pytest.mark.parametrize("value", [math.inf, -math.inf, 0.1, 5e-324, 1.7976931348623157e308])
def test_every_float_travels_exactly(value: float) -> None:
    assert unpack(pack(Reading(1, 0, 0, 0, value))) == Reading(1, 0, 0, 0, value)


def test_nan_travels_so_that_the_judge_sees_it() -> None:
    came = unpack(pack(Reading(1, 0, 0, 0, math.nan)))
    assert isinstance(came, Reading)
    assert math.isnan(came.value)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_every_other_length_is_refused(record: Record) -> None:
    data = pack(record)
    for length in [*range(len(data)), len(data) + 1, RECORD_BYTES_MAX + 1]:
        with pytest.raises(Refused):
            unpack(data[:length].ljust(length, b"\0"))


@pytest.mark.parametrize("kind", [0, 8, 9, 127, 255])
def test_an_unknown_kind_is_refused_at_every_length(kind: int) -> None:
    for record in RECORDS:
        with pytest.raises(Refused):
            unpack(bytes([kind]) + pack(record)[1:])


def test_a_text_that_is_no_utf8_is_refused() -> None:
    data = bytearray(pack(Command(Verb.RESET, "area", "Li", "")))
    data[2] = 0xFF
    with pytest.raises(Refused):
        unpack(bytes(data))


def test_a_longer_text_is_cut_at_a_whole_character() -> None:
    came = unpack(pack(Command(Verb.CUT, "九" * 99, "b", "断" * 99)))
    assert isinstance(came, Command)
    assert came.area == "九" * (NAME_BYTES // 3)
    assert came.reason == "断" * (TEXT_BYTES // 3)


@pytest.mark.parametrize("number", [-1, 65536])
def test_a_number_that_does_not_fit_is_an_error_and_no_other_number(number: int) -> None:
    with pytest.raises(struct.error):
        pack(PointName(number, "x", ""))


def test_noise_is_refused_or_a_record_and_never_anything_else() -> None:
    chance = random.Random(1201)
    sizes = [len(pack(record)) for record in RECORDS]
    read = 0
    for _ in range(20_000):
        data = bytearray(chance.randbytes(chance.choice(sizes) + chance.choice([0, 0, 0, 1, -1])))
        data[0] = chance.choice([*Kind, 0, 200])
        try:
            unpack(bytes(data))
        except Refused:
            continue
        read += 1
    assert 0 < read < 20_000
