"""A relay node's real main loop on every known board: off at boot, closed by leases, open by everything else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from host_board import BOARDS, HostBoard, Listener
from minegate_wire import can_frames, messages
from minegate_wire.can_frames import Assembler, identifier, segment, segments
from minegate_wire.frame import Frame, encode
from minegate_wire.seal import Seal, encode_signed

NODE = 9
LEASE_MS, RENEW_MS = 600, 150
METHANE_OK, METHANE_OVER = 8000, 12_000  # ppm; the board files cut at 10 000
UARTS = {"nucleo_g474re": 1, "pybv11": 1, "esp32_devkit": 2, "rpi_pico": 1}
READ_BACK = {"nucleo_g474re": "C9", "pybv11": "Y2", "esp32_devkit": "26", "rpi_pico": "11"}
DIRECTION = {"nucleo_g474re": "C6", "pybv11": "X11", "esp32_devkit": "4", "rpi_pico": "6"}
METHANE = {"nucleo_g474re": "A0", "pybv11": "X19", "esp32_devkit": "34", "rpi_pico": "26"}
SERVICE = {"nucleo_g474re": ("C13", 1), "pybv11": ("X17", 0), "esp32_devkit": ("27", 0), "rpi_pico": ("15", 0)}
HAVE_CAN = ("nucleo_g474re", "pybv11")


class Cabinet:
    """A relay board with its contactor and its methane head, and a gateway that renews while it is told to."""

    def __init__(self, patch: pytest.MonkeyPatch, name: str, **identity: object) -> None:
        self.name = name
        self.own = HostBoard(patch, name, "relay", NODE=NODE, **identity)
        self.world = self.own.world
        self.listener = Listener()
        self.permits = True
        self.opens = True
        self.ppm = METHANE_OK
        self.moves: list[tuple[int, bool]] = []
        self.count = 0
        self.at: dict[int, Callable[[], None]] = {}
        self.until_ms = 3000
        self.talked = False

    def run(self) -> str:
        """Until the end, or until the watchdog strikes."""
        return self.own.run(self._millisecond)

    def closed_at(self, ms: int) -> bool:
        """Whether the contact was closed then."""
        return [False, *(closed for at_ms, closed in self.moves if at_ms <= ms)][-1]

    def send(self, kind: int, row: tuple[int, ...]) -> None:
        self.world.wire(UARTS[self.name]).waiting.extend(encode(NODE, kind, (row,)))

    def _millisecond(self, now_ms: int) -> None:
        if now_ms >= self.until_ms:
            raise self.own.host.PowerOff
        self._measure(now_ms)
        energised = bool(self.world.levels.get(str(self.own.board.COIL), 0))
        if energised != self.closed_at(now_ms):
            self.moves.append((now_ms, energised))
        self.world.levels[READ_BACK[self.name]] = 0 if energised else 1
        if now_ms in self.at:
            self.at[now_ms]()
        if now_ms % RENEW_MS == 0:
            self._renew()
        self._listen()

    def _measure(self, now_ms: int) -> None:
        ua = 4000 + self.ppm * 16_000 // self.own.board.SPAN_PPM + (now_ms & 1) * 8
        self.world.analog[METHANE[self.name]] = min(ua * 65_535 // self.own.board.FULL_SCALE_UA, 65_535)

    def _renew(self) -> None:
        self.count += 1
        state = self.listener.rows.get(messages.RELAY_STATE)
        if state is None:
            self.send(messages.ASK, (messages.RELAY_STATE,))
        elif self.opens:
            self.opens = False
            self.send(messages.OPEN, (0, messages.TRIP_COMMAND, self.count))
        elif self.permits:
            self.send(messages.PERMIT, (0, LEASE_MS, state[0]["boot_nonce"], self.count, 1, 2))

    def _listen(self) -> None:
        wire = self.world.wire(UARTS[self.name])
        if wire.written:
            self.talked = True
            assert self.world.levels[DIRECTION[self.name]] == 1
            self.listener.hear(wire.written)
            wire.written.clear()


@pytest.fixture(params=sorted(UARTS))
def cabinet(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Cabinet:
    return Cabinet(monkeypatch, request.param)


def test_every_board_of_the_table_is_tried_here() -> None:
    assert set(UARTS) == set(BOARDS)


def test_leases_close_the_contact_and_without_them_it_opens_within_a_lease_and_a_cycle(cabinet: Cabinet) -> None:
    def stop() -> None:
        cabinet.permits = False

    cabinet.at[1500] = stop
    assert cabinet.run() == "power off"
    (closed_ms, closed), (opened_ms, opened) = cabinet.moves
    assert (closed, opened) == (True, False)
    assert closed_ms <= 600
    assert 1350 + LEASE_MS <= opened_ms <= 1500 + LEASE_MS + 2
    assert cabinet.listener.state()["trip_cause"] == messages.TRIP_NONE  # what it said last: it is asked no more
    assert cabinet.world.levels[DIRECTION[cabinet.name]] == 0


def test_the_coil_is_low_from_the_first_statement_of_the_boot_on(cabinet: Cabinet) -> None:
    cabinet.until_ms = 100
    cabinet.world.levels[str(cabinet.own.board.COIL)] = 1  # a soft reset has kept the level
    cabinet.opens = cabinet.permits = False
    assert cabinet.run() == "power off"
    assert cabinet.moves == []


def test_methane_over_the_limit_of_the_board_file_opens_although_permits_continue(cabinet: Cabinet) -> None:
    def gas() -> None:
        cabinet.ppm = METHANE_OVER

    cabinet.at[1500] = gas
    assert cabinet.run() == "power off"
    assert cabinet.moves[-1][1] is False
    assert 1500 <= cabinet.moves[-1][0] <= 1503
    assert cabinet.listener.state()["trip_cause"] == messages.TRIP_LOCAL_LIMIT


def test_a_cut_wire_of_the_head_opens(cabinet: Cabinet) -> None:
    def cut() -> None:
        cabinet._measure = lambda now_ms: cabinet.world.analog.update({METHANE[cabinet.name]: 0})  # type: ignore[method-assign]  # the head is gone

    cabinet.at[1500] = cut
    assert cabinet.run() == "power off"
    assert 1500 <= cabinet.moves[-1][0] <= 1503
    assert cabinet.listener.state()["trip_cause"] == messages.TRIP_LOCAL_SENSOR


def test_a_loop_that_hangs_is_reset_by_the_watchdog_and_comes_up_open(cabinet: Cabinet) -> None:
    def hang() -> None:
        cabinet.world.wire(UARTS[cabinet.name]).hangs = True

    cabinet.at[1500] = hang
    assert cabinet.run() == "watchdog"
    assert cabinet.closed_at(cabinet.world.now_ms)  # energised all the time: this is what the safety time must allow
    assert cabinet.world.now_ms <= 1500 + cabinet.own.board.WATCHDOG_MS + 2
    cabinet.listener.rows.clear()
    cabinet.until_ms = 4000
    assert cabinet.run() == "power off"
    assert cabinet.moves[-1][1] is False
    assert cabinet.listener.state()["trip_cause"] == messages.TRIP_WATCHDOG


def test_a_short_circuit_that_holds_the_coils_pin_starves_the_watchdog(cabinet: Cabinet) -> None:
    def short() -> None:
        cabinet.world.forced[str(cabinet.own.board.COIL)] = 1
        cabinet.permits = False

    cabinet.at[1500] = short
    assert cabinet.run() == "watchdog"


def test_a_driver_that_fails_ends_the_program_with_the_coil_off(cabinet: Cabinet) -> None:
    def gone() -> None:
        cabinet._measure = lambda now_ms: cabinet.world.analog.clear()  # type: ignore[method-assign]  # the converter is gone

    cabinet.at[1500] = gone
    with pytest.raises(KeyError):
        cabinet.run()
    assert cabinet.closed_at(1499)
    assert cabinet.world.levels[str(cabinet.own.board.COIL)] == 0


def test_a_board_that_is_held_for_service_does_not_start_and_starts_no_watchdog(cabinet: Cabinet) -> None:
    pin, level = SERVICE[cabinet.name]
    cabinet.world.levels[pin] = level
    assert cabinet.run() == "ended"
    assert cabinet.world.watchdog_ms == 0
    assert cabinet.world.levels[str(cabinet.own.board.COIL)] == 0


def test_a_node_with_a_key_obeys_its_gateway_on_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    key = bytes(range(16))
    cabinet = Cabinet(monkeypatch, "rpi_pico", KEY=key)

    def renew() -> None:
        wire = cabinet.world.wire(UARTS[cabinet.name])
        told = cabinet.listener.rows.get(messages.SESSION)
        cabinet.count += 1
        if told is None:
            wire.waiting.extend(encode(NODE, messages.ASK, ((messages.SESSION,),)))
            return
        session = b"".join(told[0][f"session_{limb}"].to_bytes(2, "little") for limb in range(4))
        seal, low = Seal(key, session), cabinet.count
        opening, permit = (0, 3, low, 0), (0, LEASE_MS, told[0]["boot_nonce"], low, 0, 1, 2)
        kind, fields = (messages.SIGNED_OPEN, opening) if cabinet.opens else (messages.SIGNED_PERMIT, permit)
        cabinet.opens = False
        wire.waiting.extend(encode_signed(NODE, kind, fields, seal))

    cabinet._renew = renew  # type: ignore[method-assign]  # another gateway
    assert cabinet.run() == "power off"
    assert [closed for _, closed in cabinet.moves] == [True]


class CanCabinet(Cabinet):
    """The same, spoken to over the CAN bus."""

    def __init__(self, patch: pytest.MonkeyPatch, name: str) -> None:
        super().__init__(patch, name)
        self._assembler = Assembler()

    def send(self, kind: int, row: tuple[int, ...]) -> None:
        frame, part = Frame(), bytearray(8)
        frame.begin(NODE, kind)
        frame.add(row)
        frame.close()
        to_node = identifier(kind, NODE, can_frames.GATEWAY)
        for index in range(segments(frame.end)):
            length = segment(frame.plain, frame.end, index, self.count, part)
            self.world.bus(1).waiting.append((to_node, bytes(part[:length]), True, False))
        self.world.bus(1).waiting.append((to_node & 0x7FF, b"\0", False, False))  # another protocol on the bus
        self.world.bus(1).waiting.append((to_node, b"\0", True, True))

    def _listen(self) -> None:
        bus = self.world.bus(1)
        for number, data in bus.sent:
            assert number & 0x3FFFFFF == identifier(messages.ASK, can_frames.GATEWAY, NODE) & 0x3FFFFFF
            if self._assembler.take(data, len(data)):
                self.listener.take(self._assembler)
        bus.sent.clear()


@pytest.mark.parametrize("name", HAVE_CAN)
def test_over_can_the_same_leases_close_and_a_bus_that_is_off_opens(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cabinet = CanCabinet(monkeypatch, name)

    def off() -> None:
        cabinet.world.bus(1).off = True

    def on() -> None:
        cabinet.world.bus(1).off = False

    cabinet.at = {1500: off, 3200: on}
    cabinet.until_ms = 4000
    assert cabinet.run() == "power off"
    (closed_ms, closed), (opened_ms, opened) = cabinet.moves
    assert (closed, opened) == (True, False)
    assert closed_ms <= 600
    assert 1500 <= opened_ms <= 1503
    assert cabinet.listener.state()["trip_cause"] == messages.TRIP_BUS


@pytest.mark.parametrize("name", HAVE_CAN)
def test_a_controller_that_is_off_is_restarted_with_growing_patience(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cabinet = CanCabinet(monkeypatch, name)
    restarts: list[int] = []
    cabinet.at = {at_ms: lambda: restarts.append(cabinet.world.bus(1).restarts) for at_ms in (1000, 1600, 2700, 4700)}
    cabinet.at[1] = lambda: setattr(cabinet.world.bus(1), "off", True)
    cabinet.until_ms = 5000
    assert cabinet.run() == "power off"
    assert restarts == [1, 2, 2, 3]


@pytest.mark.parametrize("name", HAVE_CAN)
def test_a_full_queue_delays_an_answer_and_loses_none(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cabinet = CanCabinet(monkeypatch, name)
    cabinet.at = {149: lambda: setattr(cabinet.world.bus(1), "full", True)}
    cabinet.at[280] = lambda: setattr(cabinet.world.bus(1), "full", False)
    cabinet.until_ms = 295
    assert cabinet.run() == "power off"
    assert cabinet.listener.state()["trip_cause"] == messages.TRIP_BOOT
