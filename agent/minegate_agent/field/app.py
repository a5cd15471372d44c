"""The field process, wired: one task per port, and the two ways out."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from minegate_agent.config import Port
from minegate_agent.field.health import DeviceHealth, PortHealth
from minegate_agent.field.interlock_line import InterlockLine
from minegate_agent.field.link_line import LinkLine
from minegate_agent.field.points import Points
from minegate_agent.field.produce import Produce
from minegate_agent.field.readers import Read, reader
from minegate_agent.field.record_door import NAME, RecordDoor
from minegate_agent.field.tally import Tally
from minegate_agent.field.tap import Tap, tapped
from minegate_agent.site import Site, SiteDevice
from minegate_agent.world import FieldWorld, Isolated
from minegate_drivers.port_health import PortHealth as PortHealthDriver
from minegate_drivers.ports import PortLost
from minegate_drivers.sdk import Heard, Nonsense, Quality

log = logging.getLogger("field")

REOPEN_FIRST_S = 0.2
REOPEN_MAX_S = 5.0
HEALTH_S = 1.0
LAG_EVENT_MS = 100.0
LISTENING_LOST_PERIODS = 3
_OWN = (
    "name",
    "kind",
    "up",
    "last_error",
    "opened",
)  # of a port in a process of its own, what this process knows better
LISTENING_LOST_MS = 10_000


class Field:
    """Everything one site's field process holds. Itself the Sink of its readers."""

    def __init__(self, site: Site, world: FieldWorld) -> None:
        self._site = site
        self._tap = Tap()
        run = site.run_folder
        self._door = RecordDoor(run / NAME, self._tap)
        self._tally = Tally(run / "field.tally", world.boot)
        self._produce = Produce(world.clock, self._tally, site.config.hold)
        self._points = Points(site)
        self._interlock = InterlockLine(run / "points.sock", self._points.names, self._points)
        self._link = LinkLine(run / "scans.sock", self._produce, site.hash)
        self._ports = {port.name: PortHealth(port.name, port.kind) for port in site.config.port}
        self._world = tapped(world, self._tap, self._ports)
        self._devices = {device.number: DeviceHealth(device.number, device.name) for device in site.devices.values()}
        self._quality: dict[tuple[int, int], Quality] = {}
        self._broken: set[int] = set()
        self._alone: dict[str, Isolated] = {}
        self._of_port = {port.name: self._on(port.name) for port in site.config.port}
        self._tellers = [device for device in site.devices.values() if isinstance(device.driver, PortHealthDriver)]
        self._told_ms: dict[int, int] = {}

    async def run(self) -> None:
        """Until cancelled."""
        self._produce.event("started", config=self._site.hash)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._interlock.keep_connected(), name="interlock line")
                tasks.create_task(self._link.keep_connected(), name="link line")
                tasks.create_task(self._watch(), name="health")
                tasks.create_task(self._door.serve(), name="record door")
                for port in self._site.config.port:
                    tasks.create_task(self._keep_port(port), name=f"port {port.name}")
        finally:
            self._interlock.close()
            self._tally.close()

    # -- Sink ---------------------------------------------------------------------------------------------------------

    def heard(self, device: SiteDevice, heard: Heard, at_ms: int | None = None) -> None:
        """See Sink: interlock first, because it may have to cut. `at_ms`: when, if it was not now."""
        self._tap.heard(device, heard)
        now_ms = self._world.clock.monotonic_ms()
        scan = self._produce.scan(device.number, heard, now_ms if at_ms is None else at_ms)
        self._interlock.send(self._points.readings(scan, now_ms))
        self._broken.discard(device.number)
        part = (device.number, heard.part)
        if self._quality.get(part, Quality.GOOD) != heard.quality:
            flags = [flag.name.lower() for flag in Quality if flag and flag in heard.quality and flag.name]
            self._produce.event("quality", device=device.number, name=device.name, quality=flags)
        self._quality[part] = heard.quality

    def edge(self, device: SiteDevice, up: bool) -> None:
        """See Sink."""
        log.info("device %s %s", device.name, "answers" if up else "is silent")
        self._produce.event("device_back" if up else "device_lost", device=device.number, name=device.name)

    def nonsense(self, device: SiteDevice, error: Nonsense) -> None:
        """See Sink."""
        self._devices[device.number].nonsense[error.kind] += 1
        self._tap.nonsense(device, error)

    def driver_error(self, device: SiteDevice, error: Exception) -> None:
        """See Sink: said once until the driver has worked again."""
        self._devices[device.number].nonsense["driver"] += 1
        if device.number not in self._broken:
            self._broken.add(device.number)
            detail = f"{type(error).__name__}: {error}"[:200]
            log.error("driver %s of device %s: %s", device.config.driver, device.name, detail)
            self._produce.event("driver_error", device=device.number, name=device.name, detail=detail)

    # -- ports --------------------------------------------------------------------------------------------------------

    async def _keep_port(self, port: Port) -> None:
        """Open, read until it is lost, open again; the edges are events, the attempts are not."""
        health = self._ports[port.name]
        read = self._reader(port, health)
        pause_s = REOPEN_FIRST_S
        while True:
            try:
                await read(lambda: self._port_up(port, health))
            except PortLost as error:
                if health.up or health.last_error != str(error):
                    log.warning("%s", error)
                    self._produce.event("port_lost", port=port.name, detail=str(error))
                pause_s = REOPEN_FIRST_S if health.up else min(pause_s * 2, REOPEN_MAX_S)
                health.up, health.last_error = False, str(error)
            await asyncio.sleep(pause_s)

    def _port_up(self, port: Port, health: PortHealth) -> None:
        log.info("port %s is open", port.name)
        if health.last_error:
            self._produce.event("port_back", port=port.name)
        health.up, health.last_error = True, ""
        health.opened += 1

    def _reader(self, port: Port, health: PortHealth) -> Read:
        devices = [device for device in self._site.devices.values() if device.port == port.name]
        if port.isolate and self._world.isolate is not None:
            alone = self._world.isolate(port, devices, self)
            self._alone[port.name] = alone
            return alone.read
        return reader(port, devices, self._world, self, health, self._devices)

    # -- health -------------------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        self._world.lag_ms()  # what the start of the process took is no hold-up
        while True:
            await asyncio.sleep(HEALTH_S)
            now_ms = self._world.clock.monotonic_ms()
            self._look_for_silence(now_ms)
            report = self.report(self._look_at_loop())
            self._tell(report["ports"], now_ms)
            self._link.health(report)

    def _on(self, port: str) -> list[DeviceHealth]:
        """The devices of a port that are on its bus."""
        return [
            self._devices[device.number]
            for device in self._site.devices.values()
            if device.port == port and not isinstance(device.driver, PortHealthDriver)
        ]

    def _tell(self, ports: list[dict[str, Any]], now_ms: int) -> None:
        """The health of ports as readings, where the site wants it."""
        reports = {report["name"]: report for report in ports}
        for device in self._tellers:
            driver = device.driver
            assert isinstance(driver, PortHealthDriver)
            due_ms = self._told_ms.get(device.number, now_ms)
            if due_ms <= now_ms:
                self._told_ms[device.number] = max(due_ms + device.config.period_ms, now_ms + 1)
                self._devices[device.number].up = True
                self._devices[device.number].answer(now_ms)
                self.heard(device, Heard(driver.record(reports[device.port])))

    def _look_at_loop(self) -> float:
        """How late the loop was: a driver that computes for long holds up every port of this process."""
        late_ms = self._world.lag_ms()
        if late_ms >= LAG_EVENT_MS:
            log.warning("the loop was held up for %.0f ms", late_ms)
            self._produce.event("loop_held_up", ms=round(late_ms))
        return late_ms

    def _look_for_silence(self, now_ms: int) -> None:
        """Devices that speak by themselves are missed here; polled ones by their arbiter."""
        kinds = {port.name: port.kind for port in self._site.config.port}
        for device in self._site.devices.values():
            health = self._devices[device.number]
            patience_ms = max(LISTENING_LOST_MS, LISTENING_LOST_PERIODS * device.config.period_ms)
            told = device in self._tellers
            listening = kinds[device.port] != "serial" and not told and health.up and health.heard_ms is not None
            if listening and not now_ms - (health.heard_ms or 0) <= patience_ms:
                health.up = False
                self.edge(device, False)

    def report(self, lag_ms: float = 0.0) -> dict[str, Any]:
        """What the page shows of field; about once a second."""
        now_ms = self._world.clock.monotonic_ms()
        hold = self._produce.hold
        devices = {number: device.report(now_ms) for number, device in self._devices.items()}
        ports = {name: port.report(self._of_port[name], now_ms) for name, port in self._ports.items()}
        for name, alone in self._alone.items():
            if alone.told is not None:
                told, of_device = alone.told
                ports[name] |= {key: value for key, value in told.items() if key not in _OWN}
                devices |= {row["number"]: row for row in of_device if row.get("number") in devices}
        return {
            "ports": list(ports.values()),
            "devices": list(devices.values()),
            "hold": {"items": len(hold), "bytes": hold.bytes, "dropped": hold.dropped},
            "produced": {"boot": self._produce.boot, "number": self._tally.number},
            "interlock": {"up": self._interlock.up, "dropped": self._interlock.dropped},
            "loop": {"lag_ms": round(lag_ms, 1)},
        }


async def run_field(site: Site, world: FieldWorld) -> None:
    """The field process of `site`, until cancelled."""
    await Field(site, world).run()
