"""Runs a scenario: the mine from its seed, the timeline, the promises all along, the expectations at the end."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from minegate_interlock.rules import RulesError
from minegate_sim.aftermath import attend, look_back
from minegate_sim.edit import set_value
from minegate_sim.expect import Judged, judged, named
from minegate_sim.fitting import fit, place_of
from minegate_sim.mine import Mine
from minegate_sim.mishaps import enter
from minegate_sim.promises import Promises
from minegate_sim.record import Record
from minegate_sim.scenario import Scenario, ScenarioError
from minegate_sim.seen import Asked, Seen, Watcher

PIECE_MS = 1000.0  # of a run between two words to whoever shows progress


class Outcome(NamedTuple):
    """`judged`: one line per expectation. `record` is everything that happened."""

    scenario: Scenario
    judged: tuple[Judged, ...]
    breaches: tuple[tuple[float, str], ...]
    seen: Seen
    record: Record
    virtual_s: float

    @property
    def kept(self) -> bool:
        """Every expectation, and every promise."""
        return all(each.kept for each in self.judged) and not self.breaches


def run(scenario: Scenario, *, progress: Callable[[float], None] = lambda _: None, buses: bool = True) -> Outcome:
    """Run to the end. `progress` gets the share done. Raises ScenarioError if the scenario does not fit its place."""

    def edit(name: str, text: str) -> str:
        if name == "rules.toml":
            for key, value in scenario.rules.items():
                text = set_value(text, "timing", key, value)
        return text

    place = place_of(scenario)
    with tempfile.TemporaryDirectory(prefix="mg") as folder:
        try:
            mine = Mine(place, scenario.seed, Path(folder), edit=edit, record_buses=buses)
        except RulesError as error:
            raise ScenarioError(f"rules: {error}") from error
        fit(scenario, mine)
        watcher = Watcher(mine, _asked(scenario))
        Promises(mine)  # lives in the mine's listeners
        with mine:
            for mishap in scenario.plan:
                enter(mine, mishap)
            for t, wish in scenario.wishes:
                _wished(mine, t, wish)
            if scenario.attended:
                attend(mine, 1000.0 * scenario.lasts_s + 10_000.0)
            end_ms = 1000.0 * scenario.lasts_s
            while mine.now_ms < end_ms:
                mine.run_until(min(mine.now_ms + PIECE_MS, end_ms))
                progress(mine.now_ms / end_ms)
            if scenario.heals:
                look_back(mine, scenario.plan)
            seen = watcher.seen()
        verdicts = tuple(judged(expect, seen) for expect in scenario.expect)
        return Outcome(scenario, verdicts, tuple(mine.breaches), seen, mine.record, mine.now_ms / 1000.0)


def _wished(mine: Mine, t: float, wish: Mapping[str, object]) -> None:
    def come_true() -> None:
        mine.do(wish)

    mine.timeline.at(1000.0 * t, come_true)


def _asked(scenario: Scenario) -> Asked:
    """What the expectations ask about."""
    asked = [each for expect in scenario.expect for each in named(expect.words)]
    return Asked(
        points={name for kind, name in asked if kind == "point"},
        true={name for kind, name in asked if kind == "true"},
        backlog=any("backlog" in expect.words for expect in scenario.expect),
    )
