"""The wire on a CAN bus: identifiers that leave J1939 alone, and frames that are whole or nothing after any loss."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from minegate_wire import can_frames, messages
from minegate_wire.can_frames import Assembler, identifier, priority, segment, segments
from minegate_wire.frame import FRAME_MAX, Frame

GOLDEN = [
    vector
    for vector in json.loads((Path(__file__).parent / "golden" / "wire.json").read_text(encoding="utf-8"))
    if "can" in vector
]
TO_NODE = {
    messages.ASK, messages.PERMIT, messages.OPEN, messages.TIME, messages.SIGNED_PERMIT, messages.SIGNED_OPEN
}  # fmt: skip


def _frame(vector: dict) -> Frame:  # type: ignore[type-arg]  # a JSON object
    frame = Frame()
    frame.begin(vector["node"], vector["kind"])
    for row in vector["rows"]:
        frame.add(row)
    frame.close()
    return frame


def _cut(frame: Frame, turn: int) -> list[bytes]:
    into = bytearray(8)
    return [bytes(into[: segment(frame.plain, frame.end, index, turn, into)]) for index in range(segments(frame.end))]


def _taken(assembler: Assembler, parts: list[bytes]) -> list[bytes]:
    return [bytes(assembler.buf[: assembler.length]) for part in parts if assembler.take(part, len(part))]


@pytest.mark.parametrize("vector", GOLDEN, ids=lambda vector: vector["what"])
def test_a_golden_frame_is_cut_and_joined_to_the_byte(vector: dict) -> None:  # type: ignore[type-arg]  # as above
    frame = _frame(vector)
    parts = _cut(frame, vector["can"]["turn"])
    assert [part.hex() for part in parts] == vector["can"]["segments"]
    ends = (vector["node"], 0) if vector["kind"] in TO_NODE else (0, vector["node"])
    assert identifier(vector["kind"], *ends) == vector["can"]["id"]
    assert _taken(Assembler(), parts) == [bytes(frame.plain[: frame.end])]


def test_the_golden_file_has_every_message_that_a_node_with_a_can_address_may_speak() -> None:
    spoken = {message[0] for message in messages.MESSAGES} - {messages.TIME}  # its golden frame is for node 255
    assert spoken <= {vector["kind"] for vector in GOLDEN}


def test_an_identifier_reads_as_j1939_proprietary_a() -> None:
    for kind in [message[0] for message in messages.MESSAGES]:
        number = identifier(kind, 0x21, 0)
        assert number < 1 << 29
        assert (number >> 26, number >> 16 & 0x3FF, number >> 8 & 0xFF, number & 0xFF) == (
            priority(kind),
            0xEF,
            0x21,
            0,
        )


def test_opening_passes_permitting_and_permitting_passes_everything_else() -> None:
    kinds = sorted((message[0] for message in messages.MESSAGES), key=lambda kind: identifier(kind, 9, 0))
    assert set(kinds[:2]) == {messages.OPEN, messages.SIGNED_OPEN}
    assert set(kinds[2:4]) == {messages.PERMIT, messages.SIGNED_PERMIT}


@pytest.mark.parametrize("ends", [(254, 0), (0, 255), (-1, 0), (0, 256)])
def test_an_address_that_j1939_keeps_is_refused(ends: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="can address"):
        identifier(messages.ASK, *ends)


def test_lost_doubled_and_mixed_segments_never_make_a_frame_that_was_not_sent() -> None:
    for seed in range(500):
        chance = random.Random(seed)
        sent = [_frame(chance.choice(GOLDEN)) for _ in range(12)]
        parts = [part for turn, frame in enumerate(sent) for part in _cut(frame, turn)]
        heard: list[bytes] = []
        for part in parts:
            fate = chance.randrange(12)
            heard += [] if fate == 0 else [part, part] if fate == 1 else [part]
        whole = {bytes(frame.plain[: frame.end]) for frame in sent}
        assert set(_taken(Assembler(), heard)) <= whole, f"seed {seed}"


def test_after_any_segments_a_whole_frame_is_heard() -> None:
    for seed in range(500):
        chance = random.Random(seed)
        noise = [chance.randbytes(chance.randrange(9)) for _ in range(40)]
        frame = _frame(chance.choice(GOLDEN))
        assert _taken(Assembler(), noise + _cut(frame, 1))[-1:] == [bytes(frame.plain[: frame.end])], f"seed {seed}"


def test_a_frame_longer_than_the_buffer_is_thrown_away_and_counted() -> None:
    assembler = Assembler()
    first = bytes([0x80]) + bytes(7)
    rest = [bytes([index]) + bytes(7) for index in range(1, 32)]
    assert _taken(assembler, [first, *rest]) == []
    assert assembler.bad == 32 - FRAME_MAX // can_frames.PAYLOAD


@pytest.mark.parametrize("length", [0, 1, 9])
def test_a_segment_that_carries_nothing_or_too_much_is_lost(length: int) -> None:
    assembler = Assembler()
    assert not assembler.take(bytes([0xC0]) + bytes(8), length)
    assert assembler.bad == 1
