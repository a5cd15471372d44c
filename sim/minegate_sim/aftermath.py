"""What must be true after everything has been well again for a while: power can come back, and everything arrives."""

from __future__ import annotations

from minegate_interlock.lines import Verb
from minegate_interlock.rules import Limit
from minegate_sim.mine import Mine
from minegate_sim.mishaps import Mishap, heal, person
from minegate_sim.promises import account, within

SETTLE_S = 12.0  # longer than any pause between two attempts of anything
START_S = 9.0  # from power until the last process of the gateway runs, restarts included
DRAIN_S = 40.0
CLEAR_S = 30.0
CLOSE_S = 3.0
RESET_EVERY_S = 3.0  # somebody stands at the gateway and wants to work


def attend(mine: Mine, until_ms: float) -> None:
    """Whenever a contact is open, a person tries to reset."""

    def look() -> None:
        _ask_for_power(mine)
        if mine.now_ms < until_ms:
            mine.timeline.after(1000.0 * RESET_EVERY_S, look)

    mine.timeline.after(1000.0 * RESET_EVERY_S, look)


def look_back(mine: Mine, plan: tuple[Mishap, ...]) -> None:
    """Heal everything, wait, and note as a breach what does not come back."""
    heal(mine, plan)
    mine.gateway.power_on()
    mine.run_for(1000.0 * max(SETTLE_S, mine.rules.timing.power_on_lock_s + START_S))
    _recovers(mine)
    _drains(mine)


def _recovers(mine: Mine) -> None:
    """When everything is well again, a person gets power back."""
    until_ms = mine.now_ms + 1000.0 * CLEAR_S
    while not _clear(mine) and mine.now_ms < until_ms:
        mine.run_for(1000.0)
    if not _clear(mine):
        return  # the gas itself is not gone yet
    mine.run_for(2000.0)
    if _ask_for_power(mine):
        mine.run_for(1000.0 * CLOSE_S)
        if not all(mine.place.contacts().values()):
            mine.breach(f"recover: everything is well, and a person gets no power: {mine.gateway.answers[-1][1]}")


def _ask_for_power(mine: Mine) -> bool:
    """A reset of each area that has an open contact; whether there was one."""
    contacts = mine.place.contacts()
    areas = [area.name for area in mine.rules.areas if not all(contacts[output] for output in area.outputs)]
    for area in areas:
        person(mine, Verb.RESET, area)
    return bool(areas)


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
