"""Every line of what decides in a relay node, and of the wire, has run on the real MicroPython VM."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest
import refusals

from vm_bench import FIRMWARE, PROGRAMS, ROOT, Bench
from vm_pythons import SmallPython, WasmPython
from vm_tapes import rare

VECTORS = ROOT / "tests" / "golden" / "wire.json"
# what the issue names; a file that is not there fails
DECIDING = [
    FIRMWARE / "minegate_node" / name
    for name in ("lease.py", "trip.py", "relay.py", "methane.py", "signals.py", "trip_log.py")
]
WIRE = sorted((FIRMWARE / "minegate_wire").glob("*.py"))


def test_what_is_refused_is_refused_on_every_python(python: SmallPython) -> None:
    told = python.run("import refusals\nrefusals.main()", (PROGRAMS,)).splitlines()
    assert told == [name for name, _ in refusals.ROWS]


@pytest.fixture(scope="module")
def seen(wasm_bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, int]]:
    """File and number of each line that the VM was on."""
    tape_file = tmp_path_factory.mktemp("lines") / "tape.json"
    tape_file.write_text(json.dumps(rare()), "ascii")
    program = f"""
import lines
def program():
    import vectors, tape, refusals
    vectors.main({str(VECTORS)!r})
    for line in tape.play(tape.read({str(tape_file)!r})):
        pass
    refusals.main()
lines.seen_by(program, "minegate_")
"""
    told = WasmPython(wasm_bench).run(program, (PROGRAMS,), (VECTORS, tape_file), trace=True)
    return {(line.split()[0], int(line.split()[1])) for line in told.splitlines() if line.startswith("/")}


def statements(path: Path) -> list[range]:
    """The lines of each statement that runs; of a compound one those of its head. Not a statement that runs: a
    docstring, a folded constant, `elif` (the compiler gives its test no line of its own; its branches have theirs),
    an annotation without a value, `def` and `class` themselves stand for the statements in them.
    """
    spans = []
    tree = ast.parse(path.read_text("utf-8"))
    elifs = {
        id(node.orelse[0])
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.stmt) or id(node) in elifs or isinstance(node, ast.FunctionDef | ast.ClassDef):
            continue
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.Try):
            continue
        body = getattr(node, "body", None)
        end = body[0].lineno - 1 if body else node.end_lineno
        assert end is not None
        spans.append(range(node.lineno, max(end, node.lineno) + 1))
    return spans


@pytest.mark.parametrize("path", WIRE + DECIDING, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_line_has_run_on_the_vm(path: Path, seen: set[tuple[str, int]]) -> None:
    missed = [span.start for span in statements(path) if not any((str(path), line) in seen for line in span)]
    assert missed == []
