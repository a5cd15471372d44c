"""The boundary behind which a driver's mistakes stay: whatever it raises is counted and shown, and its neighbours go
on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from minegate_agent.site import SiteDevice
from minegate_drivers.sdk import CanDriver, Counted, Driver, Heard, LineDriver, Nonsense

Frame = TypeVar("Frame")


class Sink(Protocol):
    """Where a reader puts what it has heard."""

    def heard(self, device: SiteDevice, heard: Heard) -> None:
        """A believed answer."""

    def edge(self, device: SiteDevice, up: bool) -> None:
        """A device fell silent or came back."""

    def nonsense(self, device: SiteDevice, error: Nonsense) -> None:
        """A frame that cannot be believed."""

    def driver_error(self, device: SiteDevice, error: Exception) -> None:
        """The driver itself is wrong."""


class DriverError(Exception):
    """A driver raised what it must not, or returned what is none of its layouts."""

    def __init__(self, mistake: Exception) -> None:
        super().__init__(str(mistake))
        self.mistake = mistake


def believed(driver: Driver, hear: Callable[[Frame], Heard | None], frame: Frame) -> Heard | None:
    """What the driver understood. Raises Nonsense, or DriverError for everything else that third-party code can do.

    The record is measured, not decoded: a field of fixed place and type cannot fail in a record of the right length.
    """
    try:
        heard = hear(frame)
        if heard is not None and driver.layouts[heard.part].size != len(bytes(heard.record)):
            raise Nonsense("length", f"record of {len(heard.record)} bytes for part {heard.part}")
    except Nonsense:
        raise
    except Exception as error:
        raise DriverError(error) from error
    return heard


def missing(driver: LineDriver, heard: bytes) -> int:
    """What the driver says is missing. Raises DriverError."""
    try:
        return int(driver.missing(heard))
    except Exception as error:
        raise DriverError(error) from error


def asked(driver: LineDriver, now_ms: int) -> bytes | None:
    """What the driver asks. Raises DriverError."""
    try:
        request = driver.ask(now_ms)
        return None if request is None else bytes(request)
    except Exception as error:
        raise DriverError(error) from error


def counted(driver: CanDriver) -> Counted:
    """What the driver has counted. Raises DriverError."""
    try:
        return Counted(*map(int, driver.counted()))
    except Exception as error:
        raise DriverError(error) from error


def understand(device: SiteDevice, hear: Callable[[Frame], Heard | None], frame: Frame, sink: Sink) -> bool:
    """Let the driver understand `frame`; True if it was believed."""
    try:
        heard = believed(device.driver, hear, frame)
    except Nonsense as error:
        sink.nonsense(device, error)
        return False
    except DriverError as error:
        sink.driver_error(device, error.mistake)
        return False
    if heard is not None:
        sink.heard(device, heard)
    return True
