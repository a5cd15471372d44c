"""How long an over-limit can take from the sensor to the open contact: a sum that a person can follow. Pure.

Every part is an upper bound of its own, and all of them together hardly ever meet: this is what can be promised, not
what is seen. AQ 6201 allows 2 s.
"""

from __future__ import annotations

from typing import NamedTuple

from minegate_agent.field.plan import LinePlan
from minegate_agent.site import SiteDevice
from minegate_drivers.sdk import LineDriver

PROMISE_MS = 2000
RELAY_RELEASE_MS = 50  # drop-out of the node's contactor: generous for a small relay, to be measured on the real one


class Worst(NamedTuple):
    """The parts of the sum, in milliseconds."""

    period_ms: float  # the limit was passed just after the device answered
    line_ms: float  # whatever the line carries first, and the answer itself
    dead_ms: float  # and the costliest neighbour has just died and is waited for
    tick_ms: float  # the interlock's loop
    output_ms: float  # OPEN is lost: the relay node's lease runs out, and its contact drops out

    @property
    def total_ms(self) -> float:
        """All of them, one after the other."""
        return sum(self)

    def sum(self) -> str:
        """The sum as it is written down."""
        return " + ".join(f"{part:.0f}" for part in self)


def worst_case(plan: LinePlan | None, device: SiteDevice, tick_ms: float, lease_ms: float) -> Worst:
    """The sum for a point of `device`, judged every `tick_ms` by an interlock whose leases run `lease_ms`.

    `plan` is that of the device's line; None: it speaks by itself.
    """
    line_ms = dead_ms = 0.0
    if plan is not None and isinstance(device.driver, LineDriver):
        line_ms = plan.answer_ms(device.number)
        dead_ms = plan.answer_ms(device.number, dead=1) - line_ms if line_ms < float("inf") else 0.0
    return Worst(device.config.period_ms, line_ms, dead_ms, tick_ms, lease_ms + RELAY_RELEASE_MS)
