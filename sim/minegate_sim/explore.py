"""Exploration: a random plan of mishaps from a seed, run against the promises, and made small if it breaks one."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from minegate_interlock.lines import Verb
from minegate_interlock.rules import Limit
from minegate_sim.edit import set_value
from minegate_sim.mine import Mine
from minegate_sim.mishaps import KINDS, Mishap, enter, heal, person
from minegate_sim.noise import source
from minegate_sim.places import PLACES
from minegate_sim.promises import Promises, account, within

POWER_ON_LOCK_S = 3
BEGIN_S, END_S = 9.0, 26.0  # mishaps begin in between; power is on by then
SETTLE_S = 12.0  # after everything is healed: longer than any pause between attempts
DRAIN_S = 40.0
CLEAR_S = 30.0
CLOSE_S = 3.0
RESET_EVERY_S = 3.0  # somebody stands at the gateway and wants to work
SPEED = 8.0  # of the air: a burst is blown out of the heading in seconds
MISHAPS_MAX = 4


class Outcome(NamedTuple):
    """`breaches`: (milliseconds, text) of every promise that was broken, in order."""

    seed: int
    plan: tuple[Mishap, ...]
    breaches: tuple[tuple[float, str], ...]
    digest: str
    virtual_s: float


def plan_of(seed: int) -> tuple[Mishap, ...]:
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
    return tuple(sorted(plan))


def explore(seed: int, plan: tuple[Mishap, ...] | None = None) -> Outcome:
    """Run one plan; the seed's own if none is given."""
    plan = plan_of(seed) if plan is None else plan
    with tempfile.TemporaryDirectory(prefix="mg") as folder:
        with Mine(PLACES["heading"](seed, SPEED), seed, Path(folder), edit=_quick) as mine:
            _play(mine, plan)
        return Outcome(seed, plan, tuple(mine.breaches), mine.record.digest(), mine.now_ms / 1000.0)


def shrink(seed: int, plan: tuple[Mishap, ...], tries_max: int = 60) -> tuple[Mishap, ...]:
    """A smaller plan that still breaks a promise: mishaps left out, then shorter and rounder ones."""
    tries = 0

    def fails(candidate: tuple[Mishap, ...]) -> bool:
        nonlocal tries
        tries += 1
        return tries <= tries_max and bool(explore(seed, candidate).breaches)

    plan = _without(plan, fails)
    for index in range(len(plan)):
        for change in (_rounder, _shorter):
            while (smaller := change(plan[index])) != plan[index]:
                candidate = (*plan[:index], smaller, *plan[index + 1 :])
                if not fails(candidate):
                    break
                plan = candidate
    return plan


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


def _quick(name: str, text: str) -> str:
    if name != "rules.toml":
        return text
    return set_value(text, "timing", "power_on_lock_s", POWER_ON_LOCK_S)


def _play(mine: Mine, plan: tuple[Mishap, ...]) -> None:
    Promises(mine)  # lives in the mine's listeners
    for mishap in plan:
        enter(mine, mishap)
    _stand_by(mine, 1000.0 * (END_S + 10.0))
    mine.run_until(1000.0 * max([END_S, *(mishap.t + mishap.for_s for mishap in plan)]))
    heal(mine, plan)
    mine.gateway.power_on()
    mine.run_for(1000.0 * SETTLE_S)
    _recovers(mine)
    _drains(mine)


def _stand_by(mine: Mine, until_ms: float) -> None:
    """Whenever the contact is open, a person tries to reset."""

    def look() -> None:
        if not all(mine.place.contacts().values()):
            person(mine, Verb.RESET, "")
        if mine.now_ms < until_ms:
            mine.timeline.after(1000.0 * RESET_EVERY_S, look)

    mine.timeline.at(1000.0 * (POWER_ON_LOCK_S + 4.5), look)


def _recovers(mine: Mine) -> None:
    """When everything is well again, a person gets power back."""
    until_ms = mine.now_ms + 1000.0 * CLEAR_S
    while not _clear(mine) and mine.now_ms < until_ms:
        mine.run_for(1000.0)
    if not _clear(mine):
        return  # the gas itself is not gone yet
    mine.run_for(2000.0)
    if not all(mine.place.contacts().values()):
        person(mine, Verb.RESET, "")
        mine.run_for(1000.0 * CLOSE_S)
        if not all(mine.place.contacts().values()):
            mine.breach(f"recover: everything is well, and a person gets no power: {mine.gateway.answers[-1][1]}")


def _clear(mine: Mine) -> bool:
    values = mine.place.values()
    return all(
        within(limit, values[limit.point]) and _restored(limit, values[limit.point]) for limit in mine.rules.limits
    )


def _restored(limit: Limit, value: float) -> bool:
    return value < limit.restore if limit.direction == "rising" else value > limit.restore


def _drains(mine: Mine) -> None:
    """When everything is well again, everything arrives."""
    mine.gateway.kill("field")  # what its boot has produced stands still from now on
    until_ms = mine.now_ms + 1000.0 * DRAIN_S
    mine.run_for(3000.0)
    while (wrong := account(mine)) and mine.now_ms < until_ms:
        mine.run_for(2000.0)
    for text in wrong:
        mine.breach(text)
