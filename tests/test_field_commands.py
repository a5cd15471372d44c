"""What comes before a scan: commands to devices that are who they say they are, alarms read again, trip devices."""

from __future__ import annotations

import asyncio

import pytest

from line_work import Stage, answering, head, line_port, reading
from minegate_agent.field.arbiter import COMMANDS_MAX, Refused
from minegate_drivers.gas_head import GasHead
from minegate_drivers.modbus_rtu import framed
from minegate_drivers.ports import PortLost
from minegate_drivers.sdk import Heard, LineDriver
from virtual_line import in_virtual_time


class OneWrite(GasHead):
    """A command: one question, one answer; told apart from the scans by its function."""

    def ask(self, now_ms: int) -> bytes | None:
        return framed(bytes((1, 3, 0, 0, 0, 2)))

    def hear(self, frame: bytes) -> Heard:
        return Heard(frame[3:7])


def write() -> LineDriver:
    return OneWrite(station=1, first=0, function=3, scale=0.01, low=0.0, high=4.0)


def commanded(request: bytes, now_ms: float) -> tuple[float, bytes]:
    return 6.0, framed(bytes((request[0], request[1], 4, 0, 50, 0, 1)))


def test_a_command_precedes_every_scan_that_waits() -> None:
    async def play() -> None:
        stage = Stage([head(number) for number in range(1, 15)], commanded, line_port(eager=True))

        async def command() -> None:
            await asyncio.sleep(10.01)
            await stage.arbiter.command(1, write())
            assert asyncio.get_running_loop().time() <= 10.01 + 0.08  # one poll that had begun, and the command

        await stage.play(20, command)
        assert any(request[1] == 3 for _, request in stage.line.asked)

    in_virtual_time(play())


def test_nothing_is_written_to_a_device_that_has_not_answered_as_itself_since_the_line_was_opened() -> None:
    async def play() -> None:
        stage = Stage([head(1), head(2)], answering({1}))

        async def command() -> None:
            await asyncio.sleep(5)
            with pytest.raises(Refused, match="device d1: does not answer as itself; nothing was written"):
                await stage.arbiter.command(1, write())

        await stage.play(10, command)
        assert not any(request[1] == 3 for _, request in stage.line.asked)

    in_virtual_time(play())


def test_after_the_adapter_was_away_the_first_write_waits_for_the_device_to_show_who_it_is() -> None:
    async def play() -> None:
        stage = Stage([head(1, period_ms=60_000), head(2)], commanded)
        await stage.play(3)
        stage.line.lost = "gone"
        with pytest.raises(PortLost):
            await stage.arbiter.run(stage.line)
        stage.line.lost = ""
        before = len(stage.line.asked)

        async def command() -> None:
            await stage.arbiter.command(1, write())

        await stage.play(2, command)
        to_first = [request[1] for _, request in stage.line.asked[before:] if request[0] == 1]
        assert to_first == [4, 3]

    in_virtual_time(play())


def test_commands_that_cannot_be_sent_are_refused_and_not_piled_up() -> None:
    async def play() -> None:
        stage = Stage([head(1)], commanded)
        waiting = [asyncio.create_task(stage.arbiter.command(1, write())) for _ in range(COMMANDS_MAX)]
        await asyncio.sleep(0)
        with pytest.raises(Refused, match="port line: 16 commands are waiting already"):
            await stage.arbiter.command(1, write())
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    in_virtual_time(play())


def test_a_reading_that_turns_bad_is_read_again_at_once() -> None:
    async def play() -> None:
        def answer(request: bytes, now_ms: float) -> tuple[float, bytes]:
            return 6.0, reading(request[0], 50, 0 if request[0] == 1 and now_ms > 10_200 else 1)

        stage = Stage([head(1), head(2)], answer)
        await stage.play(20)
        first, second = [at_ms for number, at_ms in stage.ears.scans if number == 1 and at_ms > 10_200][:2]
        assert second - first < 50
        assert stage.ears.count()[1] <= 42  # once, not in a storm

    in_virtual_time(play())


def test_a_trip_device_is_asked_before_scans_that_wait_longer() -> None:
    async def play() -> None:
        devices = [head(number, period_ms=600) for number in range(1, 16)]
        devices.append(head(16, period_ms=100, job="trip"))
        stage = Stage(devices, answering())
        await stage.play(20)
        assert stage.ears.longest_ms(16, from_ms=2000) <= 100 + 2 * 36

    in_virtual_time(play())
