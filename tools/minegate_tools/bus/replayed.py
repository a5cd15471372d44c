"""A recording through the present code: field's own exchange and readers, the drivers, the judge; in virtual time.

    12.345 asks T1-head 0104...           what is asked, where it is not what was asked then
    12.371 T1-head part 0 good 007d0001   a scan: device, part, quality, record
    14.012 T1-head nonsense crc           or why there is none
    15.000 verdict cut limit heading-1201 1201-T1-ch4 1.52 1.5

Times are seconds. The judge begins locked with the first scan; what people did at the gateway is not on a bus, so power
is never permitted here, and what is compared is what speaks against it and what alarms.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import Iterator
from pathlib import Path

from minegate_agent.config import Port
from minegate_agent.field.exchange import Exchange
from minegate_agent.field.hearing import DriverError, asked, understand
from minegate_agent.field.place import Place
from minegate_agent.field.points import Points
from minegate_agent.scan import Scan
from minegate_agent.site import Site, SiteDevice
from minegate_drivers.ports import CanFrame, Message
from minegate_drivers.sdk import CanDriver, Heard, LineDriver, MessageDriver, Nonsense
from minegate_drivers.testkit import quality_words
from minegate_interlock.decide import decide
from minegate_interlock.rules import RulesError, load
from minegate_sim.virtual.loop import VirtualLoop
from minegate_tools.bus.traffic import Asked, Came, Entry, RecordingError

SLACK_MS = 2.0  # what was handed over just at the end of its time was in time
LOOK_MS = 50.0  # field asks CAN drivers so often what they have to say
_TAIL_MS = 2000


def replayed(folder: Path, site: Site, traffic: list[Entry]) -> list[str]:
    """What the present code makes of it, line by line. Raises RecordingError."""
    play = _Play(site, traffic)
    loop = VirtualLoop()
    try:
        loop.run_until_complete(play.run())
    finally:
        loop.close()
    return [f"{ms / 1000:.3f} {text}" for ms, text in sorted([*play.told, *_verdicts(folder, play.readings)])]


class _Play:
    """Itself the Sink of its readers. `told`: (ms, line); `readings`: what the interlock would be sent."""

    def __init__(self, site: Site, traffic: list[Entry]) -> None:
        self.told: list[tuple[float, str]] = []
        self.readings: list[tuple[float, str]] = []
        self._site = site
        self._points = Points(site)
        for point in site.points:
            self._points.want(point.number)
        self._names = {point.number: point.name for point in site.points}
        self._asked: defaultdict[str, deque[Asked]] = defaultdict(deque)
        self._came: defaultdict[str, deque[Came]] = defaultdict(deque)
        for entry in traffic:
            if isinstance(entry, Asked):
                self._asked[entry.port].append(entry)
            elif isinstance(entry, Came):
                self._came[entry.port].append(entry)

    async def run(self) -> None:
        """Every port in its own time."""
        async with asyncio.TaskGroup() as tasks:
            for port in self._site.config.port:
                play = {"serial": self._line, "can": self._bus, "mqtt": self._broker}[port.kind]
                tasks.create_task(play(port), name=port.name)

    # -- ports

    async def _line(self, port: Port) -> None:
        exchange = Exchange(port, lambda stray, length: None)
        places = {d.number: Place(port, d) for d in self._on(port) if isinstance(d.driver, LineDriver)}
        line = _TapeLine(self._came[port.name])
        for then in self._asked[port.name]:
            await _until(then.ms)
            place = places.get(then.device)
            if place is None:
                continue  # the site that was recorded has it; a site that was edited may not
            try:
                request = self._asks(place, then)
                answer = await exchange.ask(line, place, place.driver, request or then.data, then.wait_ms)
            except DriverError as error:
                self.driver_error(place.device, error.mistake)
                continue
            if answer.heard is not None:
                self.heard(place.device, answer.heard)
            elif answer.nonsense is not None:
                self.nonsense(place.device, answer.nonsense)

    def _asks(self, place: Place, then: Asked) -> bytes | None:
        """What the driver asks. One that asks several things in turn may have been anywhere in its round at first."""
        first = request = asked(place.driver, int(then.ms))
        for _ in place.driver.layouts[1:]:
            if request == then.data:
                break
            request = asked(place.driver, int(then.ms))
        if request != then.data:
            self._tell(f"asks {place.device.name} {(first or b'').hex() or '-'}")
        return request

    async def _bus(self, port: Port) -> None:
        devices = [(d, d.driver) for d in self._on(port) if isinstance(d.driver, CanDriver)]
        looked_ms = 0.0
        for came in self._came[port.name]:
            await _until(came.ms)
            while looked_ms + LOOK_MS <= came.ms:
                looked_ms += LOOK_MS
                for _, driver in devices:
                    driver.say(int(looked_ms))
            frame = came.what
            assert isinstance(frame, CanFrame)
            for device, driver in devices:
                if (frame.id, frame.extended) in driver.can_ids:
                    understand(device, driver.hear, frame, self)

    async def _broker(self, port: Port) -> None:
        devices = [(d, d.driver) for d in self._on(port) if isinstance(d.driver, MessageDriver)]
        for came in self._came[port.name]:
            await _until(came.ms)
            message = came.what
            assert isinstance(message, Message)
            for device, driver in devices:
                if message.topic in driver.topics:
                    understand(device, driver.hear, message, self)

    def _on(self, port: Port) -> list[SiteDevice]:
        return [device for device in self._site.devices.values() if device.port == port.name]

    # -- Sink

    def heard(self, device: SiteDevice, heard: Heard) -> None:
        """See Sink."""
        ms = _now_ms()
        record = bytes(heard.record)
        self._tell(f"{device.name} part {heard.part} {quality_words(heard.quality)} {record.hex() or '-'}")
        scan = Scan(1, len(self.told), device.number, heard.part, int(heard.quality), int(ms), 0, 0, record)
        for reading in self._points.readings(scan, int(ms)):
            told = {"ms": int(ms), "point": self._names[reading.number], "value": reading.value}
            self.readings.append((ms, json.dumps(told | {"quality": int(reading.quality)})))

    def edge(self, device: SiteDevice, up: bool) -> None:
        """See Sink: when a device counts as lost is a matter of what was asked, and not of what is heard."""

    def nonsense(self, device: SiteDevice, error: Nonsense) -> None:
        """See Sink."""
        self._tell(f"{device.name} nonsense {error.kind}")

    def driver_error(self, device: SiteDevice, error: Exception) -> None:
        """See Sink."""
        self._tell(f"{device.name} driver error {type(error).__name__}: {error}")

    def _tell(self, text: str) -> None:
        self.told.append((_now_ms(), text))


class _TapeLine:
    """See LinePort: what was heard then is heard again at its time, whoever asks."""

    def __init__(self, came: deque[Came]) -> None:
        self._came = came
        self._heard_ms = 0.0

    def write(self, data: bytes) -> None:
        """See LinePort."""

    async def read_some(self, at_least: int = 1, within_s: float | None = None) -> bytes:
        """See LinePort."""
        until_ms = _now_ms() + (within_s or 0.0) * 1000
        heard = b""
        while len(heard) < at_least:
            if not self._came or self._came[0].ms > until_ms + SLACK_MS:
                await _until(until_ms)
                break
            await _until(self._came[0].ms)
            heard += self._next()
        return heard

    async def pause(self, seconds: float) -> None:
        """See LinePort."""
        await _until(self._heard_ms + seconds * 1000)

    def take(self) -> bytes:
        """See LinePort."""
        heard = b""
        while self._came and self._came[0].ms <= _now_ms():
            heard += self._next()
        return heard

    def close(self) -> None:
        """See LinePort."""

    def _next(self) -> bytes:
        data = self._came.popleft().what
        assert isinstance(data, bytes)
        self._heard_ms = _now_ms()
        return data


def _verdicts(folder: Path, readings: list[tuple[float, str]]) -> Iterator[tuple[float, str]]:
    path = folder / "rules.toml"
    if not path.is_file() or not readings:
        return
    try:
        rules = load(path.read_bytes(), str(path))
    except RulesError as error:
        raise RecordingError(str(error)) from error
    wanted = rules.wanted()
    lines = [line for _, line in readings if json.loads(line)["point"] in wanted]
    for verdict in decide(rules, lines):
        words = [str(verdict.get(key, "")) for key in ("what", "cause", "area", "point")]
        words += [f"{verdict[key]:.6g}" for key in ("value", "limit") if key in verdict]
        ms = verdict["ms"]
        assert isinstance(ms, int)
        yield float(ms), " ".join(["verdict", *(word for word in words if word)])


def _now_ms() -> float:
    return asyncio.get_running_loop().time() * 1000


async def _until(ms: float) -> None:
    left_ms = ms - _now_ms()
    if left_ms > 0:
        await asyncio.sleep(left_ms / 1000)
