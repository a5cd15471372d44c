"""Every file that a board runs is written in the small language, and the checker sees each way to leave it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from firmware_language import faults

FIRMWARE = Path(__file__).parent.parent / "firmware"
FILES = sorted(
    path
    for folder in ("minegate_wire", "minegate_node", "minegate_hal", "boards")
    for path in (FIRMWARE / folder).rglob("*.py")
    if path.name != "manifest.py"  # read by the build of MicroPython, by CPython
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FIRMWARE)))
def test_a_file_of_a_board_is_in_the_small_language(path: Path) -> None:
    assert faults(path.read_text(encoding="utf-8")) == []


# what is planted, what is said
PLANTED = [
    ("from dataclasses import dataclass", "import dataclasses"), ("import enum", "import enum"),
    ("from typing import Any", "import typing"), ("from __future__ import annotations", "import __future__"),
    ("import contextlib", "import contextlib"), ("import abc", "import abc"),
    ("match x:\n    case 1: pass", "match"), ("try: pass\nexcept* OSError: pass", "except*"),
    ("def f(a, /): pass", "positional-only"), ("x = y[::2]", "step"), ("x = y[::-1]", "step"),
    ("import struct", "import struct"), ("from ustruct import pack", "import ustruct"), ("import array", "array"),
    ("x = struct.Struct('<B')", "Struct"), ("x = v.cast('B')", "cast"), ("x = n.bit_length()", "bit_length"),
    ("x = s.removeprefix('a')", "removeprefix"), ("x = s.zfill(3)", "zfill"), ("x = f.__doc__", "__doc__"),
    ("x = (*y, 1)", "star"), ("D = {1: 2}\nfor k in D: pass", "order"), ("for k, v in d.items(): pass", "order"),
    ("x = [k for k in {1: 2}]", "order"), ("x = list(d.values())", "order"),
    ("x = (-1).to_bytes(2, 'big')", "to_bytes"), ("x = int.from_bytes(b, 'big', signed=True)", "sign"),
    ("x = int.from_bytes(b, 'big', True)", "sign"), ("x = y & 0xFFFFFFFF", "small integer"),
    ("x = 1 << 31", "small integer"), ("x = y & (1 << 30)", "small integer"), ("x = -(1 << 31)", "small integer"),
    ("x = 1.5", "float"), ("x = y / 2", "float"), ("y /= 2", "float"),
    ("def f(a: Any) -> None: pass", "annotation Any"), ("x: Optional[int] = 1", "annotation Optional"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "said"), PLANTED)
def test_a_planted_violation_is_seen(source: str, said: str) -> None:
    found = faults("a = 1\n" + source)
    assert len(found) >= 1
    assert any(said in text for text in found), found
    assert all(text.startswith(("line 2:", "line 3:")) for text in found)


@pytest.mark.parametrize(
    "source",
    ["M = (1 << 30) - 1", "x = (a - b) & 0x3FFFFFFF", "x = [0] * 10", "def f(a: bytes | None) -> tuple: pass",
     "x = int.from_bytes(b, 'little')", "x = a // 2", "for k in (1, 2): pass", "f(*rows)"],
)  # fmt: skip
def test_what_micropython_can_do_is_left_alone(source: str) -> None:
    assert faults(source) == []


def _calls(name: str) -> list[str]:
    """Where a method of this name is called, in files that a board runs."""
    return [
        f"{path.relative_to(FIRMWARE)}: {ast.unparse(node)}"
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name
    ]


def test_exactly_one_place_feeds_a_watchdog() -> None:
    assert [call for call in _calls("feed") if "wdt" in call.lower()] == ["minegate_hal/watchdog.py: self._wdt.feed()"]
    makers = [path.name for path in FILES if "WDT(" in path.read_text(encoding="utf-8")]
    assert makers == ["watchdog.py"]


def _imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


@pytest.mark.parametrize("path", [path for path in FILES if "minegate_node" in path.parts], ids=lambda path: path.name)
def test_what_decides_on_a_node_knows_no_pin_no_clock_and_no_task(path: Path) -> None:
    assert all(name.startswith(("minegate_node", "minegate_wire")) for name in _imported(path))


def test_no_asyncio_print_file_or_wait_is_in_the_way_of_a_relay() -> None:
    reached = {"minegate_hal/relay_board.py", "boards/relay/main.py"}
    reached |= {f"minegate_hal/{name}.py" for name in ("rs485", "can_machine", "can_pyb", "contactor", "watchdog")}
    for path in FILES:
        if str(path.relative_to(FIRMWARE)) in reached:
            assert not _imported(path) & {"asyncio", "uasyncio"}
            names = {
                node.id for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Name)
            }
            assert not names & {"print", "open", "input", "sleep_ms", "sleep", "sleep_us"}


@pytest.mark.parametrize("role", ["relay", "sensor"])
def test_the_first_statement_of_a_boot_lets_the_coil_fall(role: str) -> None:
    docstring, imports, first, *_ = ast.parse((FIRMWARE / "boards" / role / "boot.py").read_text(encoding="utf-8")).body
    assert isinstance(docstring, ast.Expr)
    assert (ast.unparse(imports), ast.unparse(first)) == ("import board", "board.off()")
