"""The house stays a house: arrows, sizes, names, and a README in every room."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("agent", "drivers", "firmware", "sim", "tools", "tests")
FILE_LINES_MAX = 320
FUNCTION_LINES_MAX = 70
README_LINES_MAX = 60
BANNED_NAMES = {"util", "utils", "helper", "helpers", "manager", "handler", "misc", "common", "data"}
TEXT = {".py", ".toml", ".md", ".html", ".js", ".css", ".json", ".sh", ".cap", ".dbc", ""}
INTERLOCK_MAY = {*sys.stdlib_module_names, "minegate_interlock", "minegate_wire"} - {"asyncio"}


def sources() -> list[Path]:
    return sorted(
        path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py") if "__pycache__" not in path.parts
    )


def texts() -> Iterator[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path.suffix in TEXT and path.is_file() and path.name != "LICENSE":
            yield path


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imported(path: Path) -> set[str]:
    """Top-level names of every module that the file imports, wherever in the file that is."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{named(path)}: a relative import"
            found.add((node.module or "").partition(".")[0])
    return found


def test_the_import_contracts_hold() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    ended = subprocess.run([str(program)], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout


@pytest.mark.parametrize("path", sorted((ROOT / "agent/minegate_interlock").rglob("*.py")), ids=named)
def test_the_interlock_imports_the_standard_library_itself_and_the_wire(path: Path) -> None:
    more = {"gpiod"} if path.name == "gpio_line.py" else set()  # imported where rules.toml names a GPIO line
    assert imported(path) <= INTERLOCK_MAY | more


@pytest.mark.parametrize("path", sorted((ROOT / "firmware/minegate_wire").rglob("*.py")), ids=named)
def test_the_wire_imports_nothing_but_itself(path: Path) -> None:
    assert imported(path) <= {"minegate_wire"}


def test_no_file_is_longer_than_one_idea() -> None:
    lengths = {named(path): len(path.read_text(encoding="utf-8").splitlines()) for path in sources()}
    assert {name: length for name, length in lengths.items() if length > FILE_LINES_MAX} == {}


def test_no_function_is_longer_than_a_screen() -> None:
    long = {}
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES_MAX:
                    long[f"{named(path)}:{node.name}"] = lines
    assert long == {}


def test_no_file_is_named_after_nothing() -> None:
    assert [named(path) for path in sources() if set(path.stem.split("_")) & BANNED_NAMES] == []


def test_no_file_names_what_is_outside_the_repository() -> None:
    outside = ("../" + "shared", "/work/" + "shared", "/work/" + "main", "/root/" + ".")
    found = [
        f"{named(path)}: {word}"
        for path in texts()
        for word in outside
        if word in path.read_text(encoding="utf-8", errors="replace")
    ]
    assert found == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_top_folder_says_what_lives_in_it(folder: str) -> None:
    lines = (ROOT / folder / "README.md").read_text(encoding="utf-8").splitlines()
    assert 5 <= len(lines) <= README_LINES_MAX


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_first_screen_says_what_minegate_is_not_and_names_the_two_commands(name: str) -> None:
    first_screen = "\n".join((ROOT / name).read_text(encoding="utf-8").splitlines()[:40])
    assert "tools/demo" in first_screen
    assert "tools/test" in first_screen
    assert "never replaces" in first_screen or "不能取代" in first_screen


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md", *(f"{folder}/README.md" for folder in FOLDERS)])
def test_every_file_that_a_readme_points_to_is_there(name: str) -> None:
    readme = ROOT / name
    pointed = [part.split(")")[0] for part in readme.read_text(encoding="utf-8").split("](")[1:]]
    missing = [
        target
        for target in (link.partition("#")[0] for link in pointed)
        if target and "://" not in target and not (readme.parent / target).exists()
    ]
    assert missing == []
