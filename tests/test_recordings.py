"""What was recorded once is understood and judged today as it was then; a recorder costs no bus and opens no port."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import pytest

from minegate_agent.field.tap import Tap
from minegate_drivers.capture import parse
from minegate_drivers.gas_head import GasHead
from minegate_drivers.sdk import Heard, Quality
from minegate_drivers.testkit import play
from minegate_sim.section.section import Section, load
from minegate_tools.bus.replayed import replayed
from minegate_tools.bus.traffic import RESULT, TRAFFIC, Lost, RecordingError, Said, from_zero, read
from minegate_tools.cli import main
from minegate_tools.commands.record import finish

RECORDINGS = sorted(path.parent for path in (Path(__file__).parent / "recordings").glob(f"*/{TRAFFIC}"))
PATIENCE_S = 30.0


def again(folder: Path) -> str:
    return "".join(f"{line}\n" for line in replayed(folder, *read(folder)))


@pytest.mark.parametrize("folder", RECORDINGS, ids=lambda folder: folder.name)
def test_a_recording_gives_the_same_scans_and_verdicts_as_on_the_day_it_was_made(folder: Path) -> None:
    kept = (folder / RESULT).read_text(encoding="utf-8")
    assert again(folder) == kept
    assert again(folder) == kept  # nothing of the first time is left behind
    assert " verdict " in kept


@pytest.mark.parametrize("folder", RECORDINGS, ids=lambda folder: folder.name)
def test_a_replay_understands_what_field_understood(folder: Path, tmp_path: Path) -> None:
    """All but the first answer of each port: who begins to record in the middle has not heard the question."""
    shutil.copytree(folder, tmp_path / "again")
    said = finish(tmp_path / "again")
    live, same = (int(part.split()[0]) for part in said.split(", ")[1:3])
    ports = len(read(folder)[0].config.port)
    assert live - ports <= same <= live
    assert live > 40


class Done(NamedTuple):
    """As a process would have ended."""

    returncode: int
    stdout: str
    stderr: str


def replay(*words: str | Path) -> Done:
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
        main(["replay", *map(str, words)])
    assert isinstance(ended.value.code, int)
    return Done(ended.value.code, out.getvalue(), err.getvalue())


def test_the_command_tells_which_verdicts_another_rule_would_have_given(tmp_path: Path) -> None:
    shutil.copytree(RECORDINGS[0], tmp_path / "monday")
    done = replay(tmp_path / "monday", "--diff")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    rules = tmp_path / "monday" / "rules.toml"
    rules.write_text(rules.read_text("utf-8").replace("cut = 1.5", "cut = 1.7"), "utf-8")
    done = replay(tmp_path / "monday", "--diff")
    assert done.returncode == 1
    changed = [line for line in done.stdout.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    assert changed
    assert all(" verdict cut limit " in line for line in changed)


def test_another_driver_makes_other_scans_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = GasHead.hear

    def doubts(self: GasHead, frame: bytes) -> Heard:
        return real(self, frame)._replace(quality=Quality.CALIBRATING)

    monkeypatch.setattr(GasHead, "hear", doubts)
    monkeypatch.setattr(GasHead, "ask", lambda self, now_ms: bytes.fromhex("010300000002c40b"))
    folder = next(each for each in RECORDINGS if each.name == "heading")
    text = again(folder)
    assert "asks T1-head 010300000002c40b" in text
    assert "T1-head part 0 calibrating" in text
    assert text != (folder / RESULT).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "line", ["1.000 rs485-1 > 1 x 00", "1.000 nowhere < 00", "what", "1.000 can-1 < 18FEEE1#51", "lost many"]
)
def test_a_recording_that_is_none_is_one_line(tmp_path: Path, line: str) -> None:
    shutil.copytree(RECORDINGS[0], tmp_path / "bad")
    (tmp_path / "bad" / TRAFFIC).write_text(line, "utf-8")
    done = replay(tmp_path / "bad")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "traffic.rec:1: " in done.stderr


def test_a_capture_without_a_file_to_compare_with_is_refused(tmp_path: Path) -> None:
    capture = Path(__file__).parents[1] / "drivers" / "captures" / "gas_head.cap"
    done = replay(capture, "--diff")
    assert done.returncode == 2
    assert "no result of its own" in done.stderr


def test_times_begin_at_zero_and_what_was_lost_is_told(tmp_path: Path) -> None:
    assert list(from_zero(["500.250 a < 00", "lost 3", "501.000 a < 01"])) == ["0.000 a < 00", "lost 3", "0.750 a < 01"]
    shutil.copytree(RECORDINGS[0], tmp_path / "gap")
    with (tmp_path / "gap" / TRAFFIC).open("a", encoding="utf-8") as file:
        file.write("lost 7\n")
    assert read(tmp_path / "gap")[1][-1] == Lost(7)
    with pytest.raises(RecordingError, match="gateway"):
        read(tmp_path)


def test_while_nobody_records_nothing_is_said() -> None:
    async def speaks(tap: Tap) -> None:
        tap.say("rs485-1 < 00")

    tap, heard = Tap(), list[str]()
    asyncio.run(speaks(tap))
    tap.put = heard.append
    asyncio.run(speaks(tap))
    assert len(heard) == 1


@pytest.mark.parametrize(
    ("name", "device", "steps"), [
        ("longwall", "T0-head", 12), ("longwall", "shearer-plc", 100), ("heading", "rail-robot", 6),
        ("heading", "roadheader", 80), ("heading", "fan-node", 12), ("pump-station", "pump-plc", 15),
    ],
)  # fmt: skip
def test_one_device_of_a_recording_is_a_capture_that_tests_its_driver(
    name: str, device: str, steps: int, tmp_path: Path
) -> None:
    folder = Path(__file__).parent / "recordings" / name
    done = replay(folder, "--capture", device)
    assert (done.returncode, done.stderr) == (0, "")
    path = tmp_path / "device.cap"
    path.write_text(done.stdout, encoding="utf-8")
    for file in folder.glob("*.toml"):
        shutil.copy(file, tmp_path)
    assert list(play(parse(done.stdout, path.name), tmp_path)) == []
    assert len(parse(done.stdout, path.name).steps) >= steps


def test_a_device_that_was_not_recorded_is_told_in_one_line() -> None:
    done = replay(RECORDINGS[0], "--capture", "T9")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "'T9' is not one of" in done.stderr


@contextmanager
def running(*words: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-m", *map(str, words)], stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)


def wait_for(path: Path) -> None:
    until_s = time.perf_counter() + PATIENCE_S
    while not path.exists():
        assert time.perf_counter() < until_s, path
        time.sleep(0.02)


def record(site: Path, out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "minegate_tools", "record", str(site), "--out", str(out), *more]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_a_running_gateway_is_recorded_through_its_own_door_and_replays_without_a_difference(tmp_path: Path) -> None:
    """Real processes: the section on ptys, field, and the command."""
    site = tmp_path / "site"
    site.mkdir()
    for name, text in Section(load("slope"), 1).site().items():
        (site / name).write_text(text, encoding="utf-8")
    done = record(site, tmp_path / "early", "--seconds", "1")
    assert (done.returncode, "is field running?" in done.stderr) == (1, True)
    with running("minegate_sim", "section", "slope", "--dir", site / "sim"):
        wait_for(site / "sim" / "control.sock")
        with running("minegate_agent.field", site):
            wait_for(site / "run" / "record.sock")
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as first:
                first.connect(str(site / "run" / "record.sock"))
                assert b" rs485-1 > 1 " in first.recv(4096) + first.recv(4096) + first.recv(4096)
                done = record(site, tmp_path / "busy", "--seconds", "1")
                assert (done.returncode, "records this gateway already" in done.stderr) == (2, True)
            done = record(site, tmp_path / "monday", "--seconds", "2.5")
            assert (done.returncode, done.stderr) == (0, "")
    site_again, traffic = read(tmp_path / "monday")
    assert site_again.devices[1].name == "radar-node"
    assert sum(isinstance(entry, Said) for entry in traffic) >= 3
    assert replay(tmp_path / "monday", "--diff").returncode == 0
    assert record(site, tmp_path / "monday").returncode == 2  # nothing is written over
