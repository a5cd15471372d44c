"""Fire, water, rock, people and sensors of a section keep their books and their order, for any step."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minegate_sim.noise import source
from minegate_sim.section.air import SUBSTANCES, Air, Road, Source
from minegate_sim.section.fire import GROWTH_KW_S2, Fire, burn
from minegate_sim.section.people import PEOPLE_MAX, WALK_M_S, Crew
from minegate_sim.section.resistance import SEALED, Fan
from minegate_sim.section.sensor import POISON_HALF_S, Sensor
from minegate_sim.section.slope import CREEP_MM_S, Slope, accelerate, creep, stabilise
from minegate_sim.section.water import Pond, Pump, Sump, fill, rain

steps = st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=10)
GAS = (Source("ch4", "heading", 55.0, 2.5 / 60.0), Source("dust", "heading", 55.0, 0.5))


def heading() -> Air:
    """A road from the intake to the return, and a heading off it with a fan and a duct that leaks a little."""
    roads = [
        Road("intake", "outside", "mouth", 200.0, 12.0, 4, 0.05),
        Road("return", "mouth", "outside", 200.0, 12.0, 4, 0.05, fan=Fan(400.0, 60.0)),
        Road("fan", "mouth", "joint", 5.0, 0.5, 1, 0.1, fan=Fan(3000.0, 12.0)),
        Road("duct", "joint", "face", 60.0, 0.5, 2, 20.0),
        Road("leak", "joint", "mouth", 5.0, 0.5, 1, SEALED),
        Road("heading", "mouth", "face", 60.0, 12.0, 6, 0.01),
    ]
    return Air(roads, "outside", {"ch4": 0.0002})


def settled() -> Air:
    air = heading()
    air.settle(GAS)
    return air


@given(st.integers(0, 10_000), st.lists(st.floats(0.01, 3600.0), min_size=3, max_size=12))
@settings(max_examples=25, deadline=None)
def test_the_books_of_every_substance_close_whatever_happens(seed: int, steps_s: list[float]) -> None:
    chance, air = random.Random(seed), settled()
    fire = Fire("heading", 30.0, GROWTH_KW_S2["fast"])
    for dt_s in steps_s:
        air.open_share["return"] = chance.choice([1.0, 0.3, 0.0])
        air.leaks["leak"] = chance.choice([SEALED, 5.0])
        stopped = {name for name in ("fan", "return") if chance.random() < 0.4}
        air.step(dt_s, stopped, (*GAS, *fire.gives()))
        fire = burn(fire, chance.random() < 0.3, dt_s)
        for name in SUBSTANCES:
            assert abs(air.balance(name)) <= 1e-9 * max(1.0, air.entered[name]), name
        assert all(0.0 <= air.content("ch4", road, 1.0) <= 1.0 for road in air.roads)


def test_the_duct_feeds_the_face_and_a_torn_one_starves_it() -> None:
    air = settled()
    before = air.content("ch4", "heading", 55.0)
    assert air.flow_m3_s("heading") < -3.0  # from the face to the mouth
    assert before == pytest.approx(0.0002 + 2.5 / 60.0 / -air.flow_m3_s("heading"), rel=0.2)
    air.leaks["leak"] = 1.0
    for _ in range(900):
        air.step(1.0, (), GAS)
    assert air.content("ch4", "heading", 55.0) > 2.0 * before


@pytest.mark.parametrize("stopped", ["fan", "return"])
def test_where_a_fan_stops_gas_gathers_and_goes_again(stopped: str) -> None:
    air = settled()
    levels = [air.content("ch4", "heading", 55.0)]
    for seconds in range(600):
        air.step(1.0, (stopped,), GAS)
        if seconds % 100 == 99:
            levels.append(air.content("ch4", "heading", 55.0))
    assert levels == sorted(levels)
    assert levels[-1] > 1.5 * levels[0]
    for _ in range(3600):
        air.step(1.0, (), GAS)
    assert air.content("ch4", "heading", 55.0) == pytest.approx(levels[0], rel=0.05)


def test_a_fall_of_roof_takes_the_air_and_dust_settles_on_its_way() -> None:
    air = settled()
    whole = air.flow_m3_s("intake")
    assert 0.0 < air.content("dust", "return", 190.0) < air.content("dust", "heading", 55.0)
    assert air.settled["dust"] == 0.0
    air.open_share["return"] = 0.05
    air.step(1.0, (), GAS)
    assert air.flow_m3_s("intake") < 0.7 * whole
    assert air.settled["dust"] > 0.0


def test_a_fire_smoulders_grows_warms_its_air_and_is_put_out_by_water() -> None:
    air, fire = settled(), Fire("intake", 100.0, GROWTH_KW_S2["medium"], smoulder_s=60.0, peak_kw=1000.0)
    kw, co = [], []
    for _ in range(600):
        air.step(1.0, (), (*GAS, *fire.gives()))
        fire = burn(fire, False, 1.0)
        kw.append(fire.heat_kw)
        co.append(air.content("co", "return", 100.0))
    assert kw == sorted(kw)
    assert kw[-1] == 1000.0
    assert co[-1] > 24e-6  # the alarm point of CO sensors, 24 ppm
    assert air.content("heat", "return", 10.0) > 5.0
    assert air.content("co", "intake", 20.0) < 1e-9  # upwind
    for _ in range(600):
        fire = burn(fire, True, 1.0)
    assert fire.heat_kw < 10.0
    assert Fire("intake", 1.0).heat_kw == 0.0


# ---- water


@given(steps, st.floats(0.0, 500.0), st.lists(st.booleans(), min_size=10, max_size=10))
def test_water_in_the_sump_is_what_came_less_what_left(steps_s: list[float], inflow: float, power: list[bool]) -> None:
    sump = Sump(60.0, 3.0, 80.0, (Pump("P1", 200.0, 2.0, 0.8), Pump("P2", 200.0, 2.5, 0.8)))
    for dt_s, live in zip(steps_s, power, strict=False):
        sump = fill(sump, inflow, ("P1", "P2") if live else (), dt_s)
        assert abs(80.0 + sump.came_m3 - sump.left_m3 - sump.volume_m3) <= 1e-9 * (80.0 + sump.came_m3)
        assert sump.volume_m3 >= 0.0
        assert live or not any(pump.running for pump in sump.pumps)


def test_pumps_start_high_stop_low_and_water_rises_without_power() -> None:
    sump, levels, ran = Sump(60.0, 3.0, 60.0, (Pump("P1", 200.0, 2.0, 0.8),)), [], []
    for _ in range(4 * 3600):
        sump = fill(sump, 60.0, ("P1",), 1.0)
        levels.append(sump.level_m)
        ran.append(sump.pumps[0].running)
    assert 0.79 < min(levels[7200:]) < max(levels) < 2.01
    assert 0.2 < sum(ran) / len(ran) < 0.4  # 60 of 200 m3/h
    for _ in range(6 * 3600):
        sump = fill(sump, 60.0, (), 1.0)
    assert sump.level_m > 3.0  # over the brim


POND = Pond(40_000.0, 2_000.0, 300_000.0, 12.0, 11.0, 4.0, 0.01, 500_000.0, 86_400.0, 6.0)


@given(steps, st.floats(0.0, 200.0), st.booleans())
@settings(deadline=None)
def test_water_in_the_pond_is_what_came_less_what_spilled(steps_s: list[float], mm_h: float, blocked: bool) -> None:
    pond = replace(POND, blocked=blocked)
    for dt_s in steps_s:
        pond = rain(pond, mm_h, 100.0, dt_s)
        assert abs(POND.volume_m3 + pond.came_m3 - pond.left_m3 - pond.volume_m3) <= 1e-9 * (1e6 + pond.came_m3)
        assert pond.beach_m >= 0.0
        assert 0.0 <= pond.phreatic_m <= 12.0


def test_a_storm_shortens_the_beach_and_a_blocked_spillway_makes_it_worse() -> None:
    open_pond, blocked, dry = POND, replace(POND, blocked=True), POND
    for _ in range(48 * 60):
        open_pond, blocked, dry = (rain(pond, mm, 20.0, 60.0) for pond, mm in
                                   ((open_pond, 40.0), (blocked, 40.0), (dry, 0.0)))  # fmt: skip
    assert blocked.level_m > open_pond.level_m > dry.level_m
    assert blocked.beach_m < open_pond.beach_m < dry.beach_m
    assert blocked.phreatic_m < open_pond.phreatic_m < dry.phreatic_m
    assert blocked.freeboard_m < 0.0  # over the crest


# ---- rock


@given(st.lists(st.floats(0.001, 5_000.0), min_size=1, max_size=20), st.floats(600.0, 1e5))
def test_a_slope_is_where_it_is_however_the_time_is_cut(parts: list[float], fails_in_s: float) -> None:
    at_once = creep(accelerate(Slope(), fails_in_s), sum(parts))
    slope = accelerate(Slope(), fails_in_s)
    moved = [slope.moved_mm]
    for dt_s in parts:
        slope = creep(slope, dt_s)
        moved.append(slope.moved_mm)
    assert moved == sorted(moved)
    if slope.down == at_once.down:
        assert slope.moved_mm == pytest.approx(at_once.moved_mm, rel=1e-6)


def test_the_inverse_of_the_velocity_falls_in_a_straight_line_to_the_time_of_failure() -> None:
    slope = accelerate(Slope(), 3600.0)
    inverse = []
    for _ in range(35):
        slope = creep(slope, 100.0)
        inverse.append(1.0 / slope.mm_s)
        assert slope.fails_in_s == pytest.approx(3600.0 - 100.0 * len(inverse), rel=1e-6)
    falls = [a - b for a, b in pairwise(inverse)]
    assert max(falls) == pytest.approx(min(falls), rel=1e-6)
    assert not slope.down
    assert stabilise(slope).mm_s == CREEP_MM_S
    slope = creep(slope, 200.0)
    assert slope.down
    assert slope.moved_mm > 20_000.0
    assert creep(slope, 1e6) == slope == stabilise(slope)
    assert math.isinf(Slope().fails_in_s)


# ---- people


def test_people_are_counted_where_they_are_and_leave_when_told() -> None:
    crew = Crew((("intake", 200.0), ("heading", 60.0)), 9, 100, source(1, "crew"))
    assert crew.count() == 9
    for _ in range(3600):
        crew.walk(1.0)
    assert crew.count() == 9 == crew.count("intake") + crew.count("heading")
    crew.enter(4)
    assert crew.count() == 9
    for _ in range(300):
        crew.walk(1.0)
    assert crew.count() == 13
    assert len({person.tag for person in crew.people}) == 13
    crew.ordered_out = True
    for _ in range(round(260.0 / WALK_M_S) + 2):
        crew.walk(1.0)
    assert crew.count() == 0
    assert crew.people == []
    with pytest.raises(ValueError, match=str(PEOPLE_MAX)):
        crew.enter(PEOPLE_MAX + 1)


# ---- sensors


def sensor(noise: float = 0.0, lag_s: float = 5.0) -> Sensor:
    return Sensor(source(1, "s"), lag_s=lag_s, noise=noise, low=0.0, high=4.0)


@given(st.floats(-10.0, 10.0), st.floats(0.0, 1e6), st.floats(0.0, 1e3))
def test_a_sensor_shows_something_within_its_range_and_between_before_and_now(
    true: float, dt_s: float, lag_s: float
) -> None:
    one = sensor(lag_s=lag_s)
    one.measure(1.0, 0.0)
    shown = one.measure(true, dt_s)
    assert 0.0 <= shown <= 4.0
    assert min(1.0, max(0.0, true)) - 1e-9 <= shown <= max(1.0, min(4.0, true)) + 1e-9


def test_a_sensor_lags_drifts_freezes_is_poisoned_and_calibrated() -> None:
    one = sensor()
    one.measure(0.0, 1.0)
    assert one.measure(1.0, 5.0) == pytest.approx(1.0 - math.exp(-1.0))
    one.measure(1.0, 1000.0)
    one.set("drift_per_day", 0.24)
    assert one.measure(1.0, 3600.0) == pytest.approx(1.01, abs=1e-3)
    one.calibrate()
    one.set("drift_per_day", 0.0)
    one.set("poisoned", True)
    assert one.measure(1.0, POISON_HALF_S) == pytest.approx(0.5, abs=1e-3)
    one.set("poisoned", False)
    one.calibrate()
    assert one.measure(1.0, 1.0) == pytest.approx(1.0, abs=1e-3)
    one.set("frozen", True)
    assert one.measure(3.0, 1000.0) == pytest.approx(1.0, abs=1e-3)
    one.set("frozen", False)
    one.set("offset", -0.5)
    assert one.measure(3.0, 1.0) == pytest.approx(2.5)
    for name, value in (("frozen", 1), ("drift_per_day", math.nan), ("offset", 1e9), ("asleep", True)):
        with pytest.raises(ValueError, match=name):
            one.set(name, value)


def test_a_smouldering_fire_gives_more_carbon_monoxide_for_its_heat_than_a_flaming_one() -> None:
    def co_per_heat(age_s: float) -> float:
        given = {source.substance: source.per_s for source in Fire("x", 1.0, smoulder_s=100.0, age_s=age_s).gives()}
        return given["co"] / given["heat"]

    assert co_per_heat(50.0) > 2.0 * co_per_heat(200.0) > 0.0
