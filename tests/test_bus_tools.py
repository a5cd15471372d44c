"""`minegate sniff` and `minegate probe` on real lines: what was said is written down, who answers is found."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from minegate_drivers.capture import parse
from minegate_drivers.modbus_rtu import framed
from minegate_drivers.ports import CanFrame, Message
from minegate_drivers.testkit import play
from minegate_tools.bus.recording import Recording
from minegate_tools.bus.search import stations_of

SITE = """
[gateway]
mine = "1"
id = "test"
[[port]]
name = "rs485-1"
kind = "serial"
device = "line"
[[device]]
number = 1
name = "T1-head"
port = "rs485-1"
driver = "gas_head"
period_ms = 50
[device.options]
station = 7
"""


@contextmanager
def slave(link: Path, stations: tuple[int, ...]) -> Iterator[None]:
    """Heads on a pty; a thread, because the command under test is another process and this one waits for it."""
    master, near = os.openpty()
    tty.setraw(near)
    link.symlink_to(os.ttyname(near))
    ended_r, ended_w = os.pipe()

    def serve() -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(master, selectors.EVENT_READ)
            selector.register(ended_r, selectors.EVENT_READ)
            while all(key.fd != ended_r for key, _ in selector.select()):
                request = os.read(master, 4096)
                if len(request) == 8 and request[0] in stations:
                    count = request[5]
                    if request[1] == 3:
                        os.write(master, framed(bytes((request[0], 0x83, 2))))
                    else:
                        os.write(master, framed(bytes((request[0], 4, 2 * count)) + (125).to_bytes(2, "big") * count))

    serving = threading.Thread(target=serve)
    serving.start()
    try:
        yield
    finally:
        os.write(ended_w, b"x")
        serving.join()
        for descriptor in (master, near, ended_r, ended_w):
            os.close(descriptor)


def minegate(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "minegate_tools", *arguments], capture_output=True, text=True)


def test_probe_finds_every_station_and_says_what_it_answers(tmp_path: Path) -> None:
    with slave(tmp_path / "line", (3, 7)):
        ended = minegate("probe", str(tmp_path / "line"), "--addresses", "1-9", "--bauds", "115200", "--wait-ms", "30")
    assert ended.returncode == 0, ended.stderr
    found = [line.split() for line in ended.stdout.splitlines()[2:]]
    assert [row[:3] for row in found] == [["3", "115200", "N"], ["7", "115200", "N"]]
    assert all("exception: 2" in " ".join(row) and row[-2:] == ["00", "7d"] for row in found)


def test_probe_says_that_nobody_answered(tmp_path: Path) -> None:
    with slave(tmp_path / "line", ()):
        ended = minegate("probe", str(tmp_path / "line"), "--addresses", "1-3", "--bauds", "115200", "--wait-ms", "5")
    assert (ended.returncode, ended.stdout) == (1, "nobody answered\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--addresses", "0-4"), "addresses '0-4': not within 1-247"),
        (("--addresses", "4-1"), "addresses '4-1': not within 1-247"),
        (("--addresses", "x"), "addresses 'x': not a number or a range like 1-20"),
        (("--bauds", "fast"), "speed 'fast' 'N'"),
        (("--bauds", "1"), "speed '1' 'N'"),
        (("--parities", "Q"), "speed '9600' 'Q'"),
    ],
)
def test_probe_refuses_what_it_cannot_try_in_one_line(arguments: tuple[str, ...], words: str) -> None:
    ended = minegate("probe", "/dev/null", *arguments)
    assert ended.returncode == 2
    assert words in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_addresses_are_numbers_and_ranges() -> None:
    assert stations_of("1-3,7,246-247") == [1, 2, 3, 7, 246, 247]


def test_what_sniff_records_plays_through_the_same_driver_without_a_difference(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text(SITE + "[[point]]\nnumber=1\nname='p'\ndevice='T1-head'\nfield='ch4'\n")
    capture = tmp_path / "head.cap"
    with slave(tmp_path / "line", (7,)):
        ended = minegate(
            "sniff", "rs485-1", "--dir", str(tmp_path), "--device", "T1-head", "--ask", "--seconds", "1.5",
            "--out", str(capture),
        )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    played = parse(capture.read_text(encoding="utf-8"), capture.name)
    assert played.driver == "gas_head"
    assert played.options == {"station": 7}
    assert len([step for step in played.steps if step.heard]) >= 5
    assert play(played, tmp_path) == []


def test_a_device_that_is_not_on_the_port_is_named(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text(SITE + "[[point]]\nnumber=1\nname='p'\ndevice='T1-head'\nfield='ch4'\n")
    ended = minegate("sniff", "rs485-1", "--dir", str(tmp_path), "--device", "T9")
    assert ended.returncode == 2
    assert ended.stderr == "device 'T9' is not on port 'rs485-1'; there: ['T1-head']\n"
    assert minegate("sniff", "rs485-9", "--dir", str(tmp_path)).stderr.endswith("'rs485-9' is not one of rs485-1\n")


def test_frames_of_others_are_remarks_and_bare_frames_wait_for_their_driver() -> None:
    bare = Recording(None)
    assert list(bare.heard(b"\x01\x02", 5)) == ["@ 5", "< 01 02"]
    assert list(bare.heard(CanFrame(0x287, b"\x64\xc8"), 5)) == ["< 287#64c8"]
    assert list(bare.heard(CanFrame(0x18FEF100, b"\x01", extended=True), 6)) == ["@ 6", "< 18FEF100#01"]
    assert list(bare.heard(Message("a/b", b'{"x":1}'), 6)) == ['< a/b {"x":1}']
