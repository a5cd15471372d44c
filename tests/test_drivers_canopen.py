"""A CANopen node as the canopen library plays it is read by SDO, heard, and doubted when it says so itself."""

from __future__ import annotations

import struct

import canopen
import pytest
from canopen.objectdictionary import datatypes

from minegate_drivers.canopen import CanopenNode
from minegate_drivers.canopen_sdo import BYTES_MAX, Upload
from minegate_drivers.ports import CanFrame
from minegate_drivers.sdk import Heard, Nonsense, Quality

NODE = 5
OBJECTS = """
pdo1 ch4 u16 scale=0.01 unit=%CH4 quantity=methane low=0 high=4
pdo1 status u8
sdo 2000:01 temperature i16 scale=0.1 unit=degC every_ms=1000
sdo 2000:02 hours f64 every_ms=5000
"""


class Wire(canopen.Network):
    """The library's network on no bus: what its node sends is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[CanFrame] = []

    def send_message(self, can_id: int, data: bytes, remote: bool = False) -> None:
        self.sent.append(CanFrame(can_id, bytes(data)))


class Device:
    """The library's node with two objects."""

    def __init__(self) -> None:
        dictionary = canopen.ObjectDictionary()
        record = canopen.objectdictionary.ODRecord("inputs", 0x2000)
        for sub, kind in ((1, datatypes.INTEGER16), (2, datatypes.REAL64), (3, datatypes.OCTET_STRING)):
            variable = canopen.objectdictionary.ODVariable(f"v{sub}", 0x2000, sub)
            variable.data_type = kind
            record.add_member(variable)
        dictionary.add_object(record)
        self.wire = Wire()
        self.node = canopen.LocalNode(NODE, dictionary)
        self.wire.add_node(self.node)

    def set(self, sub: int, value: bytes) -> None:
        self.node.set_data(0x2000, sub, value)

    def answer(self, asked: CanFrame) -> list[CanFrame]:
        self.wire.sent.clear()
        self.wire.notify(asked.id, bytearray(asked.data), 0.0)
        return list(self.wire.sent)


def driver(objects: str = OBJECTS) -> CanopenNode:
    return CanopenNode(node=NODE, objects=objects, heartbeat_ms=1000)


def values(of: CanopenNode, heard: Heard | None) -> tuple[float, ...]:
    assert heard is not None
    return of.layouts[heard.part].decode(heard.record)


def test_objects_are_read_from_the_librarys_node_expedited_and_in_segments() -> None:
    device, ours = Device(), driver()
    device.set(1, struct.pack("<h", -125))
    device.set(2, struct.pack("<d", 1234.5))
    heard: dict[int, tuple[float, ...]] = {}
    for now_ms in range(0, 1000, 50):
        for asked in ours.say(now_ms):
            for answer in device.answer(asked):
                found = ours.hear(answer)
                if found is not None:
                    heard[found.part] = values(ours, found)
    assert heard == {1: (-12.5,), 2: (1234.5,)}


@pytest.mark.parametrize("size", [0, 1, 4, 5, 7, 8, 14, 15, 100, 889, BYTES_MAX])
def test_a_value_of_any_length_comes_whole(size: int) -> None:
    if size == 0:
        return  # the library answers an empty object with an abort
    device = Device()
    value = bytes(number % 251 for number in range(size))
    device.set(3, value)
    upload = Upload(0x2000, 3)
    found = None
    while found is None:
        (answer,) = device.answer(CanFrame(0x600 + NODE, upload.request))
        found = upload.hear(answer.data)
    assert found == value


def test_an_object_that_is_not_there_is_an_abort_and_the_next_one_is_asked() -> None:
    device, ours = Device(), driver("sdo 3000:00 nothing u8 every_ms=20;sdo 2000:01 t i16 every_ms=20")
    device.set(1, b"\x01\x00")
    (asked,) = ours.say(0)
    (answer,) = device.answer(asked)
    with pytest.raises(Nonsense, match="exception: object 3000:00: abort 0x06020000"):
        ours.hear(answer)
    (asked,) = ours.say(1)
    (answer,) = device.answer(asked)
    assert values(ours, ours.hear(answer)) == (1,)


def test_a_node_that_does_not_answer_is_given_up_and_a_late_answer_is_passed_over() -> None:
    device, ours = Device(), driver()
    device.set(1, b"\x01\x00")
    (asked,) = ours.say(0)
    assert ours.say(500) == ()
    (abort,) = ours.say(501)
    assert abort.data == b"\x80\x00\x20\x01" + (0x05040000).to_bytes(4, "little")
    assert ours.hear(device.answer(asked)[0]) is None
    assert ours.say(502)[0].data[:4] == b"\x40\x00\x20\x02"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("60 00 20 01 00 00 00 00", "function"),
        ("4b 01 20 01 00 00 00 00", "foreign"),
        ("4b 00 20 01 00 00 00", "length"),
        ("41 00 20 01 01 04 00 00", "length: object 2000:01: 1025 bytes, at most 1024 are read"),
    ],
)
def test_an_answer_that_is_none_ends_the_upload(data: str, words: str) -> None:
    ours = driver()
    ours.say(0)
    with pytest.raises(Nonsense, match=words):
        ours.hear(CanFrame(0x580 + NODE, bytes.fromhex(data)))
    assert ours.say(1)[0].data[0] == 0x80
    assert ours.say(2)[0].data[:4] == b"\x40\x00\x20\x02"


def test_process_data_and_what_the_node_says_of_itself() -> None:
    ours = driver()
    pdo = CanFrame(0x180 + NODE, bytes.fromhex("6e0001"))
    assert values(ours, ours.hear(pdo)) == (pytest.approx(1.1), 1)
    heard = ours.hear(pdo._replace(data=pdo.data + b"\0\0"))
    assert heard is not None
    assert (heard.record, heard.quality) == (pdo.data, Quality.GOOD)
    with pytest.raises(Nonsense, match="length: 2 bytes, 3 are declared"):
        ours.hear(pdo._replace(data=b"\0\0"))

    def quality(frame: CanFrame) -> Quality:
        found = ours.hear(frame)
        assert found is not None
        return found.quality

    assert quality(CanFrame(0x700 + NODE, b"\x7f")) == Quality.SUSPENDED  # pre-operational
    assert quality(pdo) == Quality.SUSPENDED
    assert quality(CanFrame(0x700 + NODE, b"\x05")) == Quality.GOOD
    device = Device()
    device.node.emcy.send(0x4210, 0x09, b"\1\2\3\4\5")
    assert quality(device.wire.sent[-1]) == Quality.DEVICE_FAULT
    assert quality(pdo) == Quality.DEVICE_FAULT
    device.node.emcy.reset()
    assert quality(device.wire.sent[-1]) == Quality.GOOD
    assert quality(pdo) == Quality.GOOD


@pytest.mark.parametrize(
    ("objects", "words"),
    [
        ("", "1..64 must be declared"),
        ("pdo5 a u8", "'pdo5 a u8' is not pdo1..pdo4 or sdo INDEX:SUB"),
        ("sdo 2000 a u8", "is not pdo1..pdo4"),
        ("pdo1 a u24", "is not known"),
        ("pdo1 A u8", "is not known"),
        ("pdo1 a u8 colour=red", "is not known"),
        ("pdo1 a u8 scale=big", "could not convert"),
        ("pdo1 a u64;pdo1 b u8", "pdo1: 9 bytes, at most 8"),
        ("sdo 2000:01 a u8 every_ms=1", "every_ms is not within 20..3600000"),
    ],
)
def test_objects_that_cannot_be_are_refused(objects: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        driver(objects)
