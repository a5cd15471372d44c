"""The simulated heading keeps the laws it claims: no methane from nothing, and every cause has its effect."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from minegate_sim import air as airs
from minegate_sim import physics
from minegate_sim.air import LENGTH_M, VOLUMES_M3, Air, Wind
from minegate_sim.machine import CUT_S, RESTART_S, Machine
from minegate_sim.noise import Wander, source
from minegate_sim.physics import Controls, State
from minegate_sim.rail import LOW, RAIL_M, Rail
from minegate_sim.rail import step as rail_step

FACE = LENGTH_M
ON = Controls(contact_closed=True)


def after(state: State, controls: Controls, seconds: float) -> State:
    return physics.step(state, controls, seconds)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("dt_s", [0.01, 0.1, 3.0, 600.0])
def test_methane_is_conserved_and_stays_possible_whatever_the_wind_does(seed: int, dt_s: float) -> None:
    chance = random.Random(seed)
    air = airs.steady(Wind())
    for _ in range(300):
        wind = Wind(chance.random() < 0.6, chance.random(), chance.uniform(0.0, 2.0))
        if chance.random() < 0.1:
            air = airs.burst(air, chance.uniform(0.0, 20.0), chance.uniform(0.1, 30.0))
        air = airs.step(air, wind, dt_s)
        assert abs(air.balance_m3) <= 1e-9 * max(1.0, air.entered_m3)
        assert all(0.0 <= held <= volume for held, volume in zip(air.ch4_m3, VOLUMES_M3, strict=True))


def test_a_burst_gives_exactly_what_it_was_told_to_give() -> None:
    still = Wind(fan_on=False, face_m3_s=0.0)
    quiet = replace(airs.steady(Wind()), fan_m3_s=0.0)
    loud = airs.burst(quiet, 3.0, 7.0)
    for _ in range(200):
        quiet, loud = airs.step(quiet, still, 0.1), airs.step(loud, still, 0.1)
    assert loud.entered_m3 - quiet.entered_m3 == pytest.approx(3.0)
    assert loud.burst_m3 == 0.0


def test_a_steady_heading_stays_as_it_is() -> None:
    wind = Wind()
    air = before = airs.steady(wind)
    for _ in range(1000):
        air = airs.step(air, wind, 0.1)
    assert air.ch4_m3 == pytest.approx(before.ch4_m3)
    assert air.percent(FACE) == pytest.approx(100 * (airs.INTAKE + wind.face_m3_s / airs.FAN_M3_S), rel=0.01)


def test_without_air_the_face_fills_and_with_air_it_clears() -> None:
    stopped = replace(ON, fan_on=False)
    state = after(physics.begin(ON), ON, 60.0)
    levels = [state.air.percent(FACE)]
    for _ in range(60):
        state = after(state, stopped, 1.0)
        levels.append(state.air.percent(FACE))
    assert levels == sorted(levels)
    assert levels[-1] > 1.5
    falling = []
    for _ in range(60):
        state = after(state, Controls(), 1.0)
        falling.append(state.air.percent(FACE))
    assert falling[10:] == sorted(falling[10:], reverse=True)
    assert falling[-1] < 1.0


@pytest.mark.parametrize(
    ("less", "more"),
    [
        (ON, replace(ON, emission_m3_min=5.0)),
        (ON, replace(ON, duct_intact=0.4)),
        (ON, replace(ON, fan_on=False)),
        (replace(ON, contact_closed=False), ON),  # a machine without power does not cut
    ],
)
def test_the_face_holds_more_methane_when(less: Controls, more: Controls) -> None:
    begun = physics.begin(Controls())
    assert after(begun, more, 50.0).air.percent(FACE) > after(begun, less, 50.0).air.percent(FACE) + 0.02


def test_a_front_takes_the_time_of_the_road_and_stands_still_with_the_fan() -> None:
    wind = Wind(face_m3_s=0.0)
    empty = Air(airs.FAN_M3_S, airs.FAN_M3_S, (0.0,) * len(VOLUMES_M3))
    with_plug = replace(empty, ch4_m3=(2.0, *empty.ch4_m3[1:]))
    without = empty
    arrived = moment_m3_s = 0.0
    for step in range(1, 6001):
        with_plug, without = airs.step(with_plug, wind, 0.05), airs.step(without, wind, 0.05)
        more = with_plug.left_m3 - without.left_m3 - arrived
        arrived += more
        moment_m3_s += more * step * 0.05
    assert arrived == pytest.approx(2.0, rel=1e-3)
    residence_s = sum(VOLUMES_M3) / airs.FAN_M3_S  # the mean of tanks in series, whatever their sizes
    assert moment_m3_s / arrived == pytest.approx(residence_s, rel=0.02)
    still = replace(empty, fan_m3_s=0.0, duct_m3_s=0.0, ch4_m3=(2.0, *empty.ch4_m3[1:]))
    moved = airs.step(still, Wind(fan_on=False, face_m3_s=0.0), 1.0)
    assert moved.percent(FACE) == pytest.approx(still.percent(FACE), rel=1e-9)


def test_the_fan_spins_up_and_down_without_a_jump() -> None:
    air = airs.steady(Wind())
    falling = []
    for _ in range(100):
        air = airs.step(air, Wind(fan_on=False), 0.1)
        falling.append(air.duct_m_s)
    assert falling == sorted(falling, reverse=True)
    assert falling[0] > 15.0
    assert falling[-1] < 0.5


@pytest.mark.parametrize(
    ("controls", "powered"),
    [
        (Controls(), False),
        (Controls(contact_closed=True), True),
        (Controls(contact_closed=True, mains_on=False), False),
        (Controls(bypassed=True), True),
        (Controls(bypassed=True, mains_on=False), False),
    ],
)
def test_the_load_side_has_power_if(controls: Controls, powered: bool) -> None:
    assert controls.powered is powered
    assert after(physics.begin(controls), controls, RESTART_S + 1).machine.running is powered


def test_power_lost_stops_the_machine_at_once_and_power_back_starts_it_later() -> None:
    state = after(physics.begin(ON), ON, 30.0)
    assert state.machine.cutting
    warm = state.machine.oil_c
    state = after(state, Controls(), 0.1)
    assert not state.machine.running
    state = after(state, Controls(), 60.0)
    assert state.machine.oil_c < warm
    assert not after(state, ON, RESTART_S - 1.0).machine.running
    assert after(state, ON, RESTART_S + 1.0).machine.running
    assert Machine(powered_s=99.0, cycle_s=CUT_S).cutting is False


def test_the_robot_goes_to_the_face_and_back_and_home_when_its_battery_is_low() -> None:
    rail, seen = Rail(), []
    for _ in range(300):
        rail = rail_step(rail, 1.0)
        seen.append(rail.x_m)
    assert max(seen) == RAIL_M
    assert min(seen) == 0.0
    rail = Rail(x_m=20.0, charge=LOW)
    charges = []
    for _ in range(600):
        rail = rail_step(rail, 1.0)
        charges.append((rail.charging, rail.charge))
    assert charges[-1][0]
    assert charges[-1][1] > LOW + 5


def test_the_same_seed_gives_the_same_noise_and_another_one_does_not() -> None:
    def noise(seed: int, name: str) -> list[float]:
        wander = Wander(source(seed, name), 1.0, 5.0)
        return [wander.step(0.5) for _ in range(400)]

    assert noise(7, "T1") == noise(7, "T1")
    assert noise(7, "T1") != noise(8, "T1")
    assert noise(7, "T1") != noise(7, "T2")
    assert 0.2 < (sum(x * x for x in noise(7, "T1")) / 400) ** 0.5 < 3.0
