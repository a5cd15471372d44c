"""Every rule of a site with its worst cases, and why a site that is too slow is refused: which term to change. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from minegate_agent.field.plan import LinePlan
from minegate_agent.site import FILE, Site
from minegate_agent.worst_case import CASES, SILENT, Case, Way, Worst, cases, closes_ms, opens_ms
from minegate_drivers.sdk import LineDriver
from minegate_interlock.rules import Limit, Rules

_CHANGEABLE = frozenset(("period_ms", "line_ms", "dead_ms", "port_ms", "stale_ms", "tick_ms", "output_ms"))


class RuleTime(NamedTuple):
    """One rule in words, and the longest it can take to act, case by case; no case: nobody reads the point."""

    area: str
    point: str
    words: str
    limit_ms: int
    cases: tuple[Case, ...]

    @property
    def worst(self) -> Worst | None:
        """The longest of them."""
        return max((case.worst for case in self.cases), key=lambda worst: worst.total_ms, default=None)


def rule_times(site: Site, rules: Rules, plans: Mapping[str, LinePlan]) -> tuple[RuleTime, ...]:
    """Of every limit, and of every lock of a fan, which no silence sets."""
    ways = _ways(site, plans)
    opening_ms = {area.name: opens_ms(area, rules) for area in rules.areas}
    found = []
    for limit in rules.limits:
        way = ways.get(limit.point)
        own = cases(way, rules.timing, limit.stale_ms, opening_ms[limit.area]) if way else ()
        found.append(RuleTime(limit.area, limit.point, _words(limit), limit.reaction_ms, own))
    return (*_voted(found, rules), *_fans(rules, ways))


def too_slow(times: tuple[RuleTime, ...]) -> Iterator[str]:
    """For each rule that cannot keep its time one line: the sum, and the term to change."""
    for time in times:
        late = [case for case in time.cases if not case.worst.total_ms <= time.limit_ms]
        if late:
            case = max(late, key=_total_ms)
            yield (
                f"area {time.area!r}, point {time.point!r}: from over-limit to open contact "
                f"{case.worst.total_ms:.0f} ms ({case.name}), reaction_ms is {time.limit_ms}: {case.worst.sum()}; "
                f"{_change(case)}"
            )


def _ways(site: Site, plans: Mapping[str, LinePlan]) -> dict[str, Way]:
    ports = {port.name: port for port in site.config.port}
    ways = {}
    for point in site.points:
        device = site.devices[point.device]
        plan = plans.get(device.port) if isinstance(device.driver, LineDriver) else None
        neighbours = tuple(other for other in site.devices.values() if other.port == device.port)
        ways[point.name] = Way(device, ports[device.port], point.part, plan, neighbours)
    return ways


def _voted(found: list[RuleTime], rules: Rules) -> Iterator[RuleTime]:
    """Who votes waits for the slowest of those that vote with it."""
    for time in found:
        votes = [vote for vote in rules.votes if vote.area == time.area and time.point in vote.points]
        members = [other for vote in votes for other in found if other.area == time.area and other.point in vote.points]
        yield time._replace(cases=_slowest([other.cases for other in members or [time]]))


def _fans(rules: Rules, ways: Mapping[str, Way]) -> Iterator[RuleTime]:
    """A lock needs gas, and most need a fan that stands as well: the slower of the two readings counts."""
    for fan in rules.fans:
        closing_ms = closes_ms(fan, rules)
        words = f"locks fan {fan.name} {'>' if fan.strict else '>='} {fan.lock:g}, frees it < {fan.release:g}"
        for point in fan.points:
            needed = [name for name in ((point, fan.run_point) if fan.stopped else (point,)) if name in ways]
            own = _slowest([cases(ways[name], rules.timing, 0.0, closing_ms) for name in needed])
            heard = tuple(case for case in own if case.name != SILENT)
            yield RuleTime(fan.area, point, words, fan.reaction_ms, heard)


def _slowest(several: list[tuple[Case, ...]]) -> tuple[Case, ...]:
    """Case by case the longest sum."""
    every = [case for cases in several for case in cases]
    names = sorted({case.name for case in every}, key=CASES.index)
    return tuple(max((case for case in every if case.name == name), key=_total_ms) for name in names)


def _total_ms(case: Case) -> float:
    return case.worst.total_ms


def _change(case: Case) -> str:
    """The term to change: the largest one that somebody can."""
    way = case.way
    device, port = way.device, way.port
    term = case.worst.greatest(_CHANGEABLE)
    if term == "line_ms" and way.plan is not None:
        poll = way.plan.poll(device.number)
        return (
            f"change the line: port {port.name!r} asks {len(way.plan.polls)} devices, {way.plan.cycle_ms:.0f} ms a "
            f"round at {port.baud} baud; fewer devices, a higher baud, or job = 'trip' for {poll.name!r}"
        )
    if term == "dead_ms" and way.plan is not None:
        dead = way.plan.dead(device.number, int(case.name.split()[0]))
        names = " and ".join(f"{poll.name!r} ({poll.dead_ms:.0f} ms)" for poll in dead)
        return f"change the time-out: timeout_ms in {FILE} of {names} on port {port.name!r}"
    return {
        "period_ms": f"change the period: period_ms of device {device.name!r} in {FILE}",
        "line_ms": f"change the bus: the messages of port {port.name!r} at bitrate {port.bitrate}",
        "port_ms": f"change the network: delay_ms of port {port.name!r} in {FILE}",
        "stale_ms": "change the silence: stale_ms of the rule in rules.toml",
        "tick_ms": "change the tick: timing.tick_ms in rules.toml",
        "output_ms": "change the lease: timing.lease_ms in rules.toml",
    }[term]


def _words(limit: Limit) -> str:
    passed, kept = (">=", "<") if limit.direction == "rising" else ("<=", ">")
    alarm = "" if limit.alarm is None else f"alarm {passed} {limit.alarm:g}, "
    return f"{alarm}cut {passed} {limit.cut:g}, restore {kept} {limit.restore:g} {limit.unit}".rstrip()
