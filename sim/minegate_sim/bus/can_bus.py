"""A CAN bus: one frame at a time, the lowest identifier first, and every station judges every frame. Pure.

Frames take their real number of bits. When the bus is free, all that are ready arbitrate; a damaged frame is stopped by
an error frame and sent again by its controller, whose counters follow `can_controller.py`. What damages a frame: noise,
two stations with the same identifier and other data, a station set to another bit rate (as long as it may send active
error flags), and nobody to acknowledge. `devices` lie along the cable in their order, masters before the first.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol, TypeVar, runtime_checkable

from minegate_drivers.ports import CanFrame
from minegate_sim.bus.can_bits import ERROR_BITS, SUSPEND_BITS, length_bits, priority
from minegate_sim.bus.can_controller import RECOVERY_BITS, BusState, Controller
from minegate_sim.bus.can_tap import (
    ERROR_ACK,
    ERROR_BUS_OFF,
    ERROR_PROTOCOL,
    ERROR_RESTARTED,
    CanTap,
    Heard,
)
from minegate_sim.bus.faults import Babble, Cut, Dead, Fault, Frozen, Lossy, Noise, WrongRate
from minegate_sim.far_end import NEVER
from minegate_sim.slcan import CanNode

FAULTS_MAX = 64
MASTERS_MAX = 32

F = TypeVar("F", bound=Fault)


@runtime_checkable
class CanListener(Protocol):
    """A CanNode that also listens."""

    def hear(self, frame: CanFrame, at_ms: float) -> None:
        """A frame of another station was complete at `at_ms`."""


class _Flight(NamedTuple):
    senders: tuple[Controller, ...]
    frame: CanFrame
    end_ms: float
    error: int  # 0: goes through


class CanBus:
    """`load` and `errors` are of the whole bus; per station see `controllers`."""

    def __init__(
        self, devices: Sequence[CanNode], chance: random.Random, *, bit_rate: int = 250_000,
        masters: Sequence[str] = ("near",), now_ms: float = 0.0,
    ) -> None:  # fmt: skip
        self.devices = tuple(devices)
        self.taps = {name: CanTap(name, self) for name in masters}
        names = [*self.taps, *(device.name for device in devices)]
        self.controllers = {name: Controller(name) for name in names}
        assert len(self.controllers) == len(names), names
        self.active: list[Fault] = []
        self.frames: Counter[str] = Counter()
        self.errors = 0
        self.busy_ms = 0.0
        self._chance = chance
        self._bit_ms = 1000.0 / bit_rate
        self._place = {device.name: index for index, device in enumerate(devices)}  # masters lie before the first
        self._begun_ms = self._free_ms = now_ms
        self._flight: _Flight | None = None
        self._babbles_ms: dict[Babble, float] = {}

    def attach(self, name: str, now_ms: float) -> CanTap:
        """One more master. ValueError if there is a station of that name, or if there are MASTERS_MAX."""
        if name in self.controllers or len(self.taps) >= MASTERS_MAX:
            raise ValueError(f"master {name!r}: the name is taken, or there are {MASTERS_MAX} masters already")
        self.run(now_ms)
        self.controllers[name] = Controller(name)
        self.taps[name] = CanTap(name, self)
        return self.taps[name]

    def detach(self, name: str, now_ms: float) -> None:
        """Take a master off the bus; what it was sending goes to its end."""
        self.run(now_ms)
        del self.taps[name], self.controllers[name]

    def load(self, now_ms: float) -> float:
        """Share of the time so far in which the bus was busy."""
        return self.busy_ms / (now_ms - self._begun_ms) if now_ms > self._begun_ms else 0.0

    def begin(self, fault: Fault, now_ms: float) -> None:
        """Let `fault` be from now on. ValueError if a station is not there, or the fault is none of a CAN bus."""
        if not isinstance(fault, Babble | Cut | Dead | Frozen | Lossy | Noise | WrongRate):
            raise ValueError(f"fault {type(fault).__name__} is none of a CAN bus")
        named = getattr(fault, "device", None) or getattr(fault, "master", None) or getattr(fault, "before", None)
        if named and named not in self.controllers:
            raise ValueError(f"station {named!r} is not one of {', '.join(self.controllers)}")
        if fault in self.active:
            return
        if len(self.active) >= FAULTS_MAX:
            raise ValueError(f"{FAULTS_MAX} faults are active already")
        self.run(now_ms)
        self.active.append(fault)
        self._tell_device(fault, True)
        if isinstance(fault, Babble):
            self._babbles_ms[fault] = now_ms

    def end(self, fault: Fault) -> None:
        """Undo `fault`; nothing if it is not active."""
        if fault in self.active:
            self.active.remove(fault)
            self._tell_device(fault, False)
            if isinstance(fault, Babble):
                del self._babbles_ms[fault]

    def reaches(self, device: str) -> bool:
        """Whether that device is on the bus at all, and not beyond a cut."""
        return not self._has(Dead, device) and not self._beyond(self.controllers[device])

    def run(self, now_ms: float) -> None:
        """Let everything happen that is due by `now_ms`."""
        while (at_ms := self.due_ms()) <= now_ms:
            if self._flight is not None and self._flight.end_ms <= at_ms:
                self._land(self._flight)
            elif any(device.due_ms() <= at_ms for device in self.devices):
                self._collect(at_ms)
            elif any(due_ms <= at_ms for due_ms in self._babbles_ms.values()):
                self._cry(at_ms)
            elif self._back_ms() <= at_ms:
                self._idle(at_ms)
            else:
                self._start(at_ms)

    def due_ms(self) -> float:
        """When something happens next."""
        devices = min([device.due_ms() for device in self.devices], default=NEVER)
        babble = min(self._babbles_ms.values()) if self._babbles_ms else NEVER
        if self._flight is not None:
            return min(devices, babble, self._flight.end_ms)
        ready = [c.ready_ms for c in self._present() if c.head is not None]
        start = max(self._free_ms, min(ready)) if ready else NEVER
        return min(devices, babble, start, self._back_ms())

    # ---- what wants to be sent

    def _collect(self, at_ms: float) -> None:
        for device in self.devices:
            if device.due_ms() <= at_ms:
                frames = device.step(at_ms)
                assert device.due_ms() > at_ms, device.name
                if not self._has(Dead, device.name):
                    for frame in frames:
                        self.controllers[device.name].queue(frame, at_ms)

    def _cry(self, at_ms: float) -> None:
        for babble, due_ms in self._babbles_ms.items():
            if due_ms <= at_ms:
                self._babbles_ms[babble] = at_ms + babble.every_ms
                if not self._has(Dead, babble.device):
                    size = min(8, babble.count)
                    self.controllers[babble.device].queue(CanFrame(babble.id, self._chance.randbytes(size)), at_ms)

    def _start(self, at_ms: float) -> None:
        self._idle(at_ms)
        ready = [c for c in self._present() if c.head is not None and c.ready_ms <= at_ms]
        first = min(priority(frame) for c in ready if (frame := c.head) is not None)
        senders = tuple(c for c in ready if (frame := c.head) is not None and priority(frame) == first)
        frame = senders[0].head
        assert frame is not None
        bits = length_bits(frame)
        error, at_bit = self._outcome(senders, frame, bits)
        took_ms = (at_bit + ERROR_BITS if error else bits) * self._bit_ms
        self.busy_ms += took_ms
        self._flight = _Flight(senders, frame, at_ms + took_ms, error)

    def _outcome(self, senders: tuple[Controller, ...], frame: CanFrame, bits: int) -> tuple[int, int]:
        """What stops the frame (0: nothing), and at which bit."""
        if any(other.head != frame for other in senders):
            return ERROR_PROTOCOL, bits // 2  # both won the arbitration; the first bit that differs tells
        if any(self._has(WrongRate, c.name) and c.state is BusState.ACTIVE for c in self._present()):
            return ERROR_PROTOCOL, self._chance.randrange(1, bits)
        for noise in self._all(Noise):
            if self._chance.random() < -math.expm1(bits * math.log1p(-noise.bit_error_rate)):
                return ERROR_PROTOCOL, self._chance.randrange(1, bits)
        if self._has(WrongRate, senders[0].name):
            return ERROR_PROTOCOL, bits // 2
        listening = [c for c in self._near(senders[0]) if c not in senders and not self._has(WrongRate, c.name)]
        if not listening and len(senders) == 1:
            return ERROR_ACK, bits - 10
        return 0, bits

    # ---- what arrives

    def _land(self, flight: _Flight) -> None:
        self._flight = None
        self._free_ms = flight.end_ms
        off_before = {c.name for c in self.controllers.values() if c.state is BusState.OFF}
        for controller in self._near(flight.senders[0]):
            if controller in flight.senders:
                self._sent(controller, flight)
            elif flight.error in (0, ERROR_PROTOCOL):
                self._received(controller, flight)
        self.errors += flight.error != 0
        self.frames[flight.senders[0].name] += flight.error == 0
        for name, controller in self.controllers.items():
            if controller.state is BusState.OFF:
                controller.sees_recessive(1.0 if name in off_before else 0.0)
                if name not in off_before and name in self.taps:
                    self.taps[name].hear(Heard(flight.end_ms, None, ERROR_BUS_OFF))

    def _sent(self, controller: Controller, flight: _Flight) -> None:
        if flight.error:
            controller.failed_to_send(unacknowledged=flight.error == ERROR_ACK)
            if controller.name in self.taps:
                self.taps[controller.name].hear(Heard(flight.end_ms, None, flight.error))
        else:
            controller.has_sent()
        wait_bits = SUSPEND_BITS if controller.state is BusState.PASSIVE else 0
        controller.ready_ms = flight.end_ms + wait_bits * self._bit_ms

    def _received(self, controller: Controller, flight: _Flight) -> None:
        if flight.error or self._has(WrongRate, controller.name):
            controller.failed_to_receive()
        else:
            controller.has_received()
        tap = self.taps.get(controller.name)
        if tap is None:
            if not flight.error:
                self._tell_listener(controller.name, flight)
            return
        if flight.error:
            tap.hear(Heard(flight.end_ms, None, ERROR_PROTOCOL))
        elif any(lossy.master == tap.name and self._chance.random() < lossy.share for lossy in self._all(Lossy)):
            tap.lossy += 1
        else:
            tap.hear(Heard(flight.end_ms, flight.frame))

    def _tell_listener(self, name: str, flight: _Flight) -> None:
        device = self.devices[self._place[name]]
        if isinstance(device, CanListener):
            device.hear(flight.frame, flight.end_ms)

    def _idle(self, at_ms: float) -> None:
        """The bus was recessive since it became free: what is off counts that."""
        runs = max(0.0, at_ms - self._free_ms) / self._bit_ms / RECOVERY_BITS
        self._free_ms = max(self._free_ms, at_ms)
        for name, controller in self.controllers.items():
            if controller.state is BusState.OFF:
                controller.sees_recessive(runs)
                if controller.state is not BusState.OFF and name in self.taps:
                    self.taps[name].hear(Heard(at_ms, None, ERROR_RESTARTED))

    def _back_ms(self) -> float:
        if self._flight is not None:
            return NEVER
        left = [c.runs_left for c in self.controllers.values() if c.runs_left is not None]
        return self._free_ms + min(left) * RECOVERY_BITS * self._bit_ms if left else NEVER

    # ---- who is there

    def _present(self) -> list[Controller]:
        """On the bus at all: alive, and not cut off from the masters (what is beyond a cut talks to itself)."""
        if not self.active:
            return list(self.controllers.values())
        return [c for c in self.controllers.values() if not self._has(Dead, c.name) and not self._beyond(c)]

    def _near(self, sender: Controller) -> list[Controller]:
        return [c for c in self._present() if c.state is not BusState.OFF or c is sender]

    def _beyond(self, controller: Controller) -> bool:
        cuts = [max(0, self._place.get(cut.before, 0)) for cut in self._all(Cut)]
        return any(self._place.get(controller.name, -1) >= at for at in cuts)

    def _has(self, kind: type[F], name: str) -> bool:
        return bool(self.active) and any(getattr(fault, "device", None) == name for fault in self._all(kind))

    def _all(self, kind: type[F]) -> Iterator[F]:
        return (fault for fault in self.active if isinstance(fault, kind))

    def _tell_device(self, fault: Fault, on: bool) -> None:
        faults = next(
            (getattr(d, "faults", None) for d in self.devices if d.name == getattr(fault, "device", "")), None
        )
        if faults is not None and isinstance(fault, Dead | Frozen):
            faults.set(type(fault).__name__.lower(), on)
