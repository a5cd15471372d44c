"""Everything that can go wrong, by name, as one line of a scenario: `t = 12.5  what = "kill"  target = "field"`.

A mishap with `for_s` ends by itself; without, it lasts until the run's end or until everything is healed.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import NamedTuple

from minegate_interlock.lines import Command, Verb
from minegate_sim.gateway.agent import PROCESSES
from minegate_sim.mine import Mine

FOREVER = 0.0


class Mishap(NamedTuple):
    """One thing at one time. `value` means what its kind says; `for_s` 0: it does not end by itself."""

    t: float
    what: str
    target: str = ""
    value: float = 0.0
    for_s: float = FOREVER


Act = Callable[[Mine, Mishap], None]


class Kind(NamedTuple):
    """`targets` and `values` (lowest, highest) are what exploration draws from, and `lasts_s`; (0, 0): a moment."""

    help: str
    begin: Act
    end: Act | None
    targets: tuple[str, ...] = ()
    values: tuple[float, float] = (0.0, 0.0)
    lasts_s: tuple[float, float] = (0.0, 0.0)
    of: str = ""  # "device" or "port": in another place than the heading the targets are that place's


def targets(what: str, mine: Mine) -> tuple[str, ...]:
    """What a mishap can befall in this mine; empty if it needs no target."""
    kind = KINDS[what]
    there = {"device": mine.place.devices, "port": mine.place.ends}.get(kind.of, kind.targets)
    return tuple(there)


def enter(mine: Mine, mishap: Mishap) -> None:
    """Put it on the mine's timeline. ValueError for what is not known."""
    kind = KINDS.get(mishap.what)
    if kind is None:
        raise ValueError(f"what = {mishap.what!r} is not one of {', '.join(KINDS)}")
    there = targets(mishap.what, mine)
    if there and mishap.target not in there:
        raise ValueError(f"{mishap.what}: target = {mishap.target!r} is not one of {', '.join(there)}")

    def begin() -> None:
        told = f"{mishap.what} {mishap.target} {mishap.value:g}".rstrip()
        mine.record.note(mine.now_ms, "mishap", told)
        kind.begin(mine, mishap)
        mine.touched()

    def end() -> None:
        if kind.end is not None:
            mine.record.note(mine.now_ms, "mishap", f"{mishap.what} {mishap.target} is over")
            kind.end(mine, mishap)
            mine.touched()

    mine.timeline.at(1000.0 * mishap.t, begin)
    if mishap.for_s:
        mine.timeline.at(1000.0 * (mishap.t + mishap.for_s), end)


def heal(mine: Mine, plan: tuple[Mishap, ...]) -> None:
    """Everything of the plan is over."""
    for mishap in plan:
        kind = KINDS[mishap.what]
        if kind.end is not None:
            kind.end(mine, mishap)
    mine.touched()


def person(mine: Mine, verb: Verb, area: str) -> None:
    """Somebody at the gateway asks the interlock for something."""
    mine.gateway.command(Command(verb, area or mine.rules.areas[0].name, "Li Wei", "simulated"))


def _way(name: str, on: float | bool, off: float | bool) -> tuple[Act, Act]:
    return (lambda mine, _: setattr(mine.far.way, name, on)), (lambda mine, _: setattr(mine.far.way, name, off))


def _device(fault: str, on: Callable[[Mishap], object], off: object) -> tuple[Act, Act]:
    def set_to(mine: Mine, mishap: Mishap, value: object) -> None:
        mine.place.do({"do": "fault", "device": mishap.target, "fault": fault, "value": value}, mine.now_ms)

    return (lambda mine, mishap: set_to(mine, mishap, on(mishap))), (lambda mine, mishap: set_to(mine, mishap, off))


def _wish(on: Callable[[Mishap], dict[str, object]], off: dict[str, object]) -> tuple[Act, Act]:
    return (lambda mine, mishap: _do(mine, on(mishap))), (lambda mine, _: _do(mine, off))


def _do(mine: Mine, wish: dict[str, object]) -> None:
    mine.place.do(wish, mine.now_ms)


def _bus(fault: Callable[[Mishap], dict[str, object]]) -> tuple[Act, Act]:
    """A fault of bus/faults.py, on the bus that the target is or hangs on."""

    def set_to(mine: Mine, mishap: Mishap, on: bool) -> None:
        port = {"port": mishap.target} if mishap.target in mine.place.ends else {}
        _do(mine, {"do": "bus", **port, "on": on, "fault": fault(mishap)})

    return (lambda mine, mishap: set_to(mine, mishap, True)), (lambda mine, mishap: set_to(mine, mishap, False))


def _babbling(mishap: Mishap) -> dict[str, object]:
    return {"fault": "babble", "device": mishap.target, "every_ms": mishap.value}


def _wrong_rate(mishap: Mishap) -> dict[str, object]:
    rate = 125_000 if mishap.target == "roadheader" else 4800
    return {"fault": "wrong_rate", "device": mishap.target, "rate": rate}


def _cut_cable(mine: Mine, mishap: Mishap) -> None:
    _do(mine, {"do": "cable", "port": mishap.target, "cut": True})


def _mend_cable(mine: Mine, mishap: Mishap) -> None:
    _do(mine, {"do": "cable", "port": mishap.target, "cut": False})


def _disk(at_operation: int) -> Act:
    def plan(mine: Mine, mishap: Mishap) -> None:
        mine.gateway.disk.faults[mine.gateway.disk.operations + max(1, int(mishap.value))] = at_operation

    return plan


def _fill(mine: Mine, mishap: Mishap) -> None:
    mine.gateway.disk.fill(int(mishap.value))


def _fail(mine: Mine, mishap: Mishap) -> None:
    mine.gateway.disk.failing = errno.EIO


def _free(mine: Mine, mishap: Mishap) -> None:
    mine.gateway.disk.capacity = None


def _work(mine: Mine, mishap: Mishap) -> None:
    mine.gateway.disk.failing = 0


def _slow_disk(mine: Mine, mishap: Mishap) -> None:
    mine.gateway.disk_latency_ms = (mishap.value, 4 * mishap.value)


def _fast_disk(mine: Mine, mishap: Mishap) -> None:
    mine.gateway.disk_latency_ms = (0.2, 6.0)


def _step_clock(mine: Mine, mishap: Mishap) -> None:
    for clock in mine.gateway.clocks.values():
        clock.step(1000.0 * mishap.value)


HEADS = ("T1-head", "T2-head", "fan-node")
NODES = (*HEADS, "relay")
LINES = ("rs485-1", "rs485-2")
PORTS = (*LINES, "relay-1", "can-1")
KINDS: dict[str, Kind] = {
    "kill": Kind("SIGKILL of a process", lambda mine, m: mine.gateway.kill(m.target), None, PROCESSES),
    "end": Kind("SIGTERM of a process", lambda mine, m: mine.gateway.end(m.target), None, PROCESSES),
    "stall": Kind("a process gets no processor", lambda mine, m: mine.gateway.stall(m.target, True),
                  lambda mine, m: mine.gateway.stall(m.target, False), PROCESSES, lasts_s=(0.1, 6.0)),
    "power_cut": Kind("the gateway loses power", lambda mine, _: mine.gateway.power_off(),
                      lambda mine, _: mine.gateway.power_on(), lasts_s=(0.5, 8.0)),
    "disk_kill": Kind("link is killed in its n-th disk operation from now", _disk(-1), None, values=(1, 40)),
    "disk_power": Kind("power is lost in the n-th disk operation from now", _disk(0), None, values=(1, 40)),
    "disk_full": Kind("the disk takes `value` bytes more", _fill, _free, values=(0, 20_000), lasts_s=(1.0, 10.0)),
    "disk_error": Kind("every disk operation fails", _fail, _work, lasts_s=(0.5, 10.0)),
    "disk_slow": Kind("a commit takes `value` ms", _slow_disk, _fast_disk, values=(10, 800), lasts_s=(1.0, 15.0)),
    "broker_away": Kind("the broker is stopped", lambda mine, _: mine.far.go(True), lambda mine, _: mine.far.go(False),
                        lasts_s=(0.5, 15.0)),
    "broker_restart": Kind("the broker forgets everything", lambda mine, _: mine.far.restart(), None),
    "broker_silent": Kind("packets vanish", *_way("silent", True, False), lasts_s=(0.5, 15.0)),
    "broker_deaf": Kind("acknowledgements vanish", *_way("deaf_back", True, False), lasts_s=(0.5, 15.0)),
    "broker_refuses": Kind("every record is refused", *_way("refuses", True, False), lasts_s=(0.5, 8.0)),
    "broker_twice": Kind("messages come twice", *_way("twice", 0.5, 0.0), lasts_s=(1.0, 20.0)),
    "broker_far": Kind("`value` ms one way", lambda mine, m: setattr(mine.far.way, "delay_ms", m.value),
                       lambda mine, _: setattr(mine.far.way, "delay_ms", 5.0), values=(50, 3000), lasts_s=(1.0, 20.0)),
    "clock_step": Kind("the wall clock jumps by `value` s", _step_clock, None, values=(-4000, 4000)),
    "unplug": Kind("an adapter is pulled out", lambda mine, m: mine.cables[m.target].unplug(True),
                   lambda mine, m: mine.cables[m.target].unplug(False), PORTS, lasts_s=(0.2, 8.0), of="port"),
    "cable": Kind("a cable is cut", _cut_cable, _mend_cable, (*LINES, "relay-1"), lasts_s=(0.2, 8.0),
                  of="port"),
    "noise": Kind("each bit on a bus is wrong with probability `value`", *_bus(
        lambda m: {"fault": "noise", "bit_error_rate": m.value}), PORTS, values=(0.0001, 0.01), lasts_s=(0.5, 8.0),
        of="port"),
    # without `of`: a robot hangs on no bus, so these befall the devices of heading 1201 only
    "babble": Kind("a device talks unasked every `value` ms; on CAN with the highest priority", *_bus(_babbling),
                   (*NODES, "roadheader"), values=(2, 200), lasts_s=(0.2, 8.0)),
    "wrong_rate": Kind("a device is set to another rate; on CAN it sends error frames until it is off the bus",
                       *_bus(_wrong_rate), (*NODES, "roadheader"), lasts_s=(0.5, 8.0)),
    "half_awake": Kind("a device answers now and then, late, and not to the end", *_bus(
        lambda m: {"fault": "half_awake", "device": m.target}), NODES, lasts_s=(0.5, 8.0)),
    "break_in_frame": Kind("a device stops in the middle of each answer and goes on", *_bus(
        lambda m: {"fault": "break_in_frame", "device": m.target}), NODES, lasts_s=(0.5, 8.0)),
    "echo": Kind("the gateway's adapter hears itself", *_bus(lambda m: {"fault": "echo"}), (*LINES, "relay-1"),
                 lasts_s=(0.5, 20.0)),
    "cut_before": Kind("the cable is cut in front of a device", *_bus(
        lambda m: {"fault": "cut", "before": m.target}), ("T2-head",), lasts_s=(0.2, 8.0)),
    "dead": Kind("a device has no supply", *_device("dead", lambda _: True, False), NODES, lasts_s=(0.1, 8.0),
                 of="device"),
    "slow": Kind("a device answers `value` ms late", *_device("slow_ms", lambda m: int(m.value), 0), HEADS,
                 values=(20, 1500), lasts_s=(0.5, 8.0), of="device"),
    "garble": Kind("a share `value` of the answers is wrong", *_device("garble", lambda m: m.value, 0.0), NODES,
                   values=(0.1, 1.0), lasts_s=(0.5, 8.0), of="device"),
    "frozen": Kind("a device answers on with its last value", *_device("frozen", lambda _: True, False), HEADS,
                   lasts_s=(0.5, 8.0), of="device"),
    "stuck_open": Kind("the contact does not close", *_device("stuck_open", lambda _: True, False), ("relay",),
                       lasts_s=(0.5, 8.0), of="device"),
    "fan_stop": Kind("the local fan stops", *_wish(lambda _: {"do": "fan", "run": False}, {"do": "fan", "run": True}),
                     lasts_s=(0.5, 8.0)),
    "burst": Kind("`value` m3 of methane break out",
                  lambda mine, m: _do(mine, {"do": "burst", "m3": m.value, "s": 3.0}), None, values=(0.5, 3.0)),
    "duct": Kind("a share `value` of the air reaches the face", *_wish(
        lambda m: {"do": "duct", "intact": m.value}, {"do": "duct", "intact": 1.0}),
        values=(0.0, 0.3), lasts_s=(0.5, 8.0)),
    "robots_away": Kind("the underground broker is stopped", lambda mine, _: mine.underground.go(True),
                        lambda mine, _: mine.underground.go(False), lasts_s=(0.5, 8.0)),
    "reset": Kind("a person resets", lambda mine, m: person(mine, Verb.RESET, m.target), None),
    "cut": Kind("a person cuts", lambda mine, m: person(mine, Verb.CUT, m.target), None),
}  # fmt: skip
