"""`minegate proof run` follows a test to its evidence: a real interlock, a relay node on a pty, a terminal."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from heading import AREA, EXAMPLE
from interlock_work import NODE, Field, Interlock, Reader
from minegate_interlock.lines import Command, Verb, What
from minegate_tools.cli import main
from minegate_tools.control import NoAnswer
from minegate_tools.proof_run import run
from relay_cabinet import RelayCabinet

ASKED = ["proof", "run", AREA, "--by", "Li", "--reason", "15 days"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A site whose load side is not measured, so that the contact alone is the evidence."""
    text = EXAMPLE.read_text(encoding="utf-8").replace("power_on_lock_s = 60", "power_on_lock_s = 0")
    text = text.replace('feed_point = "1201-feed"\n', "")
    test = f'[[proof_test]]\nkind = "lock"\nsubject = "{AREA}"\ndays = 15\nsource = "every 15 days"\n'
    (tmp_path / "rules.toml").write_text(f"{text}\n{test}", "utf-8")
    gateway = EXAMPLE.with_name("gateway.toml").read_text(encoding="utf-8")
    (tmp_path / "gateway.toml").write_text(gateway, "utf-8")
    (tmp_path / "sim").mkdir()
    return tmp_path


@pytest.fixture
def cabinet(folder: Path) -> Iterator[RelayCabinet]:
    with RelayCabinet(folder / "sim" / "relay-1", NODE) as cabinet:
        yield cabinet


@pytest.fixture
def powered(folder: Path, cabinet: RelayCabinet) -> Iterator[Interlock]:
    interlock = Interlock(folder)
    interlock.await_line("ready")
    field, reader = Field(interlock.run), Reader(interlock.run)
    reader.await_verdict(What.RESTORABLE)
    assert interlock.command(Verb.RESET).done
    reader.await_verdict(What.OUTPUT_CLOSED)
    yield interlock
    field.close()
    reader.close()
    if interlock.process.poll() is None:
        interlock.end(signal.SIGKILL)


def act(folder: Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main([*ASKED, "--dir", str(folder)])
    return int(ended.value.code or 0)


@pytest.mark.usefixtures("powered")
def test_a_test_is_followed_to_its_evidence_and_to_what_is_next(
    folder: Path, cabinet: RelayCabinet, capsys: pytest.CaptureFixture[str]
) -> None:
    assert act(folder) == 0
    assert not cabinet.closed
    begun, opened, found, following = capsys.readouterr().out.splitlines()
    assert begun == f"{AREA}: proof test runs; power is off until a reset"
    assert opened.startswith("relay-1: contact read back open after ")
    assert found.startswith("passed: contact open after ")
    assert found.endswith("load side not measured")
    assert following.startswith(f"next: minegate reset {AREA}")


@pytest.mark.usefixtures("powered")
def test_a_test_of_an_area_without_power_is_refused_in_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert act(folder) == 0
    capsys.readouterr()
    assert act(folder) == 1
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert "a cut of nothing would prove nothing" in said.err


def test_a_welded_contact_fails_the_test_and_names_the_output(
    folder: Path, cabinet: RelayCabinet, capsys: pytest.CaptureFixture[str], powered: Interlock
) -> None:
    cabinet.welded_closed = True
    assert act(folder) == 1
    said = capsys.readouterr().out
    assert "relay-1: relay: contact does not follow its coil, probably welded" in said
    assert "FAILED: contact not read back open within " in said
    assert powered.process.poll() is None


def test_an_interlock_that_dies_meanwhile_or_is_not_there_is_named(
    folder: Path, powered: Interlock, cabinet: RelayCabinet, capsys: pytest.CaptureFixture[str]
) -> None:
    cabinet.welded_closed = True  # so that the test goes on for seconds
    steps = run(powered.run, Command(Verb.TEST, AREA, "Li", "15 days"))
    assert next(steps)[0] is None
    powered.end(signal.SIGKILL)
    with pytest.raises(NoAnswer, match="the interlock went away"):
        list(steps)
    assert act(folder) == 1
    assert "verdicts.sock: Connection refused" in capsys.readouterr().err
