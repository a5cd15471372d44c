"""The health of a port as a device on it, so that it has points, travels, is kept and can alarm like a reading.

Nothing is asked on the bus: field fills the record itself, once per `period_ms`, from what it has counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from minegate_drivers.sdk import Catalogued, Field, Layout, Option

BUS_STATES = ("unknown", "active", "warning", "passive", "off")
_COUNTS = ("answered", "timeouts", "discarded", "foreign", "dropped", "opened")
_STRAYS = ("echoed", "late", "foreign", "damaged", "noise", "babble")


def _layout() -> Layout:
    return Layout(
        Field("up", "<u1", low=0, high=1),
        Field("bus_state", "<u1", low=0, high=len(BUS_STATES) - 1),  # index into BUS_STATES; 0 for a line
        Field("use", "<u2", scale=0.1, unit="%", low=0, high=100),
        Field("silent", "<u2"),  # devices that do not answer
        Field("suspect", "<u2"),  # number of the device that most speaks against, 0: none
        Field("answer_p50", "<u4", scale=0.01, unit="ms"),
        Field("answer_p99", "<u4", scale=0.01, unit="ms"),
        Field("bad", "<u4"),  # frames that were no readings, of all kinds
        *(Field(name, "<u4") for name in _COUNTS),
        *(Field(f"stray_{name}", "<u4") for name in _STRAYS),
        name="port_health",
    )


class PortHealth(Catalogued):
    """What a port goes through: up, use, silent and suspect devices, answer times, time-outs, strays, drops."""

    name: ClassVar[str] = "port_health"
    options: ClassVar[dict[str, Option]] = {}

    def __init__(self) -> None:
        self.layouts = (_layout(),)

    def record(self, report: Mapping[str, Any]) -> bytes:
        """The record of a port's report (field/health.py). What it does not say is zero."""
        strays: Mapping[str, Any] = report.get("strays") or {}
        bus: Mapping[str, Any] = report.get("bus") or {}
        state = bus.get("state")
        values: dict[str, float] = {
            "up": bool(report.get("up")),
            "bus_state": BUS_STATES.index(state) if state in BUS_STATES else 0,
            "use": (report.get("utilisation") or 0.0) * 1000,
            "answer_p50": (report.get("answer_ms_p50") or 0.0) * 100,
            "answer_p99": (report.get("answer_ms_p99") or 0.0) * 100,
            "bad": sum((report.get("nonsense") or {}).values()),
            **{name: report.get(name) or 0 for name in ("silent", "suspect", *_COUNTS)},
            **{f"stray_{name}": strays.get(name) or 0 for name in _STRAYS},
        }
        return b"".join(_packed(field, values[field.name]) for field in self.layouts[0].fields)


def _packed(field: Field, value: float) -> bytes:
    return min(max(0, round(value)), (1 << 8 * field.size) - 1).to_bytes(field.size, "little")
