"""A judge with one flipped comparison, word or number is told from the real one by a table that takes milliseconds.

Every mutant of judge.py is compiled from its syntax tree and must give another answer somewhere in the table.
`EQUIVALENT` names the few that cannot be told apart, and why.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

import minegate_interlock.judge as original
from heading import AREA, FAN, FLOW, GOOD, STALE_MS, T1, T2, rules
from minegate_interlock.rules import Area, Output, Rules
from minegate_interlock.state import Cut, Event, Heard, InputsLost, Named, OutputsUp, Reset, State, Tick, begin

SOURCE = Path(original.__file__).read_text(encoding="utf-8")
OTHER = "other"
FLIPS: dict[type, list[type]] = {
    ast.Lt: [ast.LtE, ast.GtE], ast.LtE: [ast.Lt, ast.Gt], ast.Gt: [ast.GtE], ast.GtE: [ast.Gt, ast.Lt],
    ast.Eq: [ast.NotEq], ast.NotEq: [ast.Eq], ast.Is: [ast.IsNot], ast.IsNot: [ast.Is], ast.And: [ast.Or],
    ast.Or: [ast.And], ast.Add: [ast.Sub], ast.Sub: [ast.Add], ast.Mult: [ast.Add], ast.BitAnd: [ast.BitOr],
}  # fmt: skip

# The only mutants that the table may miss, because they answer the same for every state and event.
EQUIVALENT = {
    "1.0 -> 2.0",  # the sign: a factor on both sides of each comparison
    "True -> False",  # strict=True of zip: a check that both tuples are of one length, which `begin` makes them
    "1 -> 2",  # the index that goes with Cause.NONE and is not looked at; a silence that is 2 ms too long, not 1
}

Step = tuple[int, Event]
Judge = Callable[[Rules, State, Event, int], State]


def _two() -> Rules:
    own = rules()
    second = tuple(replace(limit, area=OTHER, point=limit.point + "-b") for limit in own.limits)
    return replace(
        own,
        outputs=(*own.outputs, Output("relay-2", "relay-2", 10)),
        areas=(*own.areas, Area(OTHER, ("relay-2",))),
        limits=own.limits + second,
    )


RULES = _two()
STARTED_MS = 7  # not 0: a difference and a sum must not be the same
LOCK_MS = STARTED_MS + RULES.timing.power_on_lock_s * 1000


def _start(at_ms: int = LOCK_MS, reset: bool = True, up: bool = True) -> list[Step]:
    steps: list[Step] = [(STARTED_MS, OutputsUp(AREA, up)), (STARTED_MS, OutputsUp(OTHER, True))]
    steps += [(at_ms, Heard(point, value, 0, at_ms)) for point, value in GOOD.items()]
    steps += [(at_ms, Heard(point + "-b", value, 0, at_ms)) for point, value in GOOD.items()]
    return steps + ([(at_ms, Reset(AREA, "Li"))] if reset else [])


def _heard(point: str, value: float, quality: int = 0, age_ms: int = 0, at_ms: int = LOCK_MS) -> Step:
    return at_ms, Heard(point, value, quality, at_ms - age_ms)


RESET: Step = (LOCK_MS, Reset(AREA, "Wu"))


def _values() -> Iterator[list[Step]]:
    values = {
        T1: [0.0, 0.99, 1.0, 1.2, 1.49, 1.5, 1.51, 4.0, 4.01, -0.01, math.nan, math.inf, -math.inf],
        T2: [0.99, 1.0, 1.01], FAN: [0.0, 0.5, 0.51, 1.01], FLOW: [1.9, 2.0, 2.01, 2.5, 2.51, 30.0, 30.1],
    }  # fmt: skip
    for point, all_values in values.items():
        for value in all_values:
            yield [*_start(), _heard(point, value), RESET, _heard(point, GOOD[point]), RESET]
    for after in (0.0, 0.99, 1.0, 1.2, -1.0, math.nan):
        yield [*_start(), _heard(T1, 1.6), _heard(T1, after), RESET, _heard(T1, 1.2), RESET]
    for after in (2.01, 2.5, 2.51, 31.0):
        yield [*_start(), _heard(FLOW, 1.0), _heard(FLOW, after), RESET, _heard(FLOW, 2.2), RESET]
    for flag in (1, 2, 4, 8, 16, 32, 64, 128, 255, 256, 257, 512):
        yield [*_start(), _heard(T1, 0.5, flag), RESET]
        yield [*_start(), _heard(T1, 1.6), _heard(T1, 0.5, flag), _heard(T1, 1.2), RESET]


def _lost() -> Iterator[list[Step]]:
    """The field process dies: before anything was heard, and while power is permitted."""
    yield [(LOCK_MS, InputsLost()), RESET]
    yield [*_start(), (LOCK_MS, InputsLost()), RESET, (LOCK_MS, Tick())]
    yield [*_start(), (LOCK_MS, InputsLost()), *_start(LOCK_MS + 1, reset=False)[2:], (LOCK_MS + 1, Reset(AREA, "Wu"))]


def _time_and_people() -> Iterator[list[Step]]:
    for late_ms in (STALE_MS - 1, STALE_MS, STALE_MS + 1):
        yield [*_start(), (LOCK_MS + late_ms, Tick()), (LOCK_MS + late_ms, Reset(AREA, "Wu"))]
    for age_ms in (-1, 0, 1, STALE_MS, STALE_MS + 1):
        yield [*_start(), _heard(T1, 0.5, 0, age_ms), RESET]
    for at_ms in (LOCK_MS - 1, LOCK_MS, LOCK_MS + 1):
        yield _start(at_ms)
    for area in (AREA, OTHER, "nobody"):
        told: list[Event] = [OutputsUp(area, False), Cut(area, "Wu", "smoke"), Reset(area, "Zhou")]
        for event in told:
            yield [*_start(), (LOCK_MS, event), (LOCK_MS + 5, Tick()), (LOCK_MS + 7, Reset(AREA, "Wu"))]
            yield [*_start(reset=False), (LOCK_MS, event), (LOCK_MS + 5, Reset(OTHER, "Wu")), (LOCK_MS + 9, Tick())]
    for point, unit in ((T1, "ppm"), (T1, "%CH4"), (T2, "m/s"), ("x", "ppm")):
        yield [*_start(), (LOCK_MS, Named(point, unit)), RESET, (LOCK_MS, Named(T1, "%CH4")), RESET]
    yield [*_start(up=False), _heard(T2, 0.5)]
    yield [(LOCK_MS, OutputsUp(AREA, True)), RESET, _heard(T2, 1.5), (LOCK_MS, Cut(AREA, "Wu", "")), RESET]
    yield [*_start(), _heard(T1, math.nan), _heard(T2, 1.6), (LOCK_MS, Cut(AREA, "Wu", "")), RESET]
    yield [*_start(), _heard(T1, math.nan), (LOCK_MS, Cut(AREA, "Wu", "")), (LOCK_MS, OutputsUp(AREA, False))]
    yield [*_start(), _heard(T1 + "-b", 1.6), (LOCK_MS + 3, Reset(OTHER, "Wu")), (LOCK_MS + 5, Reset(AREA, "Wu"))]


TABLE = [*_values(), *_lost(), *_time_and_people()]


def _answers(judge: Judge) -> Iterator[str]:
    """Every state on the way, as text: NaN is then equal to itself."""
    for steps in TABLE:
        state = begin(RULES, STARTED_MS)
        for now_ms, event in steps:
            state = judge(RULES, state, event, now_ms)
            yield repr(state)


REAL = list(_answers(original.judge))


def _mutants() -> Iterator[tuple[str, ast.Module]]:
    """(what was changed, the whole tree) for each place and each change."""
    nodes = len(list(ast.walk(ast.parse(SOURCE))))
    for at in range(nodes):
        for change in range(3):
            tree = ast.parse(SOURCE)
            node = list(ast.walk(tree))[at]
            before = ast.unparse(node) if isinstance(node, ast.expr) else ""
            if before and _change(node, change):
                yield f"line {getattr(node, 'lineno', 0)}: {before} -> {ast.unparse(node)}", tree


def _change(node: ast.AST, change: int) -> bool:
    if isinstance(node, ast.Compare):
        place, which = divmod(change, 2) if len(node.ops) > 1 else (0, change)
        flips = FLIPS.get(type(node.ops[place]), []) if place < len(node.ops) else []
        if which < len(flips):
            node.ops[place] = flips[which]()
            return True
    elif isinstance(node, ast.BoolOp | ast.BinOp) and change == 0 and type(node.op) in FLIPS:
        node.op = FLIPS[type(node.op)][0]()
        return not _is_annotation(node)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not) and change == 0:
        node.operand = ast.UnaryOp(ast.Not(), node.operand)
        return True
    elif isinstance(node, ast.Constant) and change == 0:
        if isinstance(node.value, bool):
            node.value = not node.value
            return True
        if isinstance(node.value, int | float):
            node.value += 1
            return True
    return False


def _is_annotation(node: ast.BoolOp | ast.BinOp) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr)


def _survives(tree: ast.Module) -> bool:
    module = ModuleType("mutant")
    exec(compile(ast.fix_missing_locations(tree), "mutant", "exec"), module.__dict__)
    try:
        return all(mine == real for mine, real in zip(_answers(module.judge), REAL, strict=True))
    except (TypeError, ValueError, IndexError, AttributeError):
        return False  # it fell over: a difference


def test_the_table_kills_every_mutant_of_the_judge() -> None:
    tried = 0
    alive = []
    for what, tree in _mutants():
        tried += 1
        if _survives(tree):
            alive.append(what)
    assert tried > 80
    unexplained = [what for what in alive if what.split(": ", 1)[1] not in EQUIVALENT]
    assert not unexplained, "\n".join(unexplained)
    assert len(alive) <= 4  # the sign twice, strict, the index: no other place may hide behind these words


@pytest.mark.parametrize("steps", TABLE[:3])
def test_the_table_is_the_same_story_each_time(steps: list[Step]) -> None:
    first, second = begin(RULES, STARTED_MS), begin(RULES, STARTED_MS)
    for now_ms, event in steps:
        first, second = (original.judge(RULES, state, event, now_ms) for state in (first, second))
    assert repr(first) == repr(second)
