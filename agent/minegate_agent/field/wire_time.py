"""How long bytes and silences take on a serial line. Pure."""

from __future__ import annotations

from minegate_agent.config import Device, Port

_GAP_FAST_MS = 1.75  # Modbus over serial line V1.02, 2.5.1.1: fixed above 19200 baud
_GAP_FAST_BAUD = 19_200


def character_ms(port: Port) -> float:
    """One byte with its start, parity and stop bits."""
    return (1 + 8 + (port.parity != "N") + port.stop_bits) * 1000 / port.baud


def wire_ms(port: Port, count: int) -> float:
    """How long `count` bytes take on the wire."""
    return count * character_ms(port)


def gap_ms(port: Port) -> float:
    """The silence of 3.5 characters that ends a frame, or the one that the port is configured to keep."""
    if port.gap_ms is not None:
        return port.gap_ms
    return _GAP_FAST_MS if port.baud > _GAP_FAST_BAUD else 3.5 * character_ms(port)


def quiet_ms(port: Port, device: Device | None = None) -> float:
    """The silence before the next request: the gap, or the turnaround that this device (or the line) needs."""
    turnaround_ms = port.turnaround_ms
    if device is not None and device.turnaround_ms is not None:
        turnaround_ms = device.turnaround_ms
    return max(gap_ms(port), turnaround_ms)
