"""What moved during a run, sampled for plots: values of points, backlog, how late readings arrive, clocks."""

from __future__ import annotations

from collections.abc import Mapping
from math import nan
from typing import NamedTuple

from minegate_agent.link.delivered import DeliveredScan
from minegate_sim.gateway.agent import PROCESSES
from minegate_sim.mine import Mine
from minegate_sim.virtual.clocks import UTC_AT_START_MS, SimClock

SAMPLES_MAX = 1200


class Point(NamedTuple):
    """A point of the gateway: what it measures, in which unit."""

    name: str
    quantity: str
    unit: str


class Level(NamedTuple):
    """A limit of rules.toml as a line in a plot. `what`: alarm or cut."""

    point: str
    what: str
    value: float


class History(NamedTuple):
    """One value per sample time in each list; NaN where there was none. Times are seconds of true time."""

    points: tuple[Point, ...]
    levels: tuple[Level, ...]
    times: list[float]
    values: dict[str, list[float]]
    backlog: list[float]
    latest: list[float]  # s from reading to arrival of the freshest that arrived since the last sample
    oldest: list[float]  # and of the oldest
    processes: dict[str, list[bool]]
    wall_ms: list[tuple[float, float]]  # from when on (s) the wall clock says so many ms more than true time


class Historian:
    """Samples a mine that is about to run for `lasts_s`, at most SAMPLES_MAX times."""

    def __init__(self, mine: Mine, lasts_s: float) -> None:
        self._mine = mine
        self._every_ms = 1000.0 * lasts_s / SAMPLES_MAX
        self._due_ms = 0.0
        self._clocks: dict[int, SimClock] = {}  # field's, by its boot
        self._late_s: list[float] = []
        quantities = {point.name: point.field for point in mine.gateway.site.points}
        names = [name for name in mine.place.values() if name in quantities]
        self._history = History(
            tuple(Point(name, quantities[name].quantity, quantities[name].unit) for name in names),
            tuple(_levels(mine)), [], {name: [] for name in names}, [], [], [],
            {name: [] for name in PROCESSES}, [(0.0, 0.0)],
        )  # fmt: skip
        mine.step_listeners.append(self._step)
        mine.receiver.scan_listeners.append(self._arrived)

    def history(self) -> History:
        """Up to now."""
        return self._history

    def _arrived(self, ms: float, scan: DeliveredScan) -> None:
        clock = self._clocks.get(scan.boot)
        if clock is not None:
            self._late_s.append((ms - clock.true_at_ms(scan.mono_ms / 1000.0)) / 1000.0)

    def _step(self) -> None:
        mine, kept = self._mine, self._history
        gateway = mine.gateway
        self._clocks[gateway.boot_of("field")] = gateway.clocks["field"]
        if mine.now_ms < self._due_ms:
            return
        self._due_ms = mine.now_ms + self._every_ms
        kept.times.append(mine.now_ms / 1000.0)
        self._values(mine.place.values())
        kept.backlog.append(float(mine.receiver.backlog(gateway.produced_now())))
        kept.latest.append(min(self._late_s, default=nan))
        kept.oldest.append(max(self._late_s, default=nan))
        self._late_s.clear()
        for name, there in kept.processes.items():
            there.append(gateway.running(name))
        apart_ms = gateway.clocks["interlock"].utc_ms() - UTC_AT_START_MS - mine.now_ms
        if abs(apart_ms - kept.wall_ms[-1][1]) > 500.0:  # a step; what it drifts is nothing to a plot
            kept.wall_ms.append((mine.now_ms / 1000.0, apart_ms))

    def _values(self, values: Mapping[str, float]) -> None:
        for name, series in self._history.values.items():
            series.append(values[name])


def true_s(history: History, utc_ms: int, arrived_s: float) -> float:
    """The true time of what a clock of the gateway called `utc_ms`; not after it arrived."""
    ends = [*(since for since, _ in history.wall_ms[1:]), arrived_s]
    for (since, apart_ms), until in zip(history.wall_ms, ends, strict=True):
        s = (utc_ms - UTC_AT_START_MS - apart_ms) / 1000.0
        if since - 1.0 <= s <= until + 1.0:
            return s
    return arrived_s


def _levels(mine: Mine) -> list[Level]:
    found = []
    for limit in mine.rules.limits:
        if limit.alarm is not None and limit.alarm != limit.cut:
            found.append(Level(limit.point, "alarm", limit.alarm))
        found.append(Level(limit.point, "cut", limit.cut))
    found += [Level(watch.point, "alarm", watch.alarm) for watch in mine.rules.watches if not watch.window_ms]
    return found
