"""A section described in TOML is a place: devices answer with its physics, wishes come true."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

import pytest

from minegate_agent.check import check as check_site
from minegate_drivers.modbus_rtu import payload, read_input_registers
from minegate_sim.bus.can_bus import CanBus
from minegate_sim.far_end import FarEnd
from minegate_sim.place import Place
from minegate_sim.section.section import Section, load, shipped
from minegate_sim.section.wiring import METER_RATIO
from minegate_sim.section.wishes import _WISHES, obey
from minegate_sim.watch import Watch

NAMES = sorted(shipped())


def permitted(name: str, seed: int = 1, speed: float = 4.0) -> Section:
    """A section whose areas have power, `speed` times as fast as its clock."""
    section = Section(load(name), seed, speed=speed)
    for area in section.ground.areas.values():
        area.contact_closed = True
    return section


def run(section: Section, seconds: float) -> None:
    """Let time pass in the section as a caller does: step by step, when it is due."""
    until_ms = section.due_ms() + seconds * 1000.0 / section.speed
    while section.due_ms() < until_ms:
        section.step(section.due_ms())


def happened(section: Section) -> list[str]:
    return [truth.what for truth in section.take_truths()]


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_section_is_a_place_whose_gateway_passes_the_check(name: str, tmp_path: Path) -> None:
    place: Place = Section(load(name), 1)
    for file, text in place.site().items():
        (tmp_path / file).write_text(text, encoding="utf-8")
    report = check_site(tmp_path)
    assert report.problems == ()
    assert report.site is not None
    lines = {Path(port.device or port.channel).name for port in report.site.config.port if port.kind != "mqtt"}
    assert lines | set(place.contacts()) <= set(place.ends)
    assert {point.name for point in report.site.points} <= set(place.values())
    assert all(limit.worst is not None and limit.worst.total_ms < 2000 for limit in report.limits)
    assert set(place.speakers) == {d.name for d in report.site.config.device if d.driver == "vda5050"}


@pytest.mark.parametrize("name", NAMES)
def test_a_section_left_alone_stays_within_its_limits_and_closes_its_books(name: str) -> None:
    section = permitted(name)
    run(section, 600.0)
    values = section.values()
    for limit in section.plan.limit:
        over = values[limit.point] >= limit.cut if limit.direction == "rising" else values[limit.point] <= limit.cut
        assert not over, (limit.point, values[limit.point])
    if (air := section.ground.air) is not None:
        assert abs(air.balance("ch4")) <= 1e-9 * air.entered["ch4"]
        speeds = {road.name: air.speed_m_s(road.name) for road in section.plan.road if road.area_m2 >= 9}
        assert all(speed < 4.0 for speed in speeds.values()), speeds  # of a face and a heading: 0.25-4 m/s


def test_what_was_missed_for_long_is_not_run_after() -> None:
    section = Section(load("slope"), 1)
    section.step(3_600_000.0)
    assert "stood_still" in happened(section)
    assert section.due_ms() > 3_600_000.0


# ---- devices answer with what the sensors show


def ask(end: FarEnd, request: bytes, at_ms: float) -> bytes:
    end.run(at_ms)
    end.arrive(request, at_ms)
    return end.run(at_ms + 400.0)


def test_gas_heads_and_modbus_slaves_answer_what_is_shown() -> None:
    section = permitted("pump-station")
    run(section, 60.0)
    now_ms = section.due_ms()
    request = read_input_registers(1, 0, 2)
    head = payload(ask(section.ends["rs485-1"], request, now_ms), request)
    assert int.from_bytes(head[:2], "big") == round(100 * section.values()["station-ch4"])
    request = read_input_registers(5, 0, 2)
    plc = payload(ask(section.ends["rs485-2"], request, now_ms), request)
    assert int.from_bytes(plc[:2], "big") == round(100 * section.values()["water-level"])


def test_the_meter_counts_what_the_machines_take_and_the_shearer_speaks_on_can() -> None:
    section = permitted("longwall")
    run(section, 60.0)
    meter = section.wiring.devices["feed-meter"]
    kw = (section.ground.power_kw("shearer") + section.ground.power_kw("face-conveyor")) / METER_RATIO
    assert getattr(meter, "values")[0x02030000] == pytest.approx(kw)  # noqa: B009 - one of several models
    assert getattr(meter, "values")[0x00010000] > 0.0  # noqa: B009
    bus: CanBus = section.wiring.cans["can-1"]
    bus.run(section.due_ms())
    assert section.answers()["shearer-plc"] > 250


def test_a_dead_device_is_silent_and_a_frozen_one_repeats_itself() -> None:
    section = permitted("heading")
    run(section, 5.0)
    request = read_input_registers(1, 0, 2)
    before = ask(section.ends["rs485-1"], request, section.due_ms())
    section.do({"do": "fault", "device": "T1-head", "fault": "frozen", "value": True}, 0.0)
    section.do({"do": "burst", "m3": 10.0}, 0.0)
    run(section, 30.0)
    assert section.sensors["T1-ch4"].shown > 1.5
    assert section.values()["T1-ch4"] < 1.0  # what it answers, not what it should
    assert ask(section.ends["rs485-1"], request, section.due_ms()) == before
    section.do({"do": "fault", "device": "T1-head", "fault": "dead", "value": True}, 0.0)
    assert ask(section.ends["rs485-1"], request, section.due_ms() + 500.0) == b""
    assert math.isnan(section.values()["T1-ch4"])
    assert json.loads(obey(section, b'{"do": "truth"}', 0.0))["values"]["T1-ch4"] is None


def test_a_fault_of_the_bus_can_be_wished_and_healed() -> None:
    section = permitted("heading")
    request, now_ms = read_input_registers(1, 0, 2), section.due_ms()
    for fault in (
        {"fault": "cut"},
        {"fault": "slow", "device": "T1-head", "ms": 900},
        {"fault": "noise", "bit_error_rate": 0.4},
    ):
        section.do({"do": "bus", "port": "rs485-1", "on": True, "fault": fault}, now_ms)
        assert len(ask(section.ends["rs485-1"], request, now_ms)) != 9 or fault["fault"] == "noise"
        section.do({"do": "bus", "port": "rs485-1", "on": False, "fault": fault}, now_ms)
        section.ends["rs485-1"].run(now_ms + 2000.0)
        assert payload(ask(section.ends["rs485-1"], request, now_ms + 2000.0), request)
        now_ms += 4000.0


# ---- what happens


def level(section: Section, point: str, seconds: float, **wish: object) -> tuple[float, float]:
    before = section.truths()[point]
    section.do(wish, section.due_ms())
    run(section, seconds)
    return before, section.truths()[point]


@pytest.mark.parametrize(
    ("name", "wish", "point", "seconds", "direction"),
    [
        ("heading", {"do": "fan", "run": False}, "T1-ch4", 120, +1),
        ("heading", {"do": "fan", "fan": "return", "run": False}, "T2-ch4", 600, +1),
        ("heading", {"do": "duct", "intact": 0.3}, "duct-speed", 5, -1),
        ("heading", {"do": "duct", "intact": 0.3}, "T1-ch4", 300, +1),
        ("heading", {"do": "emission", "m3_min": 6.0}, "T1-ch4", 120, +1),
        ("heading", {"do": "burst"}, "T1-ch4", 5, +1),
        ("heading", {"do": "outburst", "m3": 200.0, "s": 20.0}, "face-dust", 60, +1),
        ("heading", {"do": "mains", "on": False}, "feed", 1, -1),
        ("heading", {"do": "enter", "people": 7}, "people", 120, +1),
        ("heading", {"do": "evacuate"}, "people", 300, -1),
        ("longwall", {"do": "fall", "road": "goaf", "m3": 50.0, "open": 0.9}, "T0-ch4", 120, +1),
        ("longwall", {"do": "fall", "road": "return", "open": 0.1}, "intake-speed", 5, -1),
        ("longwall", {"do": "emission", "source": "goaf-gas", "m3_min": 4.0}, "T0-ch4", 1500, +1),
        ("pump-station", {"do": "mains", "on": False}, "water-level", 1800, +1),
        ("pump-station", {"do": "inflow", "m3_h": 900.0}, "water-level", 1800, +1),
        ("belt-road", {"do": "fire", "road": "belt", "at_m": 32, "growth": "medium"}, "drive-co", 300, +1),
        ("belt-road", {"do": "fire", "road": "belt", "at_m": 32, "growth": "fast"}, "drive-temperature", 300, +1),
        ("belt-road", {"do": "fire", "road": "belt", "at_m": 32, "growth": "medium"}, "drive-smoke", 400, +1),
        ("belt-road", {"do": "fire", "road": "belt", "at_m": 32, "growth": "medium"}, "work-co", 900, +1),
        ("tailings-pond", {"do": "rain", "mm_h": 60.0}, "pond-level", 7200, +1),
        ("tailings-pond", {"do": "rain", "mm_h": 60.0}, "dry-beach", 7200, -1),
        ("tailings-pond", {"do": "rain", "mm_h": 60.0}, "phreatic", 7200, -1),
        ("slope", {"do": "slide", "slope": "north-wall", "fails_in_s": 3600}, "north-velocity", 3000, +1),
    ],
)  # fmt: skip
def test_every_cause_has_its_effect(
    name: str, wish: dict[str, object], point: str, seconds: float, direction: int
) -> None:
    before, after = level(permitted(name), point, seconds, **wish)
    assert (after - before) * direction > 0.0, (before, after)


def test_a_cut_area_stops_its_machines_and_pumps_and_the_reserve_takes_over() -> None:
    section = permitted("pump-station")
    run(section, 1800.0)
    section.take_truths()
    section.do({"do": "inflow", "m3_h": 500.0}, section.due_ms())
    section.do({"do": "mains", "on": False}, section.due_ms())
    run(section, 2400.0)
    told = [(truth.what, truth.fields.get("of")) for truth in section.take_truths()]
    assert ("power_off", "pumps") in told
    assert ("pump_on", "pump-3") in told
    assert section.truths()["pump-1-run"] == 0.0
    assert section.truths()["pump-3-run"] == 1.0
    heading = permitted("heading")
    run(heading, 20.0)
    assert heading.ground.machines["roadheader-1"].running
    heading.do({"do": "mains", "on": False}, heading.due_ms())
    run(heading, 1.0)
    assert not heading.ground.machines["roadheader-1"].running
    assert heading.truths()["fan-run"] == 1.0  # a fan has a supply of its own


def test_a_blocked_spillway_lets_the_storm_over_the_crest_and_a_slope_comes_down_once() -> None:
    pond = permitted("tailings-pond")
    pond.do({"do": "spillway", "blocked": True}, 0.0)
    pond.do({"do": "rain", "mm_h": 120.0}, 0.0)
    run(pond, 5400.0)
    assert "overtopped_on" in happened(pond)
    slope = permitted("slope")
    slope.do({"do": "slide", "slope": "dump", "fails_in_s": 600}, 0.0)
    run(slope, 900.0)
    assert happened(slope).count("slide_on") == 1
    slope.do({"do": "stabilise", "slope": "dump"}, 0.0)
    assert slope.truths()["dump-velocity"] == 0.0


def test_the_fire_is_put_out_by_water_and_the_robot_measures_where_it_is() -> None:
    section = permitted("belt-road")
    section.do({"do": "fire", "road": "belt", "at_m": 32, "growth": "medium"}, 0.0)
    at, heard = [], []
    for _ in range(60):
        run(section, 10.0)
        robot = section.robots["belt-robot"]
        at.append(robot.rail.x_m)
        heard.append((robot.gases["CO"], section.ground.at("co", "belt", min(800.0, robot.rail.x_m))))
    assert max(at) > 200.0
    assert all(abs(shown - true) < 2.0 for shown, true in heard)
    assert heard[-1][0] > 24.0
    section.do({"do": "water", "on": True}, 0.0)
    run(section, 900.0)
    assert section.truths()["drive-co"] < 24.0


def test_a_sensor_can_be_poisoned_drift_and_be_calibrated_and_a_limit_is_watched() -> None:
    section = permitted("heading")
    section.watch(Watch("T1-ch4", 1.0))
    section.do({"do": "fault", "sensor": "T2-ch4", "fault": "poisoned", "value": True}, 0.0)
    run(section, 1200.0)
    assert section.values()["T2-ch4"] < 0.3 * section.truths()["T2-ch4"]
    section.do({"do": "fault", "sensor": "T2-ch4", "fault": "poisoned", "value": False}, 0.0)
    section.do({"do": "calibrate", "sensor": "T2-ch4"}, 0.0)
    run(section, 10.0)
    assert section.values()["T2-ch4"] == pytest.approx(section.truths()["T2-ch4"], abs=0.05)
    assert "over_limit" not in happened(section)
    section.do({"do": "burst", "m3": 10.0}, 0.0)
    run(section, 30.0)
    assert "over_limit" in happened(section)


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"do": "dance"}, "dance"), ({"do": "fan"}, "run"), ({"do": "fan", "fan": "x", "run": True}, "x"),
        ({"do": "duct", "intact": 2}, "intact"), ({"do": "emission", "m3_min": float("nan")}, "m3_min"),
        ({"do": "burst", "road": "moon"}, "moon"), ({"do": "burst", "at_m": 999}, "at_m"),
        ({"do": "fire", "growth": "huge"}, "growth"), ({"do": "inflow", "m3_h": 1}, "sump"),
        ({"do": "slide"}, "slope"), ({"do": "fault", "device": "x", "fault": "dead", "value": True}, "x"),
        ({"do": "fault", "device": "T1-head", "fault": "asleep", "value": True}, "asleep"),
        ({"do": "bus", "port": "rs485-1", "on": True, "fault": {"fault": "asleep"}}, "asleep"),
        ({"do": "bus", "port": "can-1", "on": True, "fault": {"fault": "echo"}}, "Echo"),
        ({"do": "cable", "port": "rs485-1"}, "on"), ({"do": "watch", "point": "x", "limit": 1}, "x"),
        ({"do": "enter", "people": 501}, "people"), ({"do": "calibrate"}, "sensor"),
    ],
)  # fmt: skip
def test_a_wish_that_makes_no_sense_says_why(wish: dict[str, object], said: str) -> None:
    section = permitted("heading")
    answer = json.loads(obey(section, json.dumps(wish).encode(), 0.0))
    assert answer["ok"] is False
    assert said in answer["error"]


def test_the_control_socket_tells_the_truth_and_survives_nonsense() -> None:
    section = permitted("heading")
    told = json.loads(obey(section, b'{"do": "truth"}', 0.0))
    assert told["truths"]["fan-run"] == 1.0
    assert told["can"]["can-1"]["states"] == {"near": "error-active", "roadheader": "error-active"}
    assert told["collisions"] == {"rs485-1": 0, "rs485-2": 0, "relay-1": 0}
    for line in (b"[]", b"{", b"\xff", b'{"do": {}}', b"[" * 100_000):
        assert json.loads(obey(section, line, 0.0))["ok"] is False
    chance = random.Random(5)
    for _ in range(300):
        keys = {chance.choice(["run", "on", "m3", "road", "at_m", "fan", "fault", "people", "intact", "open"]):
                chance.choice([True, -1, 1e9, "heading", "", None, []]) for _ in range(3)}  # fmt: skip
        wish = {"do": chance.choice(list(_WISHES)), **keys}
        assert "ok" in json.loads(obey(section, json.dumps(wish).encode(), 0.0))
    run(section, 5.0)


def test_a_machine_without_power_gives_off_nothing_and_methane_takes_the_place_of_oxygen() -> None:
    working, idle = permitted("heading"), Section(load("heading"), 1, speed=4.0)
    for section in (working, idle):
        run(section, 55.0)
    assert working.ground.machines["roadheader-1"].cutting
    assert working.ground.at("dust", "heading", 118.0) > 1.0
    assert idle.ground.at("dust", "heading", 118.0) == 0.0
    assert working.truths()["T1-ch4"] > idle.truths()["T1-ch4"] + 0.05
    working.do({"do": "burst", "m3": 30.0, "s": 1.0}, working.due_ms())
    run(working, 4.0)
    ch4 = working.ground.at("ch4", "heading", 119.0)
    assert ch4 > 10.0
    assert working.ground.at("o2", "heading", 119.0) == pytest.approx(20.95 * (1.0 - ch4 / 100.0))
