"""The relay node on CAN: the interlock's side against the firmware's, whole boards, real sockets and an slcan pty."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from can_relay import CanCabinet, SlcanCabinet, error, frames_of, structs_of
from engine_heading import Cabinet, EngineHeading
from heading import AREA, EXAMPLE, T1, rules
from interlock_work import DEADLINE_S, NODE, REACTION_S, Field, Interlock, Reader
from minegate_interlock.lines import Answer, Cause, Verb, What
from minegate_interlock.node_output import NodeOutput
from minegate_interlock.node_wire import (
    BUS_OFF,
    CRTL_ACTIVE,
    CRTL_PASSIVE,
    ERR_BUS_OFF,
    ERR_CONTROLLER,
    ERR_RESTARTED,
    PASSIVE,
)
from minegate_interlock.outlet import SILENT
from minegate_interlock.output_kinds import AnyOutput
from minegate_interlock.rules import Output, Rules, load
from minegate_wire import can_frames, messages
from minegate_wire.seal import Seal
from test_node_board import HAVE_CAN, READ_BACK, UARTS
from test_node_board import Cabinet as BoardCabinet

_RULES = rules()
TIMING, HASH = _RULES.timing, _RULES.hash
OUTPUT = Output("relay-1", node=NODE, kind="can-node", interface="socketcan", channel="can1")
KEY = bytes(range(16))
STEP_MS = 10
ROW = 'kind = "node"\ndevice = "sim/relay-1"\nbaud = 9600\nnode = 9\nrelay = 0\n'


class OnCan(EngineHeading):
    """The heading, whose relay node is on CAN."""

    def __init__(self, own: Rules | None = None) -> None:
        super().__init__(own or replace(rules(), outputs=(OUTPUT,)))
        cabinet = self.cabinets["relay-1"]
        assert isinstance(cabinet, CanCabinet)
        self.relay: CanCabinet = cabinet

    def cabinet(self, output: AnyOutput) -> Cabinet:
        return CanCabinet(output.node)  # type: ignore[return-value]  # the same shape, on another bus


def test_a_node_on_can_closes_after_a_reset_and_opens_at_the_limit() -> None:
    heading = OnCan().powered()
    heading.gas(1.5)
    heading.run(250)  # the next reading comes within 200 ms
    assert not heading.contact
    (opened,) = heading.said(What.OUTPUT_OPEN)
    assert 0 <= opened.value <= 2 * heading.rules.timing.tick_ms


def test_an_open_travels_at_the_first_priority_of_the_bus_and_a_permit_at_the_second() -> None:
    node = NodeOutput(OUTPUT, TIMING, HASH)
    heading = OnCan().powered()
    gateway = heading.engine.outputs["relay-1"]
    permit, opening = gateway.send(True, True, heading.now_ms), gateway.send(False, True, heading.now_ms)
    for structs, kind in ((permit, messages.PERMIT), (opening, messages.OPEN)):
        assert {identifier for identifier, _ in frames_of(structs)} == {can_frames.identifier(kind, NODE, 0)}
    assert frames_of(node.send(True, False, 0))[0][0] == can_frames.identifier(messages.ASK, NODE, 0)


def test_a_bus_that_is_off_is_a_loss_at_once_and_takes_a_person_to_return() -> None:
    heading = OnCan().powered()
    heading.relay.events = error(ERR_BUS_OFF)
    heading.relay.cable = False
    heading.run(50)  # one tick, though the lease would have run for longer
    assert heading.engine.outputs["relay-1"].contact == SILENT
    (lost,) = heading.said(What.OUTPUT_LOST)
    assert (lost.point, lost.reason) == ("relay-1", BUS_OFF)
    heading.run(700)
    assert not heading.contact  # the node heard nothing: its lease ran out
    heading.relay.events, heading.relay.cable = error(ERR_RESTARTED), True
    heading.run(3000)
    assert not heading.contact
    assert heading.said(What.RESTORABLE)
    assert heading.command(Verb.RESET)[0]
    heading.run(500)
    assert heading.contact


def test_a_node_whose_own_controller_is_off_opens_and_takes_a_person_to_return() -> None:
    heading = OnCan().powered()
    heading.relay.bus.is_off = True
    heading.run(50)
    assert not heading.contact
    heading.run(1000)
    assert heading.said(What.OUTPUT_LOST)
    heading.relay.bus.is_off = False
    heading.relay.bus.waiting.clear()
    heading.run(2000)
    assert not heading.contact
    assert heading.command(Verb.RESET)[0]
    heading.run(500)
    assert heading.contact


def test_a_bus_on_which_nobody_acknowledges_is_named_when_the_node_is_lost() -> None:
    heading = OnCan().powered()
    heading.relay.cable = False
    heading.relay.events = error(ERR_CONTROLLER, CRTL_PASSIVE)
    heading.run(1000)
    assert not heading.contact
    (lost,) = heading.said(What.OUTPUT_LOST)
    assert lost.reason == PASSIVE
    heading.relay.events = error(ERR_CONTROLLER, CRTL_ACTIVE)
    heading.run(50)
    assert heading.engine.outputs["relay-1"].trouble == ""


def test_a_cable_that_is_cut_without_a_word_is_silence() -> None:
    heading = OnCan().powered()
    heading.relay.cable = False
    heading.run(2000)
    assert not heading.contact
    (lost,) = heading.said(What.OUTPUT_LOST)
    assert "no answer within the lease" in lost.reason


def test_two_nodes_of_one_bus_hear_and_are_heard_alone() -> None:
    own = rules()
    outputs = (OUTPUT, replace(OUTPUT, name="relay-2", node=8))
    heading = OnCan(replace(own, outputs=outputs, areas=(replace(own.areas[0], outputs=("relay-1", "relay-2")),)))
    heading.powered()
    assert heading.cabinets["relay-2"].contact
    gateway = heading.engine.outputs["relay-1"]
    stranger = structs_of([(can_frames.identifier(messages.RELAY_STATE, 0, 8), b"\xc0\x01\x08\x06")])
    assert not gateway.hear(stranger, heading.now_ms)
    heading.cabinets["relay-2"].answers = False
    heading.run(1500)
    assert not heading.contact
    (lost,) = heading.said(What.OUTPUT_LOST)
    assert lost.point == "relay-2"


@pytest.mark.parametrize("key", [b"", KEY])
def test_whatever_a_bus_does_to_segments_a_contact_never_closes_unpermitted(key: bytes) -> None:
    """Lost, doubled and swapped segments, and those of strangers; 12 shifts of a minute."""
    for seed in range(6):
        chance = random.Random(seed)
        gateway = NodeOutput(OUTPUT, TIMING, HASH)
        cabinet = CanCabinet(NODE)
        if key:
            gateway.use_key(key)
            cabinet.node._seal = Seal(key, chance.randbytes(8))
        closings = shift(gateway, cabinet, chance)
        assert closings > 3, seed


def shift(gateway: NodeOutput, cabinet: CanCabinet, chance: random.Random) -> int:
    """How often the contact closed; it must never be closed a lease after the permission ended."""
    permitted, ended_ms, closings, was = False, 0, 0, False
    lease_ms, tick_ms = TIMING.lease_ms, TIMING.tick_ms
    for now_ms in range(0, 60_000, STEP_MS):
        if now_ms % 1500 == 0:
            permitted = not permitted
            ended_ms = now_ms
        frame = gateway.send(permitted, False, now_ms) if now_ms % tick_ms == 0 else b""
        heard = structs_of(worn(frames_of(frame), chance))
        answer = cabinet.turn([heard], now_ms)
        gateway.hear(structs_of(worn(frames_of(answer), chance)), now_ms)
        gateway.check(permitted, now_ms)
        assert permitted or not cabinet.contact or now_ms - ended_ms <= lease_ms + STEP_MS
        closings += cabinet.contact and not was
        was = cabinet.contact
    return closings


def worn(frames: list[tuple[int, bytes]], chance: random.Random) -> list[tuple[int, bytes]]:
    """What a bad bus makes of them."""
    kept = [frame for frame in frames for _ in range(chance.choice((1, 1, 1, 1, 1, 1, 1, 1, 0, 2)))]
    if len(kept) > 1 and chance.random() < 0.05:
        kept[0], kept[1] = kept[1], kept[0]
    if chance.random() < 0.1:
        kept.append((chance.randrange(1 << 29), chance.randbytes(chance.randrange(9))))
    return kept


class Board(BoardCabinet):
    """A whole board with its boot and main loop, whose gateway is the interlock's own side of CAN."""

    def __init__(self, patch: pytest.MonkeyPatch, name: str) -> None:
        super().__init__(patch, name)
        self.gateway = NodeOutput(OUTPUT, TIMING, HASH)
        self.until_ms = 1700
        self.ups: list[tuple[int, bool]] = []

    def _renew(self) -> None:
        """Not on the serial line."""

    def _millisecond(self, now_ms: int) -> None:
        super()._millisecond(now_ms)
        bus = self.world.bus(1)
        if now_ms % TIMING.tick_ms == 0:
            for identifier, data in frames_of(self.gateway.send(self.permits, False, now_ms)):
                bus.waiting.append((identifier, data, True, False))
        sent, bus.sent = list(bus.sent), []
        self.gateway.hear(structs_of(sent), now_ms)
        if now_ms % TIMING.tick_ms == 0:
            self.ups.append((now_ms, self.gateway.check(self.permits, now_ms)))


@pytest.mark.parametrize("name", HAVE_CAN)
def test_a_whole_board_is_held_and_let_go_over_can_by_the_interlock(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    board = Board(monkeypatch, name)
    assert name in UARTS
    assert name in READ_BACK
    board.at[1000] = lambda: setattr(board, "permits", False)
    assert board.run() == "power off"
    (closed_ms, closed), (opened_ms, opened) = board.moves
    assert (closed, opened) == (True, False)
    assert closed_ms <= 600
    assert 1000 <= opened_ms <= 1000 + TIMING.tick_ms + 10
    assert all(up for ms, up in board.ups if closed_ms + 100 < ms < 1000)


@pytest.mark.parametrize("name", HAVE_CAN)
def test_a_whole_board_whose_controller_is_off_opens_and_the_interlock_knows(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    board = Board(monkeypatch, name)
    board.at[1000] = lambda: setattr(board.world.bus(1), "off", True)
    board.run()
    (_, _), (opened_ms, opened) = board.moves
    assert not opened
    assert opened_ms <= 1010
    assert not board.ups[-1][1]


# -- the process, on the pty of an slcan adapter -----------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    text = EXAMPLE.read_text(encoding="utf-8").replace("power_on_lock_s = 60", "power_on_lock_s = 0")
    row = 'kind = "can-node"\ninterface = "slcan"\nchannel = "relay-can"\nbitrate = 250000\nnode = 9\n'
    assert ROW in text
    (tmp_path / "rules.toml").write_text(text.replace(ROW, row), "utf-8")
    return tmp_path


@pytest.fixture
def site(folder: Path) -> Iterator[tuple[Interlock, Field, Reader, SlcanCabinet]]:
    """Powered: reset by a person, the contact closed and read back."""
    with SlcanCabinet(folder / "relay-can", NODE) as cabinet:
        interlock = Interlock(folder)
        interlock.await_line("ready")
        field, reader = Field(interlock.run), Reader(interlock.run)
        reader.await_verdict(What.RESTORABLE)
        assert interlock.command(Verb.RESET) == Answer(1, f"{AREA}: power is permitted")
        reader.await_verdict(What.OUTPUT_CLOSED)
        yield interlock, field, reader, cabinet
        field.close()
        reader.close()
        if interlock.process.poll() is None:
            interlock.end(signal.SIGKILL)


Site = tuple[Interlock, Field, Reader, SlcanCabinet]


def test_gas_opens_the_contact_on_the_bus_of_an_slcan_adapter(site: Site) -> None:
    _, field, reader, cabinet = site
    assert cabinet.closed
    field.values[T1] = 1.5
    assert cabinet.await_contact(False, REACTION_S)
    assert reader.await_verdict(What.CUT).value == 1.5
    assert 0 <= reader.await_verdict(What.OUTPUT_OPEN).value < 1000 * REACTION_S


def test_kill_9_and_sigterm_open_the_contact_on_can(site: Site, folder: Path) -> None:
    interlock, field, _, cabinet = site
    assert interlock.end(signal.SIGKILL) == -signal.SIGKILL
    assert cabinet.await_contact(False, REACTION_S)
    field.stop()
    second = Interlock(folder)
    second.await_line("ready")
    speaking, hearing = Field(second.run), Reader(second.run)
    try:
        hearing.await_verdict(What.RESTORABLE)
        assert second.command(Verb.RESET).done == 1
        assert cabinet.await_contact(True, DEADLINE_S)
        assert second.end(signal.SIGTERM) == 0
        assert cabinet.await_contact(False, REACTION_S)
    finally:
        speaking.close()
        hearing.close()


def test_a_bus_cable_that_is_pulled_off_locks(site: Site) -> None:
    _, _, reader, cabinet = site
    cabinet.unplugged = True
    assert reader.await_verdict(What.LOCK, Cause.FAULT).area == AREA
    assert cabinet.await_contact(False, REACTION_S)
    cabinet.unplugged = False
    reader.await_verdict(What.RESTORABLE)
    assert not cabinet.closed


def test_a_site_with_the_wrong_bit_rate_of_an_adapter_is_refused(folder: Path) -> None:
    text = (folder / "rules.toml").read_text("utf-8").replace("250000", "100001")
    with pytest.raises(Exception, match="bitrate = 100001 is not one of"):
        load(text.encode(), "rules.toml")
