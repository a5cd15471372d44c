"""The shipped scenarios are kept; what does not fit is refused in one line; the judge says what it saw."""

from __future__ import annotations

import html
import re
from functools import cache
from pathlib import Path

import msgspec
import pytest

import minegate_sim
from minegate_sim.expect import Judged, judged, known, sentences
from minegate_sim.report.page import page
from minegate_sim.run import Outcome, run
from minegate_sim.scenario import At, Expect, Scenario, load, text_of
from minegate_tools.cli import main

FOLDER = Path(minegate_sim.__file__).parent
LIBRARY = sorted((FOLDER / "scenarios").glob("*.toml"))
ASKED_FOR = {
    "heading", "longwall", "return-corner", "pump-station", "belt-fire", "tailings-pond", "slope-slide",
    "robot-inspection", "sensor-drift", "frozen-sensor", "gas-burst-during-outage", "fan-stops", "flapping-broker",
    "clock-step", "power-cut",
}  # fmt: skip
LONG = {
    "longwall",
    "return-corner",
    "sensor-drift",
    "frozen-sensor",
    "flapping-broker",
    "shift",
    "uplink-24h",
}  # of each kind one is run always

LONG_S = 3600.0  # of virtual time: half a minute and more of real time


@cache
def outcome(name: str) -> Outcome:
    return run(load(FOLDER / "scenarios" / f"{name}.toml"), buses=False, keep_history=True)


def cases() -> list[object]:
    long = {path for path in LIBRARY if path.stem in LONG or load(path).lasts_s > LONG_S}
    return [pytest.param(path, id=path.stem, marks=[pytest.mark.long] if path in long else []) for path in LIBRARY]


@pytest.mark.parametrize("path", cases())
def test_every_shipped_scenario_is_kept(path: Path) -> None:
    found = outcome(path.stem)
    assert found.breaches == ()
    assert [each for each in found.judged if not each.kept] == []
    assert any(each.words == "account balances" for each in found.judged)


@pytest.mark.parametrize("path", cases())
def test_every_shipped_scenario_has_a_report_with_all_that_was_expected_and_plots_of_all_that_moved(path: Path) -> None:
    found = outcome(path.stem)
    assert found.history is not None
    text = page(found, found.history)
    assert all(html.escape(each.words) in text for each in found.judged)
    titles = ("Backlog", "Latency", *(("Contacts",) if found.seen.areas else ()))
    assert [title for title in titles if title not in text] == []
    assert text.count('<path class="line') >= 3


def test_the_library_is_complete_and_each_scenario_asks_for_more_than_an_account() -> None:
    assert {path.stem for path in LIBRARY} >= ASKED_FOR
    for path in LIBRARY:
        assert len(load(path).expect) >= 3, path.stem


def minegate(*words: str) -> int:
    """The exit code of one command."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert isinstance(ended.value.code, int)
    return ended.value.code


def told(words: str, after_s: float = 0.0) -> Judged:
    return judged(Expect(words=words, after_s=after_s), outcome("fan-stops").seen)


@pytest.mark.parametrize(
    ("words", "after_s", "kept"),
    [
        ("contact 1201 opens within 2 s", 30.0, True),
        ("contact heading-1201 opens within 2 s", 30.0, True),
        ("contact relay-1 opens within 2 s", 30.0, True),
        ("contact relay-1 opens within 0.01 s", 30.0, False),
        ("contact relay-1 closes within 100 s", 83.0, False),
        ("contact relay-1 stays closed", 20.0, False),
        ("contact relay-1 stays closed for 9 s", 20.0, True),
        ("contact relay-1 stays open", 20.0, False),
        ("verdict cut of 1201-T1-ch4 for limit arrives within 5 s", 30.0, False),
        ("verdict cut arrives within 5 s", 30.0, True),
        ("verdict cut of 1201-fan-run for limit arrives within 5 s", 30.0, True),
        ("verdict cut of 1201-fan-run for silence arrives within 5 s", 30.0, False),
        ("verdict cut of relay-1 never arrives", 0.0, True),
        ("verdict cut of 1201-fan-run never arrives", 0.0, False),
        ("alarm 1201-T2-ch4 arrives within 0.1 s", 30.0, False),
        ("event clock_step never arrives", 0.0, True),
        ("ledger tells hold_full", 0.0, False),
        ("ledger empty", 0.0, True),
        ("promises kept", 0.0, True),
    ],
)
def test_the_judge_tells_what_was_from_what_was_not(words: str, after_s: float, kept: bool) -> None:
    assert known(words)
    verdict = told(words, after_s)
    assert verdict.kept is kept
    assert verdict.why


def test_a_value_is_looked_at_from_after_s_on() -> None:
    """What it had reached before does not count, what it still is at that moment does."""
    scenario = Scenario(
        place="slope",
        lasts_s=20.0,
        speed=20.0,
        at=[At(t=8.0, wish={"do": "slide", "slope": "dump", "fails_in_s": 100_000})],
        expect=[
            Expect(words="point dump-velocity reaches 1.5 within 5 s", after_s=8.0),
            Expect(words="point dump-velocity reaches 1.5 within 5 s", after_s=4.0),
            Expect(words="point dump-velocity reaches 1.5 within 0 s", after_s=15.0),
            Expect(words="point dump-velocity falls to 0.3", after_s=15.0),
            Expect(words="point dump-velocity stays above 0.3", after_s=15.0),
            Expect(words="point dump-velocity stays below 0.3"),
            Expect(words="point north-velocity stays below 0.3"),
            Expect(words="point dump-velocity keeps to the truth within 0.4", after_s=12.0),
            Expect(words="point dump-velocity leaves the truth by 0.4 within 2 s", after_s=8.0),
        ],
    )
    found = run(scenario)
    assert [each.kept for each in found.judged] == [True, False, True, False, True, False, True, True, True], (
        found.judged
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('place = "moon"\nlasts_s = 1.0', "place = 'moon' is not one of"),
        ('place = "moon.toml"\nlasts_s = 1.0', "No such file"),
        ('place = "heading"\nlasts_s = 0.0', "lasts_s"),
        ('place = "heading"\nlasts_s = 9.0\n[[at]]\nt = 1.0\nwhat = "flood"', "what = 'flood' is not one of"),
        ('place = "heading"\nlasts_s = 9.0\n[[at]]\nt = 10.0\nwhat = "reset"', "after lasts_s = 9"),
        ('place = "heading"\nlasts_s = 9.0\n[[at]]\nt = 1.0', "either `what` or `wish`"),
        ('place = "heading"\nlasts_s = 9.0\n[[at]]\nt = 1.0\nfor_s = 2.0\nwish = { do = "fan" }', "belong to `what`"),
        ('place = "heading"\nlasts_s = 9.0\n[[at]]\nt = 1.0\nwish = { do = "fly" }', "do 'fly' is not one of"),
        ('place = "slope"\nlasts_s = 9.0\n[[at]]\nt = 1.0\nwish = { do = "rain", mm_h = -1 }', "mm_h: -1"),
        (
            'place = "slope"\nlasts_s = 9.0\n[[at]]\nt = 1.0\nwhat = "dead"\ntarget = "T1-head"',
            "'T1-head' is not one of",
        ),
        ('place = "heading"\nlasts_s = 9.0\nspeeed = 2.0', "speeed"),
        ('place = "heading"\nlasts_s = 9.0\n[rules]\nlease_ms = 1', "lease_ms"),
        ('place = "heading"\nlasts_s = 9.0\n[[expect]]\nwords = "all is well"', "is not understood"),
        ('place = "heading"\nlasts_s = 9.0\n[[expect]]\nwords = "contact 99 closes within 1 s"', "contact '99'"),
        ('place = "heading"\nlasts_s = 9.0\n[[expect]]\nwords = "alarm T9 arrives within 1 s"', "point 'T9'"),
        (
            'place = "heading"\nlasts_s = 9.0\n[[expect]]\nwords = "point 1201-feed keeps to the truth within 1"',
            "-feed",
        ),
    ],
)
def test_a_scenario_that_makes_no_sense_is_refused_in_one_line(
    tmp_path: Path, text: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(text, "utf-8")
    assert minegate("sim", "run", str(path)) == 2
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 1
    assert words in told[0]
    assert "bad.toml" in told[0]


def test_a_scenario_with_wishes_written_down_is_the_same_scenario(tmp_path: Path) -> None:
    scenario = load(FOLDER / "scenarios" / "belt-fire.toml")
    (tmp_path / "again.toml").write_text(text_of(scenario, "a reason"), "utf-8")
    assert load(tmp_path / "again.toml") == scenario


def test_a_section_of_ones_own_is_a_place(tmp_path: Path) -> None:
    text = (FOLDER / "section" / "sections" / "slope.toml").read_text("utf-8")
    (tmp_path / "my_mine.toml").write_text(text.replace('"dump"', '"my-dump"'), "utf-8")
    wish = '[[at]]\nt = 5.0\nwish = { do = "slide", slope = "my-dump", fails_in_s = 9 }'
    (tmp_path / "mine.toml").write_text(f'place = "my_mine.toml"\nlasts_s = 6.0\n{wish}', "utf-8")
    assert run(load(tmp_path / "mine.toml")).kept


def test_a_new_scenario_runs_as_it_stands_and_nothing_is_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.toml"
    assert minegate("sim", "new", str(path)) == 0
    assert minegate("sim", "run", str(path)) == 0
    assert "BROKEN" not in capsys.readouterr().out
    before = path.read_text("utf-8")
    assert minegate("sim", "new", str(path)) == 1
    assert path.read_text("utf-8") == before


def test_a_run_leaves_log_report_and_recording_where_it_is_told_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "short.toml"
    path.write_text(
        'place = "slope"\nlasts_s = 9.0\n[[at]]\nt = 6.0\nwish = { do = "slide", fails_in_s = 900 }', "utf-8"
    )
    kept = [tmp_path / name for name in ("log", "report.html", "recording")]
    words = [word for pair in zip(("--log", "--report", "--record"), map(str, kept), strict=True) for word in pair]
    assert minegate("sim", "run", str(path), *words) == 0
    assert "scans" in capsys.readouterr().out
    assert "do do=slide" in kept[0].read_text("utf-8")
    assert "<svg" in kept[1].read_text("utf-8")
    assert minegate("replay", str(kept[2]), "--diff") == 0
    assert minegate("sim", "run", str(path), "--report", str(tmp_path / "no" / "where.html")) == 1
    assert "where.html: No such file" in capsys.readouterr().err


def test_the_list_names_every_scenario_place_and_mishap(capsys: pytest.CaptureFixture[str]) -> None:
    assert minegate("sim", "list") == 0
    listed = capsys.readouterr().out
    assert all(path.stem in listed for path in LIBRARY)
    assert all(name in listed for name in ("tailings-pond", "heading-section", "clock_step", "spillway", "emission"))
    assert "contact relay-1 closes within 5 s" in listed


def test_every_sentence_that_the_list_shows_is_understood() -> None:
    """Without what stands in brackets, and with it."""
    forms = sentences()
    assert len(forms) >= 20
    for form in forms:
        assert known(re.sub(r" \[[^]]*\]", "", form)), form
        assert known(form.replace("[", "").replace("]", "")), form


def test_the_seed_of_the_command_line_counts() -> None:
    scenario = msgspec.structs.replace(load(FOLDER / "first.toml"), lasts_s=15.0, at=[], expect=[])
    digests = {run(msgspec.structs.replace(scenario, seed=seed)).record.digest() for seed in (7, 8, 7)}
    assert len(digests) == 2
