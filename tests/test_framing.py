"""A private protocol described in data: what is built is taken apart again, and damage is called by its name."""

from __future__ import annotations

import random
import zlib
from binascii import crc_hqx
from pathlib import Path

import msgspec
import pytest

from minegate_drivers.catalogue import build
from minegate_drivers.checksums import NAMED
from minegate_drivers.framing import Codec, Framing
from minegate_drivers.sdk import LineDriver, Nonsense
from minegate_wire.crc16 import crc16

CHECK = b"123456789"


@pytest.mark.parametrize(
    ("name", "total"),
    [  # "check" values of the reveng catalogue
        ("crc8", 0xF4), ("crc8_maxim", 0xA1), ("crc16_modbus", 0x4B37), ("crc16_ibm_3740", 0x29B1),
        ("crc16_xmodem", 0x31C3), ("crc16_kermit", 0x2189), ("crc32", 0xCBF43926), ("sum8", 0xDD), ("lrc8", 0x23),
        ("xor8", 0x31), ("sum16", 0x1DD),
    ],
)  # fmt: skip
def test_checksums_are_those_of_their_names(name: str, total: int) -> None:
    assert NAMED[name][1](CHECK) == total


def test_crcs_agree_with_other_implementations() -> None:
    chance = random.Random(16)
    for size in range(60):
        data = chance.randbytes(size)
        assert NAMED["crc32"][1](data) == zlib.crc32(data)
        assert NAMED["crc16_xmodem"][1](data) == crc_hqx(data, 0)
        assert NAMED["crc16_modbus"][1](data) == crc16(data, 0, size)


FRAMINGS = [
    Framing(head="68", tail="16", length=1, length_adds=4, check="sum8"),
    Framing(head="aa55", length=2, length_bytes=2, length_order="little", length_adds=0, check="crc16_kermit"),
    Framing(head="7e", tail="7e", length=1, length_adds=0, check="crc16_modbus", escape="7d:7e=7d5e,7d=7d5d"),
    Framing(head="7e", length=1, length_adds=0, check="crc32", check_order="big", escape="7d:7e=7d5e,7d=7d5d"),
    Framing(head="02", tail="03", size=12, check="xor8", check_from=1),
    Framing(head="24", tail="0d0a"),
]
BODY_BYTES = [9, 9, 9, 9, 9, 9]


@pytest.mark.parametrize("framing", FRAMINGS, ids=lambda framing: framing.head)
def test_what_is_built_is_taken_apart_again(framing: Framing) -> None:
    chance = random.Random(framing.head)
    codec = Codec(framing)
    for _ in range(300):
        letters = bytes(range(256)) if framing.check != "none" else b"0123456789"
        body = bytearray(
            chance.choices(letters, k=9)
            if chance.random() < 0.5 or framing.check == "none"
            else b"\x7e\x7d" * 4 + b"\x7e"
        )
        frame = codec.build(bytes(body))
        found = codec.body(frame)
        at = framing.length - len(framing.head) // 2
        skipped = range(at, at + framing.length_bytes) if framing.length >= 0 else range(0)
        assert [byte for n, byte in enumerate(found) if n not in skipped] == [
            byte for n, byte in enumerate(body) if n not in skipped
        ]
        for length in range(len(frame)):
            assert 1 <= codec.missing(frame[:length]) <= len(frame) - length, (frame.hex(), length)
        assert codec.missing(frame) == 0
        before = chance.randbytes(3).replace(bytes.fromhex(framing.head)[:1], b"\0")
        assert codec.body(before + frame) == found


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        ("68 02 01 02 6d 16", "good"),
        ("ff 00 68 02 01 02 6d 16", "good"),
        ("68 02 01 02 6e 16", "checksum"),
        ("68 02 01 02 6d 17", "format"),
        ("68 03 01 02 6d 16", "length"),
        ("68 ff 01 02 6d 16", "length"),
        ("01 02 03", "format"),
        ("", "format"),
    ],
)
def test_nonsense_is_called_by_its_name(frame: str, kind: str) -> None:
    codec = Codec(FRAMINGS[0])
    try:
        codec.body(bytes.fromhex(frame))
    except Nonsense as nonsense:
        found = nonsense.kind
    else:
        found = "good"
    assert found == kind


def test_two_marks_in_a_row_end_one_frame_and_begin_the_next() -> None:
    codec = Codec(FRAMINGS[2])
    frame = codec.build(bytes(9))
    assert codec.missing(b"\x7e" + frame[:1]) > 0
    assert codec.body(b"\x7e" + frame) == codec.body(frame)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"head": "68"}, "a frame needs a length, a size or a tail"),
        ({"head": "aa55", "length": 1}, "length at 1 lies inside the head"),
        ({"head": "aa55", "check": "md5", "size": 9}, "check 'md5' is not one of none, sum8"),
        ({"head": "aa55", "check": "crc32", "size": 3}, "size 3 is less than head, check and tail"),
        ({"head": "7e", "tail": "7e", "escape": "7d"}, "escape '7d' is not like"),
        ({"head": "7e", "tail": "7e", "escape": "7d:7e=7d5e"}, "the escaping byte itself must be escaped"),
    ],
)
def test_a_framing_that_contradicts_itself_is_refused(more: dict[str, str | int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Codec(msgspec.convert(more, Framing))


DESCRIPTION = (
    '[frame]\nhead = "68"\nsize = 4\n[ask]\nbody = "01 {address} 00"\n[answer]\nsize = 3\nstarts = "{address}"\n'
)
FIELD = '[[field]]\nname = "v"\nat = 1\ntype = ">u2"\n'


def test_a_described_device_is_asked_and_understood(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(DESCRIPTION + FIELD, encoding="utf-8")
    driver = build("framed", {"file": "own.toml", "address": 9}, tmp_path)
    assert isinstance(driver, LineDriver)
    assert driver.ask(0) == bytes.fromhex("68 01 09 00")
    assert driver.layouts[0].decode(driver.hear(bytes.fromhex("68 09 01 02")).record) == (0x102,)
    with pytest.raises(Nonsense, match="foreign: the answer begins with 08"):
        driver.hear(bytes.fromhex("68 08 01 02"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (DESCRIPTION, "missing required field `field`"),
        (DESCRIPTION + FIELD.replace("at = 1", "at = 2"), "a field lies beyond the 3 bytes of the answer"),
        (DESCRIPTION.replace("01 {", "0x {") + FIELD, "non-hexadecimal"),
        (DESCRIPTION + FIELD.replace(">u2", ">u3"), "type '>u3' is not one of"),
        (DESCRIPTION.replace("head", "heed") + FIELD, "unknown field `heed`"),
    ],
)
def test_a_description_that_cannot_be_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "own.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=f"driver framed: option file: own.toml: .*{words}"):
        build("framed", {"file": "own.toml"}, tmp_path)
