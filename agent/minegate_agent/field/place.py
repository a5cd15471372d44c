"""What the arbiter knows of one device of its line: how long its answers are, how long it is waited for."""

from __future__ import annotations

from minegate_agent.config import Port
from minegate_agent.field.hearing import missing
from minegate_agent.field.patience import Patience
from minegate_agent.field.wire_time import character_ms, quiet_ms
from minegate_agent.site import SiteDevice
from minegate_drivers.sdk import LineDriver

_REQUESTS_KEPT = 32  # a driver that never asks twice the same cannot fill the memory


class Place:
    """One device. `verified`: it has answered, as itself, since the line was opened."""

    def __init__(self, port: Port, device: SiteDevice) -> None:
        assert isinstance(device.driver, LineDriver)
        self.device = device
        self.driver = device.driver
        self.patience = Patience(device.config.timeout_floor_ms, device.config.timeout_ms)
        self.quiet_s = quiet_ms(port, device.config) / 1000
        self.verified = False
        self.quality = 0
        self._answer_bytes: dict[bytes, int] = {}
        self._character_ms = character_ms(port)

    def expects(self, request: bytes) -> int:
        """How long the answer will be: as long as the last one to the same request, at first what the driver says.

        Raises DriverError.
        """
        known = self._answer_bytes.get(request)
        return known if known is not None else max(1, missing(self.driver, b""))

    def learns(self, request: bytes, answer_bytes: int) -> None:
        """A believed answer to `request` had that length."""
        if self._answer_bytes.get(request) != answer_bytes:
            if len(self._answer_bytes) >= _REQUESTS_KEPT:
                self._answer_bytes.clear()
            self._answer_bytes[request] = answer_bytes

    def wire_ms(self, request: bytes, answer_bytes: int) -> float:
        """What both take on the wire."""
        return (len(request) + answer_bytes) * self._character_ms
