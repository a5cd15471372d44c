"""A DBC file compiled to layouts means the same as cantools says, in both byte orders and at every width."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import cantools
import pytest
from cantools.database.can import Database as CanDatabase
from cantools.database.can import Message, Signal
from cantools.database.conversion import BaseConversion
from cantools.typechecking import ByteOrder

import minegate_drivers
from minegate_drivers.catalogue import build
from minegate_drivers.dbc import DbcListener
from minegate_drivers.ports import CanFrame
from minegate_drivers.sdk import Nonsense, Quality

ROADHEADER = Path(minegate_drivers.__file__).parent / "dbc" / "roadheader.dbc"


def listener(file: Path, messages: str = "") -> DbcListener:
    return DbcListener(file=str(file), messages=messages)


def oracle(file: Path) -> CanDatabase:
    database = cantools.database.load_file(file)
    assert isinstance(database, CanDatabase)
    return database


def agree(driver: DbcListener, message: Message, part: int, data: bytes) -> None:
    heard = driver.hear(CanFrame(message.frame_id, data, message.is_extended_frame))
    assert heard.part == part
    assert heard.record[: len(data)] == data
    # Where an integer type fits into the frame, the record is the frame and nothing else.
    assert len(heard.record) == len(data) or len(data) not in (1, 2, 4, 8)
    layout = driver.layouts[part]
    ours = dict(zip((field.name for field in layout.fields), layout.decode(heard.record), strict=True))
    theirs = message.decode(data, decode_choices=False)
    assert isinstance(theirs, dict)
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        assert isinstance(value, int | float)
        assert ours[name] == pytest.approx(float(value), rel=1e-12, abs=1e-9), (message.name, name, data.hex())


def test_the_roadheader_is_understood_as_cantools_does() -> None:
    chance = random.Random(1201)
    driver, database = listener(ROADHEADER), oracle(ROADHEADER)
    assert [layout.name for layout in driver.layouts] == ["Motors", "Liveness", "Environment", "Faults"]
    assert driver.can_ids == ((0x210, False), (0x211, False), (0x287, False), (0x311, False))
    for part, message in enumerate(database.messages):
        for _ in range(200):
            agree(driver, message, part, chance.randbytes(message.length))


def random_signal(chance: random.Random, number: int, length: int) -> Message:
    """A message of `length` bytes with one signal somewhere in it."""
    order: ByteOrder = chance.choice(("little_endian", "big_endian"))
    bits = chance.randint(1, min(64, 8 * length))
    first = chance.randint(0, 8 * length - bits)
    start = first if order == "little_endian" else 8 * (first // 8) + 7 - first % 8
    scale, offset = chance.choice(((1, 0), (0.01, 0), (0.5, -40), (3, 7)))
    conversion = BaseConversion.factory(scale=scale, offset=offset)
    signal = Signal(f"s{number}", start, bits, order, chance.random() < 0.5, conversion=conversion)
    extended = chance.random() < 0.5
    return Message(0x100 + number, f"M{number}", length, [signal], is_extended_frame=extended)


@pytest.mark.parametrize("seed", range(6))
def test_any_signal_in_either_byte_order_is_understood_as_cantools_does(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    messages = [random_signal(chance, number, chance.randint(1, 8)) for number in range(200)]
    file = tmp_path / "random.dbc"
    file.write_text(CanDatabase(messages).as_dbc_string(), encoding="utf-8", newline="")
    driver = listener(file)
    for part, message in enumerate(oracle(file).messages):
        for data in (bytes(message.length), b"\xff" * message.length, chance.randbytes(message.length)):
            agree(driver, message, part, data)


MOTOROLA = """VERSION ""
BU_: PLC
BO_ 2566848513 Pump: 7 PLC
 SG_ pressure : 7|16@0+ (0.1,0) [0|400] "bar" PLC
 SG_ level : 17|10@0- (0.5,-20) [-276|236] "%" PLC
 SG_ running : 23|1@0+ (1,0) [0|1] "" PLC
 SG_ hours : 39|24@0+ (1,0) [0|0] "h" PLC
BO_ 257 Float: 8 PLC
 SG_ ch4 : 0|32@1- (1,0) [0|4] "%CH4" PLC
 SG_ flow : 39|32@0- (1,0) [0|30] "m/s" PLC
SIG_VALTYPE_ 257 ch4 : 1;
SIG_VALTYPE_ 257 flow : 1;
"""


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "own.dbc"
    file.write_bytes(text.encode("cp1252"))
    return file


def test_motorola_signals_floats_and_29_bit_identifiers(tmp_path: Path) -> None:
    file = written(tmp_path, MOTOROLA)
    driver = listener(file)
    assert driver.can_ids == ((0x18FF0001, True), (0x101, False))
    pump = CanFrame(0x18FF0001, bytes.fromhex("07d0814600f424"), extended=True)
    heard = driver.hear(pump)
    assert driver.layouts[0].decode(heard.record)[0] == pytest.approx(200.0)
    agree(driver, oracle(file).messages[0], 0, pump.data)
    values = struct.pack("<f", 1.25) + struct.pack(">f", -0.5)
    heard = driver.hear(CanFrame(0x101, values))
    assert driver.layouts[1].decode(heard.record) == (1.25, -0.5)


def test_units_ranges_and_quantities_come_from_the_file() -> None:
    layout = listener(ROADHEADER, "Environment").layouts[0]
    ch4 = layout.fields[0]
    assert (ch4.name, ch4.unit, ch4.quantity, ch4.low, ch4.high) == ("MachineMethane", "%CH4", "methane", 0, 4)


def test_messages_are_parts_in_the_order_they_are_named() -> None:
    driver = listener(ROADHEADER, "Faults, Environment")
    assert driver.can_ids == ((0x311, False), (0x287, False))
    with pytest.raises(Nonsense, match="foreign: identifier 0x210"):
        driver.hear(CanFrame(0x210, bytes(8)))


@pytest.mark.parametrize("length", [0, 7, 9, 64])
def test_a_frame_of_another_length_is_nonsense(length: int) -> None:
    with pytest.raises(Nonsense, match=f"length: 0x287: {length} bytes, the file says 8"):
        listener(ROADHEADER).hear(CanFrame(0x287, bytes(length)))


MULTIPLEXED = MOTOROLA.replace("SG_ pressure :", "SG_ pressure m1 :").replace("SG_ running :", "SG_ running M :")


def test_a_multiplexed_message_is_one_part_per_case(tmp_path: Path) -> None:
    driver = listener(written(tmp_path, MULTIPLEXED), "Pump")
    names = [[field.name for field in layout.fields] for layout in driver.layouts]
    assert names == [["pressure", "running", "level", "hours"]]
    assert driver.hear(CanFrame(0x18FF0001, bytes.fromhex("07d0c14600f424"), extended=True)).part == 0
    with pytest.raises(Nonsense, match="value: Pump: multiplexer 0 is not in the file"):
        driver.hear(CanFrame(0x18FF0001, bytes.fromhex("07d0414600f424"), extended=True))


CHECKED = """VERSION ""
BU_: PLC
BO_ 257 Motors: 8 PLC
 SG_ count : 48|4@1+ (1,0) [0|15] "" PLC
 SG_ current : 0|16@1+ (0.1,0) [0|6553.5] "A" PLC
BA_DEF_ BO_ "GenMsgCycleTime" INT 0 10000;
BA_DEF_DEF_ "GenMsgCycleTime" 0;
BA_ "GenMsgCycleTime" BO_ 257 100;
"""


def test_counter_checksum_and_rate_of_a_message_are_its_own(tmp_path: Path) -> None:
    file = written(tmp_path, CHECKED)
    driver = DbcListener(file=str(file), messages="", checks="Motors counter=count checksum=xor8@7")
    assert driver.periods_ms == {(257, False): 100}

    def hear(count: int) -> Quality:
        body = bytes((1, 2, 0, 0, 0, 0, count))
        return driver.hear(CanFrame(257, body + bytes((1 ^ 2 ^ count,)))).quality

    assert [hear(count) for count in (14, 15, 0, 0, 1, 4)] == [
        Quality.GOOD, Quality.GOOD, Quality.GOOD, Quality.STALE, Quality.GOOD, Quality.GOOD,
    ]  # fmt: skip
    assert driver.counted() == (2, 1)
    with pytest.raises(Nonsense, match="checksum: byte 7 is 0x00"):
        driver.hear(CanFrame(257, bytes((1, 2, 0, 0, 0, 0, 5, 0))))


@pytest.mark.parametrize(
    ("checks", "words"),
    [
        ("Motors", "'Motors' is not one message with"),
        ("Motors colour=red", "is not one message with"),
        ("Motors counter=count;Motors counter=count", "is not one message with"),
        ("Motor counter=count", "'Motor' is not one of"),
        ("Motors counter=counter", "'counter' is no plain signal of it"),
        ("Motors checksum=xor9@7", "checksum is not one of xor8, sum8, crc8_j1850, crc8_autosar"),
        ("Motors checksum=xor8@8", "byte 8 is not inside 8 bytes"),
    ],
)
def test_checks_that_cannot_be_made_are_refused(tmp_path: Path, checks: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        DbcListener(file=str(written(tmp_path, CHECKED)), messages="", checks=checks)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (MOTOROLA.replace("0|32@1-", "1|31@1-"), "signal Float.ch4 is a float of 31 bits"),
        ('VERSION ""\nBU_: A\n', "0 messages with signals are not within 1..256"),
        ("this is not a DBC", "own.dbc: "),
        ("", "own.dbc: "),
    ],
)
def test_a_file_that_cannot_be_read_is_one_clear_line(tmp_path: Path, text: str, words: str) -> None:
    written(tmp_path, text)
    with pytest.raises(ValueError, match=r"^driver dbc: option file: ") as caught:
        build("dbc", {"file": "own.dbc"}, tmp_path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("messages", "words"),
    [("Gas", "'Gas' is not one of .*'Environment'"), ("Faults,Faults", "'Faults' is named twice")],
)
def test_messages_that_are_not_there_are_refused(messages: str, words: str) -> None:
    with pytest.raises(ValueError, match=f"^option messages: {words}"):
        listener(ROADHEADER, messages)
