"""The drivers alone: the capture, and a line that is not as good as the one on the desk."""

from __future__ import annotations

from pathlib import Path

import pytest
from gecko_minegate.dock import GeckoDock
from gecko_minegate.robot import GeckoRobot
from gecko_sim import Dock, Motors, patrol

from minegate_drivers.catalogue import build
from minegate_drivers.ports import Message
from minegate_drivers.sdk import Nonsense
from minegate_drivers.testkit import main as play

HERE = Path(__file__).parent


def test_the_capture_says_what_the_driver_understands():
    assert play([str(HERE / "captures" / "dock.cap")]) == 0


@pytest.mark.parametrize("payload", [b"", b"{}", b"[1, 2]", b'{"seq": -1, "x": 0, "ch4": 0, "battery": 0, "fault": 0}'])
def test_what_is_no_message_of_the_robot_is_nonsense(payload):
    with pytest.raises(Nonsense):
        GeckoRobot(serial=7).hear(Message("gecko/7/air", payload))


def test_the_dock_answers_on_a_line_of_9600_baud(rs485_bus):
    line = rs485_bus(Dock(7), Dock(8))
    driver = GeckoDock(station=7)
    heard = line.drive(driver)
    assert driver.layouts[0].decode(heard.record) == pytest.approx((24.6, 3.2, 0.0))
    assert 20.0 < line.now_ms < 60.0  # 5 characters there, 19 back, a turnaround and the silences


def test_noise_on_the_line_is_never_believed(rs485_bus):
    line = rs485_bus(Dock(7), seed=3)
    line.begin("noise", bit_error_rate=0.01)
    driver, right, refused = GeckoDock(station=7), 0, 0
    for _ in range(60):
        try:
            heard = line.drive(driver)
        except (Nonsense, TimeoutError):
            refused += 1
            continue
        assert driver.layouts[0].decode(heard.record) == pytest.approx((24.6, 3.2, 0.0))
        right += 1
    assert right > 3
    assert refused > 20


def test_a_dock_without_supply_is_silent(rs485_bus):
    line = rs485_bus(Dock(7))
    line.begin("dead", device="dock-7")
    with pytest.raises(TimeoutError):
        line.drive(GeckoDock(station=7))
    line.end("dead", device="dock-7")
    line.drive(GeckoDock(station=7))


def test_the_drive_needs_no_driver_of_ours_but_a_dbc(can_bus):
    bus = can_bus(Motors())
    driver = build("dbc", {"file": "gecko.dbc"}, HERE)
    heard = bus.drive(driver, 1050)
    assert len(heard) == 10
    assert driver.layouts[0].decode(heard[0].record) == pytest.approx((8.5, 41.0))
    bus.begin("cut")
    assert bus.drive(driver, 1000) == []


def test_a_shift_of_the_robots_own_software_takes_no_time(virtual_time):
    said = []
    virtual_time.run(patrol(said.append, rounds=96, round_s=300.0))
    assert len(said) == 96
    assert virtual_time.now_s == pytest.approx(8 * 3600.0)
