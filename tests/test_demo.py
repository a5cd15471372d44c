"""The demo, whole: real processes, a story, an account that balances. `kill -9` of any process changes none of it."""

from __future__ import annotations

import asyncio
import io
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from minegate_tools.demo.count import Count
from minegate_tools.demo.screen import Screen
from minegate_tools.demo.story import STORY, Seen
from minegate_tools.demo.until import until

DEADLINE_S = 400
DEMO = (sys.executable, "-m", "minegate_tools", "demo")


def demo(folder: Path, *arguments: str) -> tuple[int, dict[str, Any], str]:
    """Play it; exit code, account and what the terminal showed."""
    told = folder / "account.json"
    command = [
        sys.executable,
        "-m",
        "minegate_tools",
        "demo",
        "--no-page",
        "--json",
        str(told),
        "--dir",
        str(folder / "site"),
    ]
    ended = subprocess.run(
        [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=DEADLINE_S
    )
    assert told.exists(), ended.stdout
    return ended.returncode, json.loads(told.read_text(encoding="utf-8")), ended.stdout


def assert_good(code: int, account: dict[str, Any], shown: str) -> None:
    assert account["good"], shown
    assert code == 0
    assert "Traceback" not in shown
    assert {origin["process"] for origin in account["origins"]} == {"field", "interlock"}
    assert all(origin["waiting"] == 0 for origin in account["origins"])
    causes = " ".join(cut["cause"] for cut in account["cuts"])
    assert "1201-fan-run" in causes
    assert "1201-T1-ch4" in causes or "1201-T2-ch4" in causes
    for device in account["devices"]:
        assert device["delivered"] > 0, device


def test_the_account_balances_and_power_goes_off_though_every_process_is_killed_once(tmp_path: Path) -> None:
    """field at work, interlock right after a reset in the outage, link while everything waits on its disk."""
    kills = ("--kill=field@work", "--kill=interlock@local-reset", "--kill=link@outage")
    code, account, shown = demo(tmp_path, "--speed=3", *kills)
    assert_good(code, account, shown)
    boots = [origin["process"] for origin in account["origins"]]
    assert sorted(boots) == ["field", "field", "interlock", "interlock"]
    causes = [cut["cause"] for cut in account["cuts"]]
    assert {"process field killed", "process interlock killed"} <= set(causes)


@pytest.mark.long
def test_the_whole_story_at_its_own_pace(tmp_path: Path) -> None:
    assert_good(*demo(tmp_path, "--seed=2"))


@pytest.mark.long
def test_the_embedded_broker_serves_as_well(tmp_path: Path) -> None:
    assert_good(*demo(tmp_path, "--speed=3", "--embedded"))


@pytest.mark.long
@pytest.mark.parametrize("process", ["field", "interlock", "link"])
@pytest.mark.parametrize("step", ["broker-lost", "broker-back"])
def test_the_account_balances_whenever_a_process_is_killed(process: str, step: str, tmp_path: Path) -> None:
    assert_good(*demo(tmp_path, "--speed=3", f"--kill={process}@{step}"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
async def test_an_interrupted_demo_leaves_nothing_running(number: signal.Signals, tmp_path: Path) -> None:
    site = tmp_path / "site"
    command = (*DEMO, "--no-page", "--dir", str(site))
    playing = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert await until((site / "run" / "status.sock").exists, 60)
        playing.send_signal(number)
        async with asyncio.timeout(60):
            await playing.wait()
    finally:
        if playing.returncode is None:
            playing.kill()
            await playing.wait()
    assert playing.returncode == 1
    assert naming(site) == []


def naming(folder: Path) -> list[str]:
    """Command lines of processes that name `folder`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:  # it has just ended
                continue
            if str(folder) in line:
                found.append(line)
    return found


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    ended = subprocess.run(
        [sys.executable, "-m", "minegate_tools", "demo", "--dir", str(tmp_path)], capture_output=True
    )
    assert ended.returncode == 2
    assert b"is not empty" in ended.stderr


STATUS = {
    "points": [{"name": "1201-T1-ch4", "quantity": "methane", "value": 1.62, "unit": "%CH4"}],
    "events": [{"kind": "cut", "point": "1201-T1-ch4", "cause": "limit"}],
}


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_shown_on_a_terminal_and_told_line_by_line_elsewhere(terminal: bool) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=110)
    with Screen(console, STORY, "http://127.0.0.1:8420/") as screen:
        screen.step(0, 0.0)
        screen.show(Seen(waiting=321), STATUS, Count())
    assert "上电闭锁" in out.getvalue()
    for word in ("321", "1.62", "1201-T1-ch4"):
        assert (word in out.getvalue()) is terminal
