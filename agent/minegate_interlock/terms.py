"""Everything a rules file can say, as frozen values. Nothing here reads, decides or waits.

Numbers of the regulations stand in `library/*.toml` or in the site's rules.toml with their source, never here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

# AQ 6201: from over-limit to open contact. The one number that no rules file can stretch.
REACTION_MAX_MS = 2000


class OutputClass(Enum):
    """What an output does when everything is lost. Which class an output has is never a setting."""

    AREA_POWER = "area power"  # de-energises: losing it cuts
    FAN_LOCK = "fan lock"  # energises to lock: losing it must never stop ventilation (AQ 6201-2006 clause f)


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds of the loop and the lease. `power_on_lock_s` default: AQ 6201-2006 wording, clause f (recalled)."""

    tick_ms: int = 50
    power_on_lock_s: int = 60
    lease_ms: int = 600
    renew_ms: int = 150
    feed_check_ms: int = 2000


@dataclass(frozen=True, slots=True)
class _Contact:
    """One contact and the port it is reached through, which belongs to the interlock alone. `kind` says which of the
    keys have a meaning (output_kinds.py): a relay of a node on a serial line or on CAN, or lines of a GPIO chip.
    """

    name: str
    device: str = ""
    node: int = 0
    baud: int = 9600
    relay: int = 0
    kind: str = "node"
    key_file: str = ""  # 32 hexadecimal digits that the node has as well; relative to the rules file
    interface: str = ""  # socketcan or slcan
    channel: str = ""
    bitrate: int = 250_000
    chip: str = ""
    line: int = -1
    watchdog_line: int = -1
    watchdog_ms: int = 0
    read_back: int = -1
    read_back_closed: int = 1  # the level of `read_back` while the contact is closed


@dataclass(frozen=True, slots=True)
class Output(_Contact):
    """Closed: area power is permitted."""

    output_class = OutputClass.AREA_POWER


@dataclass(frozen=True, slots=True)
class FanOutput(_Contact):
    """The same contact, wired the other way round: closed, and kept closed by its lease, it locks the fan."""

    output_class = OutputClass.FAN_LOCK


@dataclass(frozen=True, slots=True)
class Area:
    """What is cut together. `feed_point` measures the load side; `second` are outputs that are opened as well when the
    load side stays live.
    """

    name: str
    outputs: tuple[str, ...]
    title_zh: str = ""
    title_en: str = ""
    feed_point: str = ""
    second: tuple[str, ...] = ()


class Deviation(NamedTuple):
    """Why a number is looser than the statute. `left_ms`: how long it holds from the interlock's start; 0: expired."""

    reason: str
    approver: str
    until: str
    left_ms: int

    def __str__(self) -> str:
        return f"deviation until {self.until}: {self.reason}; {self.approver}"


class Doubt(NamedTuple):
    """When a point's values are not believed although each of them could be. 0, infinity and "" mean: not looked at."""

    rate_max_per_s: float = math.inf  # faster than the quantity can change
    frozen_ms: int = 0  # unchanged for so long while a neighbour has moved by `neighbour_move`
    neighbours: tuple[str, ...] = ()
    neighbour_move: float = 0.0
    agrees_with: str = ""  # the point that measures the same thing
    agrees_within: float = math.inf
    agrees_ms: int = 0  # how long they may differ by more


NO_DOUBT = Doubt()


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit of one point for one area. Rising: alarm and cut at >=, restore at <; falling: mirrored.

    `rule` is the library's key or "". `then` is what holds once the deviation has expired.
    """

    area: str
    point: str
    unit: str
    low: float
    high: float
    cut: float
    restore: float
    stale_ms: int
    source: str
    alarm: float | None = None
    direction: str = "rising"
    rule: str = ""
    restore_hold_ms: int = 0
    alarm_release: str = "automatic"
    doubt: Doubt = NO_DOUBT
    deviation: Deviation | None = None
    then: Limit | None = None
    reaction_ms: int = REACTION_MAX_MS  # from over-limit to open contact; `minegate check` computes it


@dataclass(frozen=True, slots=True)
class Watch:
    """A rule that tells and takes nothing away. Over `window_ms` > 0 it looks at the rise, not at the value."""

    area: str
    point: str
    unit: str
    low: float
    high: float
    alarm: float
    restore: float
    stale_ms: int
    source: str
    direction: str = "rising"
    rule: str = ""
    alarm_release: str = "automatic"
    window_ms: int = 0


@dataclass(frozen=True, slots=True)
class FanLock:
    """Locks a local fan while one of `points` is known to be beyond `lock`. `strict`: > and not >=; `stopped`: only
    while `run_point` is known to say that the fan stands still. Released when all of them are known below `release`.
    """

    name: str
    area: str
    run_point: str
    points: tuple[str, ...]
    outputs: tuple[str, ...]
    lock: float
    release: float
    strict: bool
    stopped: bool
    rule: str
    source: str
    reaction_ms: int = REACTION_MAX_MS


@dataclass(frozen=True, slots=True)
class Vote:
    """Limits that speak together: `need` of `points` have to be beyond. `degraded` says what holds when one is lost."""

    name: str
    area: str
    points: tuple[str, ...]
    need: int
    degraded: str


@dataclass(frozen=True, slots=True)
class Suspension:
    """How long a point may be calibrated at a time, and how long a lost one may be bypassed at a time and in a day."""

    calibration_max_min: int = 30
    bypass_max_min: int = 0
    bypass_day_min: int = 0


@dataclass(frozen=True, slots=True)
class ProofTest:
    """A test that is due every `days`: `kind` is lock, fan-lock or calibration, `subject` an area, a fan lock or a
    point.
    """

    kind: str
    subject: str
    days: int
    source: str


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything the interlock knows. `hash` covers the file and the library's rules that it uses, 8 bytes of it travel
    in each verdict; `file_hash` is the SHA-256 of the file alone.
    """

    timing: Timing
    outputs: tuple[Output, ...]
    areas: tuple[Area, ...]
    limits: tuple[Limit, ...]
    hash: bytes
    watches: tuple[Watch, ...] = ()
    fan_outputs: tuple[FanOutput, ...] = ()
    fans: tuple[FanLock, ...] = ()
    votes: tuple[Vote, ...] = ()
    suspension: Suspension = Suspension()
    tests: tuple[ProofTest, ...] = ()
    edition: str = ""
    file_hash: bytes = b""

    def every_rule(self) -> tuple[Limit | Watch, ...]:
        """Each of them is about one point of one area."""
        return (*self.limits, *self.watches)

    def every_output(self) -> tuple[Output | FanOutput, ...]:
        """Both classes: each is one relay of one node on its own line."""
        return (*self.outputs, *self.fan_outputs)

    def wanted(self) -> frozenset[str]:
        """Every point that the interlock has to hear."""
        points = {limit.point for limit in self.limits} | {watch.point for watch in self.watches}
        for limit in self.limits:
            points.update(limit.doubt.neighbours, (limit.doubt.agrees_with,))
        points.update(area.feed_point for area in self.areas)
        return frozenset(points - {""})


def in_force(limit: Limit, elapsed_ms: int) -> Limit:
    """The limit that holds `elapsed_ms` after the interlock's start: a deviation ends by itself."""
    if limit.deviation is None or limit.then is None or elapsed_ms < limit.deviation.left_ms:
        return limit
    return limit.then
