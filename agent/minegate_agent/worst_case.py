"""How long an over-limit can take from the sensor to the open contact: sums that a person can follow. Pure.

Every part is an upper bound of its own, and all of them together hardly ever meet: this is what can be promised, not
what is seen (`minegate bench trip` measures that). AQ 6201 allows 2 s from the sensor's over-limit on; what happens
inside a sensor before it shows the gas is the sensor's own time and no part of it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from minegate_agent.config import Port
from minegate_agent.field.plan import DEAD_SHOWN, LinePlan
from minegate_agent.field.wire_time import gap_ms, wire_ms
from minegate_agent.site import SiteDevice
from minegate_drivers.port_health import PortHealth
from minegate_drivers.sdk import CanDriver
from minegate_interlock.output_kinds import AnyOutput, hold_ms, permit_ms
from minegate_interlock.terms import Area, FanLock, Rules, Timing

HOP_MS = 15.0  # each process that a reading passes, on a busy machine; `minegate bench trip` holds all of them to that
RELEASE_MS = 50.0  # loop of the node and drop-out of its contactor; makers give 10-40 ms for the latter
PULL_IN_MS = 80.0  # loop of the node and a contactor that closes; makers give 20-70 ms
# A frame of 8 bytes with every stuff bit: 11-bit and 29-bit identifiers (Davis et al., "Controller Area Network
# schedulability analysis: refuted, revisited and revised", 2007)
_CAN_BITS = {False: 135, True: 160}
_BATCH_MS = {"socketcan": 20.0, "slcan": 10.0}  # field/can_batch.py; python-can's adapters 5 ms
_PYTHON_CAN_MS = 5.0
_TOLD_MS = 1000.0  # the health of a port is told once a second (field/app.py)

HEALTHY, SILENT = "healthy", "silent"
CASES = (HEALTHY, *(f"{dead} dead" for dead in DEAD_SHOWN if dead), SILENT)


class Worst(NamedTuple):
    """The parts of one sum, in milliseconds, in the order in which they pass."""

    period_ms: float = 0.0  # the limit was passed just after the device answered or spoke
    line_ms: float = 0.0  # whatever the line carries first, and the answer itself
    dead_ms: float = 0.0  # neighbours that have just died and are waited for
    port_ms: float = 0.0  # how the port is read: batches of an adapter, the way of a network or broker
    stale_ms: float = 0.0  # how long a silence is endured
    processes_ms: float = 0.0  # from process to process
    tick_ms: float = 0.0  # of the interlock, which looks for silence
    output_ms: float = 0.0  # OPEN is lost: the lease (or watchdog) runs out, and the contact drops out

    @property
    def total_ms(self) -> float:
        """All of them, one after the other."""
        return sum(self)

    def sum(self) -> str:
        """The sum as it is written down, without what is not there."""
        return " + ".join(f"{part:.0f} {name.removesuffix('_ms')}" for name, part in self._named() if part)

    def greatest(self, among: frozenset[str]) -> str:
        """The largest part of those that a person can change."""
        return max((part, name) for name, part in self._named() if name in among)[1]

    def _named(self) -> list[tuple[str, float]]:
        return list(zip(self._fields, self, strict=True))


class Way(NamedTuple):
    """How readings of one device come in. `plan` is None if it speaks by itself."""

    device: SiteDevice
    port: Port
    part: int
    plan: LinePlan | None
    neighbours: tuple[SiteDevice, ...]  # on the same port


class Case(NamedTuple):
    """A sum with its name: `healthy`, `1 dead`, `2 dead` (neighbours on the line), `silent` (the sensor, its line or
    field itself). `way` is whose it is.
    """

    name: str
    worst: Worst
    way: Way


def cases(way: Way, timing: Timing, stale_ms: float, output_ms: float) -> tuple[Case, ...]:
    """Every sum from over-limit to open contact for a point that comes in that `way`."""
    heard = [_asked(way, dead) for dead in DEAD_SHOWN if dead <= _most_dead(way)] if way.plan else [_spoken(way)]
    processes_ms = HOP_MS * (3 if way.port.isolate else 2)
    named = [
        Case(f"{dead} dead" if dead else HEALTHY, one._replace(processes_ms=processes_ms, output_ms=output_ms), way)
        for dead, one in enumerate(heard)
    ]
    silent = Worst(
        line_ms=_last_word_ms(way),
        port_ms=heard[0].port_ms,
        stale_ms=stale_ms,
        processes_ms=processes_ms,
        tick_ms=timing.tick_ms,
        output_ms=output_ms,
    )
    return (*named, Case(SILENT, silent, way))


class Loss(StrEnum):
    """What can fail while power is permitted and nobody's limit is passed."""

    FIELD = "field killed"
    INTERLOCK = "interlock killed"
    BUS = "bus cut"
    RELAY = "relay line cut"
    LEASES = "lease frames delayed"


def loss_ms(loss: Loss, silent: Worst) -> float:
    """From the loss to the open contact; `silent` is the sum for the point that is missed last."""
    if loss is Loss.BUS:
        return silent.total_ms
    if loss is Loss.FIELD:  # its end is seen at once
        return silent.processes_ms + silent.output_ms
    return silent.output_ms


def opens_ms(area: Area, rules: Rules) -> float:
    """From the interlock's decision to the open contact of the slowest of the area's outputs, if nothing that it says
    arrives.
    """
    own = [output for output in rules.outputs if output.name in area.outputs]
    return max(released_ms(output, rules.timing) for output in own)


def released_ms(output: AnyOutput, timing: Timing) -> float:
    """From the last word that was sent to the open contact, if nothing follows it."""
    return permit_ms(output) + hold_ms(output, timing) + RELEASE_MS


def closes_ms(fan: FanLock, rules: Rules) -> float:
    """From the decision to the closed contact of a fan's lock; one PERMIT is lost."""
    own = [output for output in rules.fan_outputs if output.name in fan.outputs]
    return max(rules.timing.renew_ms + permit_ms(output) + PULL_IN_MS for output in own)


def _most_dead(way: Way) -> int:
    assert way.plan is not None
    return len(way.plan.polls) - 1


def _asked(way: Way, dead: int) -> Worst:
    assert way.plan is not None
    number = way.device.number
    ages_ms, wait_ms = way.plan.ages_ms[number], way.plan.answer_ms(number)
    dead_ms = ages_ms[dead] - ages_ms[0] if dead else 0.0
    if ages_ms[0] < way.device.config.period_ms + wait_ms:  # an eager line: nobody waits to become due
        return Worst(0.0, ages_ms[0], dead_ms, port_ms=way.port.network_ms)
    return Worst(way.device.config.period_ms, wait_ms, dead_ms, port_ms=way.port.network_ms)


def _spoken(way: Way) -> Worst:
    driver, period_ms = way.device.driver, float(way.device.config.period_ms)
    if isinstance(driver, CanDriver):
        known_ms = driver.period_ms(way.part)
        return Worst(known_ms or period_ms, _arbitration_ms(way), port_ms=_can_port_ms(way.port))
    if isinstance(driver, PortHealth):
        return Worst(period_ms, port_ms=_TOLD_MS)
    return Worst(period_ms, port_ms=way.port.network_ms)


def _arbitration_ms(way: Way) -> float:
    """Every message that is known on the bus goes first, once, and one of a stranger has just begun."""
    wide = [
        wide for device in way.neighbours if isinstance(device.driver, CanDriver) for _, wide in device.driver.can_ids
    ]
    return (sum(_CAN_BITS[each] for each in wide) + _CAN_BITS[True]) * 1000 / way.port.bitrate


def _can_port_ms(port: Port) -> float:
    return _BATCH_MS.get(port.interface, _PYTHON_CAN_MS) + port.network_ms


def _last_word_ms(way: Way) -> float:
    """A silence is counted from when the last answer was in, and the limit was passed just after it had been measured:
    when the device had heard the request.
    """
    if way.plan is None:
        return _arbitration_ms(way) if isinstance(way.device.driver, CanDriver) else 0.0
    return gap_ms(way.port) + wire_ms(way.port, way.plan.poll(way.device.number).answer_bytes)
