"""One heading as a whole: power, air, machine, robot. `step(state, controls, dt_s) -> state`, and nothing else happens.

What couples them: the contact of the breaker powers the area; power lets the machine cut; cutting loosens gas; the fan,
which has a supply of its own (three dedicated feeds, 三专), carries it away.
"""

from __future__ import annotations

from dataclasses import dataclass

from minegate_sim import air as airs
from minegate_sim import machine as machines
from minegate_sim import rail as rails
from minegate_sim.air import Air, Wind
from minegate_sim.machine import CUTTING_M3_S, Machine
from minegate_sim.rail import Rail

STEP_S_MAX = 0.1  # well below the 5 s that air stays in the smallest volume
EMISSION_M3_MIN = 2.5
EMISSION_M3_MIN_MAX = 100.0


@dataclass(frozen=True, slots=True)
class Controls:
    """What people, breaker and rock do. `bypassed`: somebody bridged the contact, the load side keeps its power."""

    fan_on: bool = True
    duct_intact: float = 1.0
    emission_m3_min: float = EMISSION_M3_MIN
    contact_closed: bool = False
    mains_on: bool = True
    bypassed: bool = False

    @property
    def powered(self) -> bool:
        """Whether the load side of the breaker has voltage."""
        return self.mains_on and (self.contact_closed or self.bypassed)


@dataclass(frozen=True, slots=True)
class State:
    """Everything that moves by itself."""

    air: Air
    machine: Machine
    rail: Rail
    powered: bool


def begin(controls: Controls) -> State:
    """A heading that has been ventilated for a long time, without power."""
    return State(airs.steady(_wind(controls, cutting=False)), Machine(), Rail(), controls.powered)


def step(state: State, controls: Controls, dt_s: float) -> State:
    """The heading `dt_s` seconds later, in steps of at most `STEP_S_MAX`."""
    steps = max(1, -int(-dt_s // STEP_S_MAX))
    for _ in range(steps):
        state = _step(state, controls, dt_s / steps)
    return state


def _step(state: State, controls: Controls, dt_s: float) -> State:
    machine = machines.step(state.machine, controls.powered, dt_s)
    air = airs.step(state.air, _wind(controls, machine.cutting), dt_s)
    return State(air, machine, rails.step(state.rail, dt_s), controls.powered)


def _wind(controls: Controls, cutting: bool) -> Wind:
    face_m3_s = controls.emission_m3_min / 60.0 + (CUTTING_M3_S if cutting else 0.0)
    return Wind(controls.fan_on, controls.duct_intact, face_m3_s)
