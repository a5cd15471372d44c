"""A second statement of the heading's rules, slow and literal, against the judge on generated sequences.

The reference keeps everything that was ever said and reads the answer off it backwards, clause by clause as the table
has them. A sequence on which the two differ is shrunk by hypothesis and printed as input of `minegate decide`.

`tools/test --long` compares a million sequences.
"""

from __future__ import annotations

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heading import AREA, FAN, FLOW, STALE_MS, T1, T2
from minegate_interlock.decide import decide
from minegate_interlock.judge import judge
from minegate_interlock.rules import load
from minegate_interlock.spoken import event_of, line_of
from minegate_interlock.state import Cut, Event, FreeFan, Heard, InputsLost, OutputsUp, Reset, State, Tick, begin
from place_rules import BY_PLACE

RULES = load(BY_PLACE.encode(), "rules-by-place.toml")
LOCK_MS = 60_000
SEQUENCES_LONG = 1_000_000

VALUES = {
    T1: [0.2, 0.99, 1.0, 1.49, 1.5, 3.0, 3.01, 4.0, 4.01, math.nan, math.inf, -9999.0],
    T2: [0.2, 0.99, 1.0, 1.49, 1.5, 3.01, math.nan],
    FAN: [0.0, 0.5, 1.0, 1.0, 1.0, math.nan],
    FLOW: [0.0, 2.0, 2.01, 2.5, 2.51, 8.0, 8.0],
}
HEALTHY = {T1: 0.2, T2: 0.2, FAN: 1.0, FLOW: 8.0}


class Table:
    """The clauses as sentences over the whole history."""

    def __init__(self) -> None:
        self.now = 0
        self.said: dict[str, list[tuple[float, int, int]]] = {point: [] for point in VALUES}
        self.field_died: dict[str, bool] = dict.fromkeys(VALUES, False)
        self.relay = False
        self.command = False
        self.power = False
        self.fan_locked = False
        self.fan_freed = False

    # "a device of the chain has failed": no true reading
    def true_value(self, point: str) -> float | None:
        if not self.said[point] or self.field_died[point]:
            return None
        value, quality, at = self.said[point][-1]
        if at > self.now or self.now - at > STALE_MS or not self.proper(point, value, quality):
            return None
        return value

    def proper(self, point: str, value: float, quality: int) -> bool:
        highest = {T1: 4.0, T2: 4.0, FAN: 1.0, FLOW: 30.0}[point]
        return quality in (0, 256) and math.isfinite(value) and 0.0 <= value <= highest

    # "cut at .., restored below ..": the newest reading that says either
    def cut_stands(self, point: str) -> bool:
        for value, quality, _ in reversed(self.said[point]):
            if math.isnan(value):
                return True
            if point == T1:
                cut, back = value >= 1.5, value < 1.0
            elif point == T2:
                cut, back = value >= 1.0, value < 1.0
            elif point == FAN:
                cut, back = value <= 0.5, value > 0.5
            else:
                cut, back = value <= 2.0, value > 2.5
            if cut:
                return True
            if back and self.proper(point, value, quality):
                return False
        return False

    def clear(self) -> bool:
        for point in VALUES:
            if self.true_value(point) is None or self.cut_stands(point):
                return False
        return self.relay and not self.command and self.now >= LOCK_MS

    # clause e
    def fan_gas(self) -> bool:
        face, back, fan = self.true_value(T1), self.true_value(T2), self.true_value(FAN)
        stopped = fan is not None and fan <= 0.5
        return stopped and ((face is not None and face > 3.0) or (back is not None and back > 3.0))

    def fan_clear(self) -> bool:
        face, back = self.true_value(T1), self.true_value(T2)
        return face is not None and face < 1.5 and back is not None and back < 1.5

    def happens(self, event: Event, now: int) -> None:
        self.now = now
        asked = isinstance(event, Reset)
        if isinstance(event, Heard):
            self.said[event.point].append((event.value, event.quality, event.seen_ms))
            self.field_died[event.point] = False
        elif isinstance(event, InputsLost):
            self.field_died = dict.fromkeys(VALUES, True)
        elif isinstance(event, OutputsUp):
            self.relay = event.up
        elif isinstance(event, Cut):
            self.command = True
        elif isinstance(event, Reset):
            self.command = False
        self.power = self.clear() and (self.power or asked)
        if isinstance(event, FreeFan):
            self.fan_locked, self.fan_freed = False, self.fan_gas()
        elif self.fan_locked:
            self.fan_locked = not self.fan_clear()
        elif not self.fan_gas():
            self.fan_freed = False
        elif not self.fan_freed:
            self.fan_locked = True


# A sequence is two bytes per step, which hypothesis makes and shrinks fast: what happens, and when and how it is said.
Acts = list[tuple[str, object]]
READINGS: Acts = [(point, value) for point, values in VALUES.items() for value in values]
OTHERS: Acts = [
    *[("all", None)] * 8, *[("reset", None)] * 6, *[("tick", None)] * 3, ("cut", None), ("free", None), ("lost", None),
    *[("up", True)] * 2, ("up", False),
]  # fmt: skip
ACTS = [*READINGS, *READINGS, *OTHERS]
WAITS_MS = [0, 0, 0, 1, 50, 400, STALE_MS, STALE_MS + 1]
QUALITIES = [0, 0, 0, 0, 0, 256, 16, 512]
AGES_MS = [0, 0, 0, 5, STALE_MS, STALE_MS + 1, -1, 0]
STARTS_MS = [0, LOCK_MS - 500, LOCK_MS, LOCK_MS]
SEQUENCES = st.binary(min_size=1, max_size=51)


def _events(sequence: bytes) -> list[tuple[int, Event]]:
    """The sequence behind an opening that has power, if its start lies behind the first minute."""
    start = STARTS_MS[sequence[0] % len(STARTS_MS)]
    told: list[tuple[int, Event]] = [(0, OutputsUp(AREA, True))]
    told += [(start, Heard(point, value, 0, start)) for point, value in HEALTHY.items()]
    told.append((start, Reset(AREA, "Li")))
    now = start
    for what, how in zip(sequence[1::2], sequence[2::2], strict=False):
        now += WAITS_MS[how & 7]
        told += _step(ACTS[what % len(ACTS)], how, now)
    return told


def _step(act: tuple[str, object], how: int, now: int) -> list[tuple[int, Event]]:
    plain: dict[str, Event] = {
        "tick": Tick(), "reset": Reset(AREA, "Li"), "cut": Cut(AREA, "Wang", "x"), "lost": InputsLost(),
        "free": FreeFan("1201-fan", "Zhao", "plan"),
    }  # fmt: skip
    what, value = act
    if what == "all":
        return [(now, Heard(point, good, 0, now)) for point, good in HEALTHY.items()]
    if what == "up":
        return [(now, OutputsUp(AREA, bool(value)))]
    if what in plain:
        return [(now, plain[what])]
    assert isinstance(value, float)
    return [(now, Heard(what, value, QUALITIES[how >> 3 & 7], now - AGES_MS[how >> 5 & 7]))]


def _as_decide_input(events: list[tuple[int, Event]]) -> str:
    """What `minegate decide` can be fed with to see the same."""
    return "\n".join(line_of(ms, event) for ms, event in events)


def _compare(sequence: bytes) -> None:
    state: State = begin(RULES, 0)
    table = Table()
    events = _events(sequence)
    for number, (now, event) in enumerate(events):
        state = judge(RULES, state, event, now)
        table.happens(event, now)
        power, fan = state.areas[0], state.fans[0]
        mine = (power.permitted, power.restorable, fan.locked)
        theirs = (table.power, table.clear() and not table.power, table.fan_locked)
        if mine != theirs:
            heard = _as_decide_input(events[: number + 1])
            pytest.fail(f"judge {mine}, table {theirs} (permitted, restorable, fan locked) after\n{heard}")


@settings(max_examples=1500, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(SEQUENCES)
def test_judge_and_table_say_the_same_on_every_sequence(sequence: bytes) -> None:
    _compare(sequence)


@pytest.mark.long
@settings(max_examples=SEQUENCES_LONG, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(SEQUENCES)
def test_judge_and_table_say_the_same_on_a_million_sequences(sequence: bytes) -> None:
    _compare(sequence)


def test_the_sequences_do_reach_power_and_a_locked_fan() -> None:
    told = _events(bytes([2]))
    state = begin(RULES, 0)
    for now, event in told:
        state = judge(RULES, state, event, now)
    assert state.areas[0].permitted
    for event in (Heard(FAN, 0.0, 0, LOCK_MS), Heard(T1, 3.01, 0, LOCK_MS)):
        state = judge(RULES, state, event, LOCK_MS)
    assert (state.areas[0].permitted, state.fans[0].locked) == (False, True)


def test_a_failing_sequence_is_a_file_that_decide_takes() -> None:
    events: list[tuple[int, Event]] = [
        (0, Heard(T1, 0.5, 0, 0)), (10, Heard(T1, math.inf, 16, 5)), (20, Cut(AREA, "Wang", "x")), (25, InputsLost()),
        (26, OutputsUp(AREA, False)), (27, FreeFan("1201-fan", "Zhao", "plan")), (30, Reset(AREA, "Li")), (40, Tick()),
    ]  # fmt: skip
    text = _as_decide_input(events)
    assert [event_of(RULES, line) for line in text.splitlines()] == events
    verdicts = [row["what"] for row in decide(RULES, text.splitlines())]
    assert "commanded_cut" in verdicts
    assert verdicts[-1] == "reset_refused"
