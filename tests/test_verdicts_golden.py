"""The verdicts of `minegate decide` are stable: each story in `verdicts/` has its verdicts beside it, line by line.

A change of a rule or of the judge shows here as a difference that a person reads. When it is meant:

    minegate decide RULES < tests/verdicts/NAME.in.jsonl > tests/verdicts/NAME.jsonl
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from minegate_interlock.decide import decide
from minegate_interlock.rules import load
from minegate_interlock.spoken import event_of, line_of

FOLDER = Path(__file__).parent / "verdicts"
# The rules of a story stand beside it: an edit of the shipped example is no change of a verdict.
STORIES = {
    "gas": FOLDER / "by-limit.toml",
    "fan-lock": FOLDER / "by-place.toml",
    "people": FOLDER / "by-place.toml",
    "doubt-and-vote": FOLDER / "doubt-and-vote.toml",
}


@pytest.mark.parametrize("story", STORIES)
def test_a_story_has_the_verdicts_it_always_had(story: str) -> None:
    path = STORIES[story]
    lines = (FOLDER / f"{story}.in.jsonl").read_text(encoding="utf-8").splitlines()
    verdicts = [json.dumps(row, ensure_ascii=False) for row in decide(load(path.read_bytes(), str(path)), lines)]
    assert verdicts == (FOLDER / f"{story}.jsonl").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("story", STORIES)
def test_a_line_that_was_read_is_written_as_the_same_event(story: str) -> None:
    path = STORIES[story]
    rules = load(path.read_bytes(), str(path))
    for line in (FOLDER / f"{story}.in.jsonl").read_text(encoding="utf-8").splitlines():
        ms, event = event_of(rules, line)
        assert repr(event_of(rules, line_of(ms, event))) == repr((ms, event))


def test_every_file_belongs_to_a_story() -> None:
    stems = {path.name.removesuffix(".jsonl").removesuffix(".in") for path in FOLDER.glob("*.jsonl")}
    assert stems == set(STORIES)
