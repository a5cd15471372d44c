"""Why a relay node opened can be read afterwards: causes, log, counters; and its bus and its watchdog are guarded."""

from __future__ import annotations

import itertools

import pytest

from minegate_node import gate
from minegate_node.gate import Gate
from minegate_node.trip_log import ENTRIES, TripLog
from minegate_wire import messages
from minegate_wire.frame import HEAD, Receiver, encode
from test_relay_node import LEASE_MS, NODE, Cabinet, _fields, _open, _permit


def _log(cabinet: Cabinet) -> list[list[int]]:
    """The log as the bus tells it, newest first."""
    cabinet.node.feed(encode(NODE, messages.ASK, [(messages.TRIP_LOG,)]))
    receiver = Receiver()
    assert [receiver.feed(byte) for byte in cabinet.node.reply()][-1]
    at, rows = HEAD, []
    for _ in range(receiver.count()):
        into = [0] * 5
        at = messages.dec(messages.TRIP_LOG, receiver.buf, at, into)
        rows.append(into)
    return rows


def test_the_log_begins_with_the_boot() -> None:
    assert _log(Cabinet(opened_at=None)) == [[1, messages.TRIP_BOOT, messages.CONTACT_OPEN, 0, 0]]


def test_the_log_keeps_the_newest_trips_in_order_with_their_time_of_uptime() -> None:
    cabinet = Cabinet(opened_at=0)
    for round_number in range(20):
        assert cabinet.after(0, _permit(2 * round_number + 1))
        assert not cabinet.after(60_000)
        assert not cabinet.after(0, _open(2 * round_number + 2))
    rows = _log(cabinet)
    assert len(rows) == ENTRIES
    assert [row[0] for row in rows] == list(range(21, 21 - ENTRIES, -1))
    assert {row[1] for row in rows} == {messages.TRIP_LEASE}
    assert [row[4] for row in rows] == [60 * number for number in range(20, 20 - ENTRIES, -1)]


def test_a_command_is_logged_once_however_often_it_is_repeated() -> None:
    cabinet = Cabinet()
    assert cabinet.after(0, _permit(1))
    for count in range(2, 30):
        assert not cabinet.after(50, _open(count))
    assert [row[1] for row in _log(cabinet)] == [messages.TRIP_COMMAND, messages.TRIP_BOOT]


def test_the_number_of_an_entry_stops_at_the_end_of_its_field() -> None:
    log = TripLog()
    for _ in range(65_540):
        log.add(2, 0, 0, 0)
    into = [0] * 5
    log.read(0, into)
    assert into[0] == 65_535


def test_a_bus_that_is_off_trips_and_an_open_arms_only_after_it_is_back() -> None:
    cabinet = Cabinet()
    assert cabinet.after(0, _permit(1))
    cabinet.node.bus_off(True)
    assert not cabinet.after(1)
    assert not cabinet.after(1, _open(2))
    assert cabinet.state()["trip_cause"] == messages.TRIP_BUS
    cabinet.node.bus_off(False)
    assert not cabinet.after(1, _permit(3))
    assert not cabinet.after(1, _open(4))
    assert cabinet.after(1, _permit(5))


def test_the_counters_tell_good_damaged_and_foreign_frames_and_the_uptime() -> None:
    cabinet = Cabinet(opened_at=None)
    cabinet.after(90_500, encode(NODE + 1, messages.ASK, [(1,)]) + b"\0\x05noise\0" + _permit(1))
    cabinet.after(600, b"")
    cabinet.node.feed(encode(NODE, messages.ASK, [(messages.DIAG,)]))
    told = _fields(cabinet.node.reply(), messages.DIAG)
    assert told == {"frames_good": 3, "frames_bad": 1, "frames_foreign": 1, "uptime_s": 91, "resets": 0}


@pytest.mark.parametrize("kind", [0, messages.PERMIT, messages.TIME, messages.SESSION, messages.READING, 13, 255])
def test_what_this_node_does_not_tell_is_not_answered(kind: int) -> None:
    cabinet = Cabinet()
    cabinet.node.feed(encode(NODE, messages.ASK, [(kind,)]))
    assert cabinet.node.reply() == b""


def test_the_age_of_a_trip_is_told_and_a_contact_that_flutters_does_not_restart_it() -> None:
    cabinet = Cabinet()
    assert cabinet.after(0, _permit(1))
    assert not cabinet.after(LEASE_MS)
    for _ in range(50):
        cabinet.after(100, stuck=True)
        cabinet.after(300, stuck=True)
        cabinet.after(100, stuck=False)
    state = cabinet.state()
    assert state["trip_cause"] == messages.TRIP_READ_BACK
    assert state["age_s"] >= 24


GATE_PARTS = (gate.INPUTS, gate.LOGIC, gate.OUTPUT, gate.BUS)


@pytest.mark.parametrize("done", [c for n in range(5) for c in itertools.combinations(GATE_PARTS, n)])
def test_the_watchdog_is_fed_only_by_a_cycle_that_did_every_part(done: tuple[int, ...]) -> None:
    own = Gate(50)
    for part in done:
        own.did(part)
    assert own.passes(10, False, False, True) is (len(done) == 4)
    assert not own.passes(10, False, False, True)  # a part counts for one cycle


# cycle_ms, energised, guarded, pin_agrees, fed
GATE_TABLE = [
    (0, True, True, True, True), (50, True, True, True, True), (51, True, True, True, False),
    (-1, True, True, True, False), (5, True, False, True, False), (5, False, False, True, True),
    (5, True, True, False, False), (5, False, True, False, False),
]  # fmt: skip


@pytest.mark.parametrize(("cycle_ms", "energised", "guarded", "pin_agrees", "fed"), GATE_TABLE)
def test_a_late_cycle_a_wrong_pin_or_a_coil_without_reason_starves_the_watchdog(
    cycle_ms: int, energised: bool, guarded: bool, pin_agrees: bool, fed: bool
) -> None:
    own = Gate(50)
    for part in GATE_PARTS:
        own.did(part)
    assert own.passes(cycle_ms, energised, guarded, pin_agrees) is fed
    assert own.refused == (0 if fed else 1)
