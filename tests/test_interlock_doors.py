"""Whoever else connects to the interlock cannot take power away by accident, nor keep a person from cutting it."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from heading import AREA, EXAMPLE, T1
from minegate_interlock.lines import RECORD_BYTES_MAX, Answer, Command, PointName, Reading, Verb, pack, unpack
from minegate_interlock.process import CONTROLS_MAX

DEADLINE_S = 10.0


def start(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "minegate_interlock", str(folder / "rules.toml"), "--run", str(folder / "run")]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def run_folder(tmp_path: Path) -> Iterator[Path]:
    """The run directory of a living interlock without any line."""
    (tmp_path / "rules.toml").write_bytes(EXAMPLE.read_bytes())
    with start(tmp_path) as process:
        assert process.stderr is not None
        while "ready" not in process.stderr.readline():
            assert process.poll() is None
        yield tmp_path / "run"
        process.terminate()
        assert process.wait(DEADLINE_S) == 0


def connected(run_folder: Path, name: str) -> socket.socket:
    line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    line.settimeout(DEADLINE_S)
    line.connect(str(run_folder / name))
    return line


def answer(line: socket.socket, command: Command) -> Answer:
    line.send(pack(command))
    heard = unpack(line.recv(RECORD_BYTES_MAX + 1))
    assert isinstance(heard, Answer)
    return heard


def cut(run_folder: Path) -> Answer:
    with connected(run_folder, "control.sock") as line:
        return answer(line, Command(Verb.CUT, AREA, "Li", "smoke"))


def test_a_second_interlock_gives_up_and_the_first_keeps_its_field_process(run_folder: Path) -> None:
    with connected(run_folder, "points.sock") as field:
        field.send(pack(PointName(1, T1, "%CH4")))
        with start(run_folder.parent) as second:
            assert second.wait(DEADLINE_S) == 2
            assert second.stderr is not None
            assert "another interlock is listening here" in second.stderr.read()
        cut(run_folder)  # one turn of the loop of the first
        field.send(pack(Reading(1, 0, 0, 1, 0.5)))


def test_a_second_field_process_does_not_push_the_first_aside(run_folder: Path) -> None:
    with connected(run_folder, "points.sock") as field, connected(run_folder, "points.sock") as second:
        assert second.recv(1) == b""
        field.send(pack(PointName(1, T1, "%CH4")))


def test_a_field_process_that_comes_back_is_taken(run_folder: Path) -> None:
    for _ in range(3):
        with connected(run_folder, "points.sock") as field:
            field.send(pack(PointName(1, T1, "%CH4")))
            cut(run_folder)  # one turn of the loop
            field.send(pack(Reading(1, 0, 0, 1, 0.5)))


def test_connections_that_say_nothing_do_not_keep_a_person_from_cutting(run_folder: Path) -> None:
    silent = []
    try:
        for _ in range(CONTROLS_MAX + 4):
            silent.append(connected(run_folder, "control.sock"))
            assert cut(run_folder).done
    finally:
        for line in silent:
            line.close()


def test_relative_devices_start_at_the_named_rules_file_also_when_it_is_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "r.toml").write_bytes(EXAMPLE.read_bytes())
    (tmp_path / "rules.toml").symlink_to("elsewhere/r.toml")
    with start(tmp_path) as process:
        assert process.stderr is not None
        line = ""
        while "output relay-1" not in line:
            line = process.stderr.readline()
            assert line
        process.terminate()
    assert f"{tmp_path}/sim/relay-1" in line
