"""Every file of a board passes the real compiler of two processors within its size, and the types of its port."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from minegate_tools.node_build import Identity, boards, boards_at, build, compile_file, compiler, reached

ROOT = Path(__file__).parent.parent
FIRMWARE = ROOT / "firmware"
BUDGET = tomllib.loads((FIRMWARE / "size_budget.toml").read_text(encoding="utf-8"))
MODULES = [(package, module) for package in BUDGET if package != "role" for module in BUDGET[package]]
ARCHES = ("armv7m", "xtensawin")
ROLES = [(name, role) for name, board in boards().items() for role in board["roles"]]
STUBS = "1.29.0.post1"


def test_the_budget_names_every_module_and_no_other() -> None:
    files = {
        (package, path.stem) for package in BUDGET if package != "role" for path in (FIRMWARE / package).glob("*.py")
    }
    assert set(MODULES) == files


@pytest.mark.parametrize("arch", ARCHES)
def test_every_module_compiles_for_this_processor_within_its_budget(arch: str, tmp_path: Path) -> None:
    mpy_cross = compiler()
    over = {}
    for package, module in MODULES:
        made = tmp_path / f"{package}.{module}.mpy"
        compile_file(mpy_cross, FIRMWARE / package / f"{module}.py", made, f"{package}.{module}", arch)
        if made.stat().st_size > BUDGET[package][module]:
            over[f"{package}.{module}"] = made.stat().st_size
    assert over == {}
    for path in FIRMWARE.joinpath("boards").rglob("*.py"):
        if path.name != "manifest.py":
            compile_file(mpy_cross, path, tmp_path / "board.mpy", path.stem, arch)


@pytest.mark.parametrize(("board", "role"), ROLES)
def test_a_whole_node_fits_its_budget_and_carries_only_what_it_reaches(board: str, role: str, tmp_path: Path) -> None:
    files = dict(build(tmp_path / "node", board, role, Identity(9)))
    assert sum(files.values()) <= BUDGET["role"][role]
    assert {"boot.py", "main.py", "board.mpy", "identity.py", "minegate_hal/watchdog.mpy"} <= set(files)
    assert ("minegate_node/relay.mpy" in files) is (role == "relay")
    assert ("minegate_node/modbus_slave.mpy" in files) is (role == "sensor")
    has_can = {"minegate_hal/can_machine.mpy", "minegate_hal/can_pyb.mpy"} & set(files)
    assert bool(has_can) is (boards()[board]["port"] == "stm32")


@pytest.fixture(scope="session")
def typings() -> Path:
    """The types of each port in a folder of its own, from the package index, once per checkout."""
    for port in sorted({board["port"] for board in boards().values()}):
        folder, package = ROOT / ".typings" / port, f"micropython-{port}-stubs=={STUBS}"
        stamp = folder / ".installed"
        if not stamp.is_file() or stamp.read_text(encoding="utf-8") != package:
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"]
            subprocess.run([*pip, "--target", str(folder), package], check=True)
            stamp.write_text(package, encoding="utf-8")
    return ROOT / ".typings"


def _checked(typings: Path, board: str, files: list[str]) -> str:
    """What mypy says of the files against the board's port; empty if nothing."""
    own = typings / boards()[board]["port"]
    settings = f"""\
[mypy]
mypy_path = {own}:{FIRMWARE}:{boards_at()}:{boards_at() / board}
custom_typeshed_dir = {own}
no_site_packages = True
check_untyped_defs = True
cache_dir = {own / ".mypy_cache" / board}
[mypy-machine,pyb,stm,vfs,asyncio.*,_mpy_shed.*,uasyncio,network,socket,ssl]
# the stubs have errors of their own
ignore_errors = True
"""
    config = own / f"mypy-{board}.ini"
    config.write_text(settings, encoding="utf-8")
    asked = [sys.executable, "-m", "mypy", "--config-file", str(config), *files]
    done = subprocess.run(asked, capture_output=True, text=True, check=False, cwd=FIRMWARE)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize(("board", "role"), ROLES)
def test_the_files_of_a_node_fit_the_types_of_its_port(board: str, role: str, typings: Path) -> None:
    found = reached(role, board).items()
    files = [str(path) for name, path in found if path.name != "__init__.py" and name != "board"]  # main imports it
    assert _checked(typings, board, files) == ""


# board, misuses and what mypy must say of each: the gate is no decoration
MISUSES = {
    "rpi_pico": [("from machine import CAN", "has no attribute"), ("import dataclasses", '"dataclasses"')],
    "esp32_devkit": [("from machine import CAN", "has no attribute")],
    "pybv11": [
        ("from machine import UART\nUART(1, 9600).wirte(b'x')", "wirte"),
        ("from machine import WDT\nWDT(timeout='1 s')", "incompatible type"),
    ],
}


@pytest.mark.parametrize("board", MISUSES)
def test_a_misuse_of_the_port_is_seen(board: str, typings: Path, tmp_path: Path) -> None:
    lines, said = zip(*MISUSES[board], strict=True)
    (tmp_path / "misuse.py").write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = _checked(typings, board, [str(tmp_path / "misuse.py")])
    for words in said:
        assert words in found
