"""The sensor node on the real MicroPython VM tells the same values, states and answers as on CPython."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import sensor_tape

from minegate_wire import messages
from minegate_wire.crc16 import crc16
from minegate_wire.frame import encode
from vm_bench import PROGRAMS
from vm_pythons import SmallPython

NODE, NONCE, CHANNELS, TICKS = 7, 4711, 3, 1 << 30
GOOD_RAW, SPAN_RAW = (14_000, 52_000), (12_000, 53_000)
Event = list[object]


def _asked(chance: random.Random) -> Event:
    """A frame of the wire: a question, one for another node, one that is damaged."""
    kinds = (messages.READING, messages.HELLO, messages.DIAG, messages.PERMIT, 99)
    frame = bytearray(encode(chance.choice([NODE] * 5 + [3]), messages.ASK, [(chance.choice(kinds),)]))
    if chance.random() < 0.2:
        frame[chance.randrange(len(frame))] ^= chance.randrange(1, 256)
    return ["feed", frame.hex()]


def _polled(chance: random.Random) -> Event:
    """A request of a Modbus master: right, for another station, out of bounds, damaged."""
    station, first = chance.choice([NODE] * 5 + [0, 9]), chance.choice([0, 1, 2, 8, 16, 30, 0x0F00, 0x0F03, 65_535])
    function, many = chance.choice([3, 4, 4, 6, 16, 16, 5, 23]), chance.choice([1, 2, 3, 24, 125, 126])
    body = bytes([station, function]) + first.to_bytes(2, "big")
    if function == 16:
        words = [chance.choice([0, 1, 30, 31]) for _ in range(min(many, 3))]
        body += len(words).to_bytes(2, "big") + bytes([2 * len(words)]) + b"".join(w.to_bytes(2, "big") for w in words)
    else:
        body += (chance.choice([0, 30, 31]) if function == 6 else many).to_bytes(2, "big")
    request = bytearray(body + crc16(body, 0, len(body)).to_bytes(2, "little"))
    if chance.random() < 0.2:
        request[chance.randrange(len(request))] ^= chance.randrange(1, 256)
    return ["modbus", request.hex()]


def life(seed: int, events: int) -> list[Event]:
    """Anything that may happen to a sensor node; over the wrap of its ticks for every second seed."""
    chance, now_ms = random.Random(seed), TICKS - 20_000 if seed % 2 else 0
    tape: list[Event] = [["boot", NODE, NONCE, seed % 4, CHANNELS], ["step", now_ms]]
    raws = [chance.randrange(*GOOD_RAW) for _ in range(CHANNELS)]
    while len(tape) < events:
        channel = chance.randrange(CHANNELS)
        if chance.random() < 0.9:
            raws[channel] = min(max(raws[channel] + chance.randrange(-900, 901), SPAN_RAW[0]), SPAN_RAW[1])
        raw = chance.choice([raws[channel]] * 19 + [chance.choice([0, 65_535, 12_900, 52_600])])
        tape.append(["sample", channel, raw])
        kind = chance.randrange(12)
        if kind < 3:
            tape.append(_asked(chance))
        elif kind < 6:
            tape.append(_polled(chance))
        elif kind == 6:
            tape.append(["calibrate", channel, chance.choice([0, 3000, 1_800_000, 1_800_001, -1])])
        now_ms = (now_ms + chance.choice([50, 50, 50, 200, 1100 if chance.random() < 0.1 else 50])) % TICKS
        tape.append(["step", now_ms])
    return tape


LIVES = [pytest.param(seed, id=f"seed {seed}") for seed in range(2)]
MANY = [pytest.param(seed, id=f"seed {seed}", marks=pytest.mark.long) for seed in range(2, 40)]


@pytest.mark.parametrize("seed", LIVES + MANY)
def test_a_sensor_node_tells_the_same_on_every_python(python: SmallPython, tmp_path: Path, seed: int) -> None:
    tape = tmp_path / "tape.json"
    events = life(seed, events=2000)
    tape.write_text(json.dumps(events), "ascii")
    told = python.run(f"import sensor_tape\nsensor_tape.main({str(tape)!r})", (PROGRAMS,), (tape,)).splitlines()
    expected = [line.rstrip() for line in sensor_tape.play(events)]
    assert [line.rstrip() for line in told] == expected
    states = {state for line in expected for state in line.split()[0].split(",")[1:2]}
    assert {"0", str(messages.READING_FAULT), str(messages.READING_CALIBRATING)} <= states  # a life, not one long fault
    answers = [line for line in expected if len(line.split()) > CHANNELS + 2]
    assert len(answers) > 100
