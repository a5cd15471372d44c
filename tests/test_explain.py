"""`minegate explain` tells a cut from a real journal in both languages; `rules --diagram` draws what is judged."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from engine_heading import EngineHeading
from heading import AREA, EXAMPLE, FAN, T1
from minegate_agent.link.journal import Journal
from minegate_agent.link.records import EVENT, encode_event
from minegate_agent.link.verdict_event import event_of
from minegate_agent.site import load_site
from minegate_interlock.lines import Cause, Verb
from minegate_interlock.rules import load
from minegate_tools.cli import parser
from minegate_tools.commands.explain import events, place_of
from minegate_tools.diagram import diagram
from minegate_tools.explain_texts import CAUSES, TEXTS
from minegate_tools.explained import Numbered, Story, find, told
from place_rules import BY_PLACE, by_place

NOON_MS = 1_800_000_000_000


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site by place, with no journal yet."""
    shutil.copy(EXAMPLE.with_name("gateway.toml"), tmp_path / "gateway.toml")
    (tmp_path / "rules.toml").write_text(BY_PLACE, encoding="utf-8")
    return tmp_path


def history(heading: EngineHeading) -> list[dict[str, object]]:
    """Everything the interlock told, as link keeps it."""
    return [event_of(verdict, NOON_MS + heading.now_ms) for verdict in heading.engine.ring.after(0, heading.now_ms)]


def a_cut() -> EngineHeading:
    """Gas at the face, a refused reset, clean air, a reset."""
    heading = EngineHeading(by_place()).powered()
    heading.gas(1.52)
    heading.run(1000)
    heading.command(Verb.RESET, "Zhou")
    heading.gas(0.4)
    heading.run(4000)
    heading.command(Verb.RESET, "Li Wei")
    heading.run(500)
    return heading


def journaled(folder: Path, told_events: list[dict[str, object]]) -> None:
    journal = Journal.open(folder, segment_bytes=100_000, bytes_max=1_000_000)
    for event in told_events:
        journal.append(EVENT, encode_event(event))
    journal.commit()
    journal.close()


def story_of(heading: EngineHeading, sequence: int | None = None) -> Story:
    story = find((Numbered(number, event) for number, event in enumerate(history(heading), 1)), sequence)
    assert story is not None
    return story


def test_every_cause_and_every_text_has_both_languages() -> None:
    assert set(TEXTS["zh"]) == set(TEXTS["en"])
    assert set(CAUSES["zh"]) == set(CAUSES["en"]) == {cause.name.lower() for cause in Cause}
    for key, text in TEXTS["en"].items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", TEXTS["zh"][key])), key


# language, what the story of a cut must say
SAID = [
    ("en", ["1201-T1-ch4 = 1.52 %CH4", "limit passed", "heading/T1", "Art. 536", "methane table, row 12", "(S)",
            "1.5 %CH4", "cut >= 1.5", "restore < 1", "OPEN to every output", "read back open", "within 2000 ms",
            "1 times (Zhou)", "Li Wei", "1201-T1-ch4 < 1 %CH4"]),
    ("zh", ["1201-T1-ch4 = 1.52 %CH4", "超限", "heading/T1", "Art. 536", "断电 >= 1.5", "复电 < 1", "立即断开",
            "回读断开", "2000 毫秒", "Zhou", "Li Wei", "现场复位", "1201掘进工作面"]),
]  # fmt: skip


@pytest.mark.parametrize(("lang", "said"), SAID)
def test_a_cut_is_told_with_reading_rule_limit_contact_time_and_release(lang: str, said: list[str], site: Path) -> None:
    story = story_of(a_cut())
    text = told(story, by_place(), place_of(load_site(site), story), lang)
    assert [words for words in said if words not in text] == []


def test_the_newest_cut_is_told_and_an_older_one_by_its_sequence() -> None:
    heading = a_cut()
    heading.values[FAN] = 0.0
    heading.run(500)
    assert story_of(heading).event["point"] == FAN
    numbered = list(enumerate(history(heading), 1))
    older = next(number for number, event in numbered if event["kind"] == "cut" and event["point"] == T1)
    assert story_of(heading, older).event["value"] == 1.52
    assert not story_of(heading).ended
    text = told(story_of(heading), by_place(), place_of(load_site(EXAMPLE.parent), story_of(heading)), "en")
    assert "still off" in text


def test_a_fan_lock_and_a_silence_are_told_with_their_own_clauses() -> None:
    heading = EngineHeading(by_place()).powered()
    heading.values[FAN] = 0.0
    heading.gas(3.2)
    heading.run(500)
    locked = next(n for n, event in enumerate(history(heading), 1) if event["kind"] == "fan_locked")
    place = place_of(load_site(EXAMPLE.parent), story_of(heading, locked))
    text = told(story_of(heading, locked), by_place(), place, "en")
    assert "clause e" in text
    assert "known below 1.5" in text
    assert "lock contact closed" in text


def test_rules_that_are_not_those_of_then_are_not_pretended_to_be() -> None:
    heading = EngineHeading().powered()  # rules the site wrote itself
    heading.gas(1.6)
    heading.run(500)
    story = story_of(heading)
    place = place_of(load_site(EXAMPLE.parent), story)
    assert "are not those on disk" in told(story, by_place(), place, "en")
    assert "are not those on disk" in told(story, None, place, "en")
    assert "the site's own [[limit]]" in told(story, heading.rules, place, "en")


def test_the_command_reads_a_journal_that_it_does_not_change(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = site / "journal"
    journaled(folder, history(a_cut()))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert len(list(events(folder))) == len(history(a_cut()))
    for lang, word in (("en", "heading/T1"), ("zh", "解锁条件")):
        asked = parser().parse_args(["explain", "--dir", str(site), "--lang", lang])
        assert asked.do(asked) == 0
        assert word in capsys.readouterr().out
    asked = parser().parse_args(["explain", "9999", "--dir", str(site)])
    assert asked.do(asked) == 1
    assert "no event 9999" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_without_a_journal_there_is_one_line_and_no_story(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = parser().parse_args(["explain", "--dir", str(site)])
    assert asked.do(asked) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


# -- rules and proof -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_diagram_has_every_limit_every_state_and_no_way_on_but_a_person(lang: str) -> None:
    text = diagram(by_place(), lang)
    for rule in by_place().limits:
        assert f"{rule.point} " in text
    assert text.count("stateDiagram-v2") == 2
    assert [line.split("-->")[0].strip() for line in text.splitlines() if "--> a0_on" in line] == ["a0_ready"]
    for line in text.splitlines():
        if "-->" in line and ": " in line:  # Mermaid splits a label at a second colon
            assert line.count(":") == 1


def test_the_command_prints_rules_with_their_articles(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], ["--diagram"], ["--lang", "zh"]):
        asked = parser().parse_args(["rules", str(site), *words])
        assert asked.do(asked) == 0
        out = capsys.readouterr().out
        assert ("stateDiagram-v2" in out) is ("--diagram" in words)
        assert ("Art. 536" in out) is ("--diagram" not in words)
    asked = parser().parse_args(["rules", str(site / "nothing.toml")])
    assert asked.do(asked) == 2


def test_proof_shows_what_is_due(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = parser().parse_args(["proof", "--dir", str(site)])
    assert asked.do(asked) == 1
    out = capsys.readouterr().out
    assert out.count("OVERDUE") == len(load(BY_PLACE.encode(), "r").tests) == 3
    assert AREA in out
    shutil.copy(EXAMPLE, site / "rules.toml")
    assert asked.do(asked) == 1
    assert "nothing is ever due" in capsys.readouterr().err
