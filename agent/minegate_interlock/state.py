"""What the judge remembers, and what can happen to it. Frozen values; nothing here acts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from minegate_interlock.lines import Cause
from minegate_interlock.terms import Rules, in_force


class Doubted(NamedTuple):
    """What makes a value doubtful that could be true. `others[i]` is what neighbour i said when this point last moved;
    `other` is the newest value of the point that it has to agree with.
    """

    flat_ms: int | None = None
    moved: bool = False
    others: tuple[float, ...] = ()
    jumped: bool = False
    other: float = float("nan")
    apart_ms: int | None = None


class Suspended(NamedTuple):
    """What a person has declared of the point, until when on the judge's clock, and the minutes bypassed in a day."""

    calibrating_ms: int | None = None
    bypassed_ms: int | None = None
    by: str = ""
    reason: str = ""
    spent_min: int = 0
    day_ms: int | None = None


TRUSTED = Doubted()
NOT_SUSPENDED = Suspended()


@dataclass(frozen=True, slots=True)
class Input:
    """What is known of one limit's point. `cause` is why it does not allow power now; `over` holds until restored;
    `below_ms` is since when it was below restore without a break; `deviating`: a looser number than the statute's is in
    force.
    """

    value: float = float("nan")
    quality: int = 0
    seen_ms: int | None = None
    unit_differs: bool = False
    over: bool = False
    alarm: bool = False
    cause: Cause = Cause.NEVER_HEARD
    below_ms: int | None = None
    doubted: Doubted = TRUSTED
    suspended: Suspended = NOT_SUSPENDED
    deviating: bool = False

    @property
    def known(self) -> bool:
        """The value is true now, be it beyond the limit or not."""
        return self.cause in (Cause.NONE, Cause.LIMIT)

    @property
    def excused(self) -> bool:
        """A person has bypassed it, and it is lost. A passed limit is never excused."""
        return self.suspended.bypassed_ms is not None and self.cause in EXCUSABLE and not self.over


EXCUSABLE = (Cause.NEVER_HEARD, Cause.SILENCE, Cause.NONSENSE, Cause.FAULT, Cause.FROZEN, Cause.JUMP, Cause.APART)


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of one watch's point. `lows` are the lowest values of the last stretches of its window."""

    value: float = float("nan")
    seen_ms: int | None = None
    unit_differs: bool = False
    lost: bool = False
    over: bool = False
    alarm: bool = False
    lows: tuple[float, ...] = ()
    stretch: int = 0


@dataclass(frozen=True, slots=True)
class Fan:
    """One fan lock. `freed`: a person has released it by hand, and what had locked it has not ended since."""

    locked: bool = False
    freed: bool = False
    point: str = ""
    value: float = float("nan")
    by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Power:
    """One area. `cause`, `limit`, `value` say why power was last taken away; `limit` is an index into the rules, or
    -1. `second`: the second outputs are permitted.
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
    second: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """`inputs[i]` belongs to `rules.limits[i]`, `areas[i]` to `rules.areas[i]`, and so on."""

    started_ms: int
    inputs: tuple[Input, ...]
    areas: tuple[Power, ...]
    watches: tuple[Seen, ...] = ()
    fans: tuple[Fan, ...] = ()


def begin(rules: Rules, now_ms: int) -> State:
    """Everything locked, nothing heard, no fan held."""
    power = Power(since_ms=now_ms)
    return State(
        now_ms,
        tuple(Input(deviating=in_force(limit, 0) is limit and limit.deviation is not None) for limit in rules.limits),
        tuple(power for _ in rules.areas),
        tuple(Seen() for _ in rules.watches),
        tuple(Fan() for _ in rules.fans),
    )


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
    reason: str = ""


class Cut(NamedTuple):
    """A person takes permission away."""

    area: str
    by: str
    reason: str


class FeedLive(NamedTuple):
    """Power of the area is not permitted, and its load side is still live after the time that a breaker may take."""

    area: str


class Calibrate(NamedTuple):
    """A person calibrates one point. It proves nothing meanwhile, and its area is locked."""

    point: str
    minutes: int
    by: str
    reason: str


class Bypass(NamedTuple):
    """A person excuses one point that is lost. Its limit stays."""

    point: str
    minutes: int
    by: str
    reason: str


class EndSuspension(NamedTuple):
    """A person ends what runs on a point."""

    point: str
    by: str


class FreeFan(NamedTuple):
    """A person releases a fan lock by hand, to blow the gas out under a plan."""

    name: str
    by: str
    reason: str


Act = Reset | Cut | Calibrate | Bypass | EndSuspension | FreeFan
Event = Heard | Named | InputsLost | Tick | OutputsUp | FeedLive | Act
