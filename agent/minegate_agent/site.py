"""A site folder, read and resolved: every device has its driver, every point its field.

What does not fit is refused here. Behind this door nobody checks a name again.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from minegate_agent.config import Config, ConfigError, Device, Point, load
from minegate_drivers.catalogue import build
from minegate_drivers.port_health import PortHealth
from minegate_drivers.sdk import CanDriver, Driver, Field, LineDriver, MessageDriver

FILE = "gateway.toml"
_SPEAKS: dict[str, tuple[type[Driver], str]] = {
    "serial": (LineDriver, "a serial line"),
    "can": (CanDriver, "a CAN bus"),
    "mqtt": (MessageDriver, "a message broker"),
}
_NEEDED = {"serial": ("device",), "can": ("interface", "channel"), "mqtt": ("host",)}


class SiteDevice(NamedTuple):
    """One device with the driver that understands it."""

    number: int
    name: str
    port: str
    driver: Driver
    config: Device


class SitePoint(NamedTuple):
    """One point: field number `at` of layout `part` of device number `device`."""

    number: int
    name: str
    device: int
    part: int
    at: int
    field: Field
    config: Point


class Site(NamedTuple):
    """Everything gateway.toml says, resolved. `hash` is 16 hex digits of the file's SHA-256."""

    folder: Path
    config: Config
    hash: str
    devices: dict[int, SiteDevice]
    points: tuple[SitePoint, ...]

    @property
    def run_folder(self) -> Path:
        """Where the sockets are."""
        return self.folder / self.config.run_folder


def load_site(folder: Path) -> Site:
    """Read `folder/gateway.toml`. Raises ConfigError with one line that names file, key and value."""
    path = folder / FILE
    config, digest = load(path)
    try:
        _ports(config)
        devices = _devices(config, folder)
        points = _points(config, devices)
    except _UnfitError as error:
        raise ConfigError(f"{path}: {error}") from error
    return Site(folder, config, digest, devices, points)


class _UnfitError(Exception):
    pass


def _once(what: str, key: str, values: Iterable[object]) -> None:
    seen: set[object] = set()
    for value in values:
        if value in seen:
            raise _UnfitError(f"{what} {key} {value!r} is given twice")
        seen.add(value)


def _ports(config: Config) -> None:
    _once("port", "name", (port.name for port in config.port))
    for port in config.port:
        for key in _NEEDED[port.kind]:
            if not getattr(port, key):
                raise _UnfitError(f"port {port.name!r}: a port of kind {port.kind!r} needs `{key}`")
    _once("port", "device", (port.device for port in config.port if port.device))


def _devices(config: Config, folder: Path) -> dict[int, SiteDevice]:
    _once("device", "number", (device.number for device in config.device))
    _once("device", "name", (device.name for device in config.device))
    kinds = {port.name: port.kind for port in config.port}
    devices = {}
    for device in config.device:
        if device.port not in kinds:
            raise _UnfitError(f"device {device.name!r}: port {device.port!r} is not one of {sorted(kinds)}")
        try:
            driver = build(device.driver, device.options, folder)
        except ValueError as error:
            raise _UnfitError(f"device {device.name!r}: {error}") from error
        form, words = _SPEAKS[kinds[device.port]]
        if not isinstance(driver, (form, PortHealth)):
            raise _UnfitError(
                f"device {device.name!r}: driver {device.driver!r} does not speak on {words} ({device.port!r})"
            )
        devices[device.number] = SiteDevice(device.number, device.name, device.port, driver, device)
    return devices


def _points(config: Config, devices: dict[int, SiteDevice]) -> tuple[SitePoint, ...]:
    _once("point", "number", (point.number for point in config.point))
    _once("point", "name", (point.name for point in config.point))
    by_name = {device.name: device for device in devices.values()}
    return tuple(_point(point, by_name) for point in config.point)


def _point(point: Point, by_name: dict[str, SiteDevice]) -> SitePoint:
    device = by_name.get(point.device)
    if device is None:
        raise _UnfitError(f"point {point.name!r}: device {point.device!r} is not one of {sorted(by_name)}")
    layouts = device.driver.layouts
    if point.part >= len(layouts):
        raise _UnfitError(
            f"point {point.name!r}: part {point.part} is above {len(layouts) - 1}, the last of {device.name!r}"
        )
    names = [field.name for field in layouts[point.part].fields]
    if point.field not in names:
        raise _UnfitError(f"point {point.name!r}: field {point.field!r} is not one of {names} of {device.name!r}")
    index = names.index(point.field)
    field = layouts[point.part].fields[index]
    return SitePoint(point.number, point.name, device.number, point.part, index, field, point)
