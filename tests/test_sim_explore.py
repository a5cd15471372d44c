"""Exploration: equal seeds give equal bytes, the promises hold, and a bug that is planted is found and made small."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from minegate_agent.field.exchange import Answer, Exchange
from minegate_agent.link.intake import Intake
from minegate_agent.link.journal import Journal
from minegate_agent.link.watermark import Watermark
from minegate_interlock import judge
from minegate_node.lease import Lease
from minegate_sim.explore import Explored, explore, scenario_of, shrink
from minegate_sim.mine import Mine
from minegate_sim.places.heading_1201 import Heading1201
from minegate_sim.run import run
from minegate_sim.scenario import At, load, text_of

FOUND = sorted((Path(__file__).parents[1] / "sim" / "minegate_sim" / "scenarios" / "found").glob("*.toml"))
SEEDS_TO_FIND_MAX = 200


def test_the_same_seed_gives_the_same_bytes_in_another_process_and_another_seed_does_not() -> None:
    program = "from minegate_sim.explore import *; print(explore(scenario_of(3)).digest)"
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True)
        assert done.stdout.decode().strip() == explore(scenario_of(3)).digest
    assert explore(scenario_of(4)).digest != explore(scenario_of(3)).digest


@pytest.mark.parametrize("seed", range(1, 7))
def test_the_promises_hold_whatever_goes_wrong(seed: int) -> None:
    assert explore(scenario_of(seed)).breaches == ()


BUS_MISHAPS = (
    ("noise", "rs485-1", 0.003), ("noise", "relay-1", 0.003), ("noise", "can-1", 0.01), ("babble", "T1-head", 20.0),
    ("babble", "roadheader", 2.0), ("wrong_rate", "T2-head", 0.0), ("wrong_rate", "roadheader", 0.0),
    ("half_awake", "fan-node", 0.0), ("break_in_frame", "T1-head", 0.0), ("echo", "rs485-2", 0.0),
    ("cut_before", "T2-head", 0.0),
)  # fmt: skip


def test_everything_that_can_befall_a_bus_breaks_no_promise_and_is_the_same_twice() -> None:
    at = [At(t=9.0 + 3 * n, what=what, target=on, value=v, for_s=1.5) for n, (what, on, v) in enumerate(BUS_MISHAPS)]
    plan = msgspec.structs.replace(scenario_of(1), at=at, lasts_s=45.0)
    first, second = run(plan), run(plan)
    assert first.breaches == ()
    assert first.record.digest() == second.record.digest()
    told = [line.what for line in first.record.lines if line.who == "truth" and line.what.startswith("bus ")]
    assert len(told) >= 2 * len(BUS_MISHAPS)


def test_a_roadheader_at_another_rate_goes_off_the_bus_and_comes_back(tmp_path: Path) -> None:
    place = Heading1201(5)
    with Mine(place, 5, tmp_path) as mine:
        mine.run_until(8000.0)
        wish = {
            "do": "bus",
            "port": "can-1",
            "on": True,
            "fault": {"fault": "wrong_rate", "device": "roadheader", "rate": 125_000},
        }
        mine.do(wish)
        mine.run_for(20_000.0)
        roadheader = place.can_bus.controllers["roadheader"]
        assert roadheader.went_off > 0
        mine.do({**wish, "on": False})
        sent = roadheader.sent
        mine.run_for(5000.0)
        assert roadheader.sent > sent
    kinds = [event["kind"] for _, event in mine.receiver.events if event.get("name") == "roadheader"]
    assert kinds[-2:] == ["device_lost", "device_back"]


LIBRARY_LOCK = ("longwall", 2)  # the interlock is killed, and its lock of 60 s runs anew
TWO_AREAS = ("pump-station", 3)
SECTIONS = [LIBRARY_LOCK, TWO_AREAS] + [
    pytest.param(place, seed, marks=pytest.mark.long)
    for place in ("belt-road", "heading-section", "longwall", "pump-station", "slope", "tailings-pond")
    for seed in range(1, 11)
]


@pytest.mark.parametrize(("place", "seed"), SECTIONS)
def test_the_promises_hold_in_every_section(place: str, seed: int) -> None:
    assert explore(scenario_of(seed, place)).breaches == ()


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.stem)
def test_what_exploration_once_found_stays_away(path: Path) -> None:
    outcome = run(load(path))
    assert outcome.breaches == ()
    assert [each for each in outcome.judged if not each.kept] == []


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


def _nothing_after_power(patch: pytest.MonkeyPatch) -> None:
    """power: nobody tells that field had something in hand."""

    async def told(self: Intake, greeting: object) -> int:
        return 0

    patch.setattr(Intake, "_declare_open_end", told)


PLANTED: list[Callable[[pytest.MonkeyPatch], None]] = [
    _nonsense_is_believed, _lease_never_ends, _not_synced, _more_is_confirmed, _old_answer,
    _nothing_after_power,
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


@pytest.mark.long
def test_the_power_cut_that_was_found_would_be_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    _nothing_after_power(monkeypatch)
    found = load(next(path for path in FOUND if path.stem == "field-ends-and-power-goes"))
    # whether the tally is on the medium is chance: half of the seeds show it
    assert any(run(msgspec.structs.replace(found, seed=seed)).breaches for seed in range(678, 686))


def _first_breach() -> Explored:
    for seed in range(1, SEEDS_TO_FIND_MAX + 1):
        found = explore(scenario_of(seed))
        if found.breaches:
            return found
    raise AssertionError(f"not found within {SEEDS_TO_FIND_MAX} seeds")
