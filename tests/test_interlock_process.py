"""The interlock as it runs: a real process, real sockets, a relay node on a pseudo-terminal.

Deadlines: 2 s is the promise of AQ 6201 and is asserted where the promise is about it; everything else has 20 s.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from heading import AREA, EXAMPLE, T1
from interlock_work import DEADLINE_S, NODE, REACTION_S, Field, Interlock, Reader
from minegate_interlock.lines import (
    Answer,
    Cause,
    Resume,
    Verb,
    What,
    pack,
)
from relay_cabinet import RelayCabinet


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A site whose power-on lock is over at once, and whose relay is one folder down."""
    text = EXAMPLE.read_text(encoding="utf-8")
    assert "power_on_lock_s = 60" in text
    (tmp_path / "rules.toml").write_text(text.replace("power_on_lock_s = 60", "power_on_lock_s = 0"), "utf-8")
    (tmp_path / "sim").mkdir()
    return tmp_path


@pytest.fixture
def cabinet(folder: Path) -> Iterator[RelayCabinet]:
    with RelayCabinet(folder / "sim" / "relay-1", NODE) as cabinet:
        yield cabinet


@pytest.fixture
def interlock(folder: Path, cabinet: RelayCabinet) -> Iterator[Interlock]:
    interlock = Interlock(folder)
    interlock.await_line("ready")
    yield interlock
    if interlock.process.poll() is None:
        interlock.end(signal.SIGKILL)


@pytest.fixture
def field(interlock: Interlock) -> Iterator[Field]:
    field = Field(interlock.run)
    yield field
    field.close()


@pytest.fixture
def reader(interlock: Interlock) -> Iterator[Reader]:
    reader = Reader(interlock.run)
    yield reader
    reader.close()


@pytest.fixture
def power(interlock: Interlock, field: Field, reader: Reader, cabinet: RelayCabinet) -> None:
    """Healthy, restorable, reset by a person: the contact is closed and read back closed."""
    reader.await_verdict(What.RESTORABLE)
    assert not cabinet.closed
    answer = interlock.command(Verb.RESET)
    assert answer == Answer(1, f"{AREA}: power is permitted")
    reader.await_verdict(What.OUTPUT_CLOSED)
    assert cabinet.closed


@pytest.mark.usefixtures("power")
def test_gas_at_the_limit_opens_the_contact_and_the_verdict_says_how_fast(
    field: Field, reader: Reader, cabinet: RelayCabinet
) -> None:
    field.values[T1] = 1.5
    assert cabinet.await_contact(False, REACTION_S)
    cut = reader.await_verdict(What.CUT)
    assert (cut.area, cut.point, cut.value, cut.limit) == (AREA, T1, 1.5, 1.5)
    assert 0 <= reader.await_verdict(What.OUTPUT_OPEN).value < 1000 * REACTION_S
    numbers = [verdict.sequence for verdict in reader.verdicts]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.usefixtures("power")
@pytest.mark.parametrize("gone", [False, True])
def test_readings_that_stop_open_the_contact_within_2_s(
    field: Field, reader: Reader, cabinet: RelayCabinet, gone: bool
) -> None:
    field.close() if gone else field.stop()
    assert cabinet.await_contact(False, REACTION_S)
    assert reader.await_verdict(What.LOCK, Cause.SILENCE).area == AREA
    assert not reader.await_state().permitted


@pytest.mark.usefixtures("power")
def test_kill_9_of_the_interlock_opens_the_contact_within_2_s(interlock: Interlock, cabinet: RelayCabinet) -> None:
    assert interlock.end(signal.SIGKILL) == -signal.SIGKILL
    assert cabinet.await_contact(False, REACTION_S)


@pytest.mark.usefixtures("power")
def test_sigterm_opens_the_contact_and_ends_with_0(interlock: Interlock, cabinet: RelayCabinet) -> None:
    assert interlock.end(signal.SIGTERM) == 0
    assert cabinet.await_contact(False, REACTION_S)


@pytest.mark.usefixtures("power")
def test_a_restarted_interlock_stays_locked_until_a_person_resets_again(
    interlock: Interlock, folder: Path, field: Field, cabinet: RelayCabinet
) -> None:
    interlock.end(signal.SIGKILL)
    assert cabinet.await_contact(False, REACTION_S)
    field.stop()
    second = Interlock(folder)  # over the socket files of the dead one
    second.await_line("ready")
    speaking, hearing = Field(second.run), Reader(second.run)
    try:
        hearing.await_verdict(What.RESTORABLE)
        state = hearing.await_state()
        assert (state.permitted, cabinet.closed) == (0, False)
        assert second.command(Verb.RESET).done == 1
        assert cabinet.await_contact(True, DEADLINE_S)
    finally:
        speaking.close()
        hearing.close()
        assert second.end(signal.SIGTERM) == 0


@pytest.mark.usefixtures("power")
def test_a_node_that_reboots_locks_and_does_not_close_again_by_itself(
    interlock: Interlock, reader: Reader, cabinet: RelayCabinet
) -> None:
    cabinet.reboot(boot_nonce=815)
    reader.await_verdict(What.LOCK, Cause.FAULT)
    assert cabinet.await_contact(False, REACTION_S)
    reader.await_verdict(What.RESTORABLE)
    assert not cabinet.closed
    assert interlock.command(Verb.RESET).done == 1
    assert cabinet.await_contact(True, DEADLINE_S)


@pytest.mark.usefixtures("power")
def test_a_contact_that_opens_by_itself_locks(reader: Reader, cabinet: RelayCabinet) -> None:
    cabinet.welded_open = True
    reader.await_verdict(What.LOCK, Cause.FAULT)
    cabinet.welded_open = False
    reader.await_verdict(What.RESTORABLE)
    assert not reader.await_state().permitted
    assert not cabinet.closed


@pytest.mark.usefixtures("power")
def test_an_interlock_that_was_held_up_believes_nothing_that_waited(
    interlock: Interlock, field: Field, reader: Reader, cabinet: RelayCabinet
) -> None:
    interlock.process.send_signal(signal.SIGSTOP)
    assert cabinet.await_contact(False, REACTION_S)  # the lease ran out
    for _ in range(3):
        field.say()
    interlock.process.send_signal(signal.SIGCONT)
    interlock.await_line("thrown away")
    reader.await_verdict(What.LOCK)
    reader.await_verdict(What.RESTORABLE)  # the points are still known by name, and are heard again
    assert not reader.await_state().permitted
    assert not cabinet.closed


@pytest.mark.usefixtures("power")
def test_a_person_cuts_with_a_name_and_a_reason(interlock: Interlock, reader: Reader, cabinet: RelayCabinet) -> None:
    assert interlock.command(Verb.CUT, by="Wang").done == 1
    assert cabinet.await_contact(False, REACTION_S)
    cut = reader.await_verdict(What.COMMANDED_CUT)
    assert (cut.by, cut.reason) == ("Wang", "test")


@pytest.mark.usefixtures("cabinet")
def test_a_reset_is_refused_with_the_cause_the_area_and_the_name_it_lacks(interlock: Interlock, reader: Reader) -> None:
    refused = interlock.command(Verb.RESET)
    assert refused.done == 0
    assert "still locked: never heard" in refused.text
    assert reader.await_verdict(What.RESET_REFUSED).by == "Li"
    assert "'x' is not one of" in interlock.command(Verb.RESET, area="x").text
    assert "a name is needed" in interlock.command(Verb.RESET, by=" ").text


def test_a_point_in_another_unit_than_the_rules_keeps_power_off(interlock: Interlock) -> None:
    speaking, hearing = Field(interlock.run, **{T1: "%LEL"}), Reader(interlock.run)
    try:
        hearing.await_verdict(What.LOCK, Cause.UNIT)
        assert interlock.command(Verb.RESET).done == 0
    finally:
        speaking.close()
        hearing.close()


def test_only_owner_and_group_may_command(interlock: Interlock) -> None:
    assert stat.S_IMODE((interlock.run / "control.sock").stat().st_mode) == 0o660


@pytest.mark.parametrize("noise", [b"\x00", b"\x06short", pack(Resume(0, 0)), b"\xff" * 600])
def test_noise_on_every_socket_is_answered_or_dropped_and_the_interlock_goes_on(
    interlock: Interlock, noise: bytes
) -> None:
    for name in ("points.sock", "verdicts.sock", "control.sock"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as other:
            other.connect(str(interlock.run / name))
            other.send(noise)
    assert interlock.command(Verb.CUT).done == 1
    assert interlock.process.poll() is None


def test_edited_rules_are_told_once_and_not_taken(interlock: Interlock, reader: Reader) -> None:
    rules_file = interlock.folder / "rules.toml"
    in_force = reader.await_verdict(What.STARTED).rules
    rules_file.write_text(rules_file.read_text("utf-8").replace("cut = 1.5", "cut = 3.5"), "utf-8")
    edited = reader.await_verdict(What.RULES_EDITED)
    assert edited.rules == in_force
    for _ in range(2):
        assert reader.await_state().rules == in_force
    assert [verdict.what for verdict in reader.verdicts].count(What.RULES_EDITED) == 1


def test_a_second_interlock_in_the_same_folder_is_refused_in_one_line(interlock: Interlock) -> None:
    second = Interlock(interlock.folder)
    assert second.process.wait(DEADLINE_S) == 2
    assert "another interlock is listening" in second.await_line("points.sock")
    second.end(signal.SIGTERM)
    assert interlock.command(Verb.CUT).done == 1


def test_a_port_held_by_another_process_keeps_power_off_and_is_named(folder: Path, cabinet: RelayCabinet) -> None:
    holder = os.open(folder / "sim" / "relay-1", os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(holder, fcntl.LOCK_EX)
    interlock = Interlock(folder)
    speaking = None
    try:
        line = interlock.await_line("held by another process")
        assert "relay-1" in line
        assert "power stays off" in line
        speaking = Field(interlock.run)
        assert interlock.command(Verb.RESET).done == 0
        assert not cabinet.closed
        os.close(holder)
        interlock.await_line("is open")
    finally:
        if speaking is not None:
            speaking.close()
        assert interlock.end(signal.SIGTERM) == 0


@pytest.mark.parametrize(("text", "words"), [("cut = 9.5", "cut = 9.5 is not within"), ("", "cut")])
def test_rules_that_cannot_be_judged_by_end_with_2_and_one_line(folder: Path, text: str, words: str) -> None:
    rules_file = folder / "rules.toml"
    rules_file.write_text(rules_file.read_text("utf-8").replace("cut = 1.5", text, 1), "utf-8")
    interlock = Interlock(folder)
    assert interlock.process.wait(DEADLINE_S) == 2
    interlock.end(signal.SIGTERM)
    told = [interlock.lines.get_nowait() for _ in range(interlock.lines.qsize())]
    assert len(told) == 1
    assert words in told[0]
    assert "rules.toml" in told[0]
