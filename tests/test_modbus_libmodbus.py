"""Our Modbus and libmodbus (Debian) understand each other, in both directions, on RTU and on TCP."""

from __future__ import annotations

import os
import random
import socket
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

import libmodbus
from minegate_drivers import modbus, modbus_rtu, modbus_tcp
from minegate_drivers.sdk import Nonsense

STATION = 17
SIZE = 300
ROUNDS = 60


class Wire:
    """One end of a connection; whole frames of one carrier."""

    def __init__(self, descriptor: int, *, tcp: bool) -> None:
        self.descriptor = descriptor
        self.tcp = tcp
        self._transaction = 0

    def request(self, pdu: bytes) -> bytes:
        self._transaction += 1
        return modbus_tcp.request(self._transaction, STATION, pdu) if self.tcp else modbus_rtu.request(STATION, pdu)

    def ask(self, pdu: bytes, answer: Callable[[], None]) -> bytes:
        """What the other side's answer to `pdu` carries."""
        asked = self.request(pdu)
        os.write(self.descriptor, asked)
        answer()
        codec = modbus_tcp if self.tcp else modbus_rtu
        heard = b""
        while codec.missing(heard, asked):
            heard += os.read(self.descriptor, codec.missing(heard, asked))
        return codec.payload(heard, asked)


@contextmanager
def connected(*, tcp: bool) -> Iterator[tuple[int, int]]:
    """Two descriptors that hear each other: a TCP connection, or a pty (libmodbus sets nothing on it)."""
    if tcp:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            near = socket.create_connection(listening.getsockname())
            far, _ = listening.accept()
            with near, far:
                yield near.fileno(), far.fileno()
        return
    master, slave = os.openpty()
    try:
        tty.setraw(slave)
        yield master, slave
    finally:
        os.close(master)
        os.close(slave)


@pytest.fixture(params=[False, True], ids=["rtu", "tcp"])
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[Wire, int, bool]]:
    with connected(tcp=request.param) as (near, far):
        yield Wire(near, tcp=request.param), far, request.param


def test_libmodbus_answers_our_requests_as_we_meant_them(pair: tuple[Wire, int, bool]) -> None:
    wire, far, tcp = pair
    chance = random.Random(1979)
    server = libmodbus.Server(far, STATION, SIZE, tcp=tcp)
    tables = server.tables
    for _ in range(ROUNDS):
        first = chance.randrange(SIZE - 125)
        count = chance.choice((1, 7, 8, 9, 16, 100, 123))
        states = [chance.random() < 0.5 for _ in range(count)]
        words = [chance.randrange(65536) for _ in range(count)]
        wire.ask(modbus.write_coils(first, states), server.answer)
        assert [bool(tables.tab_bits[first + n]) for n in range(count)] == states
        assert list(modbus.bits(wire.ask(modbus.read(1, first, count), server.answer), count)) == states
        wire.ask(modbus.write_registers(first, words), server.answer)
        assert tables.tab_registers[first : first + count] == words
        for n, (state, word) in enumerate(zip(states, words, strict=True)):
            tables.tab_input_bits[first + n], tables.tab_input_registers[first + n] = state, word
        assert list(modbus.bits(wire.ask(modbus.read(2, first, count), server.answer), count)) == states
        values = b"".join(word.to_bytes(2, "big") for word in words)
        assert wire.ask(modbus.read(3, first, count), server.answer) == values
        assert wire.ask(modbus.read(4, first, count), server.answer) == values
        wire.ask(modbus.write_coil(first, not states[0]), server.answer)
        assert bool(tables.tab_bits[first]) is not states[0]
        wire.ask(modbus.write_register(first, words[-1] ^ 0xFFFF), server.answer)
        assert tables.tab_registers[first] == words[-1] ^ 0xFFFF
        both = wire.ask(modbus.write_and_read(first, words[:121], first, min(count, 121)), server.answer)
        assert both == values[:242]
    server.close()


def test_the_largest_reads_are_answered_and_exceptions_are_named(pair: tuple[Wire, int, bool]) -> None:
    wire, far, tcp = pair
    server = libmodbus.Server(far, STATION, 2100, tcp=tcp)
    assert len(wire.ask(modbus.read(3, 0, 125), server.answer)) == 250
    assert len(wire.ask(modbus.read(1, 0, 2000), server.answer)) == 250
    with pytest.raises(Nonsense, match="exception: 2 illegal data address"):
        wire.ask(modbus.read(3, 2099, 2), server.answer)
    with pytest.raises(ValueError, match=r"count 126 is not within 1\.\.125"):
        modbus.read(3, 0, 126)
    too_many = modbus.read(3, 0, 125)[:-1] + bytes((126,))  # what we refuse to say, libmodbus refuses to answer
    with pytest.raises(Nonsense, match="exception: 3 illegal data value"):
        wire.ask(too_many, server.answer)
    server.close()


def served(wire: Wire, pdu_bytes: int, answer: Callable[[bytes], bytes], asked: list[bytes]) -> threading.Thread:
    """Hear one request of libmodbus and answer it with our framing, on a thread, because libmodbus blocks."""

    def run() -> None:
        head, tail = (7, 0) if wire.tcp else (1, 2)
        heard = b""
        while len(heard) < head + pdu_bytes + tail:
            heard += os.read(wire.descriptor, 300)
        pdu = heard[head : len(heard) - tail]
        asked.append(pdu)
        said = answer(pdu)
        frame = heard[:4] + (1 + len(said)).to_bytes(2, "big") + heard[6:7] + said if wire.tcp else b""
        os.write(wire.descriptor, frame or modbus_rtu.framed(heard[:1] + said))

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_what_libmodbus_asks_is_what_we_would_ask(pair: tuple[Wire, int, bool]) -> None:
    wire, far, tcp = pair
    chance = random.Random(1996)
    client = libmodbus.Client(far, STATION, tcp=tcp)
    asked: list[bytes] = []

    def check(ours: bytes, said: bytes, call: Callable[[], object]) -> object:
        asked.clear()
        thread = served(wire, len(ours), lambda _: said, asked)
        try:
            return call()
        finally:
            thread.join()
            assert asked == [ours]

    for _ in range(ROUNDS):
        first, count = chance.randrange(65000), chance.choice((1, 8, 9, 121))
        states = [chance.random() < 0.5 for _ in range(count)]
        words = [chance.randrange(65536) for _ in range(count)]
        packed = modbus.write_coils(0, states)[5:]
        values = bytes((2 * count,)) + b"".join(word.to_bytes(2, "big") for word in words)
        for function in (1, 2):
            ours, said = modbus.read(function, first, count), bytes((function,)) + packed
            assert check(ours, said, lambda f=function: client.bits(f, first, count)) == states  # noqa: B023 - called at once
        for function in (3, 4):
            ours, said = modbus.read(function, first, count), bytes((function,)) + values
            assert check(ours, said, lambda f=function: client.registers(f, first, count)) == words  # noqa: B023 - called at once
        writes: list[tuple[bytes, int, list[int]]] = [
            (modbus.write_coil(first, states[0]), 5, [int(states[0])]),
            (modbus.write_register(first, words[0]), 6, words[:1]),
            (modbus.write_coils(first, states), 15, [int(state) for state in states]),
            (modbus.write_registers(first, words), 16, words),
        ]
        for ours, function, written in writes:
            check(ours, ours[:5], lambda f=function, w=written: client.write(f, first, w))  # noqa: B023 - called at once
        ours = modbus.write_and_read(first, words, first, count)
        call = lambda: client.write_and_read(first, words, first, count)  # noqa: E731, B023 - called at once
        assert check(ours, b"\x17" + values, call) == words
    with pytest.raises(libmodbus.Refused, match="Slave device or server is busy"):
        check(modbus.read(3, 0, 1), b"\x83\x06", lambda: client.registers(3, 0, 1))
    client.close()
