"""RS-485 as the shared medium it is: every station hears every other, and where two talk nobody is understood.

Characters take their time (`framing.py`), sender by sender. Those that overlap are spoiled for all, one by one: a short
cry spoils a few bytes of a long answer. Masters (`taps`) hear in small pieces as a UART with a FIFO hands them on;
devices hear whole runs of characters when they end, and find frames in them as their protocol says. Any number of
masters. Stations lie along the cable in the order of their list, the masters before the first, so that a cut has two
sides. Events are played in the order of their times. No I/O, no clock; chance is given.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from minegate_sim.bus import faults
from minegate_sim.bus.faults import Babble, BreakInFrame, Cut, Echo, Fault, HalfAwake, Noise, WrongRate
from minegate_sim.bus.framing import PLAIN, Framing
from minegate_sim.bus.speech import Speech, Station, overlap
from minegate_sim.far_end import NEVER, LineDevice

PIECE_BYTES = 8
WAITING_BYTES_MAX = 4096  # what a tty keeps for its line; more is lost and counted
INBOX_BYTES_MAX = 65_536
FAULTS_MAX = 64
MASTERS_MAX = 32

F = TypeVar("F", bound=Fault)


class Tap:
    """A master's end of the line; a FarEnd. What it hears waits here until it is fetched."""

    def __init__(self, name: str, bus: Rs485) -> None:
        self.name = name
        self.unheard_bytes = 0  # nobody fetched them
        self.inbox = bytearray()
        self.rouse: Callable[[], None] | None = None  # called when something was heard
        self._bus = bus

    @property
    def is_cut(self) -> bool:
        """Whether the cable is open right at the gateway."""
        return Cut() in self._bus.active

    @is_cut.setter
    def is_cut(self, cut: bool) -> None:
        if cut:
            self._bus.begin(Cut(), 0.0)
        else:
            self._bus.end(Cut())

    def arrive(self, data: bytes, now_ms: float) -> None:
        """See FarEnd."""
        self._bus.run(now_ms)
        self._bus.say(self, data, now_ms)

    def run(self, now_ms: float) -> bytes:
        """See FarEnd."""
        self._bus.run(now_ms)
        heard = bytes(self.inbox)
        self.inbox.clear()
        return heard

    def due_ms(self) -> float:
        """See FarEnd."""
        return -NEVER if self.inbox else self._bus.due_ms()

    def hear(self, data: bytes) -> None:
        """Keep what was heard, as far as there is room."""
        room = INBOX_BYTES_MAX - len(self.inbox)
        self.inbox += data[:room]
        self.unheard_bytes += max(0, len(data) - room)
        if self.rouse is not None:
            self.rouse()


class Rs485:
    """`devices` and `masters` on one line. `answers` counts per device; `spoiled` characters that met another one."""

    def __init__(
        self, devices: Sequence[LineDevice], chance: random.Random, *, framing: Framing = PLAIN,
        turnaround_ms: float = 2.0, masters: Sequence[str] = ("near",),
    ) -> None:  # fmt: skip
        self.devices = tuple(devices)
        self.framing = framing
        self.taps = {name: Tap(name, self) for name in masters}
        self.active: list[Fault] = []
        self.answers: Counter[str] = Counter({device.name: 0 for device in devices})
        self.collisions = 0
        self.spoiled = 0
        self.lost_bytes = 0
        self.busy_ms = 0.0
        self._chance = chance
        self._turnaround_ms = turnaround_ms
        self._speeches: list[Speech] = []
        self._babbles_ms: dict[Babble, float] = {}
        self._known = {device.name for device in devices}

    def attach(self, name: str) -> Tap:
        """One more master. ValueError if there is one of that name, or if there are MASTERS_MAX."""
        if name in self.taps or len(self.taps) >= MASTERS_MAX:
            raise ValueError(f"master {name!r}: the name is taken, or there are {MASTERS_MAX} masters already")
        self.taps[name] = Tap(name, self)
        return self.taps[name]

    def detach(self, name: str) -> None:
        """Take a master off the line; what it was saying goes to its end."""
        del self.taps[name]

    def begin(self, fault: Fault, now_ms: float) -> None:
        """Let `fault` be from now on. ValueError if it names a station that is not there, or there are FAULTS_MAX."""
        where = getattr(fault, "device", None) or getattr(fault, "before", None) or None
        if where is not None and where not in self._known:
            raise ValueError(f"device {where!r} is not one of {', '.join(sorted(self._known))}")
        if isinstance(fault, Echo) and fault.master not in self.taps:
            raise ValueError(f"master {fault.master!r} is not one of {', '.join(self.taps)}")
        if fault in self.active:
            return
        if len(self.active) >= FAULTS_MAX:
            raise ValueError(f"{FAULTS_MAX} faults are active already")
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

    def reaches(self, device: str, master: str = "near") -> bool:
        """Whether what this device says is understood at that master: no cut between them, one rate."""
        station = next(one for one in self.devices if one.name == device)
        return self._hears(self.taps[master], station) and self.framing_of(station) == self.framing

    def say(self, tap: Tap, data: bytes, now_ms: float) -> None:
        """A master hands `data` to its UART: behind what it still has to say."""
        own = [speech for speech in self._speeches if speech.sender is tap]
        waiting = sum(len(speech.data) - speech.told for speech in own)
        if waiting + len(data) > WAITING_BYTES_MAX or tap.is_cut:
            self.lost_bytes += len(data)
            return
        if data:
            self._speak(tap, data, max([now_ms, *(speech.end_ms for speech in own)]), self.framing)

    def run(self, now_ms: float) -> None:
        """Let everything happen that is due by `now_ms`."""
        while (at_ms := self.due_ms()) <= now_ms:
            first = min(self._speeches, key=lambda speech: speech.next_ms, default=None)
            if first is not None and first.next_ms <= at_ms:
                self._tell(first)
            elif (babble := self._babbling(at_ms)) is not None:
                self._cry(babble, at_ms)
            else:
                self._step_devices(at_ms)

    def due_ms(self) -> float:
        """When something happens next."""
        due_ms = min(self._babbles_ms.values()) if self._babbles_ms else NEVER
        for speech in self._speeches:
            if speech.next_ms < due_ms:
                due_ms = speech.next_ms
        for device in self.devices:
            device_ms = device.due_ms()
            if device_ms < due_ms:
                due_ms = device_ms
        return due_ms

    # ---- speaking

    def _speak(self, sender: Station, data: bytes, begin_ms: float, framing: Framing) -> None:
        # what is sent at another rate can only be misread as a whole; a master that hears no echo hears no pieces
        whole = framing != self.framing or (isinstance(sender, Tap) and len(self.taps) == 1 and not self.active)
        speech = Speech(sender, data, begin_ms, framing, len(data) if whole else PIECE_BYTES)
        for noise in self._all(Noise):
            speech.disturb(noise.bit_error_rate, self._chance)
        for other in self._speeches:
            met = overlap(speech, other) if self._hears(sender, other.sender) and other.sender is not sender else 0
            self.collisions += met > 0
            self.spoiled += met
            if met:
                speech.spoil(other, self._chance)
                other.spoil(speech, self._chance)
        before = next((s for s in self._speeches if s.sender is sender and s.end_ms == begin_ms), None)
        self.busy_ms += speech.end_ms - begin_ms
        if before is not None and before.framing == framing:
            before.extend(speech)  # no silence between: heard as one
        else:
            self._speeches.append(speech)

    def _step_devices(self, at_ms: float) -> None:
        for device in self.devices:
            if device.due_ms() <= at_ms:
                answer = device.step(at_ms)
                assert device.due_ms() > at_ms, device.name
                if answer and not device.faults.dead:
                    self._answer(device, answer, at_ms)

    def _answer(self, device: LineDevice, answer: bytes, at_ms: float) -> None:
        begin_ms = at_ms + self._turnaround_ms + device.faults.slow_ms
        for awake in self._all(HalfAwake, device):
            if self._chance.random() >= awake.answers:
                return
            begin_ms += self._chance.uniform(0.0, awake.late_ms)
            if self._chance.random() < awake.cut_short:
                answer = answer[: self._chance.randrange(1, len(answer) + 1)]
        if device.faults.garble and self._chance.random() < device.faults.garble:
            place = self._chance.randrange(8 * len(answer))
            answer = bytes(b ^ (1 << place % 8 if i == place // 8 else 0) for i, b in enumerate(answer))
        self.answers[device.name] += 1
        framing = self.framing_of(device)
        for broken in self._all(BreakInFrame, device):
            if broken.after_bytes < len(answer):
                head, answer = answer[: broken.after_bytes], answer[broken.after_bytes :]
                self._speak(device, head + b"\x00", begin_ms, framing)  # a low line reads as one zero
                begin_ms += len(head) * framing.char_ms + max(framing.char_ms, broken.hold_ms)
        self._speak(device, answer, begin_ms, framing)

    def _cry(self, babble: Babble, at_ms: float) -> None:
        self._babbles_ms[babble] = at_ms + max(babble.every_ms, babble.count * self.framing.char_ms)
        device = next(device for device in self.devices if device.name == babble.device)
        if device.faults.dead:
            return
        self._speak(device, self._chance.randbytes(babble.count), at_ms, self.framing_of(device))

    def _babbling(self, at_ms: float) -> Babble | None:
        return next((babble for babble, due_ms in self._babbles_ms.items() if due_ms <= at_ms), None)

    # ---- hearing

    def _tell(self, speech: Speech) -> None:
        """The next piece for the masters; at the end, the whole run for the devices."""
        piece = speech.take_piece()
        for tap in self.taps.values():
            if self._may_hear(tap, speech):
                tap.hear(speech.as_heard(piece, self.framing))
        if speech.next_ms != NEVER:
            return
        self._speeches.remove(speech)
        for device in self.devices:
            if device is not speech.sender and self._hears(device, speech.sender) and not device.faults.dead:
                run = speech.as_heard(speech.whole(), self.framing_of(device))
                if run:
                    device.take(run, speech.end_ms)

    def _may_hear(self, tap: Tap, speech: Speech) -> bool:
        if speech.sender is tap:
            return any(echo.master == tap.name for echo in self._all(Echo))
        return self._hears(tap, speech.sender)

    def _hears(self, one: Station, other: Station) -> bool:
        """Whether no cut lies between the two."""
        if not self.active:
            return True
        return all((self._place(one) < at) == (self._place(other) < at) for at in self._cuts())

    def _cuts(self) -> Iterator[int]:
        for cut in self._all(Cut):
            yield next((i for i, device in enumerate(self.devices) if device.name == cut.before), 0)

    def _place(self, station: Station) -> int:
        return next((i for i, device in enumerate(self.devices) if device is station), -1)

    # ---- faults

    def framing_of(self, device: LineDevice) -> Framing:
        """What the device's UART is set to."""
        wrong = next(self._all(WrongRate, device), None)
        return self.framing if wrong is None else self.framing._replace(baud=wrong.rate)

    def _all(self, kind: type[F], device: LineDevice | None = None) -> Iterator[F]:
        if not self.active:
            return
        for fault in self.active:
            if isinstance(fault, kind) and (device is None or getattr(fault, "device", None) == device.name):
                yield fault

    def _tell_device(self, fault: Fault, on: bool) -> None:
        for device in self.devices:
            if getattr(fault, "device", None) == device.name:
                match fault:
                    case faults.Dead() | faults.Frozen():
                        device.faults.set(type(fault).__name__.lower(), on)
                    case faults.Slow():
                        device.faults.set("slow_ms", fault.ms if on else 0)
                    case faults.Garble():
                        device.faults.set("garble", fault.share if on else 0)
