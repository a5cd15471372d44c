"""How long an over-limit can take from the sensor to the open contact: a sum that a person can follow. Pure.

Every part is an upper bound of its own, and all of them together hardly ever meet: this is what can be promised, not
what is seen. AQ 6201 allows 2 s.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from minegate_agent.config import Port
from minegate_agent.site import Site, SiteDevice
from minegate_drivers.sdk import LineDriver

PROMISE_MS = 2000
RELAY_RELEASE_MS = 50  # drop-out of the node's contactor: generous for a small relay, to be measured on the real one
FRAME_BYTES = 10  # what an answer carries besides its record, at most (Modbus RTU: 5; wire frame: 10)


class Worst(NamedTuple):
    """The parts of the sum, in milliseconds."""

    period_ms: float  # the limit was passed just after the device answered
    line_ms: float  # one poll of every device on the same line comes first
    dead_ms: float  # and the slowest neighbour has just died and is waited for
    tick_ms: float  # the interlock's loop
    output_ms: float  # OPEN is lost: the relay node's lease runs out, and its contact drops out

    @property
    def total_ms(self) -> float:
        """All of them, one after the other."""
        return sum(self)

    def sum(self) -> str:
        """The sum as it is written down."""
        return " + ".join(f"{part:.0f}" for part in self)


def worst_case(site: Site, device: SiteDevice, tick_ms: float, lease_ms: float) -> Worst:
    """The sum for a point of `device`, judged every `tick_ms` by an interlock whose leases run `lease_ms`."""
    port = next(port for port in site.config.port if port.name == device.port)
    on_line = [other for other in site.devices.values() if other.port == device.port]
    neighbours = [other for other in on_line if other.number != device.number]
    polled = isinstance(device.driver, LineDriver)
    return Worst(
        device.config.period_ms,
        sum(poll_ms(port, other) for other in on_line) if polled else 0.0,
        _slowest_ms(neighbours) if polled else 0.0,
        tick_ms,
        lease_ms + RELAY_RELEASE_MS,
    )


def poll_ms(port: Port, device: SiteDevice) -> float:
    """Wire time of one request with its answer, and the silences around them."""
    if not isinstance(device.driver, LineDriver):
        return 0.0
    character_ms = 1000 * (1 + 8 + (port.parity != "N") + port.stop_bits) / port.baud
    asked = len(device.driver.ask(0) or b"")
    answered = max(layout.size for layout in device.driver.layouts) + FRAME_BYTES
    # 3.5 characters, and never under 1.75 ms: Modbus over serial line V1.02, section 2.5.1.1
    silence_ms = max(3.5 * character_ms, 1.75) + port.turnaround_ms
    return (asked + answered) * character_ms + 2 * silence_ms


def _slowest_ms(devices: Iterable[SiteDevice]) -> float:
    return max((float(device.config.timeout_ms) for device in devices), default=0.0)
