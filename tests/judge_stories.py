"""Stories about what the golden ones leave out: each tells apart two ways to read one line of a file that decides."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from heading import AREA, FAN, FLOW, GOOD, LOCK_MS, T1, T2
from minegate_interlock.rules import load
from minegate_interlock.state import (
    Bypass,
    Calibrate,
    EndSuspension,
    Event,
    FeedLive,
    Heard,
    InputsLost,
    Named,
    OutputsUp,
    Reset,
    Tick,
)
from minegate_interlock.terms import Area, Doubt, Limit, Output, Rules, Suspension, Vote, Watch
from place_rules import MARCH_2027_S, by_place, with_place

Told = tuple[Rules, list[tuple[int, Event]]]
DRIFT = "drift"
_MINUTE_MS = 60_000
_DAY_MS = 86_400_000


def more_stories() -> Iterator[Told]:
    """(rules, (ms, event) in order). A story starts its interlock at the ms of its first event."""
    yield from _deviation()
    yield from _alarms()
    yield from _second()
    yield from _doubts()
    yield from _votes()
    yield from _fans()
    yield from _watches()
    yield from _suspensions()


def _doubtful() -> Rules:
    path = Path(__file__).parent / "verdicts" / "doubt-and-vote.toml"
    own = load(path.read_bytes(), str(path))
    doubt = Doubt(2.0, 60_000, ("B", "V1"), 0.25, "B", 0.5, 3000)
    return replace(own, limits=(replace(own.limits[0], doubt=doubt), *own.limits[1:]))


def _heard(point: str, *told: tuple[int, float], quality: int = 0) -> list[tuple[int, Event]]:
    return [(ms, Heard(point, value, quality, ms)) for ms, value in told]


def _limit(rules: Rules, point: str, **changed: object) -> Rules:
    return replace(rules, limits=tuple(replace(own, **changed) if own.point == point else own for own in rules.limits))  # type: ignore[arg-type]  # the keys are the limit's


def _deviation() -> Iterator[Told]:
    own = 'cut = 1.8\ndeviation = { reason = "trial", approver = "Zhao", until = 2027-03-31 }\n'
    rules = load(with_place("heading/T1", own).encode(), "r", MARCH_2027_S - 5)
    start: list[tuple[int, Event]] = [(1000, OutputsUp(AREA, True))]
    yield rules, start + _heard("X", (5500, 1.6), (5999, 1.6), (6000, 1.6))
    yield rules, start + _heard("X", (5900, 0.5), (5950, 0.5), (6100, 0.5))
    bypass: list[tuple[int, Event]] = [(5500, Bypass("X", 1, "Li", "dead")), (5600, Bypass(T1, 1, "Li", "dead"))]
    late: list[tuple[int, Event]] = [(6100, Bypass("X", 1, "Li", "dead")), (6200, Tick())]
    yield replace(rules, suspension=Suspension(30, 10, 20)), start + _heard("X", (5400, 0.5)) + bypass
    yield replace(rules, suspension=Suspension(30, 10, 20)), start + _heard("X", (6050, 0.5)) + late


def _alarms() -> Iterator[Told]:
    two = replace(by_place(), areas=(*by_place().areas, Area("two", ("relay-2",))))
    rules = _limit(_limit(two, T1, alarm_release="manual"), FLOW, alarm=3.0, alarm_release="manual")
    resets: list[tuple[int, Event]] = [(30, Reset("two", "Li")), (40, Reset(AREA, "Li")), (50, Reset(AREA, "Wu"))]
    for value in (0.5, 1.0, 1.2):
        yield rules, [*_heard(T1, (10, 1.2), (20, value)), *resets, *_heard(T1, (60, 0.5))]
    for value in (8.0, 3.0, 2.9):
        yield rules, [*_heard(FLOW, (10, 2.9), (20, value)), *resets, *_heard(FLOW, (60, 8.0))]


def _second() -> Iterator[Told]:
    own = by_place()
    outputs = (*own.outputs, Output("relay-2", "relay-2", 11))
    rules = replace(own, outputs=outputs, areas=(replace(own.areas[0], second=("relay-2",)),))
    start: list[tuple[int, Event]] = [(0, OutputsUp(AREA, True))]
    start += [(LOCK_MS, Heard(point, value, 0, LOCK_MS)) for point, value in GOOD.items()]
    start += [(LOCK_MS, Reset(AREA, "Li")), (LOCK_MS, FeedLive(AREA))]
    for area in ("elsewhere", AREA):
        yield rules, [*start, *_heard(T1, (LOCK_MS + 1, 1.6)), (LOCK_MS + 2, FeedLive(area)), (LOCK_MS + 3, Tick())]


def _doubts() -> Iterator[Told]:
    rules = _doubtful()
    yield rules, _heard("A", (0, 0.5), (500, 1.5))  # 2 per second, exactly
    yield rules, _heard("A", (0, 0.0), (0, 0.003))  # two readings of one millisecond
    for gap_ms in (1299, 1300, 1301):
        yield rules, _heard("A", (0, 0.0), (gap_ms, 3.9))
    for gap_ms in (1300, 1301):  # restored for 2 s without a break
        yield rules, _heard("A", (0, 1.6), (600, 0.9), (600 + gap_ms, 0.9), (2600 + gap_ms, 0.9), (3000 + gap_ms, 0.9))
    for late_ms in (59_999, 60_000, 60_001):
        yield rules, [*_heard("A", (0, 0.5)), *_heard("B", (1, 0.5), (2, 0.75)), *_heard("A", (late_ms, 0.5))]
    both = [*_heard("A", (0, 0.5)), *_heard("V1", (1, 0.25)), *_heard("B", (2, 0.5)), *_heard("V1", (3, 0.5))]
    yield rules, [*both, *_heard("A", (60_000, 0.5))]
    for late_ms in (2999, 3000, 3001):
        yield rules, [*_heard("B", (0, 1.25)), *_heard("A", (0, 0.5)), *_heard("A", (late_ms, 0.5))]
    yield rules, [*_heard("B", (0, 1.0)), *_heard("A", (0, 0.5), (4000, 0.5))]  # 0.5 apart, exactly
    three = replace(rules.limits[0], doubt=rules.limits[0].doubt._replace(neighbours=("B", "V1", "V2")))
    more = [*_heard("B", (1, 0.5)), *_heard("V1", (2, 0.5)), *_heard("V2", (3, 0.5)), *_heard("V2", (4, 0.9))]
    yield (
        replace(rules, limits=(three, *rules.limits[1:])),
        [*_heard("A", (0, 0.5)), *more, *_heard("A", (60_000, 0.5))],
    )


def _votes() -> Iterator[Told]:
    own = _doubtful()
    only = tuple(limit for limit in own.limits if limit.point.startswith("V"))
    start: list[tuple[int, Event]] = [(0, OutputsUp(DRIFT, True)), (LOCK_MS, Tick())]
    for need, members, degraded in ((1, 2, "1oo1"), (1, 2, "lock"), (2, 3, "1oo2"), (2, 3, "2oo2"), (2, 3, "lock")):
        limits = only[:members]
        rules = replace(own, limits=limits, votes=(Vote("v", DRIFT, tuple(m.point for m in limits), need, degraded),))
        good = [found for limit in limits for found in _heard(limit.point, (LOCK_MS, 0.2))]
        for lost in range(3):
            for beyond in range(3):
                ms, told = LOCK_MS + 1, [*start, *good, (LOCK_MS, Reset(DRIFT, "Li"))]
                for at, limit in enumerate(limits):
                    value = 1.2 if at < beyond else 0.2
                    told += _heard(limit.point, (ms, value), quality=16 if at >= members - lost else 0)
                yield rules, told
    elsewhere = replace(own, votes=(replace(own.votes[0], area="elsewhere"),))
    yield elsewhere, [*start, *_heard("V1", (LOCK_MS, 1.2))]


def _fans() -> Iterator[Told]:
    own = _limit(by_place(), FAN, cut=0.25, restore=0.25)
    series = replace(own.fans[0], points=(T1,), lock=1.5, release=0.5, strict=False, stopped=False)
    for value in (1.49, 1.5, 1.51):
        yield replace(own, fans=(series,)), _heard(T1, (0, value), (1, 0.5), (2, 0.49))
    for fan in (0.2, 0.25, 0.26, 0.6):
        yield own, [*_heard(FAN, (0, fan)), *_heard(T1, (1, 3.5))]
    rising = _limit(by_place(), FAN, direction="rising", cut=0.75, restore=0.75)  # a contact that closes on stop
    for fan in (0.7, 0.75, 0.8):
        yield rising, [*_heard(FAN, (0, fan)), *_heard(T1, (1, 3.5))]


def _watches() -> Iterator[Told]:
    def watching(**changed: object) -> Rules:
        common: dict[str, object] = {"stale_ms": 5000, "source": "s", "low": 0.0, "high": 25.0, "unit": "%"}
        watch = Watch(AREA, "O", **{**common, "alarm": 20.0, "restore": 20.5, "direction": "falling", **changed})  # type: ignore[arg-type]  # the keys are the watch's
        return replace(by_place(), watches=(watch,))

    for value in (0.0, -0.01, 25.0, 25.01, 19.9, 20.0, 20.1, math.nan, math.inf):
        for after in (20.4, 20.5, 20.6):
            yield watching(), _heard("O", (7, value), (9, after))
    for quality in (255, 256, 257, 1):
        yield watching(), _heard("O", (7, 21.0), quality=quality)
    rising = {"alarm": 5.0, "restore": 4.0, "direction": "rising"}
    for value in (3.9, 4.0, 4.1, 4.9, 5.0, 5.1):
        yield watching(**rising), _heard("O", (7, value), (8, 4.5), (9, 4.0), (10, 3.9))
    started: list[tuple[int, Event]] = [(7, Tick())]
    for late_ms in (4999, 5000, 5001):
        yield watching(), [*started, (7 + late_ms, Tick())]
        yield watching(), [*started, *_heard("O", (9, 21.0)), (9 + late_ms, Tick())]
    named: list[tuple[int, Event]] = [(8, Named("O", "ppm")), (9, Named("P", "%")), (10, Named("O", "%"))]
    yield watching(), [*started, *named]
    yield watching(), [*_heard("O", (7, 21.0)), *_heard("P", (7, 1.0)), *named]
    lost: list[tuple[int, Event]] = [(9, InputsLost()), (10, Tick())]
    yield watching(), [*_heard("O", (7, 21.0)), *lost, *_heard("O", (11, 21.0))]
    manual = watching(alarm_release="manual")
    resets: list[tuple[int, Event]] = [(9, Reset("two", "Li")), (10, Reset(AREA, "Li"))]
    for after in (19.0, 22.0):
        yield manual, [*_heard("O", (7, 19.0), (8, after)), *resets]
    yield from _rises(watching(alarm=1.0, restore=1.0, direction="rising", window_ms=600))


def _rises(rules: Rules) -> Iterator[Told]:
    for late_ms in (50, 100, 500, 599, 600, 699, 700, 5000):
        for high in (2.0, 1.9, 2.1):
            yield rules, _heard("O", (0, 1.0), (late_ms, high), (late_ms + 100, high), (late_ms + 90, 1.0))
    yield rules, _heard("O", (0, 1.0), (99, 0.5), (101, 3.0), (1400, 3.0), (1500, 3.2), (1600, 4.4))


def _suspensions() -> Iterator[Told]:
    rules = replace(_doubtful(), suspension=Suspension(2, 10, 15))
    start = _heard("A", (0, 0.4))
    for by, reason in (("", "gas"), ("Li", " "), (" ", ""), ("Li", "gas")):
        acts: list[tuple[int, Event]] = [(1, Calibrate("A", 1, by, reason)), (2, Bypass("A", 1, by, reason))]
        yield rules, start + acts
    for minutes in (0, 1, 2, 3, 10, 11):
        acts = [(1, Calibrate("A", minutes, "Li", "gas")), (2, EndSuspension("A", "Wu"))]
        yield rules, start + acts
        yield rules, [*start, (1, Bypass("A", minutes, "Li", "dead"))]
    for late_ms in (_MINUTE_MS - 1, _MINUTE_MS, _MINUTE_MS + 1):
        yield rules, [*start, (1, Calibrate("A", 1, "Li", "gas")), (1 + late_ms, Tick())]
        yield rules, [*start, (1, Bypass("A", 1, "Li", "dead")), (1 + late_ms, Tick())]
    for late_ms in (1, _DAY_MS - 1, _DAY_MS, _DAY_MS + 1):
        again: list[tuple[int, Event]] = [(7 + late_ms, Bypass("A", 10, "Li", "dead")), (9 + late_ms, Tick())]
        more: list[tuple[int, Event]] = [(8 + late_ms, Bypass("A", 5, "Li", "dead"))]
        yield rules, [*start, (7, Bypass("A", 10, "Li", "dead")), *more, *again]
        yield rules, [*start, (7, Bypass("A", 10, "Li", "dead")), *again]
    two: list[tuple[int, Event]] = [
        (1, Bypass("A", 1, "Li", "x")), (2, Calibrate("B", 1, "Li", "x")), (3, EndSuspension("A", "Li")),
        (4, Calibrate("B", 1, "Li", "x")), (5, Bypass("A", 1, "Li", "x")), (6, Bypass("nobody", 1, "Li", "x")),
    ]  # fmt: skip
    yield rules, start + two
    moved = replace(rules.limits[1], area="elsewhere")
    yield replace(rules, limits=(rules.limits[0], moved, *rules.limits[2:])), start + two
    over: list[tuple[int, Event]] = [(3, Bypass("A", 1, "Li", "dead")), (4, Tick())]
    for value in (1.4, 1.5, math.nan):
        yield rules, start + _heard("A", (2, value)) + over
    statute = by_place()
    yield replace(statute, suspension=Suspension(2, 10, 15)), [*_heard(T2, (0, 0.4)), (1, Bypass(T2, 1, "Li", "dead"))]
    assert isinstance(statute.limits[0], Limit)
