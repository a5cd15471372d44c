"""The relay's loop and its receive path allocate nothing: no collection can delay a cut, no full heap can stop one."""

from __future__ import annotations

import json
from pathlib import Path

from vm_bench import PROGRAMS
from vm_pythons import SmallPython
from vm_tapes import hostile, life, rare


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
