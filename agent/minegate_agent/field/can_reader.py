"""The reader of one CAN bus: frames in batches, each to the devices it concerns; what must be said; who is late."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from minegate_agent.clock import Clock
from minegate_agent.field.can_rhythm import Rhythm
from minegate_agent.field.health import DeviceHealth, PortHealth
from minegate_agent.field.hearing import DriverError, Sink, counted, understand
from minegate_agent.site import SiteDevice
from minegate_drivers.ports import BusHealth, CanFrame, CanPort, PortLost
from minegate_drivers.sdk import CanDriver, Counted, Heard

LOOK_S = 0.05
_AGE_NS_MAX = 60_000_000_000

_Key = tuple[int, bool]


class CanReader:
    """Every device of one CAN bus, found by identifier."""

    def __init__(
        self, devices: list[SiteDevice], clock: Clock, sink: Sink, port: PortHealth, health: dict[int, DeviceHealth]
    ) -> None:
        self._clock, self._sink, self._port, self._health = clock, sink, port, health
        self._devices: list[tuple[SiteDevice, CanDriver]] = []
        self._by_id: dict[_Key, list[tuple[SiteDevice, Callable[[CanFrame], Heard | None]]]] = {}
        self._rhythms: dict[int, dict[_Key, Rhythm]] = {}
        self._looking: asyncio.TimerHandle | None = None
        self._lag_max_ms = 0.0
        self._bus: BusHealth | None = None
        for device in devices:
            assert isinstance(device.driver, CanDriver)
            self._devices.append((device, device.driver))
            for key in device.driver.can_ids:
                self._by_id.setdefault(key, []).append((device, device.driver.hear))

    @property
    def can_ids(self) -> tuple[_Key, ...]:
        """What the port should let through."""
        return tuple(self._by_id)

    async def run(self, bus: CanPort) -> None:
        """For ever; raises PortLost when the bus is gone."""
        now_ms = self._clock.monotonic_ms()
        self._bus = bus.bus
        self._rhythms = {
            device.number: {key: Rhythm(period_ms, now_ms) for key, period_ms in driver.periods_ms.items()}
            for device, driver in self._devices
        }
        looking = asyncio.get_running_loop().call_later(LOOK_S, self._look, bus)
        try:
            while True:
                self._hear(await bus.read_batch(), self._clock.monotonic_ms())
        finally:
            (self._looking or looking).cancel()
            self._looking = None

    def report(self, now_ms: int) -> dict[str, Any]:
        """Numbers for the page: the bus, and each message that has a rate of its own."""
        bus = self._bus or BusHealth()
        missed, repeated = self._counted()
        return {
            "missed": missed,
            "repeated": repeated,
            "state": bus.state,
            "dropped": bus.dropped,
            "malformed": bus.malformed,
            "unsent": bus.unsent,
            "restarts": bus.restarts,
            "errors": dict(bus.errors),
            "read_lag_ms_max": round(self._lag_max_ms, 1),
            "messages": [
                {
                    "device": device.name,
                    "id": f"{number:08X}" if wide else f"{number:03X}",
                    "period_ms": rhythm.period_ms,
                    "heard": rhythm.heard,
                    "lag_ms": round(rhythm.lag_ms(now_ms), 1),
                    "lag_ms_max": round(rhythm.lag_max_ms, 1),
                    "times_late": rhythm.times_late,
                }
                for device, _ in self._devices
                for (number, wide), rhythm in self._rhythms.get(device.number, {}).items()
            ],
        }

    def _counted(self) -> Counted:
        """What the drivers have counted, together."""
        missed = repeated = 0
        for device, driver in self._devices:
            try:
                own = counted(driver)
            except DriverError as error:
                self._sink.driver_error(device, error.mistake)
                continue
            missed, repeated = missed + own.missed, repeated + own.repeated
        return Counted(missed, repeated)

    def _hear(self, batch: list[CanFrame], now_ms: int) -> None:
        """Stamps are UTC and may step with the clock; an age that cannot be is taken as none."""
        utc_ns = self._clock.utc_ms() * 1_000_000
        sink, rhythms, by_id = self._sink, self._rhythms, self._by_id
        oldest_ns = 0
        answered: Counter[int] = Counter()
        for frame in batch:
            key = frame[0], frame[2]  # by position: this line runs for every frame of the bus
            found = by_id.get(key)
            if found is None:
                self._port.foreign += 1
                continue
            age_ns = utc_ns - frame.stamp_ns
            if not 0 < age_ns < _AGE_NS_MAX:
                age_ns = 0
            elif age_ns > oldest_ns:
                oldest_ns = age_ns
            for device, hear in found:
                if understand(device, hear, frame, sink):
                    number = device.number
                    answered[number] += 1
                    rhythm = rhythms[number].get(key)
                    if rhythm is not None:
                        rhythm.hear(now_ms - age_ns / 1e6)
        self._lag_max_ms = max(self._lag_max_ms, oldest_ns / 1e6)
        for number, count in answered.items():
            self._count(number, count, now_ms)

    def _count(self, number: int, count: int, now_ms: int) -> None:
        own = self._health[number]
        own.answered += count - 1
        own.answer(now_ms)
        if not own.up:
            own.up = True
            self._sink.edge(next(device for device, _ in self._devices if device.number == number), True)

    def _look(self, bus: CanPort) -> None:
        """What is to be said is said, who is late is late; also while the bus is silent."""
        now_ms = self._clock.monotonic_ms()
        self._looking = asyncio.get_running_loop().call_later(LOOK_S, self._look, bus)
        for device, driver in self._devices:
            with suppress(PortLost):  # the reader learns it from its own reading, and ends
                for frame in driver.say(now_ms):
                    bus.send(frame)
            late = [rhythm.look(now_ms) for rhythm in self._rhythms[device.number].values()]
            own = self._health[device.number]
            if late and all(late) and own.up:
                own.up = False
                self._sink.edge(device, False)
