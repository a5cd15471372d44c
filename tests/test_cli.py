"""The command line teaches, and its exit codes mean what `--help` says."""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgpack
import pytest

from minegate_agent.link.birth import birth_of
from minegate_agent.link.payload import messages
from minegate_agent.link.records import SCAN, encode_scan
from minegate_agent.link.store.reader import Record
from minegate_agent.scan import Scan
from minegate_agent.site import load_site
from minegate_interlock.lines import Answer, Command, Verb, pack, unpack
from minegate_sim.example import example
from minegate_tools import cli
from minegate_tools.table import table

COMMANDS = (
    "run",
    "check",
    "status",
    "demo",
    "reset",
    "cut",
    "decide",
    "decode",
    "journal",
    "verify",
    "verify-delivery",
    "version",
)
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
    "ticks": {"late_p99_ms": 3, "late_worst_ms": 12},
    "reactions": [
        {"output": "relay-1", "point": "1201-T1-ch4", "cuts": 7, "p50_ms": 50, "p99_ms": 400, "worst_ms": 391},
        {"output": "relay-1", "point": "", "cuts": 1, "p50_ms": 661, "p99_ms": 661, "worst_ms": 661},
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
    for word in ("cut", "1.62", "掘进工作面", "0.3 s", "never heard", "stale", "NOT connected", "waiting 20",
                 "at most 12 ms late", "50 / 400", "391", "(silence, fault, person)"):  # fmt: skip
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


def test_run_refuses_a_site_that_does_not_pass_the_check(tmp_path: Path) -> None:
    for name in ("gateway.toml", "rules.toml"):
        text = (example() / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text.replace('point = "1201-T1-ch4"', 'point = "1201-T9-ch4"'), encoding="utf-8")
    ended = minegate("run", str(tmp_path))
    assert ended.returncode == 2
    assert "point '1201-T9-ch4' is read by nobody" in only_line(ended)
    assert not (tmp_path / "run").exists()


GOOD = (("1201-T1-ch4", 0.4), ("1201-T2-ch4", 0.3), ("1201-fan-run", 1), ("1201-duct-flow", 8.0))


def events() -> str:
    """A heading that is well for a minute, is reset, and then passes the cut limit of its face."""
    lines: list[dict[str, object]] = [
        {"ms": ms, "point": point, "value": value, "quality": "good"}
        for ms in range(0, 61_000, 1000)
        for point, value in GOOD
    ]
    lines.append({"ms": 60_100, "reset": "heading-1201", "by": "Li Wei"})
    lines.append({"ms": 60_200, "point": "1201-T1-ch4", "value": 1.5, "quality": "good"})
    return "".join(json.dumps(line) + "\n" for line in lines)


def test_decide_tells_what_the_rules_would_do() -> None:
    ended = minegate("decide", str(example() / "rules.toml"), stdin=events())
    verdicts = [json.loads(line) for line in ended.stdout.splitlines()]
    assert ended.returncode == 0, ended.stderr
    told = [(verdict["what"], verdict["ms"]) for verdict in verdicts if verdict["what"] in ("reset", "cut")]
    assert told == [("reset", 60_100), ("cut", 60_200)]
    cut = next(verdict for verdict in verdicts if verdict["what"] == "cut")
    assert (cut["point"], cut["value"], cut["limit"]) == ("1201-T1-ch4", 1.5, 1.5)


def test_decide_names_the_line_it_cannot_read() -> None:
    ended = minegate(
        "decide", str(example() / "rules.toml"), stdin='{"ms": 0, "reset": "heading-1201", "by": "x"}\n{]\n'
    )
    assert ended.returncode == 2
    assert "line 2" in only_line(ended)


@pytest.fixture(scope="module")
def delivered() -> tuple[bytes, bytes]:
    """A birth and a live message of the example site: T1 read as 1.25 %CH4, twice, the second time calibrating."""
    site = load_site(example())
    birth = birth_of(site)
    record = bytes.fromhex("007d0001")
    scans = [
        Scan(7, 1, 1, 0, 0, 5, 1_800_000_000_000, 1, record),
        Scan(7, 2, 1, 0, 32, 505, 1_800_000_000_500, 1, record),
    ]
    records = [Record(sequence, SCAN, encode_scan(scan)) for sequence, scan in enumerate(scans, 41)]
    (message,) = messages(records, birth.id, 1_800_000_001_000)
    return birth.payload, message.payload


def test_decode_spells_out_values_with_the_birth(delivered: tuple[bytes, bytes], tmp_path: Path) -> None:
    birth, message = delivered
    (tmp_path / "birth").write_bytes(birth)
    ended = minegate("decode", "--birth", str(tmp_path / "birth"), stdin=message)
    first, second = json.loads(ended.stdout)["scans"]
    assert (first["device"], first["values"]["ch4"], first["quality"]) == ("T1-head", "1.25 %CH4", ["good"])
    assert (first["sequence"], first["utc"]) == (41, "2027-01-15T08:00:00.000Z")
    assert (second["sequence"], second["quality"], second["number"]) == (42, ["calibrating"], 2)


def test_decode_shows_bytes_without_the_birth_and_takes_hex(delivered: tuple[bytes, bytes]) -> None:
    ended = minegate("decode", "--hex", stdin=delivered[1].hex())
    assert [scan["record"] for scan in json.loads(ended.stdout)["scans"]] == ["007d0001"] * 2


def test_decode_shows_a_birth_as_it_is(delivered: tuple[bytes, bytes]) -> None:
    assert json.loads(minegate("decode", stdin=delivered[0]).stdout)["gateway"] == "gw-1201"


@pytest.mark.parametrize("payload", [b"", b"\xc1", b"hello"])
def test_decode_says_what_is_no_message(payload: bytes) -> None:
    ended = minegate("decode", stdin=payload)
    assert ended.returncode == 1
    assert only_line(ended)


def test_decode_refuses_the_birth_of_another_configuration(delivered: tuple[bytes, bytes], tmp_path: Path) -> None:
    told = msgpack.unpackb(delivered[0])
    (tmp_path / "birth").write_bytes(msgpack.packb({**told, "b": "0" * 16}))
    ended = minegate("decode", "--birth", str(tmp_path / "birth"), stdin=delivered[1])
    assert ended.returncode == 1
    assert "0000000000000000" in only_line(ended)


def test_the_table_of_commands_names_what_the_files_declare() -> None:
    whole = _names(cli.parser())
    assert [_names(cli.parser(name)) for name in whole] == [
        list(names) for names in cli._COMMANDS.values() for _ in names
    ]


def _names(parser: argparse.ArgumentParser) -> list[str]:
    (commands,) = (each for each in parser._actions if isinstance(each, argparse._SubParsersAction))
    return list(commands.choices)
