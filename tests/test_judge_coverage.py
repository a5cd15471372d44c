"""Every branch of the files that decide is taken by a test that asserts something. Coverage finds what no test enters;
that each line matters is shown by the mutants (test_judge_mutation.py).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TESTS = (
    "test_judge.py", "test_judge_heading.py", "test_rules.py", "test_rules_library.py", "test_rules_refused_tables.py",
    "test_verdicts_golden.py", "test_output_kinds.py", "test_interlock_acts.py", "test_interlock_ladder.py",
    "test_gpio_output.py", "test_gpio_line.py",
)  # fmt: skip
ALSO = ("library",)  # reads the rules that ship, and nothing else


def deciding() -> list[str]:
    """The files of the import contract that keeps them from waiting, sending and reading a clock."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    (own,) = [contract for contract in contracts if contract["id"] == "deciding-files"]
    return [module.removeprefix("minegate_interlock.") for module in own["source_modules"]]


@pytest.mark.long
def test_every_branch_of_the_files_that_decide_is_taken(tmp_path: Path) -> None:
    folder = ROOT / "agent" / "minegate_interlock"
    files = [str(folder / f"{name}.py") for name in (*deciding(), *ALSO)]
    assert all(Path(file).is_file() for file in files)
    around = os.environ | {"COVERAGE_FILE": str(tmp_path / "coverage")}
    include = f"--include={','.join(files)}"
    tests = [str(ROOT / "tests" / name) for name in TESTS]
    run = [sys.executable, "-m", "coverage", "run", "--branch", include, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    ran = subprocess.run([*run, *tests], cwd=ROOT, env=around, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout[-3000:]
    report = [sys.executable, "-m", "coverage", "report", "-m", "--fail-under=100", "--precision=2"]
    told = subprocess.run(report, cwd=ROOT, env=around, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout
    covered = [file for file in files if file.removeprefix(f"{ROOT}/") in told.stdout]
    assert covered == files, told.stdout
