"""A line behind a network is asked and heard like any other, and its loss is told in a sentence."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import serial
import serial.rfc2217

import libmodbus
from minegate_agent.config import Port
from minegate_agent.field.tcp_port import KEPT_BYTES_MAX, Rfc2217Port, TcpPort, open_line
from minegate_drivers import modbus, modbus_rtu, modbus_tcp
from minegate_drivers.ports import LinePort, PortLost


def port(device: str) -> Port:
    return Port(name="heading", kind="serial", device=device)


class FarEnd:
    """Listens, takes one connection."""

    def __init__(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"socket://127.0.0.1:{self.listening.getsockname()[1]}"

    async def __aenter__(self) -> FarEnd:
        self.line = await open_line(port(self.url), Path())
        self.near, _ = self.listening.accept()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.line.close()
        self.line.close()
        self.near.close()
        self.listening.close()


async def heard(line: LinePort, count: int) -> bytes:
    got = b""
    while len(got) < count:
        got += await line.read_some(count - len(got), 5)
    return got


async def test_a_modbus_tcp_device_of_libmodbus_answers_through_a_socket() -> None:
    async with FarEnd() as far:
        assert isinstance(far.line, TcpPort)
        server = libmodbus.Server(far.near.fileno(), 3, 100, tcp=True)
        server.tables.tab_registers[7] = 0x1234
        asked = modbus_tcp.request(9, 3, modbus.read(3, 7, 1))
        far.line.write(asked)
        await asyncio.to_thread(server.answer)
        answer = b""
        while modbus_tcp.missing(answer, asked):
            answer += await far.line.read_some(modbus_tcp.missing(answer, asked), 5)
        assert modbus_tcp.payload(answer, asked) == b"\x12\x34"
        server.close()


async def test_silence_pieces_and_floods() -> None:
    async with FarEnd() as far:
        assert await far.line.read_some(1, 0.01) == b""
        far.near.sendall(b"\x01")
        assert await far.line.read_some(2, 0.05) == b"\x01"
        far.near.sendall(b"\x02\x03")
        assert await far.line.read_some(2, 5) == b"\x02\x03"
        assert far.line.take() == b""
        began_s = asyncio.get_running_loop().time()
        await far.line.pause(0.03)
        assert asyncio.get_running_loop().time() - began_s >= 0.02
        far.near.setblocking(False)
        flooded = 0
        while flooded < 4 * KEPT_BYTES_MAX:
            try:
                flooded += far.near.send(b"x" * 4096)
            except BlockingIOError:
                await asyncio.sleep(0)
        await asyncio.sleep(0.05)
        assert len(far.line.take()) < KEPT_BYTES_MAX + 4096


async def test_a_far_end_that_goes_away_is_a_lost_port() -> None:
    async with FarEnd() as far:
        far.near.sendall(b"\x01")
        far.near.close()
        assert await far.line.read_some(2, 5) == b"\x01"  # what came before is not lost
        with pytest.raises(PortLost, match="port heading: closed by the far end"):
            await far.line.read_some()


@pytest.mark.parametrize(
    ("device", "words"),
    [
        ("socket://127.0.0.1:1", "Connect call failed|refused"),
        ("socket://converter", "is not socket://HOST:PORT"),
        ("socket://127.0.0.1:99999", "is not socket://HOST:PORT"),
        ("rfc2217://127.0.0.1:1", "Could not open port"),
        ("/dev/none", "No such file"),
    ],
)
async def test_what_cannot_be_opened_is_named(device: str, words: str) -> None:
    with pytest.raises(PortLost, match=rf"port heading: .*({words})"):
        await open_line(port(device), Path())


class PtyLine(serial.Serial):
    """A pty has no modem lines to ask for."""

    cts = dsr = ri = cd = property(lambda self: False)

    def _update_dtr_state(self) -> None:
        pass

    def _update_rts_state(self) -> None:
        pass


@contextmanager
def device_server() -> Iterator[tuple[str, int]]:
    """An RFC 2217 server of pyserial in front of a pty; gives its URL and the device's end of the pty."""
    master, slave = os.openpty()
    tty.setraw(slave)
    listening = socket.create_server(("127.0.0.1", 0))

    listening.settimeout(10)

    def serve() -> None:
        connection, _ = listening.accept()
        with connection, PtyLine(os.ttyname(slave), 9600, timeout=0.01) as line:
            connection.settimeout(0.01)
            manager = serial.rfc2217.PortManager(line, _Writes(connection))
            while True:
                try:
                    said = connection.recv(1024)
                except TimeoutError:
                    said = None
                if said == b"":
                    return
                line.write(b"".join(manager.filter(said or b"")))
                connection.sendall(b"".join(manager.escape(line.read(100))))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"rfc2217://127.0.0.1:{listening.getsockname()[1]}", master
    finally:
        thread.join()
        listening.close()
        os.close(master)
        os.close(slave)


class _Writes:
    def __init__(self, connection: socket.socket) -> None:
        self.write = connection.sendall


@pytest.mark.filterwarnings("ignore:set(Daemon|Name)\\(\\) is deprecated:DeprecationWarning")  # in pyserial
async def test_a_device_server_with_rfc2217_is_asked_and_heard() -> None:
    with device_server() as (url, device):
        line = await open_line(port(url), Path())
        try:
            assert isinstance(line, Rfc2217Port)
            asked = modbus_rtu.read(1, 3, 0, 1)
            line.write(asked)
            assert await asyncio.to_thread(os.read, device, 100) == asked
            answer = modbus_rtu.framed(b"\x01\x03\x02\x00\xff")
            os.write(device, answer)
            assert modbus_rtu.payload(await heard(line, len(answer)), asked) == b"\x00\xff"
        finally:
            line.close()
            line.close()
