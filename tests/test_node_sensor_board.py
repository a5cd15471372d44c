"""A sensor node's real main on every board that carries one: two heads, measured, told on line and bus, guarded."""

from __future__ import annotations

import pytest

from host_board import BOARDS, HostBoard, Listener
from minegate_drivers.modbus_rtu import payload, read_input_registers
from minegate_wire import messages
from minegate_wire.can_frames import Assembler
from minegate_wire.frame import encode

NODE = 3
UARTS = {"pybv11": 1, "esp32_devkit": 2, "rpi_pico": 1}
LOOP = {"pybv11": "X19", "esp32_devkit": "34", "rpi_pico": "26"}
LINE = {"pybv11": "X1", "esp32_devkit": "35", "rpi_pico": "14"}


class Heads:
    """A sensor board with a head of 4-20 mA and one of 200-1000 Hz, and whoever asks on its line."""

    def __init__(self, patch: pytest.MonkeyPatch, name: str, protocol: str) -> None:
        self.name = name
        self.own = HostBoard(patch, name, "sensor", NODE=NODE, PROTOCOL=protocol)
        self.world = self.own.world
        self.world.hertz[LINE[name]] = 400  # 1.00 % CH4
        self.loop_ua = 8000  # 1.00 % CH4
        self.ask = b""
        self.heard = bytearray()
        self.until_ms = 1500
        self.hang_at_ms = -1
        self.sent: list[tuple[int, bytes]] = []

    def run(self) -> str:
        return self.own.run(self._millisecond)

    def _millisecond(self, now_ms: int) -> None:
        if now_ms >= self.until_ms:
            raise self.own.host.PowerOff
        self.world.analog[LOOP[self.name]] = self.loop_ua * 65_535 // self.own.board.FULL_SCALE_UA
        wire = self.world.wire(UARTS[self.name])
        if now_ms % 500 == 400:
            self.heard.clear()
            wire.waiting.extend(self.ask)
        if now_ms == self.hang_at_ms:
            wire.hangs = True
        self.heard += wire.written
        wire.written.clear()
        self.sent += self.world.bus(1).sent
        self.world.bus(1).sent.clear()


@pytest.fixture(params=sorted(UARTS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_board_that_carries_a_sensor_node_is_tried_here() -> None:
    assert set(UARTS) == {name for name, board in BOARDS.items() if "sensor" in board["roles"]}


def test_asked_on_the_wire_it_tells_both_heads(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    heads = Heads(monkeypatch, name, "wire")
    heads.ask = encode(NODE, messages.ASK, ((messages.READING,),))
    assert heads.run() == "power off"
    listener = Listener()
    listener.hear(heads.heard)
    rows = listener.rows[messages.READING]
    assert [(row["channel"], row["status"]) for row in rows] == [(0, 0), (1, 0)]
    assert [row["value"] for row in rows] == pytest.approx([100, 100], abs=1)
    assert max(row["age_ms"] for row in rows) <= 150


@pytest.mark.parametrize(("hertz", "status"), [(0, messages.READING_FAULT), (1100, messages.READING_FAULT)])
def test_a_head_without_a_signal_or_beyond_its_band_is_a_fault(
    name: str, hertz: int, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads = Heads(monkeypatch, name, "wire")
    heads.world.hertz[LINE[name]] = hertz
    heads.loop_ua = 0
    heads.ask = encode(NODE, messages.ASK, ((messages.READING,),))
    assert heads.run() == "power off"
    listener = Listener()
    listener.hear(heads.heard)
    assert [row["status"] for row in listener.rows[messages.READING]] == [messages.READING_FAULT, status]


def test_asked_by_modbus_it_tells_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    heads = Heads(monkeypatch, name, "modbus")
    heads.ask = read_input_registers(NODE, 0, 12)
    assert heads.run() == "power off"
    words = payload(bytes(heads.heard), heads.ask)
    registers = [int.from_bytes(words[at : at + 2], "big") for at in range(0, 24, 2)]
    assert (registers[1], registers[9]) == pytest.approx((100, 100), abs=1)
    assert (registers[2], registers[10]) == (0, 0)


def test_a_task_that_hangs_starves_the_watchdog(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    heads = Heads(monkeypatch, name, "wire")
    heads.hang_at_ms = 700
    heads.until_ms = 5000
    assert heads.run() == "watchdog"
    assert 700 <= heads.world.now_ms <= 700 + heads.own.board.WATCHDOG_MS + 2


def test_a_task_that_dies_starves_the_watchdog(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    heads = Heads(monkeypatch, name, "wire")
    heads.world.hertz.clear()
    heads.until_ms = 5000
    original = heads._millisecond

    def without_converter(now_ms: int) -> None:
        original(now_ms)
        if now_ms > 700:
            heads.world.analog.clear()

    heads._millisecond = without_converter  # type: ignore[method-assign]  # the converter is gone
    assert heads.run() == "watchdog"
    assert isinstance(heads.own.died[0], KeyError)


def test_on_a_can_bus_it_tells_its_channels_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    heads = Heads(monkeypatch, "pybv11", "wire")
    assert heads.run() == "power off"
    assembler, listener, told = Assembler(), Listener(), 0
    for _, data in heads.sent:
        if assembler.take(data, len(data)):
            told += 1
            listener.take(assembler)
    assert 5 <= told <= 8  # every 200 ms
    assert [row["value"] for row in listener.rows[messages.READING]] == pytest.approx([100, 100], abs=1)
