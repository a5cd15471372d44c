"""Every capture that ships is understood as it says, and the test kit finds a driver that understands it otherwise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from minegate_drivers.capture import CaptureError, parse
from minegate_drivers.catalogue import OURS, find
from minegate_drivers.sdk import CanDriver, LineDriver, MessageDriver
from minegate_drivers.testkit import Difference, play

CAPTURES = sorted((Path(__file__).parent.parent / "drivers" / "captures").glob("*.cap"))
GAS = "driver gas_head\noption station = 1\n"
GOOD = "< 01 04 04 00 7d 00 01 aa 5c   heard\n"


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_the_driver_understands_the_capture(path: Path) -> None:
    capture = parse(path.read_text(encoding="utf-8"), path.name)
    assert len(capture.steps) >= 2
    assert play(capture, path.parent) == []


def test_every_driver_of_ours_has_a_capture() -> None:
    played = {parse(path.read_text(encoding="utf-8"), path.name).driver for path in CAPTURES}
    heard = {name for name in OURS if issubclass(find(name), LineDriver | CanDriver | MessageDriver)}
    assert played == heard


@pytest.mark.parametrize(
    ("lines", "difference"),
    [
        (GOOD + "= ch4 1.26 %CH4 good", (3, "ch4 1.26 %CH4 good", "ch4 1.25 %CH4 good")),
        (GOOD + "= ch4 1.25 %CH4 stale", (3, "ch4 1.25 %CH4 stale", "ch4 1.25 %CH4 good")),
        (GOOD + "= ch4 1.25 ppm good", (3, "ch4 1.25 ppm good", "ch4 1.25 %CH4 good")),
        (GOOD + "= part 1", (3, "part 1", "part 0")),
        (GOOD + "= co 1 ppm good", (3, "co 1 ppm good", "part 0; ch4 1.25 %CH4 good; status 1 good")),
        (GOOD + "= nonsense crc", (3, "nonsense crc", "part 0; ch4 1.25 %CH4 good; status 1 good")),
        (
            GOOD.replace("5c", "5d") + "= ch4 1.25 %CH4 good",
            (3, "ch4 1.25 %CH4 good", "nonsense crc: aa 5d is not the sum of the frame"),
        ),
        ("> 01 04 00 00 00 02 71 cc", (3, "> 01 04 00 00 00 02 71 cc", "> 01 04 00 00 00 02 71 cb")),
        ("> -", (3, "> -", "> 01 04 00 00 00 02 71 cb")),
        (
            "< 287#00\n= nonsense crc",
            (3, "something that GasHead can hear", "CanFrame for a driver of another kind of port"),
        ),
        ("< a/b {}\n= nothing", (3, "something that GasHead can hear", "Message for a driver of another kind of port")),
    ],
)
def test_a_difference_names_line_expectation_and_finding(lines: str, difference: tuple[int, str, str]) -> None:
    assert play(parse(GAS + lines, "x.cap"), Path()) == [Difference(*difference)]


@pytest.mark.parametrize("number", ["1.25", "1.250", "125e-2", "+1.25"])
def test_a_number_may_be_written_in_any_way(number: str) -> None:
    assert play(parse(f"{GAS}{GOOD}= ch4 {number} %CH4 good", "x.cap"), Path()) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "x.cap:1: the first line that is no remark must be `driver NAME`"),
        ("option station = 1\ndriver gas_head", "x.cap:1: the first line"),
        ("driver a\ndriver b", "x.cap:1: the first line"),
        ("driver gas_head\noption station", "x.cap: options are not TOML"),
        (GAS + GOOD, "x.cap:3: nothing is expected of what line 3 heard"),
        (GAS + GOOD + GOOD + "= part 0", "x.cap:4: nothing is expected of what line 3 heard"),
        (GAS + "= part 0", "x.cap:3: `=` without a `<` before it"),
        (GAS + GOOD + "=", "x.cap:4: `=` without what is expected"),
        (GAS + "< 01 zz\n= part 0", "x.cap:3: non-hexadecimal"),
        (GAS + "@ noon", "x.cap:3: invalid literal"),
        (GAS + "! 01", "x.cap:3: '!' is not one of"),
    ],
)
def test_a_capture_that_is_none_is_one_clear_line(text: str, words: str) -> None:
    with pytest.raises(CaptureError) as caught:
        parse(text, "x.cap")
    assert str(caught.value).startswith(words)
    assert "\n" not in str(caught.value)


def test_a_request_that_nobody_answers_is_a_step_of_its_own() -> None:
    asked = "> 01 04 00 00 00 02 71 cb\n"
    assert [step.asked is not None for step in parse(GAS + asked + asked + asked, "x.cap").steps] == [True] * 3


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (GAS + GOOD + "= ch4 1.25 %CH4 good", 0, "1 steps, 0 differences"),
        (GAS + GOOD + "= ch4 1.3 %CH4 good", 1, "expected  ch4 1.3 %CH4 good\n  found     ch4 1.25 %CH4 good"),
        (GAS, 0, "0 steps, 0 differences"),
        ("driver gas_head\n" + GOOD + "= part 0", 2, "driver gas_head: option station must be given"),
        ("driver gas\n" + GOOD + "= part 0", 2, "driver gas: not one of "),
        ("what\n", 2, "x.cap:1: the first line"),
    ],
)
def test_the_command_tells_by_its_exit_code(tmp_path: Path, content: str, code: int, words: str) -> None:
    path = tmp_path / "x.cap"
    path.write_text(content, encoding="utf-8")
    command = [sys.executable, "-m", "minegate_drivers.testkit", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, words in done.stdout + done.stderr) == (code, True), done
