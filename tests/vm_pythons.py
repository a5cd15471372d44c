"""The Pythons that node firmware is run on: MicroPython as WebAssembly, and the unix port where one is found."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from vm_bench import FIRMWARE, Bench, Told, booting
from vm_unix import UNIX, UnixBench

PROGRAM_S = 300.0
TAPE_HEAP = "heapsize=64m"  # a tape of a life is in memory whole
PYTHONS = ("wasm", "unix") if UNIX else ("wasm",)


class SmallPython(Protocol):
    """A MicroPython with the firmware's packages on its path."""

    def run(self, program: str, folders: Iterable[Path] = (), files: Iterable[Path] = (), trace: bool = False) -> str:
        """What the program prints, in a VM of its own. AssertionError with the traceback if it dies. `files` are there
        under their own names. `trace`: with `sys.settrace`.
        """


class WasmPython:
    """In a worker of the bench."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def run(self, program: str, folders: Iterable[Path] = (), files: Iterable[Path] = (), trace: bool = False) -> str:
        """See SmallPython."""
        told = Told()
        name = self._bench.board(told.hear, booting(program, folders, files, trace=trace))
        told.await_(lambda message: "ended" in message or "died" in message, deadline_s=PROGRAM_S)
        self._bench.send({"board": name, "off": True})
        told.await_(lambda message: "off" in message)
        printed = "\n".join(message["print"] for message in told.messages if "print" in message)
        died = [message["died"] for message in told.messages if "died" in message]
        assert not died, f"{printed}\n{died[0]}"
        return printed


class UnixPython:
    """The unix port, a process per program."""

    def run(self, program: str, folders: Iterable[Path] = (), files: Iterable[Path] = (), trace: bool = False) -> str:
        """See SmallPython; `files` are where they are, and there is no trace."""
        assert UNIX is not None
        assert not trace
        path = [str(FIRMWARE), *map(str, folders)]
        text = f"import sys\nsys.path[:0] = {path!r}\n{program}\n"
        ended = subprocess.run([UNIX, "-X", TAPE_HEAP, "-c", text], capture_output=True, text=True, timeout=PROGRAM_S)
        assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
        return ended.stdout


def pytest_report_header() -> str:
    """Which MicroPythons take part, and why one does not."""
    unix = UNIX or "not run: no `micropython` in PATH, and MICROPYTHON names none"
    return f"MicroPython: wasm in firmware/vm; unix port {unix}"


@pytest.fixture(scope="session")
def wasm_bench() -> Iterator[Bench]:
    """Where boards with a WebAssembly VM stand."""
    bench = Bench()
    yield bench
    bench.close()


@pytest.fixture(params=PYTHONS)
def bench(request: pytest.FixtureRequest) -> Bench | UnixBench:
    """Where boards stand, for each MicroPython that is there."""
    return UnixBench() if request.param == "unix" else request.getfixturevalue("wasm_bench")


@pytest.fixture(params=PYTHONS)
def python(request: pytest.FixtureRequest) -> SmallPython:
    """Each MicroPython that is there."""
    return UnixPython() if request.param == "unix" else WasmPython(request.getfixturevalue("wasm_bench"))
