"""A simulated serial line behaves like a cable: wire time, one speaker at a time, faults only where asked for."""

from __future__ import annotations

import asyncio
import os
import random
import stat
from pathlib import Path

import pytest
import serial
from pymodbus.client import ModbusSerialClient

from minegate_agent.clock import SystemClock
from minegate_drivers.modbus_rtu import missing, payload, read_input_registers
from minegate_drivers.sdk import Nonsense
from minegate_sim import pty_end
from minegate_sim.devices.gas_head import GasHead
from minegate_sim.noise import source
from minegate_sim.wire import Wire

BYTE_MS = 10_000 / 9600
REQUEST = read_input_registers(1, 0, 2)
ANSWER_BYTES = 9


def heads() -> tuple[GasHead, GasHead]:
    first, second = GasHead("T1", 1, source(1, "T1")), GasHead("T2", 2, source(1, "T2"))
    first.measure(0.75, 0.0, 0.0)
    second.measure(0.42, 0.0, 0.0)
    return first, second


def line() -> Wire:
    return Wire(heads(), random.Random(1))


def listen(wire: Wire, until_ms: float, from_ms: float = 0.0) -> list[tuple[float, bytes]]:
    """Every piece with the millisecond in which it came."""
    times_ms = [quarter / 4 for quarter in range(int(from_ms * 4), int(until_ms * 4))]
    return [(at_ms, piece) for at_ms in times_ms if (piece := wire.run(at_ms))]


def whole(heard: list[tuple[float, bytes]]) -> bytes:
    return b"".join(piece for _, piece in heard)


def test_an_answer_begins_after_the_request_is_clocked_in_and_leaves_at_the_pace_of_the_wire() -> None:
    wire = line()
    wire.arrive(REQUEST, 0.0)
    heard = listen(wire, 100)
    assert payload(whole(heard), REQUEST) == bytes((0, 75, 0, 1))
    spoken_ms = len(REQUEST) * BYTE_MS + 3.5 * BYTE_MS + 2.0
    clocked = 0
    assert len(heard) > 1  # in pieces
    for at_ms, piece in heard:
        clocked += len(piece)
        assert at_ms >= spoken_ms + clocked * BYTE_MS


def test_a_request_in_pieces_is_one_request_if_the_pieces_follow_each_other() -> None:
    wire = line()
    wire.arrive(REQUEST[:3], 0.0)
    wire.arrive(REQUEST[3:], 1.0)
    assert payload(whole(listen(wire, 100)), REQUEST) == bytes((0, 75, 0, 1))


def test_a_request_with_a_hole_in_it_is_two_damaged_ones() -> None:
    wire = line()
    wire.arrive(REQUEST[:3], 0.0)
    assert listen(wire, 20) == []
    wire.arrive(REQUEST[3:], 20.0)
    assert listen(wire, 200, 20) == []


def test_two_heads_on_one_line_answer_for_themselves_only() -> None:
    wire = line()
    for begin_ms, station, counts in ((0, 1, 75), (100, 2, 42), (200, 1, 75)):
        request = read_input_registers(station, 0, 2)
        wire.arrive(request, begin_ms)
        assert payload(whole(listen(wire, begin_ms + 99, begin_ms)), request)[:2] == bytes((0, counts))
    assert wire.answers == {"T1": 2, "T2": 1}


def test_a_request_into_an_answer_is_lost_and_the_answer_is_spoiled() -> None:
    wire = line()
    wire.arrive(REQUEST, 0.0)
    heard = listen(wire, 18)
    wire.arrive(REQUEST, 18.0)
    with pytest.raises(Nonsense):
        payload(whole(heard + listen(wire, 200, 18)), REQUEST)
    assert wire.collisions == 1
    assert wire.lost_bytes == len(REQUEST)
    wire.arrive(REQUEST, 200.0)
    assert payload(whole(listen(wire, 300, 200)), REQUEST)


def test_a_slow_answer_talks_into_the_next_request() -> None:
    wire = line()
    wire.devices[0].faults.set("slow_ms", 50)
    wire.arrive(REQUEST, 0.0)
    assert listen(wire, 60) == []
    wire.arrive(read_input_registers(2, 0, 2), 60.0)
    listen(wire, 200, 60)
    assert wire.collisions == 1
    assert wire.answers == {"T1": 1, "T2": 0}


@pytest.mark.parametrize("fault", ["dead", "cut", "garble", "frozen", "foreign", "flood"])
def test_what_is_wrong_is_wrong_and_is_right_again_afterwards(fault: str) -> None:
    first, second = heads()
    wire = Wire((first, second), random.Random(3))
    if fault == "dead":
        first.faults.set("dead", True)
    elif fault == "cut":
        wire.is_cut = True
    elif fault == "garble":
        first.faults.set("garble", 1.0)
    elif fault == "frozen":
        first.faults.set("frozen", True)
        first.measure(3.0, 100.0, 5000.0)
    wire.arrive({"foreign": read_input_registers(9, 0, 2), "flood": bytes(5000)}.get(fault, REQUEST), 0.0)
    heard = whole(listen(wire, 200))
    if fault == "garble":
        with pytest.raises(Nonsense):
            payload(heard, REQUEST)
    elif fault == "frozen":
        assert payload(heard, REQUEST)[:2] == bytes((0, 75))
    else:
        assert heard == b""
    first.faults.dead = first.faults.frozen = wire.is_cut = False
    first.faults.garble = 0.0
    wire.arrive(REQUEST, 200.0)
    assert missing(answer := whole(listen(wire, 300, 200)), REQUEST) == 0
    assert payload(answer, REQUEST)[2:] == bytes((0, 1))


@pytest.mark.parametrize(
    ("name", "value"),
    [("dead", 1), ("slow_ms", -1), ("slow_ms", True), ("garble", 1.5), ("garble", float("nan")), ("asleep", True)],
)
def test_a_fault_that_makes_no_sense_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name):
        heads()[0].faults.set(name, value)


def test_the_same_seed_gives_the_same_bytes() -> None:
    def talk(seed: int) -> bytes:
        wire = Wire(heads(), random.Random(seed))
        wire.devices[0].faults.garble = 0.5
        spoken = b""
        for begin_ms in range(0, 4000, 100):
            wire.arrive(REQUEST, begin_ms)
            spoken += whole(listen(wire, begin_ms + 99, begin_ms))
        return spoken

    assert talk(5) == talk(5)
    assert talk(5) != talk(6)


# ---- the same line on a real pseudo-terminal


async def on_pty(folder: Path, wire: Wire, *work: object) -> tuple[list[object], pty_end.Pty]:
    """Run `work` (functions of the line's path) one after the other in a thread while the line is served."""
    link = folder / "rs485-1"
    with pty_end.opened(link) as pty:
        serving = asyncio.create_task(pty_end.serve(pty, wire, SystemClock(), lambda: None))
        try:
            found = []
            for one in work:
                assert callable(one)
                found.append(await asyncio.to_thread(one, str(link)))
            return found, pty
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)


def ask_with_pymodbus(path: str) -> dict[str, object]:
    with ModbusSerialClient(port=path, baudrate=9600, timeout=2.0, retries=0) as client:
        client.connect()
        both = client.read_input_registers(0, count=2, device_id=1)
        held = client.read_holding_registers(0, count=1, device_id=2)
        beyond = client.read_input_registers(1, count=2, device_id=1)
        coils = client.read_coils(0, count=1, device_id=2)
        return {
            "both": both.registers,
            "held": held.registers,
            "beyond": beyond.exception_code,
            "coils": coils.exception_code,
        }


async def test_pymodbus_understands_the_heads_over_a_pty(tmp_path: Path) -> None:
    (found,), _ = await on_pty(tmp_path, line(), ask_with_pymodbus)
    assert found == {"both": [75, 1], "held": [42], "beyond": 2, "coils": 1}


async def test_an_answer_on_a_pty_takes_at_least_the_time_of_the_wire(tmp_path: Path) -> None:
    clock = SystemClock()

    def ask(path: str) -> int:
        with serial.Serial(path, 9600, timeout=5.0) as port:
            begun_ms = clock.monotonic_ms()
            port.write(REQUEST)
            assert payload(port.read(ANSWER_BYTES), REQUEST)
            return clock.monotonic_ms() - begun_ms

    (took_ms,), _ = await on_pty(tmp_path, line(), ask)
    assert isinstance(took_ms, int)
    assert took_ms >= int((len(REQUEST) + 3.5 + ANSWER_BYTES) * BYTE_MS)


async def test_the_near_side_may_close_and_come_back(tmp_path: Path) -> None:
    def ask(path: str) -> bytes:
        with serial.Serial(path, 9600, timeout=5.0, exclusive=True) as port:
            port.write(REQUEST)
            return payload(port.read(ANSWER_BYTES), REQUEST)

    found, pty = await on_pty(tmp_path, line(), ask, ask, ask)
    assert found == [bytes((0, 75, 0, 1))] * 3
    assert pty.unheard_bytes == 0


def test_a_link_that_a_dead_simulator_left_is_replaced_and_removed_at_the_end(tmp_path: Path) -> None:
    link = tmp_path / "rs485-1"
    link.symlink_to("/dev/pts/nothing-here")
    with pty_end.opened(link) as pty:
        assert stat.S_ISCHR(link.stat().st_mode)
        with pty_end.opened(link):
            assert stat.S_ISCHR(link.stat().st_mode)
        pty.write(bytes(100_000))
        assert pty.unheard_bytes > 0  # nobody reads: counted, and it does not wait
        assert pty.read() == b""
    assert not link.is_symlink()
    assert os.listdir(tmp_path) == []
