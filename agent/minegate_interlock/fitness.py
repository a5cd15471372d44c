"""Whether the tables of a rules file fit each other: names, ranges, classes of outputs, times. Raises UnfitError."""

from __future__ import annotations

from collections.abc import Iterable

from minegate_interlock.forms import UnfitError
from minegate_interlock.output_kinds import GPIO, fit_buses, fit_output, takes
from minegate_interlock.terms import Area, Limit, Rules, Vote, Watch

# votes -> (members, how many must be beyond, what may hold when one member is lost)
VOTES = {"1oo2": (2, 1, ("1oo1", "lock")), "2oo3": (3, 2, ("1oo2", "2oo2", "lock"))}
TESTS = ("lock", "fan-lock", "calibration")


def fit(rules: Rules) -> None:
    """Refuse what cannot be judged by."""
    _names(rules)
    for limit in rules.limits:
        _limit(limit, rules)
        if limit.then is not None:
            _limit(limit.then, rules)
    for watch in rules.watches:
        _watch(watch)
    for vote in rules.votes:
        _vote(vote, rules)
    _fans(rules)
    _tests(rules)
    timing = rules.timing
    if not 2 * timing.renew_ms < timing.lease_ms:
        raise UnfitError(f"timing: renew_ms {timing.renew_ms} is not below half of lease_ms {timing.lease_ms}")


def _names(rules: Rules) -> None:
    every = rules.every_output()
    _once("output", [output.name for output in every])
    _once("area", [area.name for area in rules.areas])
    _once("limit", [f"{limit.area}/{limit.point}" for limit in rules.limits])
    _once("output port", [taken for output in every for taken in takes(output)])
    fit_buses(every, rules.timing)
    _once("output", [name for area in rules.areas for name in _of(area)], "is given to two areas")
    _once("fan_lock", [fan.name for fan in rules.fans])
    for output in rules.outputs:
        fit_output(output, rules.timing)
        if not any(output.name in _of(area) for area in rules.areas):
            raise UnfitError(f"output {output.name!r} is not among the outputs of any [[area]]")
    outputs = {output.name for output in rules.outputs}
    for area in rules.areas:
        _known(f"area {area.name!r}: output", _of(area), outputs)
        if area.second and not area.feed_point:
            raise UnfitError(f"area {area.name!r}: second needs a feed_point: nothing else shows that it is time")
        _unread(area, rules)
        if not any(limit.area == area.name for limit in rules.limits):
            raise UnfitError(f"area {area.name!r} has no [[limit]]: power would be permitted without a reason")
    areas = {area.name for area in rules.areas}
    for rule in rules.every_rule():
        _known(f"limit of {rule.point!r}: area", (rule.area,), areas)


def _of(area: Area) -> tuple[str, ...]:
    return area.outputs + area.second


def _unread(area: Area, rules: Rules) -> None:
    """Somebody has to see whether the contact did as told: its own read-back, or a measured load side."""
    for output in rules.outputs:
        blind = output.kind == GPIO and output.read_back < 0
        if blind and output.name in _of(area) and not area.feed_point:
            raise UnfitError(
                f"output {output.name!r}: without read_back the area {area.name!r} needs a feed_point: nothing else"
                " shows whether power is off"
            )


def _limit(limit: Limit, rules: Rules) -> None:
    where = f"limit of {limit.point!r} in {limit.area!r}"
    sign = _sign(where, limit.direction)
    _range(where, limit.low, limit.high, "cut", limit.cut)
    if not sign * limit.restore <= sign * limit.cut:
        raise UnfitError(f"{where}: restore = {limit.restore:g} is on the wrong side of cut = {limit.cut:g}")
    if limit.alarm is not None and not sign * limit.alarm <= sign * limit.cut:
        raise UnfitError(f"{where}: alarm = {limit.alarm:g} is on the wrong side of cut = {limit.cut:g}")
    timing = rules.timing
    rest = limit.reaction_ms - timing.tick_ms - timing.lease_ms
    if not limit.stale_ms <= rest:
        raise UnfitError(
            f"{where}: stale_ms = {limit.stale_ms} is above {rest} = {limit.reaction_ms} ms - tick_ms {timing.tick_ms}"
            f" - lease_ms {timing.lease_ms}: silence would not cut in time"
        )
    _release(where, limit.alarm_release)
    _doubt(where, limit, rules)


def _doubt(where: str, limit: Limit, rules: Rules) -> None:
    doubt = limit.doubt
    points = {other.point for other in rules.limits if other.point != limit.point}
    if bool(doubt.frozen_ms) is not bool(doubt.neighbours) or bool(doubt.frozen_ms) is not bool(doubt.neighbour_move):
        raise UnfitError(f"{where}: frozen_s, neighbours and neighbour_move belong together")
    if bool(doubt.agrees_with) is not (doubt.agrees_within < float("inf")):
        raise UnfitError(f"{where}: agrees_with and agrees_within belong together")
    _known(f"{where}: neighbour", doubt.neighbours, points)
    if doubt.agrees_with:
        _known(f"{where}: agrees_with", (doubt.agrees_with,), points)


def _watch(watch: Watch) -> None:
    where = f"watch of {watch.point!r} in {watch.area!r}"
    sign = _sign(where, watch.direction)
    if not watch.window_ms:
        _range(where, watch.low, watch.high, "alarm", watch.alarm)
    if not sign * watch.restore <= sign * watch.alarm:
        raise UnfitError(f"{where}: restore = {watch.restore:g} is on the wrong side of alarm = {watch.alarm:g}")
    _release(where, watch.alarm_release)


def _vote(vote: Vote, rules: Rules) -> None:
    where = f"vote {vote.name!r}"
    members = {limit.point: limit for limit in rules.limits if limit.area == vote.area}
    _known(f"{where}: point", vote.points, set(members))
    _once(f"{where}: point", list(vote.points))
    for point in vote.points:
        if members[point].rule and members[point].deviation is None:
            raise UnfitError(
                f"{where}: point {point!r} stands under {members[point].rule!r}, where each point trips alone;"
                " voting there takes a deviation"
            )
    if sum(set(other.points) & set(vote.points) != set() for other in rules.votes if other.area == vote.area) > 1:
        raise UnfitError(f"{where}: one of its points votes twice in {vote.area!r}")


def _fans(rules: Rules) -> None:
    points = {limit.point for limit in rules.limits}
    names = {output.name for output in rules.fan_outputs}
    _once("fan_output", [name for fan in rules.fans for name in fan.outputs], "is given to two fan locks")
    for output in rules.fan_outputs:
        fit_output(output, rules.timing)
        if output.kind == GPIO and output.read_back < 0:
            raise UnfitError(f"fan_output {output.name!r}: read_back is missing: nothing else shows a lock that closes")
        if not any(output.name in fan.outputs for fan in rules.fans):
            raise UnfitError(f"fan_output {output.name!r} is not among the outputs of any [[fan_lock]]")
    for fan in rules.fans:
        where = f"fan_lock {fan.name!r}"
        _known(f"{where}: output", fan.outputs, names)
        _known(f"{where}: area", (fan.area,), {area.name for area in rules.areas})
        _known(f"{where}: point", (fan.run_point, *fan.points), points)


def _tests(rules: Rules) -> None:
    subjects = {
        "lock": {area.name for area in rules.areas},
        "fan-lock": {fan.name for fan in rules.fans},
        "calibration": {rule.point for rule in rules.every_rule()},
    }
    _once("proof_test", [f"{test.kind} {test.subject}" for test in rules.tests])
    for test in rules.tests:
        if test.kind not in TESTS:
            raise UnfitError(f"proof_test of {test.subject!r}: kind = {test.kind!r} is not one of {', '.join(TESTS)}")
        _known(f"proof_test {test.kind}: subject", (test.subject,), subjects[test.kind])


def _sign(where: str, direction: str) -> int:
    if direction not in ("rising", "falling"):
        raise UnfitError(f"{where}: direction = {direction!r} is not rising or falling")
    return 1 if direction == "rising" else -1


def _range(where: str, low: float, high: float, name: str, value: float) -> None:
    if not low < high:
        raise UnfitError(f"{where}: low = {low:g} is not below high = {high:g}")
    if not low <= value <= high:
        raise UnfitError(f"{where}: {name} = {value:g} is not within low {low:g} and high {high:g}")


def _release(where: str, release: str) -> None:
    if release not in ("automatic", "manual"):
        raise UnfitError(f"{where}: alarm_release = {release!r} is not automatic or manual")


def _known(what: str, names: Iterable[str], known: set[str]) -> None:
    for name in names:
        if name not in known:
            raise UnfitError(f"{what} {name!r} is not one of {sorted(known)}")


def _once(what: str, names: list[str], trouble: str = "is given twice") -> None:
    for name in names:
        if names.count(name) > 1:
            raise UnfitError(f"{what} {name!r} {trouble}")
