"""Whether a scenario fits its place, before it begins: wishes, targets and names that are not there are refused."""

from __future__ import annotations

from collections.abc import Iterable

from minegate_sim.expect import known, named, outputs
from minegate_sim.mine import Mine
from minegate_sim.mishaps import targets
from minegate_sim.place import Place
from minegate_sim.places import made
from minegate_sim.scenario import Expect, Scenario, ScenarioError


def place_of(scenario: Scenario) -> Place:
    """A new place for it. Raises ScenarioError."""
    try:
        return made(scenario.place, scenario.seed, scenario.speed)
    except (OSError, ValueError) as error:
        raise ScenarioError(f"place = {scenario.place!r}: {error}") from error


def fit(scenario: Scenario, mine: Mine) -> None:
    """Raises ScenarioError in one line that names key, value and what there is."""
    for mishap in scenario.plan:
        there = targets(mishap.what, mine)
        if there and mishap.target not in there:
            _refuse(f"at t = {mishap.t:g}: {mishap.what}: target", mishap.target, there)
    if scenario.wishes:
        _try(scenario)
    for expect in scenario.expect:
        fit_words(expect, mine)


def fit_words(expect: Expect, mine: Mine) -> None:
    """Whether the judge understands them, and every name in them is there. Raises ScenarioError."""
    if not known(expect.words):
        raise ScenarioError(f"words = {expect.words!r} is not understood; minegate_sim/expect.py has the list")
    _names(expect, mine.place, {area.name: tuple(area.outputs) for area in mine.rules.areas})


def _try(scenario: Scenario) -> None:
    """Each wish on a place of its own, which nobody will miss."""
    place = place_of(scenario)
    for t, wish in scenario.wishes:
        try:
            place.do(wish, 0.0)
        except ValueError as error:
            raise ScenarioError(f"at t = {t:g}: wish {wish.get('do')}: {error}") from error


def _names(expect: Expect, place: Place, areas: dict[str, tuple[str, ...]]) -> None:
    for kind, name in named(expect.words):
        if kind == "contact" and not outputs(name, areas):
            _refuse(f"words = {expect.words!r}: contact", name, [*place.contacts(), *areas])
        elif kind == "point" and name not in place.values():
            _refuse(f"words = {expect.words!r}: point", name, place.values())
        elif kind == "true" and name not in place.truths():
            _refuse(f"words = {expect.words!r}: point", name, place.truths())


def _refuse(where: str, name: str, there: Iterable[str]) -> None:
    raise ScenarioError(f"{where} {name!r} is not one of {', '.join(there)}")
