"""The project of a robot's maker, as it stands in sim/example, passes: from this checkout, and from the built wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "sim" / "example"
LEAST_TESTS = 15
CARRIED = (
    "minegate_sim/first.toml", "minegate_sim/scenarios/fan-stops.toml", "minegate_sim/section/sections/longwall.toml",
    "minegate_sim/report/report.css", "minegate_sim/report/report.js", "minegate_sim/pytest_plugin.py",
    "minegate_agent/example/gateway.toml", "minegate_drivers/dbc/engine_j1939.dbc",
)  # fmt: skip


def registered(folder: Path) -> None:
    """What an installation would leave behind, so that the drivers have their names."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text("utf-8"))["project"]
    left = folder / f"gecko_minegate-{project['version']}.dist-info"
    left.mkdir(parents=True)
    (left / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    drivers = project["entry-points"]["minegate.drivers"]
    lines = [f"{name} = {where}" for name, where in drivers.items()]
    (left / "entry_points.txt").write_text("\n".join(["[minegate.drivers]", *lines]) + "\n")


def passes(python: Path | str, project: Path, environment: dict[str, str], *more: str) -> None:
    """The project's own tests, run in its folder by a pytest of its own."""
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *more]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    passed = next(line for line in done.stdout.splitlines() if " passed" in line)
    assert int(passed.split(" passed")[0].split()[-1]) >= LEAST_TESTS, passed


def test_the_project_passes_from_this_checkout(tmp_path: Path) -> None:
    project = tmp_path / "gecko"
    shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns("__pycache__"))
    registered(tmp_path / "site")
    path = os.pathsep.join([str(tmp_path / "site"), str(project / "src")])
    passes(sys.executable, project, {**os.environ, "PYTHONPATH": path}, "-p", "minegate_sim.pytest_plugin")


@pytest.mark.long
def test_a_project_in_another_folder_installs_the_wheel_uses_the_plugin_and_passes(tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    for source in (ROOT, EXAMPLE):
        pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(wheels)]
        subprocess.run([*pip, str(source)], check=True, capture_output=True, timeout=300)
    built = sorted(wheels.glob("*.whl"))
    assert [wheel.name.split("-")[0] for wheel in built] == ["gecko_minegate", "minegate"]
    carried = set(zipfile.ZipFile(built[1]).namelist())
    assert [name for name in CARRIED if name not in carried] == []

    home = tmp_path / "home"
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    theirs = Path(
        subprocess.check_output([python, "-c", "import site; print(site.getsitepackages()[0])"], text=True).strip()
    )
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-deps", "--no-index"]
    subprocess.run([*install, *map(str, built)], check=True, capture_output=True, timeout=300)
    (theirs / "others.pth").write_text(
        sysconfig.get_path("purelib") + "\n"
    )  # the libraries both need, and nothing of ours

    project = tmp_path / "elsewhere"
    project.mkdir()
    shutil.copytree(EXAMPLE / "tests", project / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(EXAMPLE / "pyproject.toml", project)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    where = subprocess.check_output([python, "-c", "import minegate_sim; print(minegate_sim.__file__)"], text=True)
    assert Path(where.strip()).is_relative_to(theirs)
    passes(python, project, environment)
    new = subprocess.run([python, "-m", "minegate_tools", "sim", "list"], capture_output=True, text=True, check=True)
    assert "tailings-pond" in new.stdout
