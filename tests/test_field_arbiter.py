"""One line, several devices: a dead or lying neighbour costs a known time, and every frame is accounted for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from line_work import Stage, answering, head, line_port, reading
from minegate_agent.field.wire_time import gap_ms, wire_ms
from minegate_drivers.gas_head import GasHead
from minegate_drivers.modbus_rtu import framed
from minegate_drivers.sdk import Heard
from virtual_line import in_virtual_time


@pytest.mark.parametrize(("baud", "expected"), [(9600, 3.5 * 10 / 9.6), (19200, 3.5 * 10 / 19.2), (115200, 1.75)])
def test_the_silence_between_frames_is_three_and_a_half_characters(baud: int, expected: float) -> None:
    assert gap_ms(line_port(baud=baud)) == pytest.approx(expected)


def test_parity_and_stop_bits_are_part_of_wire_time() -> None:
    assert wire_ms(line_port(parity="E"), 96) == pytest.approx(110)


def test_every_device_is_read_once_a_period_and_no_request_breaks_the_silence() -> None:
    async def play() -> None:
        stage = Stage([head(number) for number in range(1, 9)], answering())
        await stage.play(60)
        assert all(119 <= count <= 121 for count in stage.ears.count().values())
        assert len(stage.ears.count()) == 8
        assert min(stage.line.silences_ms) >= gap_ms(stage.port) - 1e-6
        assert stage.port_health.strays == {}

    in_virtual_time(play())


def test_a_device_that_needs_a_longer_turnaround_gets_it_and_the_others_do_not_wait_for_it() -> None:
    async def play() -> None:
        stage = Stage([head(1, turnaround_ms=40), head(2)], answering(), line_port(eager=True))
        await stage.play(10)
        after_first = [
            silence
            for silence, (_, before) in zip(stage.line.silences_ms[1:], stage.line.asked, strict=False)
            if before[0] == 1
        ]
        after_second = [
            silence
            for silence, (_, before) in zip(stage.line.silences_ms[1:], stage.line.asked, strict=False)
            if before[0] == 2
        ]
        assert min(after_first) >= 40 - 1e-6
        assert max(after_second) < 10

    in_virtual_time(play())


@pytest.mark.parametrize("dead", [{1}, {1, 2}, {3, 5, 7}])
def test_dead_neighbours_do_not_slow_the_living(dead: set[int]) -> None:
    async def play() -> None:
        stage = Stage([head(number, timeout_ms=150) for number in range(1, 9)], answering(dead))
        await stage.play(60)
        for number in {*range(1, 9)} - dead:
            # never more than one whole time-out and one poll late; hardly ever more than a cheap probe
            assert stage.ears.longest_ms(number, from_ms=5000) <= 500 + 150 + 40
            assert sorted(stage.ears.pauses_ms(number, from_ms=5000))[-10] <= 500 + 40
            assert stage.ears.count()[number] >= 118
        assert {number for number, up in stage.ears.edges if up} == {*range(1, 9)} - dead

    in_virtual_time(play())


def test_on_a_full_line_the_living_keep_nine_tenths_of_the_time() -> None:
    async def play() -> int:
        stage = Stage([head(n, period_ms=5000) for n in range(1, 11)], answering(dead), port)
        await stage.play(20)
        return len([1 for _, at_ms in stage.ears.scans if at_ms >= 5_000])

    port = line_port(baud=115_200, eager=True)
    dead: set[int] = set()
    healthy = in_virtual_time(play())
    dead.add(4)
    assert in_virtual_time(play()) >= 0.9 * healthy


def test_a_device_that_comes_back_is_read_within_a_round_and_keeps_its_period_from_then_on() -> None:
    async def play() -> None:
        dead: set[int] = set()
        stage = Stage([head(number, timeout_ms=150) for number in range(1, 9)], answering(dead))

        async def life() -> None:
            await asyncio.sleep(10)
            dead.add(3)
            await asyncio.sleep(20)
            dead.clear()

        await stage.play(60, life)
        back_ms = min(at_ms for number, at_ms in stage.ears.scans if number == 3 and at_ms > 30_000)
        assert back_ms <= 30_000 + 500 + 250
        assert stage.ears.longest_ms(3, from_ms=back_ms) <= 550
        assert stage.ears.edges[-2:] == [(3, False), (3, True)]

    in_virtual_time(play())


def test_a_device_that_has_become_slow_is_found_again() -> None:
    async def play() -> None:
        delay_ms = [6.0]

        def answer(request: bytes, now_ms: float) -> tuple[float, bytes]:
            return (delay_ms[0] if request[0] == 2 else 6.0), reading(request[0])

        stage = Stage([head(1, timeout_ms=200), head(2, timeout_ms=200)], answer)

        async def life() -> None:
            await asyncio.sleep(20)
            delay_ms[0] = 120.0

        await stage.play(60, life)
        assert len([1 for number, at_ms in stage.ears.scans if number == 2 and at_ms > 40_000]) >= 35
        assert stage.port_health.strays["late"] >= 1

    in_virtual_time(play())


def test_the_time_out_is_learned_from_the_answers_and_stays_between_floor_and_ceiling() -> None:
    async def play() -> None:
        stage = Stage([head(1, timeout_ms=400), head(2, timeout_ms=400, timeout_floor_ms=90)], answering(delay_ms=20))
        await stage.play(60)
        learned = stage.health[1].patience
        assert learned is not None
        assert 40 <= learned.learned_ms <= 60  # about twice 20 ms
        floored = stage.health[2].patience
        assert floored is not None
        assert floored.learned_ms == 90

    in_virtual_time(play())


class Mistaken(GasHead):
    """A driver with a mistake in one of its three methods."""

    def __init__(self, station: int, where: str) -> None:
        super().__init__(station=station, first=0, function=4, scale=0.01, low=0.0, high=4.0)
        self._where = where

    def ask(self, now_ms: int) -> bytes | None:
        return super().ask(now_ms) if self._where != "ask" else bytes(1 // (now_ms - now_ms))

    def missing(self, heard: bytes) -> int:
        return super().missing(heard) if self._where != "missing" else 1 // len(b"")

    def hear(self, frame: bytes) -> Heard:
        if self._where == "record":
            return Heard("not bytes")  # type: ignore[arg-type]  # that is the mistake
        return super().hear(frame) if self._where != "hear" else Heard(bytes(1 // len(b"")))


@pytest.mark.parametrize("where", ["ask", "missing", "hear", "record"])
def test_a_driver_with_a_mistake_is_named_and_its_neighbours_go_on(where: str) -> None:
    async def play() -> None:
        stage = Stage([head(1), head(2, Mistaken(2, where)), head(3)], answering())
        await stage.play(30)
        assert stage.ears.count()[1] >= 58
        assert stage.ears.count()[3] >= 58
        assert set(stage.ears.errors) == {2}
        assert stage.ears.count()[2] == 0

    in_virtual_time(play())


def strange(wrong: Callable[[bytes], bytes], every: int = 5) -> Callable[[bytes, float], tuple[float, bytes]]:
    """Every so-many-th answer is what `wrong` makes of the request."""
    turn = [0]

    def answer(request: bytes, now_ms: float) -> tuple[float, bytes]:
        turn[0] += 1
        return 6.0, wrong(request) if turn[0] % every == 0 else reading(request[0])

    return answer


@pytest.mark.parametrize(
    ("stray", "wrong", "answered"),
    [
        ("echoed", lambda request: request + reading(request[0]), True),
        ("noise", lambda request: b"\x00" + reading(request[0]), True),
        ("noise", lambda request: reading(request[0]) + b"\xff\xff", True),
        ("foreign", lambda request: reading(9) + reading(request[0]), True),
        ("foreign", lambda request: reading(9), False),
        ("damaged", lambda request: reading(request[0])[:-1] + b"\x00", False),
        ("damaged", lambda request: reading(request[0])[:5], False),
        ("damaged", lambda request: bytes(range(7, 60)), False),
    ],
)
def test_what_is_no_answer_is_told_apart_and_the_answer_is_found_behind_it(
    stray: str, wrong: Callable[[bytes], bytes], answered: bool
) -> None:
    async def play() -> None:
        stage = Stage([head(number) for number in range(1, 5)], strange(wrong))
        await stage.play(30)
        odd = len(stage.line.asked) // 5
        assert stage.port_health.strays[stray] == pytest.approx(odd, abs=2)
        if answered:
            assert sum(stage.ears.count().values()) >= len(stage.line.asked) - 1
        assert min(stage.ears.count().values()) >= 58  # a damaged reading is read again at once
        assert stage.ears.edges == [(number, True) for number in range(1, 5)]

    in_virtual_time(play())


def test_an_exception_is_an_answer_and_not_asked_again_in_a_storm() -> None:
    async def play() -> None:
        stage = Stage([head(1), head(2)], strange(lambda request: framed(bytes((request[0], 0x84, 6)))))
        await stage.play(60)
        assert stage.ears.kinds.count("exception") == len(stage.ears.kinds) > 40
        assert len(stage.line.asked) <= 242
        assert stage.port_health.strays == {}

    in_virtual_time(play())


def test_a_late_answer_is_known_for_what_it_is_and_costs_the_next_device_nothing() -> None:
    async def play() -> None:
        slow = [False]

        def answer(request: bytes, now_ms: float) -> tuple[float, bytes]:
            return (26.0 if slow[0] and request[0] == 1 else 6.0), reading(request[0])

        stage = Stage([head(number) for number in range(1, 7)], answer, line_port(eager=True))

        async def life() -> None:
            await asyncio.sleep(20)
            slow[0] = True
            await asyncio.sleep(0.4)
            slow[0] = False

        await stage.play(30, life)
        assert stage.port_health.strays["late"] >= 1
        assert stage.port_health.strays["foreign"] == 0
        assert stage.ears.longest_ms(2) < 200

    in_virtual_time(play())


def test_a_line_that_never_falls_silent_does_not_hold_the_arbiter_for_ever() -> None:
    async def play() -> None:
        stage = Stage([head(1), head(2)], answering())

        async def babble() -> None:
            await asyncio.sleep(10)
            for _ in range(5000):
                stage.line.say(b"\x55", 0)
                await asyncio.sleep(0.001)

        await stage.play(30, babble)
        assert stage.port_health.strays["babble"] >= 1
        assert len([1 for _, at_ms in stage.ears.scans if at_ms > 16_000]) >= 50

    in_virtual_time(play())
