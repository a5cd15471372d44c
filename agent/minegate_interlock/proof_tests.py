"""The proof tests of one interlock: which are due, which run, what they showed. Speaks in edges; touches no output."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

from minegate_interlock.feed import lost_part
from minegate_interlock.lines import Cause, Command, Verb, What
from minegate_interlock.outlet import UNREAD, Outlet
from minegate_interlock.proof_test import (
    SELF_TEST_MS,
    Finding,
    Key,
    Running,
    days_since,
    find_fan,
    find_lock,
    overdue,
    test_of,
)
from minegate_interlock.terms import Rules
from minegate_interlock.verdicts import Edge
from minegate_wire.messages import CONTACT_CLOSED, CONTACT_OPEN

CLOCK_SANE_S = 1_700_000_000  # November 2023: before that the clock was never set, and nothing can be due by it


class ProofTests:
    """`done`: when each test was last passed, seconds since 1970. `changed` is set when it has to be kept."""

    def __init__(self, rules: Rules, done: dict[Key, float], outputs: Mapping[str, Outlet]) -> None:
        self.done = dict(done)
        self.changed = False
        self.running: dict[Key, Running] = {}
        self._rules = rules
        self._outputs = outputs
        self._self_tested = False
        self._utc_s = math.nan
        self._told: set[Key] = set()

    @property
    def fans(self) -> frozenset[str]:
        """Fan locks whose contact is closed for a test."""
        return frozenset(key.subject for key in self.running if key.kind == "fan-lock")

    def refuses(self, command: Command, powered: bool, fan_locked: bool) -> str:
        """Why the test cannot begin now, or ""."""
        key = test_of(self._rules, command.area)
        if key is None:
            return f"{command.area!r} is neither an area nor a fan lock of rules.toml"
        if key in self.running:
            return f"{command.area}: a test is running"
        if key.kind == "lock" and not powered:
            return f"{command.area}: power is not permitted; a cut of nothing would prove nothing"
        if key.kind == "fan-lock" and fan_locked:
            return f"{command.area}: the fan is locked; nothing can be tested now"
        return ""

    def begin(self, command: Command, now_ms: int) -> Edge:
        """Note it as running. The caller then does what the test asks of the outputs."""
        key = test_of(self._rules, command.area)
        assert key is not None
        self.running[key] = Running(key, command.by, now_ms)
        days = days_since(self.done.get(key), self._utc_s)
        by, reason = command.by, command.reason
        return Edge(What.TEST_BEGUN, Cause.TEST, self._area(key), key.subject, days, by=by, reason=reason)

    def calibrated(self, command: Command) -> tuple[Edge | None, str]:
        """A person has calibrated a point: kept as evidence, and its next date counts from now."""
        points = {rule.point: rule.area for rule in self._rules.every_rule()}
        if command.area not in points:
            return None, f"point {command.area!r} is in no rule"
        if not command.reason.strip():
            return None, "a reason is needed: gas, reading before and after"
        key = Key("calibration", command.area)
        edge = Edge(
            What.TEST_DONE, Cause.CALIBRATION, points[command.area], command.area, by=command.by, reason=command.reason
        )
        self._passed(key)
        return edge, f"{command.area}: calibration is on record"

    def look(self, took_ms: Mapping[str, int], load_dead: Callable[[str], bool | None], now_ms: int) -> Iterator[Edge]:
        """Tests that end at `now_ms`. `took_ms`: per output, how long its last cut took until read back."""
        for key in list(self.running):
            running = self._with_contact(self.running[key], took_ms, load_dead, now_ms)
            self.running[key] = running
            if key.kind == "lock":
                found = find_lock(running, load_dead(key.subject), self._rules.timing.feed_check_ms, now_ms)
            else:
                found = find_fan(running, now_ms)
            if found is not None:
                del self.running[key]
                yield self._finding(running, found)

    def at_start(self, closed: Mapping[str, bool], elapsed_ms: int, now_ms: int) -> Iterator[Edge]:
        """Every output path, once, as far as it may be tried unasked: it answers, and its contact is as it was told."""
        if self._self_tested or elapsed_ms < SELF_TEST_MS:
            return
        self._self_tested = True
        areas = {name: area.name for area in self._rules.areas for name in area.outputs + area.second}
        areas |= {name: fan.area for fan in self._rules.fans for name in fan.outputs}
        for output, node in self._outputs.items():
            passed = node.check(closed[output], now_ms)
            what = What.TEST_DONE if passed else What.TEST_FAILED
            told = "takes what it is told, not read back" if node.contact == UNREAD else "answers, contact as told"
            words = told if passed else lost_part(node, closed[output], False)
            yield Edge(what, Cause.START, areas[output], output, reason=f"self-test at start: {words}")

    def _with_contact(
        self, running: Running, took_ms: Mapping[str, int], load_dead: Callable[[str], bool | None], now_ms: int
    ) -> Running:
        """Note when the test's contacts are where it wants them, the slowest of them. Where none of them is read back
        the dead load side stands for them.
        """
        if running.opened_ms is not None:
            return running
        key, elapsed_ms = running.key, now_ms - running.begun_ms
        if key.kind == "lock":
            own = next(area.outputs for area in self._rules.areas if area.name == key.subject)
            read = [output for output in own if self._outputs[output].contact != UNREAD]
            if not all(self._outputs[output].contact == CONTACT_OPEN for output in read):
                return running
            if not read and not load_dead(key.subject):
                return running
            return running._replace(opened_ms=max((took_ms.get(name, elapsed_ms) for name in read), default=elapsed_ms))
        own = next(fan.outputs for fan in self._rules.fans if fan.name == key.subject)
        closed = all(self._outputs[output].contact == CONTACT_CLOSED for output in own)
        return running._replace(opened_ms=elapsed_ms) if closed else running

    def due(self, utc_s: float) -> Iterator[Edge]:
        """Tests that are overdue by the time of day, each told once. A clock that was never set tells nothing."""
        self._utc_s = utc_s if utc_s >= CLOCK_SANE_S else math.nan
        if math.isnan(self._utc_s):
            return
        for test in self._rules.tests:
            key = Key(test.kind, test.subject)
            if key not in self._told and overdue(test, self.done.get(key), utc_s):
                self._told.add(key)
                days = days_since(self.done.get(key), utc_s)
                yield Edge(
                    What.TEST_OVERDUE, Cause.TEST, self._area(key), test.subject, days, float(test.days),
                    reason=f"{test.kind}, every {test.days} days: {test.source}",
                )  # fmt: skip

    def _finding(self, running: Running, found: Finding) -> Edge:
        if found.passed:
            self._passed(running.key)
        what = What.TEST_DONE if found.passed else What.TEST_FAILED
        took = math.nan if found.took_ms is None else float(found.took_ms)
        return Edge(
            what, Cause.TEST, self._area(running.key), running.key.subject, took, by=running.by, reason=found.words
        )

    def _passed(self, key: Key) -> None:
        self._told.discard(key)
        if not math.isnan(self._utc_s):
            self.done[key] = self._utc_s
            self.changed = True

    def _area(self, key: Key) -> str:
        if key.kind == "lock":
            return key.subject
        if key.kind == "fan-lock":
            return next(fan.area for fan in self._rules.fans if fan.name == key.subject)
        return next(rule.area for rule in self._rules.every_rule() if rule.point == key.subject)


def wants_test(command: Command) -> bool:
    """Whether the command is about a proof test and not for the judge."""
    return command.verb in (Verb.TEST, Verb.CALIBRATED)
