"""One task owns one serial line: asks, waits, hears, and keeps the silence between frames.

A device costs its line at most its time-out, and a lost device is asked rarely (schedule.py), so a dead neighbour is
a known, small cost. The port is never closed for a silent device.
"""

from __future__ import annotations

import asyncio

from minegate_agent.clock import Clock
from minegate_agent.config import Port
from minegate_agent.field.health import DeviceHealth, PortHealth
from minegate_agent.field.hearing import Sink, understand
from minegate_agent.field.schedule import Schedule, Turn
from minegate_agent.site import SiteDevice
from minegate_drivers.ports import LinePort
from minegate_drivers.sdk import LineDriver

_ANSWER_BYTES_MAX = 512
_GAP_FAST_MS = 1.75  # Modbus over serial line V1.02, 2.5.1.1: fixed above 19200 baud
_GAP_FAST_BAUD = 19_200


def gap_ms(port: Port) -> float:
    """The silence of 3.5 characters that ends a frame."""
    bits = 1 + 8 + (port.parity != "N") + port.stop_bits
    return _GAP_FAST_MS if port.baud > _GAP_FAST_BAUD else 3.5 * bits * 1000 / port.baud


def wire_ms(port: Port, count: int) -> float:
    """How long `count` bytes take on the wire."""
    return count * (1 + 8 + (port.parity != "N") + port.stop_bits) * 1000 / port.baud


class Arbiter:
    """The line `port` with its devices."""

    def __init__(
        self,
        port: Port,
        devices: list[SiteDevice],
        clock: Clock,
        sink: Sink,
        port_health: PortHealth,
        health: dict[int, DeviceHealth],
    ) -> None:
        self._port = port
        self._devices = {device.number: device for device in devices}
        self._clock = clock
        self._sink = sink
        self._port_health = port_health
        self._health = health
        self._schedule = Schedule([(d.number, d.config.period_ms) for d in devices], clock.monotonic_ms())

    async def run(self, line: LinePort) -> None:
        """For ever; raises PortLost when the line is gone."""
        quiet_s = max(gap_ms(self._port), self._port.turnaround_ms) / 1000
        while True:
            wait_ms = self._schedule.next().due_ms - self._clock.monotonic_ms()
            if wait_ms > 0:
                await asyncio.sleep(wait_ms / 1000)
            turn = self._schedule.choose(self._clock.monotonic_ms())
            asked_ms = self._clock.monotonic_ms()
            await self._ask(line, turn)
            await asyncio.sleep(quiet_s)
            self._port_health.busy_ms += self._clock.monotonic_ms() - asked_ms

    async def _ask(self, line: LinePort, turn: Turn) -> None:
        device = self._devices[turn.number]
        driver = device.driver
        assert isinstance(driver, LineDriver)
        asked_ms = self._clock.monotonic_ms()
        request = driver.ask(asked_ms)
        if request is None:
            self._schedule.done(turn, not turn.lost, asked_ms)
            return
        self._port_health.discarded += line.discard()
        health = self._health[turn.number]
        health.asked += 1
        line.write(request)
        answer = await self._answer(line, driver, device.config.timeout_ms, len(request))
        now_ms = self._clock.monotonic_ms()
        answered = bool(answer) and understand(device, driver.hear, answer, self._sink)
        if answered:
            health.answer(now_ms - asked_ms, now_ms)
        elif not answer:
            health.timeouts += 1
        self._schedule.done(turn, answered, now_ms)
        self._edge(device, health, answered, turn)

    async def _answer(self, line: LinePort, driver: LineDriver, timeout_ms: int, request_bytes: int) -> bytes:
        """What was heard until the driver has enough or the time is over; b"" if nothing came."""
        heard = b""
        try:
            async with asyncio.timeout((timeout_ms + wire_ms(self._port, request_bytes)) / 1000):
                while driver.missing(heard) > 0 and len(heard) < _ANSWER_BYTES_MAX:
                    heard += await line.read_some()
        except TimeoutError:
            return heard  # a short frame is judged by the driver, which will call it nonsense
        return heard

    def _edge(self, device: SiteDevice, health: DeviceHealth, answered: bool, turn: Turn) -> None:
        if answered and not health.up:
            health.up = True
            self._sink.edge(device, True)
        elif turn.lost and health.up:
            health.up = False
            self._sink.edge(device, False)
