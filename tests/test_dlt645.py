"""DL/T 645-2007 frames are those that meters send, and a meter is believed only whole, ours and undamaged."""

from __future__ import annotations

import math

import pytest

from minegate_drivers import dlt645
from minegate_drivers.dlt645_meter import Dlt645Meter, number
from minegate_drivers.sdk import Nonsense, Quality

# Published exchanges with real meters: energy 00000000 and the block of three voltages 0201FF00.
ENERGY = "68 03 20 12 22 20 65 68 11 04 33 33 33 33 8d 16"
ENERGY_ANSWER = "68 03 20 12 22 20 65 68 91 08 33 33 33 33 33 33 33 33 dd 16"
VOLTAGES = "fe fe fe fe 68 18 20 12 22 20 65 68 11 04 33 32 34 35 a4 16"
VOLTAGES_ANSWER = "fe fe fe fe 68 18 20 12 22 20 65 68 91 0a 33 32 34 35 33 33 33 33 c7 56 13 16"
READ_ADDRESS = "68 aa aa aa aa aa aa 68 13 00 df 16"


def test_requests_are_those_of_published_exchanges() -> None:
    assert dlt645.read("652022122003", 0) == dlt645.PREAMBLE + bytes.fromhex(ENERGY)
    assert dlt645.read("652022122018", 0x0201FF00) == bytes.fromhex(VOLTAGES)
    assert dlt645.framed(dlt645.ANYONE, dlt645.READ_ADDRESS) == bytes.fromhex(READ_ADDRESS)


def test_answers_are_those_of_published_exchanges() -> None:
    assert dlt645.carried(bytes.fromhex(ENERGY_ANSWER), bytes.fromhex(ENERGY)) == bytes(4)
    voltages = dlt645.carried(bytes.fromhex(VOLTAGES_ANSWER), bytes.fromhex(VOLTAGES))
    assert [number(voltages[at : at + 2], 1, False) for at in (0, 2, 4)] == [0.0, 0.0, 239.4]
    address = dlt645.framed("111111111111", 0x93, bytes.fromhex("111111111111"))
    assert dlt645.carried(address, bytes.fromhex(READ_ADDRESS)).hex() == "111111111111"


@pytest.mark.parametrize(
    ("raw", "decimals", "signed", "value"),
    [
        ("4523", 1, False, 234.5), ("563412", 3, False, 123.456), ("563492", 3, True, -12.3456 * 10),
        ("9999", 0, True, -1999), ("00", 0, False, 0), ("0a", 0, False, math.nan), ("a0", 0, False, math.nan),
    ],
)  # fmt: skip
def test_values_are_bcd_with_the_lowest_byte_first(raw: str, decimals: int, signed: bool, value: float) -> None:
    assert number(bytes.fromhex(raw), decimals, signed) == pytest.approx(value, nan_ok=True)


METER, ITEMS = "652022122018", "02010100 voltage_a XXX.X unit=V quantity=voltage low=0 high=300"


def heard(frame: bytes) -> tuple[float, Quality]:
    meter = Dlt645Meter(address=METER, items=ITEMS)
    meter.ask(0)
    found = meter.hear(frame)
    return meter.layouts[0].decode(found.record)[0], found.quality


GOOD = dlt645.framed(METER, 0x91, bytes.fromhex("00010102") + b"\x45\x23")


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (GOOD[:-1], "length"),
        (GOOD + b"\0", "length"),
        (b"", "length"),
        (GOOD[:-1] + b"\x17", "format"),
        (GOOD[:12] + b"\x00" + GOOD[13:], "checksum"),
        (dlt645.framed("652022122019", 0x91, bytes.fromhex("000101024523")), "foreign: meter 652022122019"),
        (dlt645.framed(METER, 0x91, bytes.fromhex("000201024523")), "foreign: data 02010200"),
        (dlt645.framed(METER, 0x11, bytes.fromhex("00010102")), "function"),
        (dlt645.framed(METER, 0xD1, b"\x02"), "exception: no such data"),
        (dlt645.framed(METER, 0xD1, b""), "exception: error 00"),
        (dlt645.framed(METER, 0x91, bytes.fromhex("0001010245")), "length: 1 bytes of voltage_a, 2 are declared"),
    ],
)
def test_nonsense_is_called_by_its_name(frame: bytes, words: str) -> None:
    with pytest.raises(Nonsense, match=words):
        heard(frame)


def test_a_meter_is_heard_behind_any_preamble_or_noise() -> None:
    for before in (b"", dlt645.PREAMBLE, b"\xfe", b"\x68\x00\xff", b"\x68" * 3):
        assert heard(before + GOOD) == (234.5, Quality.GOOD)
    value, quality = heard(dlt645.framed(METER, 0x91, bytes.fromhex("00010102") + b"\x4f\x23"))
    assert math.isnan(value)
    assert quality == Quality.DEVICE_FAULT


def test_missing_never_promises_too_much_and_ends() -> None:
    for frame in (GOOD, dlt645.PREAMBLE + GOOD):
        for length in range(len(frame)):
            assert 1 <= dlt645.missing(frame[:length]) <= len(frame) - length
        assert dlt645.missing(frame) == 0
    assert dlt645.missing(b"\xff" * 1000) == 0


@pytest.mark.parametrize(
    ("address", "items", "words"),
    [
        ("1234", ITEMS, "address '1234' is not 12 digits"),
        (METER, "", "0 items are not within 1..64"),
        (METER, "0201 v XX", "is not identifier, name and format"),
        (METER, "02010100 v XXX", "an even number of X"),
        (METER, "02010100 v XX colour=red", "an even number of X, and unit="),
        (METER, "02010100 v XX low=deep", "could not convert"),
    ],
)
def test_options_that_cannot_be_are_refused(address: str, items: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Dlt645Meter(address=address, items=items)
