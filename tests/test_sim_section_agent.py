"""The real agent, in virtual time, cuts the power of every shipped section within 2 s of the limit being reached."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from minegate_interlock.lines import Command, Verb
from minegate_sim.mine import Mine
from minegate_sim.place import Truth
from minegate_sim.section.section import Section, load

LOCK_S = 2
LOCKED_MS = {"longwall": 66_000.0}  # where a rule of the library holds, the minute after power-on does too
HEALTHY_MS = 12_000.0
SPEEDS = {"tailings-pond": 120.0, "belt-road": 4.0, "slope": 4.0}  # what is slow in nature
REACTION_MS = 2000.0  # AQ 6201: from over-limit to open contact


@pytest.mark.parametrize(
    ("name", "wish", "seconds"),
    [
        ("heading", {"do": "fan", "run": False}, 10),
        ("heading", {"do": "burst", "m3": 6.0, "s": 10.0}, 30),
        ("longwall", {"do": "fall", "road": "goaf", "at_m": 248, "m3": 80.0, "open": 0.9}, 30),
        ("pump-station", {"do": "burst", "m3": 30.0}, 60),
        ("belt-road", {"do": "fire", "road": "belt", "at_m": 32, "growth": "fast", "smoulder_s": 5.0}, 50),
        ("tailings-pond", {"do": "rain", "mm_h": 290.0}, 60),
        ("slope", {"do": "slide", "slope": "north-wall", "fails_in_s": 7200}, 40),
    ],
)
def test_the_contact_of_a_section_opens_within_two_seconds(name: str, wish: dict[str, object], seconds: float) -> None:
    plan = load(name)
    section = Section(plan, 1, speed=SPEEDS.get(name, 1.0))
    told: list[Truth] = []

    def edit(file: str, text: str) -> str:
        return text if name in LOCKED_MS else text.replace("power_on_lock_s = 60", f"power_on_lock_s = {LOCK_S}")

    with tempfile.TemporaryDirectory(prefix="mg") as folder, Mine(section, 1, Path(folder), edit=edit) as mine:
        mine.truth_listeners.append(told.append)
        mine.run_for(LOCKED_MS.get(name, HEALTHY_MS))
        mine.gateway.command(Command(Verb.RESET, plan.area[0].name, "Li", ""))
        mine.run_for(HEALTHY_MS)
        assert section.contacts()[plan.area[0].output], "the reset was not granted"
        for limit in plan.limit:
            mine.do({"do": "watch", "point": limit.point, "limit": limit.cut, "direction": limit.direction})
        told.clear()
        mine.do(wish)
        mine.run_for(seconds * 1000.0)
        assert mine.breaches == []
    reached = [truth.ms for truth in told if truth.what == "over_limit"]
    opened = [truth.ms for truth in told if truth.what == "contact_open"]
    assert reached, "the wish reached no limit"
    assert 0.0 <= opened[0] - reached[0] <= REACTION_MS
    assert section.truths()["feed"] == 0.0
