"""The real engine and the real relay nodes, joined without a line; the clock is counted."""

from __future__ import annotations

from heading import AREA, GOOD, T1, rules
from minegate_interlock.engine import Engine
from minegate_interlock.lines import Command, PointName, Reading, Verb, Verdict, What
from minegate_interlock.output_kinds import AnyOutput
from minegate_interlock.proof_test import Key
from minegate_interlock.rules import Rules
from minegate_node.relay import RelayNode

FEED_NUMBER = 99
STEP_MS = 10
READ_MS = 200
TICKS = (1 << 30) - 1


class Cabinet:
    """One node with its contact."""

    def __init__(self, address: int) -> None:
        self.node = RelayNode(address, 0x1234)
        self.contact = False
        self.held = False  # the contact does not follow the coil
        self.cable = True
        self.answers = True

    def turn(self, frames: list[bytes], now_ms: int) -> bytes:
        """What it answers."""
        for frame in frames:
            self.node.feed(frame if self.cable else b"")
        coil = self.node.step(now_ms & TICKS, self.contact)
        self.contact = self.contact if self.held else coil
        reply = self.node.reply()
        return reply if self.cable and self.answers else b""


class EngineHeading:
    """A heading under any rules: `values` are what its points say."""

    def __init__(self, own: Rules | None = None, tested: dict[Key, float] | None = None) -> None:
        self.rules = own or rules()
        self.now_ms = 0
        self.engine = Engine(self.rules, 7, 0, tested)
        self.cabinets = {output.name: self.cabinet(output) for output in self.rules.every_output()}
        self.values = dict(GOOD)
        self.feed: float | None = None
        self.feed_follows = False
        self._told = 0
        self._numbers = {limit.point: number for number, limit in enumerate(self.rules.limits)}
        self.engine.inputs(True, 0)
        for limit in self.rules.limits:
            self.engine.introduce(PointName(self._numbers[limit.point], limit.point, limit.unit), 0)
        self.engine.introduce(PointName(FEED_NUMBER, self.rules.areas[0].feed_point, ""), 0)

    def cabinet(self, output: AnyOutput) -> Cabinet:
        """What stands behind an output."""
        return Cabinet(output.node)

    def run(self, ms: int) -> None:
        for _ in range(ms // STEP_MS):
            self.now_ms += STEP_MS
            if self.now_ms % READ_MS == 0:
                self._read()
            if self.now_ms % self.rules.timing.tick_ms == 0:
                self.engine.tick(self.now_ms)
            sends = self.engine.take_sends()
            for name, cabinet in self.cabinets.items():
                reply = cabinet.turn([frame for output, frame in sends if output == name], self.now_ms)
                if reply:
                    self.engine.hear(name, reply, self.now_ms)

    def powered(self) -> EngineHeading:
        """Powered for a second."""
        self.run(self.rules.timing.power_on_lock_s * 1000 + 500)
        assert self.command(Verb.RESET)[0]
        self.run(1000)
        assert self.contact
        self.told()
        return self

    @property
    def contact(self) -> bool:
        """The area's first output."""
        return self.cabinets[self.rules.outputs[0].name].contact

    def _read(self) -> None:
        for point, number in self._numbers.items():
            self.engine.read(Reading(number, 0, 0, self.now_ms, self.values[point]), self.now_ms)
        feed = float(self.contact) if self.feed_follows else self.feed
        if feed is not None:
            self.engine.read(Reading(FEED_NUMBER, 0, 0, self.now_ms, feed), self.now_ms)

    def command(
        self, verb: Verb, by: str = "Li", reason: str = "", subject: str = AREA, minutes: int = 0
    ) -> tuple[bool, str]:
        return self.engine.command(Command(verb, subject, by, reason, minutes), self.now_ms)

    def gas(self, value: float) -> None:
        self.values[T1] = value

    def told(self) -> list[Verdict]:
        verdicts = self.engine.ring.after(self._told, self.now_ms)
        self._told = self.engine.ring.next_number - 1
        return verdicts

    def said(self, what: What) -> list[Verdict]:
        return [verdict for verdict in self.told() if verdict.what == what]
