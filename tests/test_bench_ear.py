"""The benchmark's judge sees a loss, a repetition, a swapped order and a late alarm when there is one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from minegate_tools.bench.uplink_ear import Judge

LEFT_MS = [1000.0, 1100.0, 1200.0, 1300.0]


def scan(sequence: int, count: int, utc_ms: int = 1000) -> dict[str, Any]:
    record = count.to_bytes(4, "big") + b"\0\x32"
    return {"scan": {"sequence": sequence, "device": 1, "utc_ms": utc_ms, "record": record.hex()}}


def event(sequence: int, kind: str, **more: object) -> dict[str, Any]:
    return {"event": {"journal_sequence": sequence, "kind": kind, **more}}


def verdict(folder: Path, *heard: tuple[float, str, list[dict[str, Any]]], **asked: object) -> dict[str, Any]:
    truth = folder / "truth.json"
    truth.write_text(json.dumps({"left_ms": [LEFT_MS], "gas": [1]}), encoding="ascii")
    spoken = [rows for _, _, rows in heard]
    judge = Judge({"truth": str(truth), **asked}, lambda payload: spoken[payload[0]])
    for at, (at_ms, stream, _) in enumerate(heard):
        judge.hear(at_ms, stream, bytes((at,)))
    return judge.verdict()


def test_what_came_whole_is_found_whole(tmp_path: Path) -> None:
    rows = [scan(number + 1, number) for number in range(4)]
    said = verdict(tmp_path, (1400.0, "live", rows), windows={"all": (0, 2000)}, after=1150.0)
    assert said["lost"] == []
    assert (said["repeated"], said["changed"], said["unmarked"], said["out_of_order"]) == (0, 0, 0, 0)
    assert (said["lags"]["all"]["n"], said["lags"]["all"]["max"]) == (4, 400.0)
    assert said["first"] == {"live": 1400.0, "reading": 1400.0}


def test_what_never_came_is_named_with_its_time(tmp_path: Path) -> None:
    said = verdict(tmp_path, (1400.0, "live", [scan(1, 0), scan(2, 1), scan(4, 3)]))
    assert said["lost"] == [[1, 2, 1200.0]]


@pytest.mark.parametrize(
    ("second", "repeated", "changed", "unmarked"),
    [
        (scan(1, 0), 1, 0, 0),  # the same again: the receiver knows it by its sequence
        (scan(1, 1), 1, 1, 0),  # the sequence means another reading now
        (scan(5, 0), 0, 0, 1),  # the reading under a second sequence: nobody can know
    ],
)
def test_a_repetition_is_known_or_it_is_a_fault(
    tmp_path: Path, second: dict[str, Any], repeated: int, changed: int, unmarked: int
) -> None:
    said = verdict(tmp_path, (1400.0, "live", [scan(1, 0)]), (1500.0, "history", [second]))
    assert (said["repeated"], said["changed"], said["unmarked"]) == (repeated, changed, unmarked)


def test_an_order_that_is_turned_round_is_counted(tmp_path: Path) -> None:
    assert verdict(tmp_path, (1400.0, "live", [scan(1, 1), scan(2, 0)]))["out_of_order"] > 0
    later = verdict(tmp_path, (1400.0, "live", [scan(2, 1)]), (1500.0, "history", [scan(1, 0)]))
    assert later["out_of_order"] == 0, "history comes behind live, in an order of its own"


def test_an_alarm_is_timed_from_the_answer_that_shows_it(tmp_path: Path) -> None:
    alarms = (1050.0, "event", [event(8, "alarm_over")]), (1112.0, "event", [event(9, "alarm")])
    assert verdict(tmp_path, (1400.0, "live", [scan(2, 1)]), *alarms)["alarms"]["max"] == 12.0


def test_an_answer_that_nobody_heard_shows_no_alarm(tmp_path: Path) -> None:
    said = verdict(tmp_path, (1400.0, "live", [scan(2, 2)]), (1207.0, "event", [event(9, "alarm")]))
    assert said["alarms"]["max"] == 7.0, "from the next one, which was heard"


def test_what_was_read_before_is_only_counted(tmp_path: Path) -> None:
    said = verdict(tmp_path, (1400.0, "history", [scan(1, 9, utc_ms=10)]), live_from=500.0)
    assert (said["old"], said["scans"]) == (1, 0)
