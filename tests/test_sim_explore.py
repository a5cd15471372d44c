"""Exploration: equal seeds give equal bytes, the promises hold, and a bug that is planted is found and made small."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from minegate_agent.field.exchange import Answer, Exchange
from minegate_agent.link.journal import Journal
from minegate_agent.link.watermark import Watermark
from minegate_interlock import judge
from minegate_node.lease import Lease
from minegate_sim.explore import Explored, explore, scenario_of, shrink
from minegate_sim.scenario import load, text_of

SEEDS_TO_FIND_MAX = 200


def test_the_same_seed_gives_the_same_bytes_in_another_process_and_another_seed_does_not() -> None:
    program = "from minegate_sim.explore import *; print(explore(scenario_of(3)).digest)"
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True)
        assert done.stdout.decode().strip() == explore(scenario_of(3)).digest
    assert explore(scenario_of(4)).digest != explore(scenario_of(3)).digest


# 678: field ends by itself, and the power goes before its tally is on the medium
@pytest.mark.parametrize("seed", [*range(1, 7), 678])
def test_the_promises_hold_whatever_goes_wrong(seed: int) -> None:
    assert explore(scenario_of(seed)).breaches == ()


def test_a_scenario_written_down_is_the_same_scenario(tmp_path: Path) -> None:
    scenario = scenario_of(11)
    (tmp_path / "again.toml").write_text(text_of(scenario, "a reason\nin two lines"), "utf-8")
    assert load(tmp_path / "again.toml") == scenario


def _nonsense_is_believed(patch: pytest.MonkeyPatch) -> None:
    """interlock: silence does not lock."""
    real = judge._cause

    def cause(limit, given, now_ms):  # type: ignore[no-untyped-def]
        found = real(limit, given, now_ms)
        return judge.Cause.NONE if found is judge.Cause.SILENCE else found

    patch.setattr(judge, "_cause", cause)


def _lease_never_ends(patch: pytest.MonkeyPatch) -> None:
    """node: the lease is not counted down."""
    patch.setattr(Lease, "pass_ms", lambda self, ms: None)


def _not_synced(patch: pytest.MonkeyPatch) -> None:
    """journal: what is written is confirmed before the disk has it."""
    real = Journal.commit

    def commit(self: Journal) -> int:
        try:
            return real(self)
        except OSError:
            with self._ram:
                self._pending.durable(len(self._pending))
            return self._next_sequence - 1

    patch.setattr(Journal, "commit", commit)


def _more_is_confirmed(patch: pytest.MonkeyPatch) -> None:
    """uplink: what follows an acknowledged message counts as delivered."""
    real = Watermark.confirm

    def confirm(self, told):  # type: ignore[no-untyped-def]
        real(self, [(first, last + 40) for first, last in told])

    patch.setattr(Watermark, "confirm", confirm)


def _old_answer(patch: pytest.MonkeyPatch) -> None:
    """arbiter: a device that does not answer is heard with its last answer."""
    real = Exchange.ask
    last: dict[object, Answer] = {}

    async def ask(self, line, place, driver, request, wait_ms):  # type: ignore[no-untyped-def]
        answer = await real(self, line, place, driver, request, wait_ms)
        if answer.heard is not None:
            last[driver] = answer
        return last.get(driver, answer)

    patch.setattr(Exchange, "ask", ask)


PLANTED: list[Callable[[pytest.MonkeyPatch], None]] = [
    _nonsense_is_believed, _lease_never_ends, _not_synced, _more_is_confirmed, _old_answer,
]  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: (plant.__doc__ or "").partition(":")[0])
def test_a_planted_bug_is_found_and_made_small(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    found = _first_breach()
    small = shrink(found.scenario)
    assert explore(small).breaches
    assert len(small.at) <= len(found.scenario.at)
    print(found.scenario.seed, small.at, explore(small).breaches[0])


def _first_breach() -> Explored:
    for seed in range(1, SEEDS_TO_FIND_MAX + 1):
        found = explore(scenario_of(seed))
        if found.breaches:
            return found
    raise AssertionError(f"not found within {SEEDS_TO_FIND_MAX} seeds")
