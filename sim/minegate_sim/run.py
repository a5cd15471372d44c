"""Runs a scenario: the mine from its seed, the timeline, the promises all along, the expectations at the end."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from minegate_agent.field.record_door import NAME
from minegate_interlock.rules import RulesError
from minegate_sim.aftermath import attend, look_back
from minegate_sim.edit import set_value
from minegate_sim.expect import Judged, judged, named
from minegate_sim.fitting import fit, place_of
from minegate_sim.gateway.recorder import Recorder
from minegate_sim.mine import Mine
from minegate_sim.mishaps import enter
from minegate_sim.promises import Promises
from minegate_sim.record import Record
from minegate_sim.report.history import Historian, History
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
    history: History | None = None  # if it was asked for
    traffic: tuple[str, ...] = ()  # lines of field's record.sock, if they were asked for
    site: Mapping[str, str] = MappingProxyType({})  # the gateway's files

    @property
    def kept(self) -> bool:
        """Every expectation, and every promise."""
        return all(each.kept for each in self.judged) and not self.breaches


def run(
    scenario: Scenario,
    *,
    progress: Callable[[float], None] = lambda _: None,
    buses: bool = True,
    keep_history: bool = False,
    keep_traffic: bool = False,
) -> Outcome:
    """Run to the end. `progress` gets the share done; `keep_history`: for the plots of a report; `keep_traffic`: for
    a recording.

    Raises ScenarioError if the scenario does not fit its place.
    """

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
        historian = Historian(mine, scenario.lasts_s) if keep_history else None
        recorder = Recorder(mine.gateway.site.run_folder / NAME, mine.timeline) if keep_traffic else None
        Promises(mine)  # lives in the mine's listeners
        with mine:
            _begin(mine, scenario)
            end_ms = 1000.0 * scenario.lasts_s
            while mine.now_ms < end_ms:
                mine.run_until(min(mine.now_ms + PIECE_MS, end_ms))
                progress(mine.now_ms / end_ms)
            if scenario.heals:
                look_back(mine, scenario.plan)
            seen = watcher.seen()
            if recorder is not None:
                recorder.close()
        verdicts = tuple(judged(expect, seen) for expect in scenario.expect)
        history = historian.history() if historian is not None else None
        virtual_s = mine.now_ms / 1000.0
        traffic = tuple(recorder.lines) if recorder is not None else ()
        files = {name: edit(name, text) for name, text in place.site().items()}
        return Outcome(scenario, verdicts, tuple(mine.breaches), seen, mine.record, virtual_s, history, traffic, files)


def _begin(mine: Mine, scenario: Scenario) -> None:
    """Put everything on the mine's timeline."""
    for mishap in scenario.plan:
        enter(mine, mishap)
    for t, wish in scenario.wishes:
        _wished(mine, t, wish)
    if scenario.attended:
        attend(mine, 1000.0 * scenario.lasts_s + 10_000.0)


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
