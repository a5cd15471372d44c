"""Exploration: a random plan of mishaps from a seed, run against the promises, and made small if it breaks one."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from minegate_sim.mishaps import KINDS, Mishap
from minegate_sim.noise import source
from minegate_sim.run import run
from minegate_sim.scenario import At, Scenario

POWER_ON_LOCK_S = 3
BEGIN_S, END_S = 9.0, 26.0  # mishaps begin in between; power is on by then
SPEED = 8.0  # of the air: a burst is blown out of the heading in seconds
MISHAPS_MAX = 4
SHRINKS_MAX = 60


class Explored(NamedTuple):
    """`breaches`: (milliseconds, text) of every promise that was broken, in order. `digest` is of the whole record."""

    scenario: Scenario
    breaches: tuple[tuple[float, str], ...]
    digest: str


def scenario_of(seed: int) -> Scenario:
    """One to MISHAPS_MAX mishaps; half of the time two of them begin together, because pairs are what nobody tests."""
    chance = source(seed, "plan")
    names = sorted(set(KINDS) - {"reset"})
    plan: list[Mishap] = []
    for _ in range(chance.randint(1, MISHAPS_MAX)):
        kind = KINDS[what := chance.choice(names)]
        together = plan and chance.random() < 0.5
        t = plan[-1].t + chance.uniform(0.0, 1.5) if together else chance.uniform(BEGIN_S, END_S)
        target = chance.choice(kind.targets) if kind.targets else ""
        lasts_s = round(chance.uniform(*kind.lasts_s), 3)
        plan.append(Mishap(round(t, 3), what, target, round(chance.uniform(*kind.values), 3), lasts_s))
    return _scenario(seed, tuple(sorted(plan)))


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
        return tries <= SHRINKS_MAX and bool(explore(_scenario(scenario.seed, candidate)).breaches)

    plan = _without(plan, fails)
    for index in range(len(plan)):
        for change in (_rounder, _shorter):
            while (smaller := change(plan[index])) != plan[index]:
                candidate = (*plan[:index], smaller, *plan[index + 1 :])
                if not fails(candidate):
                    break
                plan = candidate
    return _scenario(scenario.seed, plan)


def _scenario(seed: int, plan: tuple[Mishap, ...]) -> Scenario:
    return Scenario(
        place="heading",
        title=f"Explored, seed {seed}",
        seed=seed,
        lasts_s=max([END_S, *(mishap.t + mishap.for_s for mishap in plan)]),
        speed=SPEED,
        attended=True,
        heals=True,
        rules={"power_on_lock_s": POWER_ON_LOCK_S},
        at=[At(t=m.t, what=m.what, target=m.target, value=m.value, for_s=m.for_s) for m in plan],
    )


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
