"""The roadheader as a body: runs only while the area has power, heats its oil, loosens gas while it cuts. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

RESTART_S = 4.0  # the driver at the controls starts the machine again when power has been back this long
CUT_S = 60.0  # one web is cut, then the machine moves up
MOVE_S = 20.0
AMBIENT_C = 24.0
OIL_RISE_C = 38.0  # above ambient, at work, settled
OIL_TAU_S = 600.0
CUTTING_M3_S = 1.0 / 60.0  # methane set free by cutting, on top of what the face gives off by itself


@dataclass(frozen=True, slots=True)
class Machine:
    """`powered_s` since the area got power (0: none); `cycle_s` within cut and move."""

    powered_s: float = 0.0
    cycle_s: float = 0.0
    oil_c: float = AMBIENT_C
    run_s: float = 0.0

    @property
    def running(self) -> bool:
        """Pump and conveyor are on."""
        return self.powered_s >= RESTART_S

    @property
    def cutting(self) -> bool:
        """The cutter is in the coal."""
        return self.running and self.cycle_s < CUT_S


def step(machine: Machine, powered: bool, dt_s: float) -> Machine:
    """The machine `dt_s` later."""
    powered_s = machine.powered_s + dt_s if powered else 0.0
    running = powered_s >= RESTART_S
    goal_c = AMBIENT_C + (OIL_RISE_C if running else 0.0)
    return Machine(
        powered_s,
        (machine.cycle_s + dt_s) % (CUT_S + MOVE_S) if running else 0.0,
        goal_c + (machine.oil_c - goal_c) * math.exp(-dt_s / OIL_TAU_S),
        machine.run_s + (dt_s if running else 0.0),
    )
