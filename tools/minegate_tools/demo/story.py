"""The story of the demo: steps with a condition, a deadline and a hold. Pure: what was seen and the time are arguments.

A step begins with its acts, ends when its condition has been true for `hold_s` without a break, and fails when it has
not come true by `deadline_s`. Nothing here waits for a fixed time and hopes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

OUTAGE_S = 20.0


class Seen(NamedTuple):
    """What the demo knows at one moment, from the status of the site and from the simulator's truth."""

    permitted: bool = False
    restorable: bool = False
    contact_closed: bool = False
    face_methane: float = 0.0
    fan_runs: bool = True
    connected: bool = False
    waiting: int = 0
    outage_s: float = 0.0  # since the broker was taken away; 0: it is there


class Act(NamedTuple):
    """Something done to the heading, to the broker, or by the operator."""

    verb: Literal["fan", "burst", "broker", "reset"]
    on: bool = True


class Step(NamedTuple):
    """One scene."""

    name: str
    zh: str
    en: str
    until: Callable[[Seen], bool]
    acts: tuple[Act, ...] = ()
    again: tuple[Act, ...] = ()  # repeated every AGAIN_MS until the condition is true: a person tries a reset again
    hold_s: float = 0.0
    deadline_s: float = 30.0


RESET = (Act("reset"),)
AGAIN_MS = 1500


def _powered(seen: Seen) -> bool:
    return seen.permitted and seen.contact_closed


def _off(seen: Seen) -> bool:
    return not seen.permitted and not seen.contact_closed


STORY: tuple[Step, ...] = (
    Step(
        "power-on-lock", "上电闭锁：所有限值确认之前不允许送电",
        "locked at start: no power before every limit is known",
        lambda seen: seen.restorable, deadline_s=60,
    ),
    Step("reset", "人工复位，送电", "a person resets: power is permitted", _powered, again=RESET, hold_s=1),
    Step("work", "正常掘进", "normal work", _powered, again=RESET, hold_s=10, deadline_s=60),
    Step("fan-stops", "局部通风机停：风电闭锁，断电", "the local fan stops: power of the heading is cut", _off,
         acts=(Act("fan", on=False),), hold_s=2),
    Step("methane-rises", "停风，甲烷上升", "without air, methane rises", lambda seen: seen.face_methane >= 1.0,
         hold_s=1, deadline_s=60),
    Step("broker-lost", "上行中断，数据积压在本机", "the broker is lost: readings wait on disk",
         lambda seen: not seen.connected, acts=(Act("broker", on=False),), hold_s=3, deadline_s=45),
    Step("fan-back", "通风恢复，甲烷下降，可以复位", "air is back, methane falls, a reset is possible",
         lambda seen: seen.restorable, acts=(Act("fan"),), deadline_s=90),
    Step("local-reset", "中断期间就地复位", "a reset at the place needs no uplink", _powered, again=RESET, hold_s=2),
    Step("burst", "甲烷涌出：断电", "a burst of methane: power is cut", _off, acts=(Act("burst"),), hold_s=2),
    Step("outage", "上行中断满 20 秒", "the outage lasts 20 s", lambda seen: seen.outage_s >= OUTAGE_S, deadline_s=60),
    Step("broker-back", "上行恢复，积压补传", "the broker is back: the backlog is delivered",
         lambda seen: seen.connected and seen.waiting < 50, acts=(Act("broker"),), hold_s=1, deadline_s=60),
    Step("air-clears", "甲烷回落，可以复位", "the air clears, a reset is possible", lambda seen: seen.restorable,
         deadline_s=120),
    Step("last-reset", "人工复位，送电", "a person resets: power is permitted", _powered, again=RESET, hold_s=1),
    Step("work-again", "恢复正常掘进", "normal work again", _powered, again=RESET, hold_s=8),
)  # fmt: skip


NAMES = tuple(step.name for step in STORY)


class Place(NamedTuple):
    """Where the story stands. `true_since_ms` is None while the condition of the step is not true."""

    at: int
    since_ms: int
    true_since_ms: int | None
    acted_ms: int


class Move(NamedTuple):
    """What comes of looking once: the new place, what to do now, and whether the story is over."""

    place: Place
    acts: tuple[Act, ...] = ()
    over: bool = False
    failed: str = ""


def begin(steps: tuple[Step, ...], now_ms: int) -> Move:
    """Enter the first step."""
    return _enter(steps, 0, now_ms)


def look(steps: tuple[Step, ...], place: Place, seen: Seen, now_ms: int, speed: float = 1.0) -> Move:
    """Look at what was seen at `now_ms`. `speed` shortens holds, never deadlines: real processes keep their pace."""
    step = steps[place.at]
    if step.until(seen):
        since = now_ms if place.true_since_ms is None else place.true_since_ms
        if now_ms - since >= step.hold_s * 1000 / speed:
            return _enter(steps, place.at + 1, now_ms)
        return Move(place._replace(true_since_ms=since))
    # a hold that was broken gets the time of the hold once more; a step that keeps breaking still ends
    if now_ms - place.since_ms >= (step.deadline_s + step.hold_s) * 1000:
        return Move(
            place, failed=f"{step.name!r} did not come true within {step.deadline_s + step.hold_s:.0f} s: {seen}"
        )
    place = place._replace(true_since_ms=None)
    if step.again and now_ms - place.acted_ms >= AGAIN_MS:
        return Move(place._replace(acted_ms=now_ms), step.again)
    return Move(place)


def _enter(steps: tuple[Step, ...], at: int, now_ms: int) -> Move:
    if at == len(steps):
        return Move(Place(at, now_ms, None, now_ms), over=True)
    step = steps[at]
    # `again` is due at once, should the condition not be true already at the first look
    return Move(Place(at, now_ms, None, now_ms - AGAIN_MS), step.acts)
