"""Exploration: a random plan of mishaps from a seed, run against the promises, and made small if it breaks one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from minegate_sim.gateway.agent import PROCESSES
from minegate_sim.mishaps import KINDS, Mishap
from minegate_sim.noise import source
from minegate_sim.places import made
from minegate_sim.run import run
from minegate_sim.scenario import At, Scenario

POWER_ON_LOCK_S = 3
LOCKS_S = {"longwall": 60}  # what its rules, which are the library's, do not let go below
BEGIN_S, END_S = 6.0, 23.0  # behind the lock: mishaps begin in between; power is on by then
SPEED = 8.0  # of the air: a burst is blown out of the heading in seconds
MISHAPS_MAX = 4
# kinds without a target that need nothing of the heading
ANYWHERE = frozenset({"power_cut", "clock_step", *(what for what in KINDS if what.startswith(("disk_", "broker_")))})
SHRINKS_MAX = 60


class Explored(NamedTuple):
    """`breaches`: (milliseconds, text) of every promise that was broken, in order. `digest` is of the whole record."""

    scenario: Scenario
    breaches: tuple[tuple[float, str], ...]
    digest: str


def scenario_of(seed: int, place: str = "heading") -> Scenario:
    """One to MISHAPS_MAX mishaps; half of the time two of them begin together, because pairs are what nobody tests.

    In another place than the heading what can befall any gateway, its lines and its devices.
    """
    chance = source(seed, "plan")
    targets = _targets(place)
    names = sorted(targets)
    end_s = _end_s(place)
    begin_s = end_s - END_S + BEGIN_S
    plan: list[Mishap] = []
    for _ in range(chance.randint(1, MISHAPS_MAX)):
        kind = KINDS[what := chance.choice(names)]
        together = plan and chance.random() < 0.5
        t = plan[-1].t + chance.uniform(0.0, 1.5) if together else chance.uniform(begin_s, end_s)
        target = chance.choice(targets[what]) if targets[what] else ""
        lasts_s = round(chance.uniform(*kind.lasts_s), 3)
        plan.append(Mishap(round(t, 3), what, target, round(chance.uniform(*kind.values), 3), lasts_s))
    lasts_s = max([end_s, *(mishap.t + mishap.for_s for mishap in plan)])
    rules = {} if place in LOCKS_S else {"power_on_lock_s": POWER_ON_LOCK_S}
    return Scenario(
        place=place, title=f"Explored, seed {seed}", seed=seed, lasts_s=lasts_s, speed=SPEED, attended=True,
        heals=True, rules=rules, at=_at(sorted(plan)),
    )  # fmt: skip


def _targets(place: str) -> dict[str, tuple[str, ...]]:
    """What each kind of mishap can befall in that place; of the kinds that it knows."""
    if place == "heading":
        return {what: kind.targets for what, kind in KINDS.items() if what != "reset"}
    there = made(place, 1, 1.0)
    of = {"device": tuple(sorted(there.devices)), "port": tuple(sorted(there.ends))}
    general = {what: kind for what, kind in KINDS.items() if kind.of or kind.targets == PROCESSES or what in ANYWHERE}
    return {what: of.get(kind.of, kind.targets) for what, kind in general.items()}


def explore(scenario: Scenario) -> Explored:
    """Run it against the promises."""
    outcome = run(scenario)
    return Explored(scenario, outcome.breaches, outcome.record.digest())


def shrink(scenario: Scenario) -> Scenario:
    """A smaller scenario that still breaks a promise: mishaps left out, then rounder and shorter ones."""
    tries = 0
    plan = scenario.plan

    def fails(candidate: tuple[Mishap, ...]) -> bool:
        nonlocal tries
        tries += 1
        return tries <= SHRINKS_MAX and bool(explore(_with(scenario, candidate)).breaches)

    plan = _without(plan, fails)
    for index in range(len(plan)):
        for change in (_rounder, _shorter):
            while (smaller := change(plan[index])) != plan[index]:
                candidate = (*plan[:index], smaller, *plan[index + 1 :])
                if not fails(candidate):
                    break
                plan = candidate
    return _with(scenario, plan)


def _with(scenario: Scenario, plan: tuple[Mishap, ...]) -> Scenario:
    lasts_s = max([_end_s(scenario.place), *(mishap.t + mishap.for_s for mishap in plan)])
    return msgspec.structs.replace(scenario, lasts_s=lasts_s, at=_at(plan))


def _end_s(place: str) -> float:
    return LOCKS_S.get(place, POWER_ON_LOCK_S) + END_S


def _at(plan: Iterable[Mishap]) -> list[At]:
    return [At(t=m.t, what=m.what, target=m.target, value=m.value, for_s=m.for_s) for m in plan]


def _without(plan: tuple[Mishap, ...], fails: Callable[[tuple[Mishap, ...]], bool]) -> tuple[Mishap, ...]:
    index = 0
    while index < len(plan) and len(plan) > 1:
        candidate = (*plan[:index], *plan[index + 1 :])
        if fails(candidate):
            plan = candidate
        else:
            index += 1
    return plan


def _rounder(mishap: Mishap) -> Mishap:
    for_s = max(0.1, round(mishap.for_s, 1)) if mishap.for_s else 0.0
    return mishap._replace(t=round(mishap.t, 1), value=round(mishap.value, 1), for_s=for_s)


def _shorter(mishap: Mishap) -> Mishap:
    return mishap._replace(for_s=round(mishap.for_s / 2, 2)) if mishap.for_s > 0.2 else mishap
