"""A judge with one flipped comparison, word or number is told from the real one by stories that take milliseconds.

Every mutant of every file that decides is compiled from its syntax tree and must give another answer somewhere.
`EQUIVALENT` names the few that cannot be told apart, and why.
"""

from __future__ import annotations

import ast
import importlib
import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

import minegate_interlock.judge as original
from heading import AREA, FAN, FLOW, GOOD, STALE_MS, T1, T2, rules
from judge_mutants import mutants
from judge_stories import more_stories
from minegate_interlock.rules import Area, Output, Rules, load
from minegate_interlock.spoken import event_of
from minegate_interlock.state import Cut, Event, Heard, InputsLost, Named, OutputsUp, Reset, State, Tick, begin

OTHER = "other"
FOLDER = Path(__file__).parent / "verdicts"

# The only mutants that the stories may miss, because they answer the same for every state and event: how many, and why.
_SIGN = "the sign: a factor on both sides of each comparison"
EQUIVALENT: dict[str, dict[str, tuple[int, str]]] = {
    "judge": {
        "1.0 -> 2.0": (4, _SIGN),
        "-1 -> --1": (1, "the index that goes with Cause.NONE and is not looked at"),
        "1 -> 2": (1, "the same index"),
    },
    "fan": {"1.0 -> 2.0": (2, _SIGN)},
    "watch": {"1.0 -> 2.0": (2, _SIGN)},
    "suspension": {"True -> False": (1, "strict=True of zip: both tuples have one length, which `begin` makes")},
}

Step = tuple[int, Event]
Judge = Callable[[Rules, State, Event, int], State]
Told = tuple[Rules, list[Step]]


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


def _golden(story: str, path: Path) -> Told:
    """A golden story, its readings and acts without the ticks between them."""
    own = load(path.read_bytes(), str(path))
    lines = (FOLDER / f"{story}.in.jsonl").read_text(encoding="utf-8").splitlines()
    opening: list[Step] = [(0, OutputsUp(area.name, True)) for area in own.areas]
    return own, opening + [event_of(own, line) for line in lines]


def _stories() -> Iterator[Told]:
    for steps in (*_values(), *_lost(), *_time_and_people()):
        yield RULES, steps
    yield _golden("fan-lock", FOLDER / "by-place.toml")
    yield _golden("people", FOLDER / "by-place.toml")
    yield _golden("doubt-and-vote", FOLDER / "doubt-and-vote.toml")
    yield from more_stories()


STORIES = list(_stories())


def _answers(judge: Judge) -> Iterator[str]:
    """Every state on the way, as text: NaN is then equal to itself."""
    for own, steps in STORIES:
        state = begin(own, STARTED_MS if own is RULES else steps[0][0])
        for now_ms, event in steps:
            state = judge(own, state, event, now_ms)
            yield repr(state)


@cache
def _real() -> list[str]:
    return list(_answers(original.judge))


def _source(name: str) -> str:
    return Path(original.__file__).with_name(f"{name}.py").read_text(encoding="utf-8")


def _judge_with(name: str, tree: ast.Module) -> Judge:
    """The judge with one file changed. Everything else is the real thing."""
    module = ModuleType("mutant")
    exec(compile(ast.fix_missing_locations(tree), "mutant", "exec"), module.__dict__)
    if name == "judge":
        judge: Judge = module.judge
        return judge
    whole = ModuleType("judge")
    exec(compile(_source("judge"), "judge", "exec"), whole.__dict__)
    real = importlib.import_module(f"minegate_interlock.{name}")
    for word, value in list(whole.__dict__.items()):
        if callable(value) and getattr(value, "__module__", "") == real.__name__:
            whole.__dict__[word] = module.__dict__[word]
    changed: Judge = whole.judge
    return changed


def _survives(name: str, tree: ast.Module) -> bool:
    try:
        judge = _judge_with(name, tree)
        return all(mine == real for mine, real in zip(_answers(judge), _real(), strict=True))
    except (TypeError, ValueError, IndexError, AttributeError, ArithmeticError, StopIteration, RuntimeError, KeyError):
        return False  # it fell over: a difference


def _prove(name: str) -> tuple[int, int]:
    """(mutants tried, mutants that nothing can tell from the real file)."""
    tried, alive = 0, Counter[str]()
    for what, tree in mutants(_source(name)):
        tried += 1
        if _survives(name, tree):
            alive[what] += 1
    allowed = EQUIVALENT.get(name, {})
    survivors = Counter(what.split(": ", 1)[1] for what in alive.elements())
    unexplained = [what for what in alive if survivors[text := what.split(": ", 1)[1]] > allowed.get(text, (0, ""))[0]]
    assert not unexplained, f"{len(unexplained)} of {tried} survive:\n" + "\n".join(unexplained)
    return tried, alive.total()


def test_the_stories_kill_every_mutant_of_the_judge() -> None:
    assert _prove("judge") >= (120, 0)


@pytest.mark.long
@pytest.mark.parametrize("name", ["doubt", "vote", "fan", "watch", "suspension"])
def test_the_stories_kill_every_mutant_of_a_file_that_decides(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    tried, alive = _prove(name)
    with capsys.disabled():
        print(f"\n{name}: {tried} mutants, {tried - alive} killed, {alive} equal to the real file")
    assert tried > 20


@pytest.mark.parametrize("number", range(3))
def test_a_story_is_the_same_each_time(number: int) -> None:
    own, steps = STORIES[number]
    first, second = begin(own, STARTED_MS), begin(own, STARTED_MS)
    for now_ms, event in steps:
        first, second = (original.judge(own, state, event, now_ms) for state in (first, second))
    assert repr(first) == repr(second)
