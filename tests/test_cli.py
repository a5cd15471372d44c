"""The command line teaches, and its exit codes mean what `--help` says."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from minegate_interlock.lines import Answer, Command, Verb, pack, unpack
from minegate_tools.table import table

COMMANDS = ("run", "check", "status", "demo", "reset", "cut", "decide", "decode", "version")
DEADLINE_S = 30


def minegate(*arguments: str, stdin: str | bytes = b"", cwd: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "minegate_tools", *arguments],
        input=stdin.encode() if isinstance(stdin, str) else stdin,
        capture_output=True,
        timeout=DEADLINE_S,
        cwd=cwd,
    )


def only_line(ended: subprocess.CompletedProcess[bytes]) -> str:
    (line,) = ended.stderr.decode().splitlines()
    return line


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    assert command in minegate("--help").stdout.decode()
    ended = minegate(command, "--help")
    assert ended.returncode == 0
    assert "usage: minegate" in ended.stdout.decode()


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("reste", "heading-1201"),
        ("reset", "heading-1201"),  # a reset has a name
        ("cut", "heading-1201", "--by", "Li Wei"),  # and a cut a reason
        ("reset", "x" * 49, "--by", "Li Wei"),
        ("reset", "heading-1201", "--by", "王" * 17),
        ("demo", "--speed", "0"),
        ("demo", "--kill", "broker@3"),
        ("demo", "--kill", "field"),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: tuple[str, ...]) -> None:
    assert minegate(*arguments).returncode == 2


@pytest.mark.parametrize("command", [("run",), ("check",), ("status",), ("reset", "a", "--by", "b", "--dir")])
def test_a_folder_that_is_no_site_is_one_line_with_its_file(command: tuple[str, ...], tmp_path: Path) -> None:
    ended = minegate(*command, str(tmp_path))
    assert ended.returncode == 2
    assert str(tmp_path / "gateway.toml") in ended.stderr.decode().splitlines()[0]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """As much of a site as a command needs that only looks for its sockets."""
    text = 'port = []\ndevice = []\npoint = []\n[gateway]\nmine = "140600001"\nid = "1201"\n'
    (tmp_path / "gateway.toml").write_text(text)
    (tmp_path / "run").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("command", "who"), [(("status",), "link process"), (("reset", "a", "--by", "b", "--dir"), "interlock")]
)
def test_a_site_that_does_not_run_is_one_line_and_exit_code_1(command: tuple[str, ...], who: str, site: Path) -> None:
    ended = minegate(*command, str(site))
    assert ended.returncode == 1
    assert who in only_line(ended)
    assert "not running" in only_line(ended)


@contextmanager
def listening(path: Path, kind: int, answer: Callable[[socket.socket], None]) -> Iterator[None]:
    """Something that answers one connection at `path`."""
    with socket.socket(socket.AF_UNIX, kind) as server:
        server.bind(str(path))
        server.listen()
        server.settimeout(DEADLINE_S)

        def serve() -> None:
            line, _ = server.accept()
            with line:
                answer(line)

        thread = threading.Thread(target=serve)
        thread.start()
        yield
        thread.join(DEADLINE_S)


@pytest.mark.parametrize(("done", "code"), [(1, 0), (0, 1)])
def test_a_reset_says_what_the_interlock_said(site: Path, done: int, code: int) -> None:
    heard = []

    def interlock(line: socket.socket) -> None:
        heard.append(unpack(line.recv(4096)))
        line.send(pack(Answer(done, "1201-T1-ch4: 1.62 %CH4 is not below 1.0")))

    with listening(site / "run/control.sock", socket.SOCK_SEQPACKET, interlock):
        ended = minegate("reset", "heading-1201", "--by", "李伟", "--dir", str(site))
    assert heard == [Command(Verb.RESET, "heading-1201", "李伟", "")]
    assert ended.returncode == code
    assert "1.62" in (ended.stdout if done else ended.stderr).decode()


def test_an_interlock_that_hangs_up_is_not_an_answer(site: Path) -> None:
    with listening(site / "run/control.sock", socket.SOCK_SEQPACKET, lambda line: None):
        ended = minegate("cut", "heading-1201", "--by", "Li Wei", "--reason", "smoke", "--dir", str(site))
    assert ended.returncode == 1
    assert "control.sock" in only_line(ended)


STATUS = {
    "areas": [
        {"area": "heading-1201", "state": "cut", "cause": "limit", "point": "1201-T1-ch4", "value": 1.62, "limit": 1.5}
    ],
    "points": [
        {"name": "1201-T1-ch4", "place_zh": "掘进工作面", "value": 1.62, "unit": "%CH4", "quality": [], "age_ms": 320},
        {"name": "robot-battery", "place_zh": "", "value": None, "unit": "%", "quality": ["stale"], "age_ms": None},
    ],
    "delivery": {"last": 120, "confirmed": 100, "waiting": 20, "connected": False},
    "events": [{"kind": "cut", "from": "interlock", "area": "heading-1201", "point": "1201-T1-ch4", "value": 1.62}],
}


def tell_status(line: socket.socket) -> None:
    line.sendall(json.dumps(STATUS).encode())


def test_status_is_readable_and_complete(site: Path) -> None:
    with listening(
        site / "run/status.sock", socket.SOCK_STREAM, lambda line: line.sendall(json.dumps(STATUS).encode())
    ):
        shown = minegate("status", str(site)).stdout.decode()
    for word in ("cut", "1.62", "掘进工作面", "0.3 s", "never heard", "stale", "NOT connected", "waiting 20"):
        assert word in shown, shown


def test_status_json_is_the_document_itself(site: Path) -> None:
    with listening(
        site / "run/status.sock", socket.SOCK_STREAM, lambda line: line.sendall(json.dumps(STATUS).encode())
    ):
        ended = minegate("status", str(site), "--json")
    assert json.loads(ended.stdout) == STATUS


def test_columns_stay_in_line_under_chinese_titles() -> None:
    shown = table(("名称", "n"), [("甲烷", 1), ("CH4", 22)])
    assert shown == "名称  n\n----  --\n甲烷  1\nCH4   22"
    assert table(("a",), []) == ""


def test_a_reader_who_has_seen_enough_is_no_error() -> None:
    command = f"{sys.executable} -m minegate_tools --help | head -1"
    ended = subprocess.run(command, shell=True, capture_output=True, timeout=DEADLINE_S)
    assert ended.stderr == b""
