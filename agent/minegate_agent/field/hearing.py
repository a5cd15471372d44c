"""The boundary behind which a driver's mistakes stay: whatever it raises is counted and shown, and its neighbours go
on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from minegate_agent.site import SiteDevice
from minegate_drivers.sdk import Heard, Nonsense

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


def understand(device: SiteDevice, hear: Callable[[Frame], Heard | None], frame: Frame, sink: Sink) -> bool:
    """Let the driver understand `frame`; True if it was believed."""
    try:
        heard = hear(frame)
        if heard is not None:
            device.driver.layouts[heard.part].decode(heard.record)  # a record that no layout explains goes no further
    except Nonsense as error:
        sink.nonsense(device, error)
        return False
    except Exception as error:  # noqa: BLE001 - third-party code runs here; one driver must not end a port
        sink.driver_error(device, error)
        return False
    if heard is not None:
        sink.heard(device, heard)
    return True
