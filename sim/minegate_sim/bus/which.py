"""Which bus a fault is about, where only a device is named."""

from __future__ import annotations

from collections.abc import Mapping

from minegate_sim.bus.can_bus import CanBus
from minegate_sim.bus.faults import Fault
from minegate_sim.bus.rs485 import Rs485


def port_of(buses: Mapping[str, Rs485 | CanBus], fault: Fault) -> str:
    """The port whose bus has the device that `fault` names. ValueError if it names none, or none that is there."""
    name = getattr(fault, "device", "") or getattr(fault, "before", "")
    for port, bus in buses.items():
        if any(device.name == name for device in bus.devices):
            return port
    raise ValueError(f"port: not given, and device {name!r} is on none of {', '.join(buses)}")
