"""Runs a scenario: the mine from its seed, the timeline, the promises all along, the expectations at the end."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from math import isnan
from pathlib import Path
from typing import NamedTuple

from minegate_sim.aftermath import attend, look_back
from minegate_sim.edit import set_value
from minegate_sim.expect import Judged, Seen, judged
from minegate_sim.mine import Mine
from minegate_sim.mishaps import enter
from minegate_sim.place import Truth
from minegate_sim.places import PLACES
from minegate_sim.promises import Promises, account
from minegate_sim.record import Record
from minegate_sim.scenario import Expect, Scenario

LOOK_MS = 1000.0  # at the account, for when the backlog was drained
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
    """Run to the end. `progress` gets the share done."""

    def edit(name: str, text: str) -> str:
        if name == "rules.toml":
            for key, value in scenario.rules.items():
                text = set_value(text, "timing", key, value)
        return text

    place = PLACES[scenario.place](scenario.seed, scenario.speed)
    with tempfile.TemporaryDirectory(prefix="mg") as folder:
        mine = Mine(place, scenario.seed, Path(folder), edit=edit, record_buses=buses)
        watcher = _Watcher(mine, scenario.expect)
        Promises(mine)  # lives in the mine's listeners
        with mine:
            for mishap in scenario.plan:
                enter(mine, mishap)
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


class _Watcher:
    """Gathers what the expectations ask about, and no more: it looks at every step of the place."""

    def __init__(self, mine: Mine, expected: Iterable[Expect]) -> None:
        self._mine = mine
        words = " ".join(expect.words for expect in expected)
        self._points = [point for point in mine.place.values() if point in words]
        self._asks_for_backlog = "backlog" in words
        self._contacts: list[tuple[float, str, bool]] = []
        self._highest = dict(mine.place.values())
        self._arrived: list[tuple[float, str, str]] = []
        self._events = 0
        self._drained: list[float] = []
        self._look_ms = 0.0
        mine.truth_listeners.append(self._truth)
        mine.step_listeners.append(self._step)

    def seen(self) -> Seen:
        """What was seen up to now."""
        return Seen(
            self._contacts, self._highest, self._arrived, self._drained, self._mine.breaches, account(self._mine)
        )

    def _truth(self, truth: Truth) -> None:
        if truth.what in ("contact_closed", "contact_open"):
            moved = (truth.ms / 1000.0, str(truth.fields["contact"]), truth.what == "contact_closed")
            self._contacts.append(moved)

    def _step(self) -> None:
        mine = self._mine
        values = mine.place.values() if self._points else {}
        for point in self._points:
            if values[point] > self._highest[point] or isnan(self._highest[point]):
                self._highest[point] = values[point]
        events = mine.receiver.events
        for _, event in events[self._events :]:
            self._arrived.append((mine.now_ms / 1000.0, str(event["kind"]), str(event.get("reason", ""))))
        self._events = len(events)
        if self._asks_for_backlog and mine.now_ms >= self._look_ms:
            self._look_ms = mine.now_ms + LOOK_MS
            if mine.receiver.has_all_but(mine.gateway.produced_now(), NEWEST_ITEMS):
                self._drained.append(mine.now_ms / 1000.0)


NEWEST_ITEMS = 60  # what may be on its way: some two seconds of a heading
