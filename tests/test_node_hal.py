"""The hardware abstraction on its own: edges timed, a line shared, an output stage pulsed, segments kept in order."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from minegate_node.can_link import CanLink, CanPort
from minegate_wire import messages
from minegate_wire.can_frames import Assembler
from minegate_wire.frame import Frame

FIRMWARE = Path(__file__).parent.parent / "firmware"
TICKS = 1 << 30


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A world with nothing in it, and the stubs within reach."""
    monkeypatch.syspath_prepend(str(FIRMWARE / "hoststubs"))
    host = importlib.import_module("host_world")
    own = host.World()
    host.use(own)
    return own


def _hal(module: str) -> Any:
    return importlib.import_module(f"minegate_hal.{module}")


def _machine() -> Any:
    return importlib.import_module("machine")


@pytest.mark.parametrize("dhz", [2000, 2010, 3333, 5000, 9999, 10_000])
@pytest.mark.parametrize("start_us", [0, TICKS - 150_000])
def test_a_frequency_is_right_to_a_thousandth_over_the_wrap_of_the_microseconds(
    world: Any, dhz: int, start_us: int
) -> None:
    now_us = start_us

    source = _hal("inputs").FrequencyInput(lambda: now_us % TICKS)
    period_us = 10_000_000 / dhz
    edges, seen = 0.0, []
    for ms in range(1000):
        until_us = start_us + 1000 * (ms + 1)
        while start_us + edges * period_us < until_us:
            now_us = int(start_us + edges * period_us)
            source.edge(None)
            edges += 1
        raw = source.sample(((start_us // 1000) + ms) % TICKS)
        if raw >= 0:
            seen.append(raw)
    assert len(seen) >= 8
    assert seen[1:] == pytest.approx([dhz] * len(seen[1:]), rel=1e-3)


def test_no_edge_in_a_window_is_no_frequency_and_too_many_are_beyond_every_band(world: Any) -> None:
    now_us = 0
    source = _hal("inputs").FrequencyInput(lambda: now_us % TICKS)
    assert source.sample(0) == -1
    assert source.sample(99) == -1
    assert source.sample(100) == 0
    for edge in range(1200):
        now_us = 100_000 + edge * 80
        source.edge(None)
    assert source.sample(200) == 65_535
    now_us = 200_000
    source.edge(None)
    source.edge(None)
    source.sample(300)
    now_us = 300_000
    assert source.sample(400) == 0


def test_an_analog_input_is_the_mean_of_its_conversions(world: Any) -> None:
    machine, inputs = _machine(), _hal("inputs")
    readings = iter([1000, 1001, 1002, 1005])

    class Noisy(machine.ADC):  # type: ignore[misc, name-defined]  # the stub is found at run time
        def read_u16(self) -> int:
            return next(readings)

    assert inputs.AnalogInput(Noisy(machine.Pin("A0")), conversions=4).sample(0) == 1002


@pytest.mark.parametrize("pulsed", [False, True])
def test_a_coil_is_driven_and_read_back_and_a_charge_pump_sees_an_edge_in_every_cycle(world: Any, pulsed: bool) -> None:
    machine, stage = _machine(), _hal("contactor")
    own = stage.Contactor(machine.Pin("C", machine.Pin.OUT), machine.Pin("R", machine.Pin.IN, 1), pulsed=pulsed)
    levels = []
    for energised in (True, True, True, True, False, False):
        own.drive(energised)
        levels.append(world.levels["C"])
        assert own.agrees()
    assert levels == ([1, 0, 1, 0, 0, 0] if pulsed else [1, 1, 1, 1, 0, 0])
    assert not own.closed()
    world.levels["R"] = 0
    assert own.closed()
    world.forced["C"] = 1
    assert not own.agrees()


def test_on_a_shared_line_our_own_echo_is_not_heard_and_the_line_is_let_go_after_the_last_character(world: Any) -> None:
    machine, hal = _machine(), _hal("rs485")
    line = hal.Rs485(machine.UART(1, 9600), machine.Pin("D", machine.Pin.OUT))
    wire = world.wire(1)
    assert world.levels["D"] == 0
    assert line.send(bytearray(range(20)), 20)
    assert not line.send(bytearray(3), 3)
    assert line.dropped == 1
    cycles = 0
    while world.levels["D"]:
        cycles += 1
        wire.waiting.extend(b"\xee")
        line.step()
        assert line.read() == 0
        world.pass_ms(1)
    assert bytes(wire.written) == bytes(range(20))
    assert wire.leaving == 0
    assert cycles >= 20
    wire.waiting.extend(b"abc")
    assert line.read() == 3
    assert bytes(line.buf[:3]) == b"abc"


def test_a_transceiver_that_finds_the_direction_itself_needs_no_pin(world: Any) -> None:
    line = _hal("rs485").Rs485(_machine().UART(1, 9600))
    assert line.send(bytearray(b"xy"), 2)
    for _ in range(5):
        line.step()
        world.pass_ms(1)
    assert bytes(world.wire(1).written) == b"xy"
    assert line.send(bytearray(b"z"), 1)


class Queue(CanPort):
    """A controller that takes `room` segments and remembers them."""

    def __init__(self) -> None:
        self.room = 0
        self.sent: list[bytes] = []

    def recv(self) -> bool:
        return False

    def send(self, identifier: int, buf: bytearray, length: int) -> bool:
        if self.room == 0:
            return False
        self.room -= 1
        self.sent.append(bytes(buf[:length]))
        return True

    def off(self) -> bool:
        return False

    def restart(self) -> None:
        raise AssertionError("it was not off")


def test_a_frame_waits_for_room_segment_by_segment_and_the_next_is_refused_meanwhile() -> None:
    port = Queue()
    link, frame = CanLink(9, port), Frame()
    frame.begin(9, messages.TRIP_LOG)
    for number in range(9):
        frame.add((number, 1, 0, -5, 7))
    frame.close()
    assert link.send(frame)
    assert not link.send(frame)
    assert link.dropped == 1
    assembler, whole = Assembler(), 0
    for now_ms in range(40):
        port.room = now_ms & 1
        link.step(now_ms)
    for part in port.sent:
        whole += assembler.take(part, len(part))
    assert whole == 1
    assert bytes(assembler.buf[: assembler.length]) == bytes(frame.plain[: frame.end])
    assert link.send(frame)


@pytest.mark.parametrize(
    ("names", "cause", "told"),
    [
        ({}, 3, 3), ({}, 1, 1), ({}, 2, 2), ({}, 5, 5), ({}, 4, 0), ({}, 77, 0),
        ({"WDT_RESET": 77}, 77, 3), ({"PWRON_RESET": 9, "WDT_RESET": 10}, 9, 1),
    ],
)  # fmt: skip
def test_a_ports_own_numbers_of_its_resets_are_told_as_ours(
    world: Any, monkeypatch: pytest.MonkeyPatch, names: dict[str, int], cause: int, told: int
) -> None:
    for name, number in names.items():
        monkeypatch.setattr(_machine(), name, number)
    world.cause = cause
    assert _hal("boot_facts").reset_cause() == told


def test_nonce_and_session_are_chance_and_no_nonce_is_zero(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = _hal("boot_facts")
    assert len({facts.session() for _ in range(50)}) == 50
    assert all(0 < facts.boot_nonce() <= 65_535 for _ in range(200))
    monkeypatch.setattr(facts, "urandom", bytes)
    assert facts.boot_nonce() == 1
