"""What a run leaves behind for its judge. The watcher looks at the place, at the contacts, and at what arrived."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from typing import Any, NamedTuple

from minegate_sim.mine import Mine
from minegate_sim.place import Truth
from minegate_sim.promises import account

LOOK_MS = 1000.0  # at the account: the backlog, and whether it was drained
NEWEST_ITEMS = 60  # what may be on its way: some two seconds of a heading
SWITCHED = ("machine", "pump", "fan", "power", "flood", "overtopped", "slide")


class Arrived(NamedTuple):
    """An event at the receiver. `about`: the point, device or area; `cause`, `reason` and `utc_ms` as it says them."""

    s: float
    kind: str
    about: str
    cause: str
    reason: str
    utc_ms: int = 0


class Seen(NamedTuple):
    """Times are seconds of true time."""

    areas: dict[str, tuple[str, ...]]  # outputs of each
    contacts: list[tuple[float, str, bool]]  # every movement
    values: dict[str, list[tuple[float, float]]]  # of the points asked for: each new value
    apart: dict[str, list[tuple[float, float]]]  # of the points whose truth is asked for: how far they are from it
    arrived: list[Arrived]
    told: list[tuple[float, str, str, bool]]  # machine, pump, fan ...: when, what, whose, on
    backlog: list[tuple[float, int]]  # items of field that the receiver did not have
    drained: list[float]  # when it had everything that field had produced
    breaches: list[tuple[float, str]]
    account: list[str]

    def from_on(self, point: str, after_s: float) -> Iterator[tuple[float, float]]:
        """The values of a point, beginning with the one that stood at `after_s`."""
        before: float | None = None
        for s, value in self.values[point]:
            if s < after_s:
                before = value
                continue
            if before is not None and s > after_s:
                yield after_s, before
            before = None
            yield s, value
        if before is not None:
            yield after_s, before


class Asked(NamedTuple):
    """What is looked at, because somebody asks: points, points whose truth too, and the backlog."""

    points: set[str]
    true: set[str]
    backlog: bool


class Watcher:
    """Gathers what is asked for and no more: it looks at every step of the place."""

    def __init__(self, mine: Mine, asked: Asked) -> None:
        self._mine = mine
        self._asked = asked
        self._contacts: list[tuple[float, str, bool]] = []
        self._values: dict[str, list[tuple[float, float]]] = {point: [] for point in sorted(asked.points)}
        self._apart: dict[str, list[tuple[float, float]]] = {point: [] for point in sorted(asked.true)}
        self._arrived: list[Arrived] = []
        self._told: list[tuple[float, str, str, bool]] = []
        self._events = 0
        self._backlog: list[tuple[float, int]] = []
        self._drained: list[float] = []
        self._look_ms = 0.0
        mine.truth_listeners.append(self._truth)
        mine.step_listeners.append(self._step)

    def seen(self) -> Seen:
        """What was seen up to now."""
        mine = self._mine
        areas = {area.name: tuple(area.outputs) for area in mine.rules.areas}
        return Seen(
            areas, self._contacts, self._values, self._apart, self._arrived, self._told, self._backlog, self._drained,
            mine.breaches, account(mine),
        )  # fmt: skip

    def _truth(self, truth: Truth) -> None:
        kind, _, state = truth.what.rpartition("_")
        if kind == "contact":
            self._contacts.append((truth.ms / 1000.0, str(truth.fields["contact"]), state == "closed"))
        elif kind in SWITCHED:
            self._told.append((truth.ms / 1000.0, kind, str(truth.fields.get("of", "")), state == "on"))

    def _step(self) -> None:
        mine, now_s = self._mine, self._mine.now_ms / 1000.0
        if self._values or self._apart:
            self._measure(now_s)
        events = mine.receiver.events
        for _, event in events[self._events :]:
            self._arrived.append(_arrived(now_s, event))
        self._events = len(events)
        if self._asked.backlog and mine.now_ms >= self._look_ms:
            self._look_ms = mine.now_ms + LOOK_MS
            self._backlog.append((now_s, mine.receiver.backlog(mine.gateway.produced_now())))
            if mine.receiver.has_all_but(mine.gateway.produced_now(), NEWEST_ITEMS):
                self._drained.append(now_s)

    def _measure(self, now_s: float) -> None:
        values = self._mine.place.values()
        for point, known in self._values.items():
            value = values[point]
            if isfinite(value) and (not known or known[-1][1] != value):
                known.append((now_s, value))
        if self._apart:
            truths = self._mine.place.truths()
            for point, apart in self._apart.items():
                if isfinite(values[point]):
                    apart.append((now_s, abs(values[point] - truths[point])))


def _arrived(now_s: float, event: dict[str, Any]) -> Arrived:
    about = event.get("point") or event.get("name") or event.get("area") or ""
    cause, reason = str(event.get("cause", "")), str(event.get("reason", ""))
    return Arrived(now_s, str(event["kind"]), str(about), cause, reason, int(event.get("utc_ms", 0)))
