"""The fixtures for makers of devices: a broken promise fails their test, and a mistake is told in words."""

from __future__ import annotations

import math

import pytest

from minegate_drivers.ports import CanFrame
from minegate_node.lease import Lease
from minegate_sim.bus_under_test import CanUnderTest, Rs485UnderTest
from minegate_sim.devices.modbus_slave import ModbusSlave
from minegate_sim.guests import Guest
from minegate_sim.pytest_plugin import BrokerUnderTest, Mines, PowerUnderTest
from minegate_sim.under_test import UnderTest

QUICK = {"power_on_lock_s": 2}


class Beacon:
    """A station on CAN that says its name each second."""

    def __init__(self, name: str, identifier: int = 0x100) -> None:
        self.name = name
        self._identifier = identifier
        self._due_ms = 1000.0

    def step(self, at_ms: float) -> list[CanFrame]:
        self._due_ms = at_ms + 1000.0
        return [CanFrame(self._identifier, self.name.encode())]

    def due_ms(self) -> float:
        return self._due_ms


def test_a_promise_that_the_agent_breaks_is_told_when_the_test_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    mines = Mines()
    slope = mines("slope", rules=QUICK)
    slope.run(7)
    assert "permitted" in slope.reset()
    slope.run(1)
    monkeypatch.setattr(Lease, "pass_ms", lambda self, ms: None)  # the node's lease never ends
    slope.mine.gateway.stall("interlock", True)
    slope.run(4)
    assert "protect: relay-1 is closed" in mines.end()[0]


def test_a_mine_that_may_break_its_promises_does_not_fail_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    mines = Mines()
    slope = mines("slope", rules=QUICK, may_break=True)
    slope.mine.breach("on purpose")
    assert slope.broken == ["0.000 s: on purpose"]
    assert mines.end() == []


def test_without_a_mine_broker_and_power_say_what_is_missing() -> None:
    with pytest.raises(LookupError, match="mine_section"):
        BrokerUnderTest(Mines()).stop()
    with pytest.raises(LookupError, match="mine_section"):
        PowerUnderTest(Mines()).gateway(False)


def test_a_mine_under_test_says_what_is_wrong_with_a_question() -> None:
    with UnderTest("slope", rules=QUICK) as slope:
        slope.run(5)
        with pytest.raises(ValueError, match="is not understood"):
            slope.expect("all is well")
        with pytest.raises(ValueError, match="point 'T9' is not one of"):
            slope.expect("point T9 reaches 1")
        with pytest.raises(ValueError, match="contact 'relay-9' is not one of relay-1, belt-below"):
            slope.expect("contact relay-9 closes within 1 s")
        with pytest.raises(ValueError, match="'relay-9' is not one of relay-1, belt-below"):
            slope.contact("relay-9")
        with pytest.raises(ValueError, match="what = 'flood'"):
            slope.happen("flood")
        with pytest.raises(AssertionError, match="contact relay-1 closes within 1 s: it never did"):
            slope.expect("contact relay-1 closes within 1 s")
        slope.wish(do="fault", device="radar-node", fault="dead", value=True)
        assert math.isnan(slope.value("north-velocity"))
        slope.happen("broker_away", for_s=1.0)
        slope.run(4)
        assert slope.events("device_lost", "radar-node")
        assert slope.truth("north-velocity") > 0.0


def test_a_guest_on_a_port_of_the_section_or_among_others_kinds_is_refused() -> None:
    beacon = Guest("b", driver="dbc", device=Beacon("b"), kind="can", port="rs485-1")
    with pytest.raises(ValueError, match="port 'rs485-1' is one of the section's"):
        UnderTest("slope", guests=[beacon])
    with pytest.raises(ValueError, match="'heading' is no section"):
        UnderTest("heading", guests=[beacon])


def test_a_line_under_test_hears_each_device_and_its_faults() -> None:
    slaves = [ModbusSlave(f"s{station}", station, registers=1) for station in (1, 2)]
    slaves[1].registers[0] = 7
    line = Rs485UnderTest(slaves)
    request = bytes.fromhex("02 04 00 00 00 01 31 f9")
    assert line.ask(request)[:5].hex() == "0204020007"
    line.begin("cut", before="s2")
    assert line.ask(request) == b""
    line.end("cut", before="s2")
    assert line.ask(request)[:5].hex() == "0204020007"
    with pytest.raises(ValueError, match="bit_error_rate"):
        line.begin("noise", bit_error_rate=2.0)


def test_a_bus_under_test_gives_and_takes_frames() -> None:
    bus = CanUnderTest([Beacon("two", 0x200), Beacon("one", 0x100)])
    assert [frame.data for frame in bus.listen(1500)] == [b"one", b"two"]  # the lower identifier wins the bus
    bus.send(CanFrame(0x7FF, b"hello"))
    bus.listen(5)
    assert bus.bus.frames["near"] == 1
    assert 0.0 < bus.load < 0.01
