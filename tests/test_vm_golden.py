"""The wire to the byte on the real MicroPython VM: what CPython makes of the golden vectors, and nothing else."""

from __future__ import annotations

import json

import pytest
import vectors

from vm_bench import PROGRAMS, ROOT
from vm_pythons import SmallPython

VECTORS = ROOT / "tests" / "golden" / "wire.json"


@pytest.fixture(scope="module")
def here() -> list[str]:
    """What CPython says."""
    told = vectors.lines(json.loads(VECTORS.read_text("utf-8"))) + vectors.signs()
    assert not [line for line in told if line.endswith(" False")]
    return told


def test_the_golden_vectors_are_the_same_on_every_python(python: SmallPython, here: list[str]) -> None:
    told = python.run(f"import vectors\nvectors.main({str(VECTORS)!r})", (PROGRAMS,), (VECTORS,)).splitlines()
    assert told == here
    assert len(told) >= 3 * len(json.loads(VECTORS.read_text("utf-8")))
