"""The relay node on the real MicroPython VM decides as on CPython, and no frame but a fresh PERMIT energises it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tape

from vm_bench import PROGRAMS
from vm_pythons import SmallPython
from vm_tapes import LEASE_MS, TICKS, Event, Gateway, boot, feed, hostile, life, rare

DAY_MS = 86_400_000


def _kept(path: Path, events: list[Event]) -> Path:
    path.write_text(json.dumps(events), "ascii")
    return path


def _run(python: SmallPython, function: str, file: Path) -> str:
    return python.run(f"import tape\ntape.{function}({str(file)!r})", (PROGRAMS,), (file,))


@pytest.mark.parametrize(
    ("sealed", "tries"), [(False, 10_000), (True, 1_000), pytest.param(True, 10_000, marks=pytest.mark.long)]
)
def test_ten_thousand_forged_replayed_damaged_and_stale_permits_never_energise(
    python: SmallPython, tmp_path: Path, sealed: bool, tries: int
) -> None:
    events, energised = hostile(sealed, tries, seed=9)
    told = _run(python, "count", _kept(tmp_path / "tape.json", events))
    assert f"{len(events)} lines, energised after {energised}, last 1" in told


LIVES = [pytest.param(seed, id=f"seed {seed}") for seed in range(3)]
MANY = [pytest.param(seed, id=f"seed {seed}", marks=pytest.mark.long) for seed in range(3, 60)]


@pytest.mark.parametrize("seed", LIVES + MANY)
def test_a_node_lives_the_same_life_on_every_python(python: SmallPython, tmp_path: Path, seed: int) -> None:
    events = [event for part in range(8) for event in life(8 * seed + part, events=250)]
    told = _run(python, "main", _kept(tmp_path / "tape.json", events)).splitlines()
    assert told == list(tape.play(events))
    assert sum(line.startswith("1") for line in told) > 100  # it was closed often enough to matter


def test_what_happens_seldom_ends_alike_on_every_python(python: SmallPython, tmp_path: Path) -> None:
    told = _run(python, "main", _kept(tmp_path / "tape.json", rare())).splitlines()
    assert told == list(tape.play(rare()))


def _closed_at(start: int, sealed: bool) -> list[Event]:
    """A node that has been closed by a PERMIT, once, at `start`."""
    gateway = Gateway(sealed)
    armed = [boot(sealed), ["step", start, 0], feed(gateway.open(1)), feed(gateway.permit(2)), ["step", start, 0]]
    return [*armed, ["step", (start + LEASE_MS - 1) % TICKS, 1]]


def test_no_length_of_silence_over_any_wrap_of_the_ticks_gives_power_back(python: SmallPython, tmp_path: Path) -> None:
    events: list[Event] = []
    energised = []
    for start, sealed in ((0, False), (TICKS - 5000, False), (TICKS // 2 - 5000, True)):
        events += _closed_at(start, sealed)
        energised += [len(events) - 1, len(events)]
        for days in (6.2, 6.3, 12.4, 12.5, 24.9, 25.0):
            events += [["step", int(start + days * DAY_MS + ms) % TICKS, 0] for ms in range(-2000, 2000, 200)]
        events += [["step", (start + at) % TICKS, 0] for at in range(LEASE_MS, 26 * DAY_MS, 1_800_000)]
    told = _run(python, "count", _kept(tmp_path / "tape.json", events))
    assert f"{len(events)} lines, energised after {energised}, last 0" in told


@pytest.mark.long
def test_12_5_days_of_silence_in_steps_of_a_second_give_no_power_back(python: SmallPython, tmp_path: Path) -> None:
    events = _closed_at(TICKS - 5000, sealed=False)
    told = _run(python, "wait", _kept(tmp_path / "tape.json", [*events, ["wait", 1000, int(12.5 * DAY_MS) // 1000]]))
    assert "energised after 0 of 1080000 steps" in told


def test_a_loop_that_stood_still_does_not_find_its_lease_alive(python: SmallPython, tmp_path: Path) -> None:
    events: list[Event] = []
    energised = []
    for silence_ms in (int(6.3 * DAY_MS), int(12.5 * DAY_MS), TICKS // 2, TICKS - 1):
        events += _closed_at(7, sealed=False)
        energised += [len(events) - 1, len(events)]
        events.append(["step", (7 + LEASE_MS - 1 + silence_ms) % TICKS, 1])
    told = _run(python, "count", _kept(tmp_path / "tape.json", events))
    assert f"{len(events)} lines, energised after {energised}, last 0" in told
