"""Buses for tests of one's own devices and drivers, in virtual time: ask, listen, and let things go wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from minegate_drivers.ports import CanFrame
from minegate_drivers.sdk import CanDriver, Heard, LineDriver
from minegate_sim.bus import faults
from minegate_sim.bus.can_bus import CanBus
from minegate_sim.bus.framing import Framing
from minegate_sim.bus.rs485 import PIECE_BYTES, Rs485
from minegate_sim.noise import source
from minegate_sim.slcan import CanNode

NEAR = "near"  # the gateway's end
WAIT_MS = 500.0
GAP_CHARS = PIECE_BYTES + 4.0  # a silence that ends an answer: the gateway's end hears in pieces


class Rs485UnderTest:
    """A line with `devices` (far_end.LineDevice). `now_ms` is its time; everything takes the time that it takes."""

    def __init__(
        self, devices: Sequence[Any], *, baud: int = 9600, parity: Literal["N", "E", "O"] = "N", seed: int = 1
    ) -> None:
        self.bus = Rs485(devices, source(seed, "rs485"), framing=Framing(baud, parity=parity))
        self.now_ms = 0.0
        self._gap_ms = GAP_CHARS * self.bus.framing.char_ms

    def run(self, ms: float) -> bytes:
        """Let time pass; what was heard at the gateway's end."""
        self.now_ms += ms
        return self.bus.taps[NEAR].run(self.now_ms)

    def ask(self, request: bytes, wait_ms: float = WAIT_MS) -> bytes:
        """Say `request`; what is heard until a silence behind it, or nothing after `wait_ms`."""
        self.run(self._gap_ms)
        self.bus.taps[NEAR].arrive(request, self.now_ms)
        heard, until_ms, quiet_ms = b"", self.now_ms + wait_ms, 0.0
        while self.now_ms < until_ms and quiet_ms < self._gap_ms:
            piece = self.run(1.0)
            heard += piece
            quiet_ms = 0.0 if piece or not heard else quiet_ms + 1.0
        return heard

    def drive(self, driver: LineDriver, wait_ms: float = WAIT_MS) -> Heard:
        """One exchange by a driver. Raises Nonsense as it does, TimeoutError if nothing was heard."""
        request = driver.ask(int(self.now_ms))
        if request is None:
            raise ValueError(f"{type(driver).__name__} has nothing to ask at {self.now_ms:.0f} ms")
        heard = self.ask(request, wait_ms)
        if not heard:
            raise TimeoutError(f"nothing heard within {wait_ms:g} ms")
        return driver.hear(heard)

    def begin(self, fault: str, **given: object) -> None:
        """Let a fault of bus/faults.py be: `begin("noise", bit_error_rate=0.001)`. ValueError names what is wrong."""
        self.bus.begin(faults.parse({"fault": fault, **given}), self.now_ms)

    def end(self, fault: str, **given: object) -> None:
        """Undo it."""
        self.bus.end(faults.parse({"fault": fault, **given}))


class CanUnderTest:
    """A bus with `nodes` (slcan.CanNode; with `hear`, they listen too)."""

    def __init__(self, nodes: Sequence[CanNode], *, bit_rate: int = 250_000, seed: int = 1) -> None:
        self.bus = CanBus(nodes, source(seed, "can"), bit_rate=bit_rate)
        self.now_ms = 0.0

    def listen(self, ms: float) -> list[CanFrame]:
        """Let time pass; the frames heard at the gateway's end."""
        self.now_ms += ms
        return [heard.frame for heard in self.bus.taps[NEAR].fetch(self.now_ms) if heard.frame is not None]

    def send(self, frame: CanFrame) -> None:
        """Put a frame on the bus."""
        self.bus.taps[NEAR].send(frame, self.now_ms)

    def drive(self, driver: CanDriver, ms: float) -> list[Heard]:
        """What a driver makes of the frames of the next `ms`. Raises Nonsense as it does."""
        for frame in driver.say(int(self.now_ms)):
            self.send(frame)
        wanted = set(driver.can_ids)
        frames = [frame for frame in self.listen(ms) if (frame.id, frame.extended) in wanted]
        return [heard for frame in frames if (heard := driver.hear(frame)) is not None]

    def begin(self, fault: str, **given: object) -> None:
        """Let a fault of bus/faults.py be."""
        self.bus.begin(faults.parse({"fault": fault, **given}), self.now_ms)

    def end(self, fault: str, **given: object) -> None:
        """Undo it."""
        self.bus.end(faults.parse({"fault": fault, **given}))

    @property
    def load(self) -> float:
        """Share of the time in which the bus was busy."""
        return self.bus.load(self.now_ms)
