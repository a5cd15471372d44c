"""The simulated devices speak what real ones speak: checked against the standards and the project's own drivers."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import Literal, cast

import cantools
import pytest
from cantools.database.can import Database

from minegate_drivers.catalogue import build
from minegate_drivers.gas_head import GasHead as GasHeadDriver
from minegate_drivers.modbus_rtu import framed, read
from minegate_drivers.sdk import CanDriver, LineDriver, MessageDriver, Quality
from minegate_sim.air import Wind, steady
from minegate_sim.devices.gas_head import GasHead
from minegate_sim.devices.rail_robot import RailRobot
from minegate_sim.devices.roadheader import Roadheader, dbc_path
from minegate_sim.devices.sensor_node import SensorBoard
from minegate_sim.machine import Machine
from minegate_sim.noise import source
from minegate_sim.rail import Rail
from sim_vda5050 import STATE_KEYS


def head(percent: float) -> GasHead:
    made = GasHead("T1-head", 1, source(1, "T1-head"))
    made.measure(percent, 0.0, 0.0)
    return made


def said(device: GasHead, request: bytes) -> bytes:
    device.take(request, 10.0)
    assert device.step(10.0) == b""  # silence has not yet ended the frame
    return device.step(device.due_ms())


@pytest.mark.parametrize(
    ("request_bytes", "body"),
    [
        (read(1, 4, 0, 2), struct.pack(">BBBHH", 1, 4, 4, 75, 1)),
        (read(1, 3, 0, 2), struct.pack(">BBBHH", 1, 3, 4, 75, 1)),
        (read(1, 4, 1, 1), struct.pack(">BBBH", 1, 4, 2, 1)),
        (read(1, 4, 1, 2), bytes((1, 0x84, 2))),
        (read(1, 3, 500, 1), bytes((1, 0x83, 2))),
        (read(1, 1, 0, 1), bytes((1, 0x81, 1))),
        (framed(bytes((1, 0x2B, 14, 1, 0))), bytes((1, 0xAB, 1))),
        (framed(struct.pack(">BBHH", 1, 4, 0, 0)), bytes((1, 0x84, 3))),
        (framed(struct.pack(">BBHH", 1, 4, 0, 126)), bytes((1, 0x84, 3))),
        (framed(bytes((1, 4, 0))), bytes((1, 0x84, 3))),
        (read(2, 4, 0, 2), b""),
        (framed(struct.pack(">BBHH", 0, 4, 0, 2)), b""),  # a broadcast is answered by nobody
        (read(1, 4, 0, 2)[:-1] + b"\x00", b""),
        (read(1, 4, 0, 2) * 2, b""),
        (b"\x01", b""),
        (bytes(1000), b""),
    ],
)
def test_the_gas_head_answers_as_the_specification_says(request_bytes: bytes, body: bytes) -> None:
    assert said(head(0.75), request_bytes) == (framed(body) if body else b"")


@pytest.mark.parametrize(
    ("percent", "shown", "quality"),
    [
        (0.0, 0.0, Quality.GOOD),
        (1.5, 1.5, Quality.GOOD),
        (4.0, 4.0, None),  # at the end of the range noise decides
        (9.0, 4.0, Quality.OUT_OF_RANGE),
        (-1.0, 0.0, Quality.GOOD),
    ],
)
def test_the_driver_reads_from_the_head_what_is_in_the_air(
    percent: float, shown: float, quality: Quality | None
) -> None:
    driver = build("gas_head", {"station": 1}, Path())
    assert isinstance(driver, GasHeadDriver)
    request = driver.ask(0)
    assert request is not None
    heard = driver.hear(said(head(percent), request))
    assert driver.layouts[0].decode(heard.record)[0] == pytest.approx(shown)
    assert quality is None or heard.quality == quality


def test_the_head_follows_the_gas_with_the_lag_of_its_chamber() -> None:
    device = head(0.5)
    shown = []
    for tick in range(1, 200):
        device.measure(2.0, 0.05, tick * 50.0)
        shown.append(device.shown_percent)
    assert shown[5] < 1.0
    assert shown[-1] == pytest.approx(2.0, abs=0.03)
    assert len(set(shown)) <= 21  # a new sample every 500 ms


def test_the_driver_reads_the_channels_of_the_sensor_node() -> None:
    channels = "0 running low=0 high=1; 1 flow unit=m/s scale=0.01 low=0 high=30; 2 feed low=0 high=1"
    driver = build("wire_node", {"node": 3, "channels": channels}, Path())
    assert isinstance(driver, LineDriver)
    board = SensorBoard("fan-node", 3, (0, 0, 0), 77)
    board.measure((1, 1658, 0), 1000.0)
    request = driver.ask(1000)
    assert request is not None
    board.take(request, 1010.0)
    heard = driver.hear(board.step(board.due_ms()))
    layout = driver.layouts[0]
    told = dict(zip([field.name for field in layout.fields], layout.decode(heard.record), strict=True))
    assert [told["running"], told["flow"], told["feed"]] == pytest.approx([1.0, 16.58, 0.0])
    assert heard.quality == Quality.GOOD
    assert board.step(2000.0) == b""
    board.faults.frozen = True
    board.measure((0, 0, 0), 9000.0)
    board.take(request, 9000.0)
    driver.ask(9000)
    assert driver.hear(board.step(9000.0)).quality & Quality.STALE


def roadheader_frames(seed: int) -> list[tuple[int, bytes]]:
    device = Roadheader("roadheader", source(seed, "roadheader"), 0.0)
    frames = []
    for tick in range(100):
        device.measure(Machine(powered_s=100.0, oil_c=55.5, run_s=3600.0), steady(Wind()), 0.05)
        while device.due_ms() <= tick * 50.0:
            frames += [(frame.id, frame.data) for frame in device.step(device.due_ms())]
    return frames


def values(database: Database, frame: tuple[int, bytes]) -> dict[str, float]:
    return cast(dict[str, float], database.decode_message(*frame))


def test_cantools_and_the_driver_understand_every_frame_of_the_roadheader() -> None:
    frames = roadheader_frames(1)
    database = cast(Database, cantools.database.load_file(str(dbc_path())))
    names = [database.get_message_by_frame_id(identifier).name for identifier, _ in frames]
    assert {name: names.count(name) for name in set(names)} == {
        "Motors": 49, "Environment": 24, "Liveness": 9, "Faults": 9,
    }  # fmt: skip
    motors = values(database, frames[names.index("Motors")])
    assert 80 < motors["CutterCurrent"] < 180
    assert motors["OilTemperature"] == pytest.approx(55.5)
    counters = [values(database, frame)["PlcCounter"] for frame in frames if frame[0] == 529]
    assert counters == list(range(1, 10))
    driver = build("dbc", {"file": "roadheader.dbc"}, Path())
    assert isinstance(driver, CanDriver)
    device = Roadheader("roadheader", source(1, "roadheader"), 0.0)
    device.measure(Machine(), steady(Wind()), 0.05)
    heard = [driver.hear(frame) for frame in device.step(500.0)]
    assert len(heard) == 4
    assert {one.quality for one in heard} == {Quality.GOOD}


def test_without_power_the_currents_are_zero_and_the_controller_speaks_on() -> None:
    device = Roadheader("roadheader", source(1, "roadheader"), 0.0)
    device.measure(Machine(), steady(Wind()), 0.05)
    assert (device.values["CutterCurrent"], device.values["PumpCurrent"]) == (0.0, 0.0)
    assert (device.values["GasLock"], device.values["WindElectricLock"]) == (0.0, 0.0)
    stopped = steady(Wind(duct_intact=0.0001))
    device.measure(Machine(), stopped, 0.05)
    assert (device.values["GasLock"], device.values["WindElectricLock"]) == (1.0, 1.0)
    assert len(device.step(500.0)) == 4
    device.faults.dead = True
    assert device.step(1000.0) == []
    assert device.due_ms() > 1000.0


def robot(version: Literal[2, 3] = 3, seed: int = 1) -> RailRobot:
    made = RailRobot("rail-robot", "minegate", "rail-1", source(seed, "robot"), 0.0, version)
    made.measure(Rail(x_m=12.5, charge=66.0), 0.8, 1.0)
    return made


def test_the_state_of_the_robot_has_every_key_that_vda_5050_asks_for() -> None:
    message = robot().step(1000.0, 1_767_225_600_123)
    assert message is not None
    assert message.topic == "vda5050/v3/minegate/rail-1/state"
    state = json.loads(message.payload)
    assert set(state) >= STATE_KEYS
    assert state["timestamp"] == "2026-01-01T00:00:00.123Z"
    assert set(state["powerSupply"]) >= {"stateOfCharge", "charging"}
    assert set(state["mobileRobotPosition"]) >= {"x", "y", "theta", "mapId", "localized"}
    assert set(state["safetyState"]) == {"activeEmergencyStop", "fieldViolation"}


@pytest.mark.parametrize("version", [2, 3])
def test_the_driver_reads_the_robot_in_both_versions(version: Literal[2, 3]) -> None:
    driver = build("vda5050", {"version": version, "manufacturer": "minegate", "serial": "rail-1"}, Path())
    assert isinstance(driver, MessageDriver)
    message = robot(version).step(1000.0, 0)
    assert message is not None
    heard = driver.hear(message)
    assert heard is not None
    layout = driver.layouts[heard.part]
    told = dict(zip([field.name for field in layout.fields], layout.decode(heard.record), strict=True))
    assert told["x"] == pytest.approx(12.5)
    assert told["battery"] == pytest.approx(66.0)
    assert told["ch4"] == pytest.approx(0.8, abs=0.05)
    assert not any(math.isnan(told[gas]) for gas in ("co", "o2", "h2s", "temperature", "humidity"))
    assert (told["driving"], told["emergency_stop"]) == (1.0, 0.0)
    assert heard.quality == Quality.GOOD
    broken = driver.hear(robot(version).connection("CONNECTION_BROKEN", 0))
    assert broken is not None
    assert broken.quality == Quality.LINE_BREAK


def test_the_robot_numbers_its_messages_and_does_not_make_up_for_missed_ones() -> None:
    device = robot()
    assert device.step(999.0, 0) is None
    numbers = []
    for at_ms in (1000.0, 2000.0, 60_000.0, 60_001.0):
        message = device.step(at_ms, 0)
        numbers.append(None if message is None else json.loads(message.payload)["headerId"])
    assert numbers == [1, 2, 3, None]
    assert json.loads(device.connection("CONNECTION_BROKEN", 0).payload)["connectionState"] == "CONNECTION_BROKEN"
    assert json.loads(robot(2).connection("CONNECTION_BROKEN", 0).payload)["connectionState"] == "CONNECTIONBROKEN"


def test_the_same_seed_gives_the_same_bytes_of_every_device() -> None:
    def spoken(seed: int) -> tuple[object, ...]:
        gas = GasHead("T1-head", 1, source(seed, "T1-head"))
        shown = []
        for tick in range(2000):
            gas.measure(0.755, 0.05, tick * 50.0)
            shown.append(gas.registers[0])
        return shown, roadheader_frames(seed), robot(seed=seed).step(1000.0, 0)

    assert spoken(1) == spoken(1)
    assert all(one != other for one, other in zip(spoken(1), spoken(2), strict=True))
