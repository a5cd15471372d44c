"""What the judge remembers, and what can happen to it. Frozen values; nothing here acts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from minegate_interlock.lines import Cause
from minegate_interlock.rules import Rules


@dataclass(frozen=True, slots=True)
class Input:
    """What is known of one limit's point. `cause` is why it does not allow power now; `over` holds until restored."""

    value: float = float("nan")
    quality: int = 0
    seen_ms: int | None = None
    unit_differs: bool = False
    over: bool = False
    alarm: bool = False
    cause: Cause = Cause.NEVER_HEARD


@dataclass(frozen=True, slots=True)
class Power:
    """One area. `cause`, `limit`, `value` say why power was last taken away; `limit` is an index into the rules, or
    -1.
    """

    permitted: bool = False
    restorable: bool = False
    outputs_up: bool = False
    commanded: bool = False
    cause: Cause = Cause.START
    limit: int = -1
    value: float = float("nan")
    by: str = ""
    reason: str = ""
    since_ms: int = 0


@dataclass(frozen=True, slots=True)
class State:
    """`inputs[i]` belongs to `rules.limits[i]`, `areas[i]` to `rules.areas[i]`."""

    started_ms: int
    inputs: tuple[Input, ...]
    areas: tuple[Power, ...]


def begin(rules: Rules, now_ms: int) -> State:
    """Everything locked, nothing heard."""
    power = Power(since_ms=now_ms)
    return State(now_ms, tuple(Input() for _ in rules.limits), tuple(power for _ in rules.areas))


class Heard(NamedTuple):
    """A reading that was true at `seen_ms` of the judge's clock."""

    point: str
    value: float
    quality: int
    seen_ms: int


class Named(NamedTuple):
    """The field process says in which unit a point comes."""

    point: str
    unit: str


class InputsLost(NamedTuple):
    """The field process went away: what it said last is no longer known to be so, however young it is."""


class Tick(NamedTuple):
    """Time has passed."""


class OutputsUp(NamedTuple):
    """Whether every output of an area answers and does as told."""

    area: str
    up: bool


class Reset(NamedTuple):
    """A person asks for permission."""

    area: str
    by: str


class Cut(NamedTuple):
    """A person takes permission away."""

    area: str
    by: str
    reason: str


Event = Heard | Named | InputsLost | Tick | OutputsUp | Reset | Cut
