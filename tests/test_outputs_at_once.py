"""Outputs of every kind in one area: all open together, each loss cuts, and a fan's lock is set free by every fault."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from can_relay import CanCabinet, error
from engine_heading import Cabinet, EngineHeading
from gpio_panel import OUTPUT as GPIO
from gpio_panel import WATCHDOG_MS, Panel
from heading import AREA, FAN, T1, rules
from minegate_interlock.lines import Verb, What
from minegate_interlock.node_wire import ERR_BUS_OFF
from minegate_interlock.output_kinds import AnyOutput
from minegate_interlock.rules import FanOutput, Output, Rules
from place_rules import by_place

SERIAL = Output("relay-1", "sim/relay-1", 9)
CAN = Output("relay-2", node=8, kind="can-node", interface="socketcan", channel="can1")
LINES = replace(GPIO, name="relay-3")
NAMES = ("relay-1", "relay-2", "relay-3")


class EveryKind(EngineHeading):
    """What stands behind each kind of output."""

    def cabinet(self, output: AnyOutput) -> Cabinet:
        kinds: dict[str, Callable[[], object]] = {
            "node": lambda: Cabinet(output.node),
            "can-node": lambda: CanCabinet(output.node),
            "gpio": lambda: Panel(output),
        }
        return kinds[output.kind]()  # type: ignore[return-value]  # one shape


def at_once() -> Rules:
    own = rules()
    return replace(own, outputs=(SERIAL, CAN, LINES), areas=(replace(own.areas[0], outputs=NAMES),))


@pytest.fixture
def heading() -> EngineHeading:
    heading = EveryKind(at_once())
    heading.powered()
    assert contacts(heading) == [True] * 3
    return heading


def contacts(heading: EngineHeading) -> list[bool]:
    return [heading.cabinets[name].contact for name in NAMES]


def test_gas_opens_all_of_them_and_each_is_read_back(heading: EngineHeading) -> None:
    heading.gas(1.5)
    heading.run(400)
    assert contacts(heading) == [False] * 3
    took = {verdict.point: verdict.value for verdict in heading.said(What.OUTPUT_OPEN)}
    assert sorted(took) == list(NAMES)
    assert all(0 <= took_ms <= 200 for took_ms in took.values())


def silence(heading: EngineHeading) -> None:
    heading.cabinets["relay-1"].answers = False


def bus_off(heading: EngineHeading) -> None:
    cabinet = heading.cabinets["relay-2"]
    assert isinstance(cabinet, CanCabinet)
    cabinet.events, cabinet.cable = error(ERR_BUS_OFF), False


def chip_gone(heading: EngineHeading) -> None:
    heading.cabinets["relay-3"].chip = False  # type: ignore[attr-defined]  # a Panel
    heading.engine.line_lost("relay-3", heading.now_ms)


@pytest.mark.parametrize(("fault", "name"), [(silence, "relay-1"), (bus_off, "relay-2"), (chip_gone, "relay-3")])
def test_the_loss_of_any_one_opens_the_others_and_is_told_with_its_name(
    heading: EngineHeading, fault: Callable[[EngineHeading], None], name: str
) -> None:
    fault(heading)
    heading.run(1500)
    others = [heading.cabinets[other].contact for other in NAMES if other != name]
    assert others == [False, False]
    (lost,) = heading.said(What.OUTPUT_LOST)
    assert lost.point == name
    assert not heading.command(Verb.RESET)[0]


FANS = (
    FanOutput("fan-lock-1", "sim/fan-lock-1", 10),
    FanOutput("fan-lock-1", node=10, kind="can-node", interface="socketcan", channel="can1"),
    FanOutput(
        "fan-lock-1", kind="gpio", chip="/dev/gpiochip0", line=5, watchdog_line=6, watchdog_ms=WATCHDOG_MS, read_back=7
    ),
)


@pytest.mark.parametrize("fan", FANS, ids=[fan.kind for fan in FANS])
def test_a_fan_is_locked_by_gas_and_set_free_by_whatever_fails(fan: FanOutput) -> None:
    heading = EveryKind(replace(by_place(), fan_outputs=(fan,)))
    heading.run(2000)
    lock = heading.cabinets["fan-lock-1"]
    assert not lock.contact
    heading.values[T1], heading.values[FAN] = 3.1, 0.0
    heading.run(1000)
    assert lock.contact
    assert heading.said(What.FAN_LOCKED)
    for _ in range(100):  # the interlock is dead
        heading.now_ms += 10
        lock.turn([], heading.now_ms)
    assert not lock.contact
    assert heading.rules.areas[0].name == AREA
