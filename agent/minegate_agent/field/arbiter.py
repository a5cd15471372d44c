"""One task owns one serial line: who is asked when, and what follows from the answer.

Classes of work: trip > command > alarm re-read > scan > background (schedule.py). A device costs its line at most its
learned time-out (patience.py), a lost one a cheap probe per round. The port is never closed for a silent device.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import NamedTuple

from minegate_agent.clock import Clock
from minegate_agent.config import Port
from minegate_agent.field.exchange import Answer, Exchange
from minegate_agent.field.frames import ANSWERS_BADLY, Stray
from minegate_agent.field.health import DeviceHealth, PortHealth
from minegate_agent.field.hearing import DriverError, Sink, asked
from minegate_agent.field.place import Place
from minegate_agent.field.schedule import JOBS, Job, Planned, Schedule, Turn
from minegate_agent.field.wire_time import wire_ms
from minegate_agent.site import SiteDevice
from minegate_drivers.ports import LinePort
from minegate_drivers.sdk import Heard, LineDriver, Nonsense, Quality

COMMANDS_MAX = 16
_REQUEST_BYTES, _ANSWER_BYTES = 8, 9  # of a probe, about: a read of two registers


class Refused(Exception):  # noqa: N818 - says what happened to the command
    """A command was not sent, or not answered as it must be."""


class _Command(NamedTuple):
    number: int
    driver: LineDriver
    done: asyncio.Future[Heard]


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
        self._places = {device.number: Place(port, device) for device in devices}
        self._clock = clock
        self._sink = sink
        self._port_health = port_health
        self._health = health
        self._port_ms = wire_ms(port, _REQUEST_BYTES + _ANSWER_BYTES)
        self._exchange = Exchange(port, self._stray)
        self._schedule: Schedule | None = None
        self._commands: deque[_Command] = deque()
        self._called = asyncio.Event()
        for number, place in self._places.items():
            health[number].patience = place.patience

    async def run(self, line: LinePort) -> None:
        """For ever; raises PortLost when the line is gone. Whoever answers now must first show who it is."""
        time = asyncio.get_running_loop().time
        for place in self._places.values():
            place.verified = False
        if self._schedule is None:
            self._schedule = Schedule(
                [Planned(n, p.device.config.period_ms, JOBS[p.device.config.job]) for n, p in self._places.items()],
                time() * 1000,
                probe_ms=self._probe_ms,
                eager=self._port.eager,
            )
        schedule = self._schedule
        while True:
            now_ms = time() * 1000
            turn = schedule.choose(now_ms)
            if self._commands and (turn is None or turn.lost or turn.urgency > Job.COMMAND):
                await self._obey(line, self._commands.popleft())
            elif turn is None:
                await self._rest((schedule.wake_ms(now_ms) - now_ms) / 1000)
            else:
                await self._poll(line, schedule, turn)

    async def command(self, number: int, driver: LineDriver) -> Heard:
        """Have `driver`, which asks one question, talk to device `number` before any scan. Raises Refused."""
        if len(self._commands) >= COMMANDS_MAX:
            raise Refused(f"port {self._port.name}: {COMMANDS_MAX} commands are waiting already")
        done: asyncio.Future[Heard] = asyncio.get_running_loop().create_future()
        self._commands.append(_Command(number, driver, done))
        self._called.set()
        return await done

    async def _rest(self, seconds: float) -> None:
        """Until the next turn is due, or a command comes."""
        self._called.clear()
        due = asyncio.get_running_loop().call_later(seconds, self._called.set)
        try:
            await self._called.wait()
        finally:
            due.cancel()

    async def _poll(self, line: LinePort, schedule: Schedule, turn: Turn) -> bool:
        """Ask one device; True if it answered."""
        time = asyncio.get_running_loop().time
        place, health = self._places[turn.number], self._health[turn.number]
        begun_s = time()
        schedule.begin(turn, begun_s * 1000)
        answer: Answer | None = None
        try:
            request = asked(place.driver, self._clock.monotonic_ms())
            if request is None:
                schedule.done(turn, not turn.lost, begun_s * 1000)
                return False
            health.asked += 1
            patience = place.patience
            wait_ms = patience.probe_ms(self._usual_ms()) if turn.lost else patience.wait_ms()
            self._port_health.asking = turn.number, wait_ms
            answer = await self._exchange.ask(line, place, place.driver, request, wait_ms)
        except DriverError as error:
            self._sink.driver_error(place.device, error.mistake)
        answered = answer is not None and self._believe(place, health, turn, answer)
        ended_s = time()
        # the line is taken from the request to the end of the silence behind the answer
        self._port_health.busy_ms += (ended_s - max(begun_s, self._exchange.wrote_s) + place.quiet_s) * 1000
        again = turn.again
        schedule.done(turn, answered, ended_s * 1000)
        turn.again = again
        self._edge(place.device, health, answered, turn)
        return answered

    def _believe(self, place: Place, health: DeviceHealth, turn: Turn, answer: Answer) -> bool:
        """Hand on what was heard; True if the device has shown that it lives."""
        was_again, turn.again = turn.again, False
        if answer.heard is not None:
            place.verified = True
            place.patience.answered(answer.delay_ms)
            health.answer(self._clock.monotonic_ms())
            quality = int(answer.heard.quality)
            # a reading that has just turned bad is read again at once, before any scan
            turn.again = quality != place.quality and quality != Quality.GOOD and not was_again
            place.quality = quality
            self._sink.heard(place.device, answer.heard)
            return True
        place.patience.missed()
        if answer.nonsense is None:
            health.timeouts += 1
            return False
        self._sink.nonsense(place.device, answer.nonsense)
        damaged = answer.nonsense.kind not in ANSWERS_BADLY
        turn.again = damaged and not was_again and not turn.lost
        return False

    async def _obey(self, line: LinePort, command: _Command) -> None:
        """Send one command; to a device that has not shown since the opening who it is, only after it has."""
        if command.done.cancelled():
            return
        place = self._places[command.number]
        assert self._schedule is not None
        if not place.verified and not await self._poll(line, self._schedule, self._schedule.turns[command.number]):
            self._end(command, Refused(f"device {place.device.name}: does not answer as itself; nothing was written"))
            return
        try:
            request = asked(command.driver, self._clock.monotonic_ms())
            if request is None:
                raise Refused(f"device {place.device.name}: the command asks nothing")
            self._port_health.asking = command.number, float(place.device.config.timeout_ms)
            answer = await self._exchange.ask(line, place, command.driver, request, place.device.config.timeout_ms)
        except (DriverError, Refused) as error:
            self._end(command, Refused(str(error)))
            return
        except BaseException:
            self._end(command, Refused(f"port {self._port.name}: lost while the command was sent"))
            raise
        if answer.heard is not None:
            if not command.done.done():
                command.done.set_result(answer.heard)
            return
        self._end(command, Refused(f"device {place.device.name}: {answer.nonsense or Nonsense('length', 'no answer')}"))

    def _end(self, command: _Command, refused: Refused) -> None:
        if not command.done.done():
            command.done.set_exception(refused)

    def _probe_ms(self, number: int) -> float:
        """What a probe of that device takes of the line if nobody answers."""
        place = self._places[number]
        return self._port_ms + place.patience.probe_ms(self._usual_ms()) + place.quiet_s * 1000

    def _usual_ms(self) -> float:
        """What the devices of this line that are known take: the guess for one that was never heard."""
        known = [place.patience.learned_ms for place in self._places.values() if place.patience.learned]
        return max(known, default=float("inf"))

    def _stray(self, stray: Stray, count: int) -> None:
        self._port_health.strays[stray.value] += 1
        self._port_health.stray_bytes += count

    def _edge(self, device: SiteDevice, health: DeviceHealth, answered: bool, turn: Turn) -> None:
        if answered and not health.up:
            health.up = True
            self._sink.edge(device, True)
        elif turn.lost and health.up:
            health.up = False
            self._sink.edge(device, False)
