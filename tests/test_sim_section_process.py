"""`python -m minegate_sim section`: programs of others find its lines on ptys and TCP; it ends when told."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import can
import pytest
from pymodbus import FramerType
from pymodbus.client import ModbusSerialClient, ModbusTcpClient

from minegate_sim.doors import Door, parse
from minegate_sim.section.section import shipped

DEADLINE_S = 30.0
SIM = (sys.executable, "-m", "minegate_sim")


class Running:
    """The process, its TCP ports, and its control socket."""

    def __init__(self, folder: Path, process: asyncio.subprocess.Process) -> None:
        self.folder = folder
        self.process = process

    @property
    def tcp(self) -> dict[str, int]:
        found: dict[str, int] = json.loads((self.folder / "tcp.json").read_text(encoding="utf-8"))
        return found

    async def ask(self, **wish: object) -> dict[str, Any]:
        reader, writer = await asyncio.open_unix_connection(str(self.folder / "control.sock"))
        writer.write(json.dumps(wish).encode() + b"\n")
        answer: dict[str, Any] = json.loads(await reader.readline())
        writer.close()
        await writer.wait_closed()
        return answer

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not true():
                assert self.process.returncode is None
                await asyncio.sleep(0.02)

    async def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(DEADLINE_S):
            return await self.process.wait()


@asynccontextmanager
async def running(folder: Path, *arguments: str) -> AsyncIterator[Running]:
    process = await asyncio.create_subprocess_exec(*SIM, "section", *arguments, "--dir", str(folder))
    simulator = Running(folder, process)
    try:
        await simulator.until((folder / "control.sock").exists)
        yield simulator
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def read_level(client: ModbusSerialClient | ModbusTcpClient) -> float:
    assert client.connect()
    try:
        return float(client.read_input_registers(0, count=1, device_id=5).registers[0]) / 100.0
    finally:
        client.close()


async def test_pymodbus_reads_the_water_level_by_pty_and_both_kinds_of_tcp_and_a_cut_cable_is_silent(
    tmp_path: Path,
) -> None:
    doors = ("--tcp", "rs485-2=rtu:0", "--tcp", "rs485-2=modbus:0")
    async with running(tmp_path, "pump-station", *doors) as simulator:
        port, rtu, modbus = str(tmp_path / "rs485-2"), simulator.tcp["rs485-2=rtu"], simulator.tcp["rs485-2=modbus"]
        clients: list[ModbusSerialClient | ModbusTcpClient] = [
            ModbusSerialClient(port=port, baudrate=19200, timeout=5.0, retries=0),
            ModbusTcpClient("127.0.0.1", port=rtu, framer=FramerType.RTU, timeout=5.0, retries=0),
            ModbusTcpClient("127.0.0.1", port=modbus, timeout=5.0, retries=0),
        ]
        truth = (await simulator.ask(do="truth"))["truths"]["water-level"]
        for client in clients:
            assert await asyncio.to_thread(read_level, client) == pytest.approx(truth, abs=0.1)
        assert (await simulator.ask(do="cable", port="rs485-2", cut=True))["ok"]
        silent = ModbusSerialClient(port=port, baudrate=19200, timeout=0.3, retries=0)
        with pytest.raises(Exception, match=r"(?i)no response"):
            await asyncio.to_thread(read_level, silent)
        assert await simulator.stop() == 0
    told = [json.loads(line) for line in (tmp_path / "truth.jsonl").read_text(encoding="utf-8").splitlines()]
    assert told[-1]["what"] == "end"
    assert told[-1]["answers"]["pump-plc"] >= 2
    assert not (tmp_path / "control.sock").exists()


async def test_python_can_hears_the_shearer_over_socketcand(tmp_path: Path) -> None:
    async with running(tmp_path, "longwall", "--tcp", "can-1=socketcand:0") as simulator:
        port = simulator.tcp["can-1=socketcand"]

        def hear() -> set[int]:
            with can.Bus(interface="socketcand", host="127.0.0.1", port=port, channel="can-1") as bus:
                messages = [bus.recv(timeout=10.0) for _ in range(40)]
            return {message.arbitration_id for message in messages if message is not None}

        assert await asyncio.to_thread(hear) >= {0x0CF00410, 0x18FEEE10, 0x18FEF710}
        assert await simulator.stop() == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nothing",), "nothing"),
        (("heading", "--tcp", "rs485-1=telnet:1"), "telnet"),
        (("heading", "--tcp", "rs485-9=rtu:0"), "rs485-9"),
        (("heading", "--tcp", "rs485-1=socketcand:0"), "can-1"),
        (("heading", "--watch", "x:1:rising"), "'x'"),
    ],
)
def test_what_cannot_be_served_is_one_line_and_exit_code_2(
    arguments: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        (*SIM, "section", *arguments, "--dir", str(tmp_path)), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert said in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_the_shipped_sections_are_listed() -> None:
    done = subprocess.run((*SIM, "sections"), capture_output=True, text=True, check=True, timeout=60)
    assert [line.split()[0] for line in done.stdout.splitlines()] == sorted(shipped())


@pytest.mark.parametrize("text", ["", "=rtu:1", "a=rtu", "a=rtu:x", "a=rtu:-1", "a=rtu:65536", "a=x:1", "a"])
def test_a_door_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not PORT="):
        parse(text)


def test_a_door_is_read() -> None:
    assert parse("rs485-1=rtu:1502") == Door("rs485-1", "rtu", 1502)
