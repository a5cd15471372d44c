"""The minegate wire: golden frames that any Python must make, and a receiver that noise costs one frame at most.

The golden file is read by whoever speaks the wire. It was checked once against the independent decoder below, which
shares no line with the package; a frame in it never changes without a new wire version.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from minegate_wire import messages
from minegate_wire.crc16 import crc16
from minegate_wire.frame import FRAME_MAX, HEAD, Receiver, encode

GOLDEN = json.loads((Path(__file__).parent / "golden" / "wire.json").read_text(encoding="utf-8"))
FRAMES = [bytes.fromhex(vector["frame"]) for vector in GOLDEN]


def _rows(vector: dict[str, list[list[int]]]) -> list[tuple[int, ...]]:
    return [tuple(values) for values in vector["rows"]]


def _received(data: bytes) -> list[bytes]:
    receiver = Receiver()
    return [bytes(receiver.buf[: receiver.length]) for byte in data if receiver.feed(byte)]


def _unstuffed(frame: bytes) -> bytes:
    """COBS as the paper tells it, on whole blocks."""
    plain, rest = b"", frame.strip(b"\0")
    while rest:
        plain += rest[1 : rest[0]] + b"\0"
        rest = rest[rest[0] :]
    return plain[:-1]


def _sum(data: bytes | bytearray) -> int:
    """CRC-16/MODBUS bit by bit."""
    crc = 0xFFFF
    for bit in (byte >> shift & 1 for byte in data for shift in range(8)):
        crc = crc >> 1 ^ (0xA001 if (crc ^ bit) & 1 else 0)
    return crc


@pytest.mark.parametrize("vector", GOLDEN, ids=lambda vector: vector["what"])
def test_a_golden_frame_is_made_and_read_to_the_byte(vector: dict) -> None:  # type: ignore[type-arg]  # a JSON object
    frame = bytes.fromhex(vector["frame"])
    assert encode(vector["node"], vector["kind"], _rows(vector)) == frame
    receiver = Receiver()
    assert [receiver.feed(byte) for byte in frame] == [False] * (len(frame) - 1) + [True]
    assert (receiver.node(), receiver.kind(), receiver.count()) == (vector["node"], vector["kind"], len(vector["rows"]))
    at, rows = HEAD, []
    for values in vector["rows"]:
        into = [0] * len(values)
        at = messages.dec(vector["kind"], receiver.buf, at, into)
        rows.append(into)
    assert rows == vector["rows"]


@pytest.mark.parametrize("vector", GOLDEN, ids=lambda vector: vector["what"])
def test_a_golden_frame_is_right_by_an_independent_reading(vector: dict) -> None:  # type: ignore[type-arg]  # as above
    frame = bytes.fromhex(vector["frame"])
    plain = _unstuffed(frame)
    assert frame[0] == frame[-1] == 0
    assert 0 not in frame[1:-1]
    assert list(plain[:3]) == [messages.WIRE_VERSION, vector["node"], vector["kind"]]
    assert _sum(plain[:-2]) == int.from_bytes(plain[-2:], "little")


def test_the_golden_file_has_every_message() -> None:
    assert {vector["kind"] for vector in GOLDEN} == {message[0] for message in messages.MESSAGES}


def test_the_sum_is_the_published_check_value() -> None:
    assert crc16(b"xx123456789x", 2, 11) == 0x4B37  # CRC-16/MODBUS of "123456789", the catalogue's check


# kind, values that do not fit their fields
UNFIT = [
    (messages.ASK, (256,)), (messages.ASK, (-1,)), (messages.ASK, ()), (messages.ASK, (1, 2)), (99, (1,)),
    (messages.READING, (0, 0, 65536, 0, 0)), (messages.READING, (0, 0, 0, 0, 1 << 29)),
    (messages.READING, (0, 0, 0, 0, -(1 << 29) - 1)), (messages.PERMIT, (0, 65536, 0, 0, 0, 0)),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "values"), UNFIT)
def test_a_value_that_does_not_fit_is_refused_and_never_wrapped(kind: int, values: tuple[int, ...]) -> None:
    with pytest.raises((ValueError, IndexError)):
        encode(9, kind, [values])


@pytest.mark.parametrize(("node", "rows"), [(0, 1), (256, 1), (9, 0), (9, 12)])
def test_no_address_beyond_a_byte_and_no_frame_beyond_the_buffer(node: int, rows: int) -> None:
    with pytest.raises(ValueError, match=r"node address|frame length"):
        encode(node, messages.READING, [(0, 0, 0, 0, 0)] * rows)


@pytest.mark.parametrize("frame", FRAMES)
def test_one_damaged_bit_or_one_lost_byte_is_never_a_frame(frame: bytes) -> None:
    for at in range(1, len(frame) - 1):
        assert _received(frame[:at] + frame[at + 1 :]) == []
        for bit in range(8):
            damaged = bytearray(frame)
            damaged[at] ^= 1 << bit
            assert _received(bytes(damaged)) == []


def test_after_any_noise_one_zero_byte_is_enough_to_hear_the_next_frame() -> None:
    for seed in range(2000):
        chance = random.Random(seed)
        frame = chance.choice(FRAMES)
        noise = chance.randbytes(chance.randrange(3 * FRAME_MAX))
        assert _received(noise + frame)[-1:] == [_unstuffed(frame)], f"seed {seed}"


def test_damage_in_a_stream_costs_the_frames_it_touches_and_no_other() -> None:
    for seed in range(300):
        chance = random.Random(seed)
        frames = [chance.choice(FRAMES) for _ in range(20)]
        hurt = set(chance.sample(range(20), 5))
        stream = b""
        for number, frame in enumerate(frames):
            at = chance.randrange(1, len(frame) - 1)
            stream += frame[:at] + bytes([frame[at] ^ 0x41 or 0x41]) + frame[at + 1 :] if number in hurt else frame
        expected = [_unstuffed(frame) for number, frame in enumerate(frames) if number not in hurt]
        assert _received(stream) == expected, f"seed {seed}"


def test_the_receiver_counts_what_it_throws_away() -> None:
    receiver = Receiver()
    for byte in b"\0\0" + FRAMES[0] + b"\x05noise\0" + b"\x01" * 999 + b"\0" + FRAMES[1]:
        receiver.feed(byte)
    assert (receiver.good, receiver.bad) == (2, 2)


@pytest.mark.parametrize("version", [0, 2, 255])
def test_another_wire_version_is_not_heard(version: int) -> None:
    plain = bytearray(_unstuffed(FRAMES[0]))
    plain[0] = version
    crc = _sum(plain[:-2])
    plain[-2:] = crc.to_bytes(2, "little")
    blocks = plain.split(b"\0")
    assert _received(b"\0" + b"".join(bytes([len(block) + 1]) + block for block in blocks) + b"\0") == []
