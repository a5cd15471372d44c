"""Every recorded capture replays through its driver to the scans that are checked in, byte for byte."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from minegate_drivers.capture import parse
from minegate_drivers.replay import scans

CAPTURES = sorted((Path(__file__).parent.parent / "drivers" / "captures").glob("*.cap"))
GAS = "driver gas_head\noption station = 1\n@ 1000\n> 01 04 00 00 00 02 71 cb\n"
GOOD, BAD = "< 01 04 04 00 7d 00 01 aa 5c\n= part 0\n", "< 01 04 04 00 7d 00 01 aa 5d\n= nonsense crc\n"


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_a_capture_replays_to_the_same_scans(path: Path) -> None:
    kept = (path.parent / "scans" / f"{path.stem}.scans").read_text(encoding="utf-8")
    for _ in range(2):
        found = scans(parse(path.read_text(encoding="utf-8"), path.name), path.parent)
        assert "".join(f"{line}\n" for line in found) == kept


def replay(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "minegate_tools", "replay", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_the_command_prints_scans_and_tells_what_differs(tmp_path: Path) -> None:
    capture, kept = tmp_path / "gas.cap", tmp_path / "gas.scans"
    capture.write_text(GAS + GOOD + BAD, encoding="utf-8")
    done = replay(capture)
    assert (done.returncode, done.stdout) == (0, "5 @1000 part 0 good 007d0001\n7 @1000 nonsense crc\n")
    kept.write_text(done.stdout, encoding="utf-8")
    assert replay(capture, "--diff", kept).returncode == 0
    kept.write_text(done.stdout.replace("007d", "007e"), encoding="utf-8")
    done = replay(capture, "--diff", kept)
    assert done.returncode == 1
    assert "-5 @1000 part 0 good 007e0001\n+5 @1000 part 0 good 007d0001\n" in done.stdout


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("what\n", "gas.cap:1: the first line"),
        ("driver gas\n" + GOOD, "driver gas: not one of"),
        (GAS + "< 287#00\n= nothing\n", "line 5: CanFrame is not for a GasHead"),
    ],
)
def test_what_cannot_be_played_is_one_line(tmp_path: Path, text: str, words: str) -> None:
    capture = tmp_path / "gas.cap"
    capture.write_text(text, encoding="utf-8")
    done = replay(capture)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert words in done.stderr
