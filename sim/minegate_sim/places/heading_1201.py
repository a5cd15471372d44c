"""Heading 1201 as a place: the heading of the demo with the example site's gateway."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

from minegate_agent.site import FILE
from minegate_sim.control import do
from minegate_sim.edit import set_value
from minegate_sim.example import example
from minegate_sim.heading import OUTPUT, T1_M, T2_M, Heading
from minegate_sim.place import Speaker

_POINTS = (
    ("T1-head", "rs485-1", ("1201-T1-ch4",)),
    ("T2-head", "rs485-1", ("1201-T2-ch4",)),
    ("fan-node", "rs485-2", ("1201-fan-run", "1201-duct-flow", "1201-feed")),
    ("roadheader", "can-1", ("1201-rh-cutter", "1201-rh-oil", "1201-rh-ch4", "1201-rh-gas-lock")),
)


class Heading1201(Heading):
    """See Place."""

    def __init__(self, seed: int, speed: float = 1.0) -> None:
        super().__init__(seed, 0.0, speed)

    @property
    def speakers(self) -> Mapping[str, Speaker]:
        """See Place."""
        return {self.robot.name: self.robot}

    @property
    def devices(self) -> Collection[str]:
        """See Place."""
        return self.faults.keys()

    def site(self) -> Mapping[str, str]:
        """See Place. The example, without the page: a simulated gateway has no TCP port."""
        folder = example()
        gateway = (folder / FILE).read_text(encoding="utf-8")
        return {
            FILE: set_value(gateway, "page", "enabled", False),
            "rules.toml": (folder / "rules.toml").read_text(encoding="utf-8"),
        }

    def values(self) -> dict[str, float]:
        """See Place."""
        silent = {
            point
            for device, port, points in _POINTS
            if self.faults[device].dead or not self._reaches(port, device)
            for point in points
        }
        return {point: math.nan if point in silent else value for point, value in super().values().items()}

    def truths(self) -> dict[str, float]:
        """See Place."""
        air, at_m = self.state.air, self.state.rail.x_m
        return {
            "1201-T1-ch4": air.percent(T1_M), "1201-T2-ch4": air.percent(T2_M), "robot-ch4": air.percent(at_m),
        }  # fmt: skip

    def _reaches(self, port: str, device: str) -> bool:
        wire = self.wires.get(port)
        return wire.reaches(device) if wire is not None else not self.ends[port].is_cut

    def contacts(self) -> Mapping[str, bool]:
        """See Place."""
        return {OUTPUT: self.relay.closed}

    def do(self, wish: Mapping[str, object], now_ms: float) -> Mapping[str, object]:
        """See Place; the wishes are those of sim/COMMANDS.md."""
        return do(self, wish, now_ms)
