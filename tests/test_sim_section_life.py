"""Whatever happens in a section, in any order: its books close, its values are values, one seed is one life."""

from __future__ import annotations

import json
import random
from math import isfinite

import pytest

from minegate_sim.section.section import Section, load, shipped
from minegate_sim.section.wishes import do

NAMES = sorted(shipped())


def wish(section: Section, chance: random.Random) -> dict[str, object]:
    """Something that may happen; in this section some of it cannot, and says so."""
    roads = [road.name for road in section.plan.road] or ["none"]
    buses = [*section.wiring.lines, *section.wiring.cans]
    device = chance.choice([*section.wiring.devices])
    fault: dict[str, object] = chance.choice([
        {"fault": "noise", "bit_error_rate": 0.01}, {"fault": "cut"}, {"fault": "babble", "device": device},
        {"fault": "wrong_rate", "device": device, "rate": 4800}, {"fault": "half_awake", "device": device},
    ])  # fmt: skip
    flag = chance.random() < 0.5
    return chance.choice([
        {"do": "fan", "run": flag}, {"do": "duct", "intact": chance.random()}, {"do": "mains", "on": flag},
        {"do": "fan", "fan": chance.choice(roads), "run": flag}, {"do": "bypass", "on": flag},
        {"do": "emission", "m3_min": chance.uniform(0.0, 50.0)}, {"do": "water", "on": flag},
        {"do": "burst", "road": chance.choice(roads), "m3": chance.uniform(0.0, 500.0), "s": chance.uniform(0.1, 60.0)},
        {"do": "outburst", "m3": chance.uniform(0.0, 5000.0), "s": 5.0},
        {"do": "fall", "road": chance.choice(roads), "open": chance.random(), "m3": chance.uniform(0.0, 100.0)},
        {"do": "fire", "road": chance.choice(roads), "growth": "fast", "smoulder_s": 5.0, "peak_kw": 20_000.0},
        {"do": "inflow", "m3_h": chance.uniform(0.0, 5000.0)}, {"do": "rain", "mm_h": chance.uniform(0.0, 300.0)},
        {"do": "spillway", "blocked": flag}, {"do": "slide", "fails_in_s": chance.uniform(1.0, 5000.0)},
        {"do": "stabilise"}, {"do": "enter", "people": 3}, {"do": "evacuate"},
        {"do": "fault", "device": device, "fault": chance.choice(["frozen", "dead"]), "value": flag},
        {"do": "fault", "sensor": chance.choice(list(section.sensors)), "fault": "poisoned", "value": flag},
        {"do": "bus", "port": chance.choice(buses), "on": flag, "fault": fault},
    ])  # fmt: skip


def live(name: str, seed: int, wishes: int, between_s: float) -> tuple[Section, list[str]]:
    """A section to which things happen; what was told of it."""
    chance = random.Random(f"{name}/{seed}")
    section = Section(load(name), seed, speed=chance.choice([1.0, 10.0, 100.0]))
    told = []
    for _ in range(wishes):
        try:
            do(section, wish(section, chance), section.due_ms())
        except ValueError as error:
            told.append(str(error))
        until_ms = section.due_ms() + between_s * 1000.0
        while section.due_ms() < until_ms:
            section.step(section.due_ms())
            for end in section.ends.values():
                end.run(section.due_ms())
        told += [json.dumps(list(truth)) for truth in section.take_truths()]
        told.append(json.dumps(section.values()))
        check(section)
    return section, told


def check(section: Section) -> None:
    ground = section.ground
    assert all(isfinite(value) for value in section.truths().values()), section.truths()
    assert all(isfinite(sensor.shown) for sensor in section.sensors.values())
    if ground.air is not None:
        for name, entered in ground.air.entered.items():
            assert abs(ground.air.balance(name)) <= 1e-9 * max(1.0, abs(entered)), name
        for road in ground.plan.road:
            assert -1e-12 <= ground.air.content("ch4", road.name, road.length_m) <= 1.0 + 1e-9
    for plan in section.plan.sump:
        sump = ground.sumps[plan.name]
        start = plan.area_m2 * plan.level_m
        assert abs(start + sump.came_m3 - sump.left_m3 - sump.volume_m3) <= 1e-9 * (start + sump.came_m3)


@pytest.mark.parametrize("name", NAMES)
def test_a_section_lives_through_whatever_happens_and_the_same_again(name: str) -> None:
    _, told = live(name, 1, wishes=20, between_s=2.0)
    assert live(name, 1, wishes=20, between_s=2.0)[1] == told
    assert live(name, 2, wishes=1, between_s=2.0)[1] != live(name, 1, wishes=1, between_s=2.0)[1]


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", range(100, 104))
def test_a_section_lives_through_much_more(name: str, seed: int) -> None:
    live(name, seed, wishes=150, between_s=20.0)
