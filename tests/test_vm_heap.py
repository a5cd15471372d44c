"""The relay's loop and its receive path allocate nothing: no collection can delay a cut, no full heap can stop one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from minegate_wire import messages
from minegate_wire.frame import encode
from vm_bench import PROGRAMS, Bench
from vm_board import PINS, Board
from vm_pythons import SmallPython
from vm_tapes import NODE, NONCE, Gateway, hostile, life, rare

CYCLES = 1500


def test_the_lock_is_one(python: SmallPython) -> None:
    assert python.run("import heap\nheap.proof()", (PROGRAMS,)).strip() == "locked"


def test_step_and_receive_path_of_the_relay_allocate_nothing(python: SmallPython, tmp_path: Path) -> None:
    tape = tmp_path / "tape.json"
    events = [event for seed in range(6) for event in life(seed, events=250)]
    events += rare() + hostile(False, 300, seed=1)[0] + hostile(True, 100, seed=1)[0]
    tape.write_text(json.dumps(events), "ascii")
    told = python.run(f"import heap\nheap.main({str(tape)!r})", (PROGRAMS,), (tape,))
    boots = sum(event[0] == "boot" for event in events)
    assert f"nothing allocated in {len(events) - boots} events" in told


@pytest.mark.parametrize("name", PINS)
def test_a_whole_cycle_of_a_board_allocates_nothing_while_it_hears_answers_closes_and_opens(
    wasm_bench: Bench, tmp_path: Path, name: str
) -> None:
    (tmp_path / "nonce.py").write_text(
        f"import minegate_hal.boot_facts as f\nf.boot_nonce = lambda: {NONCE}\n", "ascii"
    )
    board = Board(
        wasm_bench, name, program=f"import nonce, cycle\ncycle.main({CYCLES})", more=(PROGRAMS, tmp_path), virtual=True
    )
    gateway = Gateway(sealed=False)
    asked = [encode(NODE, messages.ASK, [(kind,)]) for kind in range(1, 14)]
    frames = [gateway.open(gateway.next()), *(gateway.permit(gateway.next()) for _ in range(3)), *asked]
    told = board.run(CYCLES, [board.line(100 + 50 * at, frame) for at, frame in enumerate(frames)])
    board.off()
    printed = "".join(str(message.get("print", message.get("died", ""))) for message in told)
    assert f"nothing allocated in {CYCLES} cycles" in printed
    assert "energised in 0," not in printed
    assert f"{len(frames)} frames heard" in printed
