"""Programs that are not ours talk to simulated devices: pymodbus by pty and TCP, python-can by slcan and socketcand."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import can
import pytest
from pymodbus import FramerType
from pymodbus.client import ModbusSerialClient, ModbusTcpClient
from pymodbus.exceptions import ModbusException

from minegate_agent.clock import SystemClock
from minegate_sim import pty_end
from minegate_sim.bus import faults
from minegate_sim.bus.can_bus import CanBus
from minegate_sim.bus.framing import Framing
from minegate_sim.bus.modbus_tcp import ModbusTcp
from minegate_sim.bus.rs485 import Rs485
from minegate_sim.bus.socketcand import Socketcand
from minegate_sim.bus.tcp_end import HOST, listening
from minegate_sim.devices.j1939_node import ENGINE, TEMPERATURE, J1939Node
from minegate_sim.devices.modbus_slave import ModbusSlave
from minegate_sim.far_end import FarEnd
from minegate_sim.slcan import Slcan

Client = ModbusSerialClient | ModbusTcpClient
COILS = [bool(0x2B5 >> bit & 1) for bit in range(11)]
INPUTS = [bool(0x155 >> bit & 1) for bit in range(9)]


def plc() -> ModbusSlave:
    one = ModbusSlave("plc", 5, coils=16, inputs=16, holding=130, registers=130, baud=115200)
    one.coils[:11], one.inputs[:9] = COILS, INPUTS
    one.holding[:] = range(1000, 1130)
    one.registers[:] = range(2000, 2130)
    return one


def line(*names: str) -> Rs485:
    return Rs485((plc(),), random.Random(1), framing=Framing(115200), masters=names)


@asynccontextmanager
async def on_pty(link: Path, end: FarEnd) -> AsyncIterator[None]:
    with pty_end.opened(link) as pty:
        serving = asyncio.create_task(pty_end.serve(pty, end, SystemClock(), lambda: None))
        try:
            yield
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)


def everything(client: Client) -> dict[str, Any]:
    """Each function once, and what the limits are for."""
    assert client.connect()
    try:
        found: dict[str, Any] = {
            "coils": client.read_coils(0, count=11, device_id=5).bits[:11],
            "inputs": client.read_discrete_inputs(0, count=9, device_id=5).bits[:9],
            "holding": client.read_holding_registers(5, count=125, device_id=5).registers,
            "registers": client.read_input_registers(0, count=3, device_id=5).registers,
            "beyond": client.read_input_registers(129, count=2, device_id=5).exception_code,
            "unknown": client.report_device_id(device_id=5).exception_code,
        }
        client.write_coil(2, False, device_id=5)
        client.write_coils(8, [True, False, True, True], device_id=5)
        client.write_register(0, 7, device_id=5)
        client.write_registers(1, [8, 9], device_id=5)
        found["coils after"] = client.read_coils(0, count=12, device_id=5).bits[:12]
        exchange = client.readwrite_registers(read_address=0, read_count=4, write_address=3, values=[77], device_id=5)
        found["exchanged"] = exchange.registers
    finally:
        client.close()
    return found


EVERYTHING = {
    "coils": COILS,
    "inputs": INPUTS,
    "holding": list(range(1005, 1130)),
    "registers": [2000, 2001, 2002],
    "beyond": 2,
    "unknown": 1,
    "coils after": [*COILS[:2], False, *COILS[3:8], True, False, True, True],
    "exchanged": [7, 8, 9, 77],
}


async def test_pymodbus_does_everything_over_a_pty(tmp_path: Path) -> None:
    link = tmp_path / "rs485-1"
    client = ModbusSerialClient(port=str(link), baudrate=115200, timeout=3.0, retries=0)
    async with on_pty(link, line("near").taps["near"]):
        assert await asyncio.to_thread(everything, client) == EVERYTHING


async def test_pymodbus_does_everything_over_modbus_tcp() -> None:
    one = plc()
    async with listening(0, lambda name: ModbusTcp({5: one}), lambda name: None, SystemClock()) as port:
        client = ModbusTcpClient(HOST, port=port, timeout=3.0, retries=0)
        assert await asyncio.to_thread(everything, client) == EVERYTHING


async def test_pymodbus_does_everything_over_rtu_in_tcp_while_another_master_asks_on_the_same_line(
    tmp_path: Path,
) -> None:
    bus, link = line("near"), tmp_path / "rs485-1"

    def gone(name: str) -> None:
        bus.detach(name)

    async with on_pty(link, bus.taps["near"]), listening(0, bus.attach, gone, SystemClock()) as port:
        client = ModbusTcpClient(HOST, port=port, framer=FramerType.RTU, timeout=3.0, retries=0)
        assert await asyncio.to_thread(everything, client) == EVERYTHING
        other = ModbusSerialClient(port=str(link), baudrate=115200, timeout=3.0, retries=0)
        found = await asyncio.to_thread(ask_behind_the_noise, other)
        assert found == [2000, 2001]
    assert set(bus.taps) == {"near"}


def ask_behind_the_noise(client: ModbusSerialClient) -> list[int]:
    """What the other master said lies in the port's buffer; a real one throws it away first."""
    assert client.connect()
    try:
        client.socket.reset_input_buffer()
        return list(client.read_input_registers(0, count=2, device_id=5).registers)
    finally:
        client.close()


@pytest.mark.parametrize("fault", [faults.Dead(device="plc"), faults.Cut(), faults.Garble(device="plc")])
async def test_pymodbus_hears_nothing_good_from_an_ill_line_and_all_is_well_again_afterwards(
    tmp_path: Path, fault: faults.Fault
) -> None:
    bus, link = line("near"), tmp_path / "rs485-1"

    def read() -> bool:
        with ModbusSerialClient(port=str(link), baudrate=115200, timeout=0.2, retries=0) as client:
            try:
                return not client.read_input_registers(0, count=2, device_id=5).isError()
            except ModbusException:  # pymodbus' word for silence and for damage
                return False

    async with on_pty(link, bus.taps["near"]):
        bus.begin(fault, SystemClock().monotonic_ms())
        assert not await asyncio.to_thread(read)
        bus.end(fault)
        assert await asyncio.to_thread(read)


# ---- python-can


def machine(now_ms: float) -> CanBus:
    engine = J1939Node("engine", 0, (ENGINE, TEMPERATURE), lambda: {"speed_rpm": 1500.0, "coolant_c": 85.0}, now_ms)
    return CanBus((engine,), random.Random(1), now_ms=now_ms)


def hear_and_request(open_bus: Callable[[], can.BusABC]) -> dict[int, bytes]:
    """Twenty messages, after asking the engine who it is."""
    heard: dict[int, bytes] = {}
    with open_bus() as bus:
        request = (60928).to_bytes(3, "little")
        bus.send(can.Message(arbitration_id=0x18EA0021, data=request, is_extended_id=True))
        for _ in range(30):
            message = bus.recv(timeout=10.0)
            assert message is not None, "no frame within 10 s"
            heard[message.arbitration_id] = bytes(message.data)
            assert message.is_extended_id
    return heard


IDS = {0x0CF00400: bytes.fromhex("FFFFFFE02EFFFFFF"), 0x18EEFF00: (0x8000_0000_0000_0001).to_bytes(8, "little")}


async def test_python_can_hears_and_asks_over_slcan(tmp_path: Path) -> None:
    bus, link = machine(SystemClock().monotonic_ms()), tmp_path / "can-1"
    bus.run(SystemClock().monotonic_ms())
    tap = bus.taps["near"]
    async with on_pty(link, Slcan((tap,), tap)):

        def opened() -> can.BusABC:
            return can.Bus(interface="slcan", channel=str(link), bitrate=250_000, sleep_after_open=0)

        heard = await asyncio.to_thread(hear_and_request, opened)
    assert heard.items() >= IDS.items()
    assert bus.controllers["near"].sent == 1


async def test_python_can_hears_and_asks_over_socketcand() -> None:
    clock = SystemClock()
    bus = machine(clock.monotonic_ms())

    def connect(name: str) -> Socketcand:
        return Socketcand({"can-1": lambda: bus.attach(name, clock.monotonic_ms())})

    def leave(name: str) -> None:
        if name in bus.taps:
            bus.detach(name, clock.monotonic_ms())

    async with listening(0, connect, leave, clock) as port:

        def opened() -> can.BusABC:
            return can.Bus(interface="socketcand", host=HOST, port=port, channel="can-1")

        heard = await asyncio.to_thread(hear_and_request, opened)
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(b"< open no-bus >")
        assert await reader.read() == b"< hi >< error could not open bus no-bus >"  # and hangs up
        writer.close()
    assert heard.items() >= IDS.items()


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        (b"", b"< hi >"),
        (b"< open can-1 >< echo >", b"< hi >< ok >< echo >"),
        (b"<open can-1><rawmode>", b"< hi >< ok >< ok >"),
        (b"< send 123 0 >", b"< hi >< error unknown command >"),
        (b"< open can-1 >< send 123 9 1 >", b"< hi >< ok >< error bad frame >"),
        (b"< open can-1 >< send 123 2 1 >", b"< hi >< ok >< error bad frame >"),
        (b"< open can-1 >< send 1234 0 >", b"< hi >< ok >< error bad frame >"),
        (b"< open can-1 >< send 123 1 100 >", b"< hi >< ok >< error bad frame >"),
        (b"< open can-1 >< subscribe 0 0 123 >", b"< hi >< ok >< error unknown command >"),
    ],
)
def test_every_socketcand_command_is_answered_as_the_daemon_answers_it(said: bytes, answered: bytes) -> None:
    bus = CanBus((), random.Random(1))
    end = Socketcand({"can-1": lambda: bus.attach("client", 0.0)})
    for byte in said:
        end.arrive(bytes((byte,)), 0.0)
    assert end.run(0.0) == answered


def test_what_a_socketcand_client_sends_is_heard_by_another_with_its_time() -> None:
    bus = CanBus((), random.Random(1), bit_rate=250_000)
    one, two = (Socketcand({"c": lambda name=name: bus.attach(name, 0.0)}) for name in ("one", "two"))
    for end in (one, two):
        end.arrive(b"< open c >< rawmode >", 0.0)
        end.run(0.0)
    one.arrive(b"< send 123 2 1 f1 >< send 1AAAAAAA 0 >", 1000.0)
    assert one.run(1001.0) == b""
    first, second = two.run(1001.0).split(b"><")
    assert first.startswith(b"< frame 123 1.000")
    assert first.endswith(b" 01F1 ")
    assert second.startswith(b" frame 1AAAAAAA 1.000")
    lonely = CanBus((), random.Random(1))
    end = Socketcand({"c": lambda: lonely.attach("x", 0.0)})
    lonely.detach("near", 0.0)
    end.arrive(b"< open c >< rawmode >< send 123 0 >", 0.0)
    end.run(0.0)
    assert b"< error 20000020 0.0" in end.run(60.0)
