"""J1939: groups at any priority, messages put together from transport frames, sessions that end badly end alone."""

from __future__ import annotations

import random
from pathlib import Path

import cantools
import pytest
from cantools.database.can import Database

import minegate_drivers
from minegate_drivers.j1939 import J1939Listener, pgn_of
from minegate_drivers.j1939_transport import PF_CONNECTION, PF_DATA, SESSIONS_MAX, SILENCE_MS, Transport, Whole
from minegate_drivers.ports import CanFrame
from minegate_drivers.sdk import Nonsense

ENGINE = Path(minegate_drivers.__file__).parent / "dbc" / "engine_j1939.dbc"
SOURCE, OURS = 0x00, 0x21
HYDRAULIC = 0x0EF00


def driver(address: int = -1, messages: str = "") -> J1939Listener:
    return J1939Listener(file=str(ENGINE), source=SOURCE, messages=messages, address=address)


def announced(control: int, size: int, pgn: int, at_once: int = 0xFF) -> bytes:
    return bytes((control,)) + size.to_bytes(2, "little") + bytes((-(-size // 7), at_once)) + pgn.to_bytes(3, "little")


def packets(data: bytes) -> list[bytes]:
    return [bytes((at // 7 + 1,)) + data[at : at + 7].ljust(7, b"\xff") for at in range(0, len(data), 7)]


@pytest.mark.parametrize(
    ("identifier", "pgn"),
    [(0x0CF00400, 0xF004), (0x18FEEE00, 0xFEEE), (0x18EF2100, 0xEF00), (0x18ECFF00, 0xEC00), (0x19F80100, 0x1F801)],
)
def test_the_group_of_an_identifier(identifier: int, pgn: int) -> None:
    assert pgn_of(identifier) == pgn


def test_a_group_is_heard_at_any_priority_and_from_its_own_node_only() -> None:
    ours = driver()
    data = bytes.fromhex("f07d82781d00ffff")
    for priority in range(8):
        frame = CanFrame(priority << 26 | 0xF00400, data, extended=True)
        assert (frame.id, True) in ours.can_ids
        heard = ours.hear(frame)
        assert heard is not None
        layout = ours.layouts[heard.part]
        names = [field.name for field in layout.fields]
        assert dict(zip(names, layout.decode(heard.record), strict=True)) == {"EngineSpeed": 943.0, "EngineTorque": 5.0}
    with pytest.raises(Nonsense, match="foreign"):
        ours.hear(CanFrame(0x0CF00417, data, extended=True))
    with pytest.raises(Nonsense, match="length"):
        ours.hear(CanFrame(0x0CF00400, data[:7], extended=True))
    assert len(ours.can_ids) <= 64


def test_long_messages_are_decoded_as_cantools_does_on_both_transports() -> None:
    database = cantools.database.load_file(ENGINE)
    assert isinstance(database, Database)
    message = database.get_message_by_name("HydraulicReport")
    ours = driver(OURS)
    chance = random.Random(1939)
    for destination, control in ((0xFF, 32), (OURS, 16), (OURS, 16)):
        data = chance.randbytes(20)
        head = 7 << 26 | destination << 8 | SOURCE
        frames = [CanFrame(head | PF_CONNECTION << 16, announced(control, 20, HYDRAULIC, 2), extended=True)]
        frames += [CanFrame(head | PF_DATA << 16, packet, extended=True) for packet in packets(data)]
        said = []
        for frame in frames:
            assert (frame.id, True) in ours.can_ids
            heard = ours.hear(frame)
            said += ours.say(10)
        assert heard is not None
        layout = ours.layouts[heard.part]
        decoded = dict(zip((field.name for field in layout.fields), layout.decode(heard.record), strict=True))
        assert decoded == pytest.approx(message.decode(data))
        if control == 16:
            assert [frame.id for frame in said] == [7 << 26 | PF_CONNECTION << 16 | SOURCE << 8 | OURS] * 3
            assert [frame.data.hex() for frame in said] == [
                "110201ffff00ef00", "110103ffff00ef00", "13140003ff00ef00",
            ]  # fmt: skip
        else:
            assert said == []


def test_a_session_between_others_is_followed_without_a_word() -> None:
    transport = Transport(own=OURS)
    data = bytes(range(100))
    transport.hear(PF_CONNECTION, 3, 4, announced(16, 100, 0x1234), 0)
    found = [transport.hear(PF_DATA, 3, 4, packet, 0) for packet in packets(data)]
    assert found[-1] == Whole(0x1234, 3, data)
    assert transport.replies() == []


def test_what_goes_wrong_in_a_session_ends_that_session_alone() -> None:
    transport = Transport()
    other = packets(bytes(30))
    transport.hear(PF_CONNECTION, 9, 255, announced(32, 30, 1), 0)
    transport.hear(PF_DATA, 9, 255, other[0], 0)

    transport.hear(PF_CONNECTION, 3, 255, announced(32, 20, 2), 0)
    with pytest.raises(Nonsense, match="format: packet 2 of 3, 1 was next"):
        transport.hear(PF_DATA, 3, 255, packets(bytes(20))[1], 0)
    assert transport.hear(PF_DATA, 3, 255, packets(bytes(20))[2], 0) is None
    with pytest.raises(Nonsense, match="format: 20 bytes announced in 9 packets"):
        transport.hear(PF_CONNECTION, 3, 255, b"\x20\x14\x00\x09\xff\x02\x00\x00", 0)
    with pytest.raises(Nonsense, match="format: 1786 bytes announced"):
        transport.hear(PF_CONNECTION, 3, 255, b"\x20\xfa\x06\xff\xff\x02\x00\x00", 0)
    with pytest.raises(Nonsense, match="length"):
        transport.hear(PF_DATA, 3, 255, b"\x01", 0)
    transport.hear(PF_CONNECTION, 4, 5, announced(16, 20, 2), 0)
    transport.hear(PF_CONNECTION, 5, 4, b"\xff\x01\xff\xff\xff\x02\x00\x00", 0)  # abort, by the receiver
    assert transport.hear(PF_DATA, 4, 5, packets(bytes(20))[0], 0) is None
    for packet in other[1:-1]:
        assert transport.hear(PF_DATA, 9, 255, packet, 100) is None
        assert transport.hear(PF_DATA, 9, 255, packet, 100) is None  # sent twice
    assert transport.hear(PF_DATA, 9, 255, other[-1], 200) == Whole(1, 9, bytes(30))
    assert transport.broken == 2


def test_a_silent_sender_is_forgotten_and_no_crowd_takes_memory() -> None:
    transport = Transport()
    transport.hear(PF_CONNECTION, 9, 255, announced(32, 30, 1), 0)
    transport.expire(SILENCE_MS)
    assert transport.broken == 0
    transport.expire(SILENCE_MS + 1)
    assert transport.broken == 1
    for source in range(250):
        transport.hear(PF_CONNECTION, source, 255, announced(32, 30, 1), source)
    assert len(transport._sessions) == SESSIONS_MAX
    assert transport.broken == 1 + 250 - SESSIONS_MAX


def test_files_without_wide_identifiers_are_refused() -> None:
    with pytest.raises(ValueError, match=r"roadheader\.dbc: no message with a 29-bit identifier"):
        J1939Listener(file=str(ENGINE.with_name("roadheader.dbc")), source=0, messages="", address=-1)
