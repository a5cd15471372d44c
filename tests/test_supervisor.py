"""The supervisor's promises, kept with real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from minegate_agent import bound
from minegate_agent.clock import SystemClock
from minegate_agent.supervisor import (
    CONFIGURATION,
    CONFIGURATION_RETRY_S,
    RESTART_FIRST_S,
    RESTART_LAST_S,
    STEADY_MS,
    AlreadyRun,
    Part,
    held,
    restart_after_s,
    supervise,
)
from minegate_tools.demo.until import until

DEADLINE_S = 20.0

# A process that notes its start and its orderly end in a file that all share, and waits to be told.
OBEDIENT = """
import os, signal, sys, threading
name, notes = sys.argv[1:3]
note = lambda word: os.write(os.open(notes, os.O_WRONLY | os.O_APPEND | os.O_CREAT), f"{name} {word}\\n".encode())
told = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: told.set())
note("started")
while not told.wait(0.05): pass
note("ended")
"""
DEAF = """
import os, signal, sys, threading
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.write(os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT), b"deaf started\\n")
threading.Event().wait(60)
"""


def obedient(name: str, notes: Path, text: str = OBEDIENT) -> Part:
    return Part(name, bound.program(sys.executable, "-c", text, name, str(notes)))


def words(notes: Path) -> list[str]:
    return notes.read_text().splitlines() if notes.exists() else []


@asynccontextmanager
async def supervised(*parts: Part, folder: Path) -> AsyncIterator[asyncio.Event]:
    stop = asyncio.Event()
    async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as tasks:
        tasks.create_task(supervise(parts, folder, SystemClock(), stop), name="supervise")
        try:
            yield stop
        finally:
            stop.set()


@pytest.mark.parametrize(
    ("last_s", "ran_ms", "code", "wait_s"),
    [
        (0.0, 50, 1, RESTART_FIRST_S),  # the first failure: at once, more or less
        (0.1, 50, 1, 0.2),
        (0.2, 50, -signal.SIGKILL, 0.4),
        (4.0, 50, 1, RESTART_LAST_S),
        (RESTART_LAST_S, 50, 1, RESTART_LAST_S),
        (RESTART_LAST_S, STEADY_MS - 1, 1, RESTART_LAST_S),
        (RESTART_LAST_S, STEADY_MS, 1, RESTART_FIRST_S),  # it had started well
        (RESTART_LAST_S, STEADY_MS, 0, RESTART_FIRST_S),  # an end that nobody asked for is a failure too
        (0.0, 50, CONFIGURATION, CONFIGURATION_RETRY_S),
        (0.1, STEADY_MS, CONFIGURATION, CONFIGURATION_RETRY_S),
    ],
)
def test_the_wait_before_a_restart(last_s: float, ran_ms: int, code: int, wait_s: float) -> None:
    assert restart_after_s(last_s, ran_ms, code) == pytest.approx(wait_s)


async def test_a_process_that_is_killed_is_started_again(tmp_path: Path) -> None:
    notes, pid_file = tmp_path / "notes", tmp_path / "field.pid"
    async with supervised(obedient("field", notes), folder=tmp_path):
        assert await until(lambda: words(notes) == ["field started"], DEADLINE_S)
        first = int(pid_file.read_text())
        os.kill(first, signal.SIGKILL)
        assert await until(lambda: words(notes) == ["field started"] * 2, DEADLINE_S)
        assert await until(pid_file.exists, DEADLINE_S)
        assert int(pid_file.read_text()) != first
    assert not pid_file.exists()


async def test_the_first_process_ends_last(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    parts = [obedient(name, notes) for name in ("interlock", "field", "link")]
    async with supervised(*parts, folder=tmp_path) as stop:
        assert await until(lambda: len(words(notes)) == 3, DEADLINE_S)
        stop.set()
    assert words(notes)[3:] == ["field ended", "link ended", "interlock ended"]


async def test_a_process_that_does_not_hear_is_ended_by_force(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    async with supervised(obedient("link", notes, DEAF), folder=tmp_path) as stop:
        assert await until(lambda: words(notes) == ["deaf started"], DEADLINE_S)
        number = int((tmp_path / "link.pid").read_text())
        stop.set()
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


async def test_a_configuration_error_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    part = Part("interlock", (sys.executable, "-c", f"raise SystemExit({CONFIGURATION})"))
    async with supervised(part, folder=tmp_path):
        assert await until(lambda: "exit code 2; next start in 10.0 s" in caplog.text, DEADLINE_S)


def test_a_site_has_one_supervisor(tmp_path: Path) -> None:
    with (
        held(tmp_path / "run"),
        pytest.raises(AlreadyRun, match=f"already run by process {os.getpid()}"),
        held(tmp_path / "run"),
    ):
        pass
    with held(tmp_path / "run"):  # the one who held it has gone
        pass


async def test_no_process_outlives_a_supervisor_that_was_killed(tmp_path: Path) -> None:
    """Nobody would restart them, and they would hold the ports."""
    notes = tmp_path / "notes"
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from minegate_agent import bound, supervisor\n"
        "from minegate_agent.clock import SystemClock\n"
        f"part = supervisor.Part('field', bound.program(sys.executable, '-c', {OBEDIENT!r}, 'field', {str(notes)!r}))\n"
        f"asyncio.run(supervisor.supervise((part,), Path({str(tmp_path)!r}), SystemClock(), asyncio.Event()))\n"
    )
    supervisor = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
    try:
        assert await until(lambda: words(notes) == ["field started"], DEADLINE_S)
    finally:
        supervisor.kill()
        await supervisor.wait()
    assert await until(lambda: words(notes) == ["field started", "field ended"], DEADLINE_S)


def test_a_process_whose_parent_is_gone_does_not_start() -> None:
    nobody = "1"  # the parent of this test's children is this test
    ended = subprocess.run([sys.executable, "-m", "minegate_agent.bound", nobody, sys.executable, "-c", "print('ran')"])
    assert ended.returncode == 1
