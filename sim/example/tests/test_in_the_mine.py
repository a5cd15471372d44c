"""The robot and its dock in a simulated heading, read by the real agent of a gateway."""

from __future__ import annotations

import pytest
from gecko_sim import Dock, Gecko

from minegate_sim.guests import Guest


@pytest.fixture
def heading(mine_section):
    """A heading with a roadheader, a fan, gas, and our two devices; nobody has switched on yet."""
    robot = Guest("gecko-7", driver="gecko", device=Gecko(7), kind="mqtt", options={"serial": 7}, period_ms=1000,
                  points={"gecko-x": "x", "gecko-ch4": "ch4"})  # fmt: skip
    dock = Guest("dock-7", driver="gecko_dock", device=Dock(7), kind="rs485", port="rs485-9", options={"station": 7},
                 points={"dock-volts": "volts"})  # fmt: skip
    return mine_section("heading-section", guests=[robot, dock], speed=4.0, rules={"power_on_lock_s": 2})


def test_the_gateway_reads_the_robot_where_it_is(heading):
    heading.run(40)
    where, gas = heading.delivered("gecko-x"), heading.delivered("gecko-ch4")
    assert len(where) > 30
    assert max(where) > 90.0
    at_the_face = gas[where.index(max(where))]
    assert at_the_face == pytest.approx(heading.truth("T1-ch4"), abs=0.05)  # the fixed head hangs six metres further on
    assert max(gas) > at_the_face + 0.03  # the duct blows clean air there; what it washes out passes the robot later
    heading.expect("event device_lost of gecko-7 never arrives")


def test_an_outage_of_the_broker_costs_no_reading(heading, broker):
    heading.run(10)
    broker.stop()
    before = broker.readings
    heading.run(20)
    assert broker.readings == before
    assert broker.backlog > 50
    broker.start()
    heading.run(15)
    assert broker.missing == []
    assert len(heading.delivered("gecko-ch4")) >= 40
    heading.expect("backlog drained within 10 s", after_s=30)
    heading.expect("ledger empty")


def test_gas_cuts_the_heading_and_the_robot_goes_on_telling(heading, power):
    heading.run(8)
    heading.reset()
    heading.run(4)
    assert heading.contact("heading-1")
    assert power.is_on("heading-1")
    assert heading.delivered("dock-volts")[-1] == pytest.approx(24.6)
    heading.wish(do="burst", m3=8.0, s=10.0)
    heading.run(20)
    heading.expect("contact heading-1 opens within 2 s of point T1-ch4 reaching 1.5", after_s=12)
    assert not power.is_on("heading-1")
    assert heading.delivered("dock-volts")[-1] == 0.0  # the charger is dead, the robot has a battery
    assert len(heading.delivered("gecko-x")) > 25


def test_a_robot_that_dies_is_missed_and_trips_nothing(heading):
    heading.run(8)
    heading.reset()
    heading.run(4)
    heading.wish(do="fault", device="gecko-7", fault="dead", value=True)
    heading.run(18)
    heading.expect("event device_lost of gecko-7 arrives within 15 s", after_s=12)
    heading.expect("contact heading-1 stays closed", after_s=10)


def test_a_power_cut_of_the_gateway_opens_the_contact_and_loses_nothing_that_was_told(heading, power, broker):
    heading.run(8)
    heading.reset()
    heading.run(10)
    power.gateway(False)
    heading.run(5)
    assert not heading.contact("heading-1")
    power.gateway(True)
    heading.run(20)
    assert broker.missing == []
    assert not heading.contact("heading-1")  # only a person closes it again
