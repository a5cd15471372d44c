"""Between the judge and the sockets: records and bytes in, frames and verdicts out. Knows no descriptor and no clock.

A cut is judged at every reading, not at the next tick; the frames that open the contact are due in the same call.
"""

from __future__ import annotations

import math

from minegate_interlock.judge import HARMLESS_FLAGS, judge
from minegate_interlock.lines import AreaState, Cause, Command, Feed, PointName, Reading, Verb, What
from minegate_interlock.node_output import SILENT, NodeOutput
from minegate_interlock.ring import Ring
from minegate_interlock.rules import Rules
from minegate_interlock.state import Cut, Event, Heard, InputsLost, Named, OutputsUp, Reset, Tick, begin
from minegate_interlock.verdicts import Edge, edges
from minegate_wire import messages

POINTS_MAX = 65_536  # what a 16-bit point number can name


class Engine:
    """One interlock. `ring` is what it has to tell, `take_sends()` what is due on each output's line."""

    def __init__(self, rules: Rules, boot: int, now_ms: int) -> None:
        self.rules = rules
        self.ring = Ring(boot, rules.hash[:8])
        self.outputs = {o.name: NodeOutput(o, rules.timing, rules.hash) for o in rules.outputs}
        self.refused_records = 0
        self._state = begin(rules, now_ms)
        self._names: dict[int, str] = {}
        self._sends: list[tuple[str, bytes]] = []
        self._feeds: dict[str, tuple[float, int]] = {}
        self._deciding_ms: dict[str, int] = {}  # per output, from a cut until its contact is read back open
        self._contacts: dict[str, int] = {}
        self._mismatch_ms: dict[str, int] = {}
        self._mismatched: set[str] = set()
        self._rebooted: dict[str, int] = {}
        self.ring.add(Edge(What.STARTED, Cause.START, ""), now_ms)

    def take_sends(self) -> list[tuple[str, bytes]]:
        """(output name, frame) that are due now."""
        sends, self._sends = self._sends, []
        return sends

    def inputs(self, back: bool, now_ms: int) -> None:
        """The field process came or went. Its points are introduced anew; a dead process locks at once."""
        self._names.clear()
        self.ring.add(Edge(What.INPUTS_BACK if back else What.INPUTS_LOST, Cause.NONE, ""), now_ms)
        if not back:
            self._judge(InputsLost(), now_ms, now_ms)

    def introduce(self, name: PointName, now_ms: int) -> None:
        """A number means this point, in this unit."""
        if len(self._names) < POINTS_MAX:
            self._names[name.number] = name.name
            self._judge(Named(name.name, name.unit), now_ms)

    def read(self, reading: Reading, now_ms: int) -> None:
        """One decoded value."""
        point = self._names.get(reading.number)
        if point is None:
            self.refused_records += 1
            return
        seen_ms = now_ms - reading.age_ms
        if any(area.feed_point == point for area in self.rules.areas):
            good = math.isfinite(reading.value) and not reading.quality & ~HARMLESS_FLAGS
            self._feeds[point] = (reading.value if good else math.nan, seen_ms)
        self._judge(Heard(point, reading.value, reading.quality, seen_ms), now_ms, seen_ms)

    def hear(self, output: str, data: bytes, now_ms: int) -> None:
        """Bytes from an output's line."""
        node = self.outputs[output]
        if not node.hear(data, now_ms):
            return
        self._contact(output, node.contact, now_ms)
        if node.rebooted != self._rebooted.get(output, 0):
            self._rebooted[output] = node.rebooted
            # a node that restarted has opened its contact by itself: that is a loss, and it takes a person to return
            self._outputs_up(self._area_of(output), False, now_ms)
        self._check_outputs(self._area_of(output), now_ms)

    def line_lost(self, output: str, now_ms: int) -> None:
        """The output's port is gone."""
        self.outputs[output].contact = SILENT
        self._outputs_up(self._area_of(output), False, now_ms)

    def tick(self, now_ms: int) -> None:
        """Called every `tick_ms`: silence, leases, read-back and feed."""
        for area in self.rules.areas:
            self._check_outputs(area.name, now_ms)
        self._judge(Tick(), now_ms)
        for area, power in zip(self.rules.areas, self._state.areas, strict=True):
            self._check_feed(area.name, area.feed_point, power.permitted, now_ms)
        self._send(now_ms, urgent=frozenset())

    def command(self, command: Command, now_ms: int) -> tuple[bool, str]:
        """What a person asks for; whether it was done, and why in words."""
        if command.area not in [area.name for area in self.rules.areas]:
            return False, f"area {command.area!r} is not one of {[area.name for area in self.rules.areas]}"
        if not command.by.strip():
            return False, "a name is needed: who asks"
        if command.verb == Verb.CUT:
            self._judge(Cut(command.area, command.by, command.reason), now_ms, now_ms)
            return True, f"{command.area}: power is not permitted until a reset"
        if command.verb != Verb.RESET:
            return False, f"verb {command.verb} is not known"
        self._judge(Reset(command.area, command.by), now_ms)
        index = [area.name for area in self.rules.areas].index(command.area)
        power = self._state.areas[index]
        if power.permitted:
            return True, f"{command.area}: power is permitted"
        return False, f"{command.area}: still locked: {self._why(power.cause, power.limit, power.value, now_ms)}"

    def rules_edited(self, now_ms: int) -> None:
        """The file on disk is no longer the one in force."""
        self.ring.add(Edge(What.RULES_EDITED, Cause.NONE, ""), now_ms)

    def areas(self, now_ms: int) -> list[AreaState]:
        """The state of each area as it stands."""
        return [self._area(index, now_ms) for index in range(len(self.rules.areas))]

    def _judge(self, event: Event, now_ms: int, deciding_ms: int | None = None) -> None:
        old = self._state
        self._state = judge(self.rules, old, event, now_ms)
        if self._state == old and not isinstance(event, Reset | Cut):  # a person's act is told even if nothing changes
            return
        for edge in edges(self.rules, old, self._state, event):
            self.ring.add(edge, now_ms)
        changed = set()
        for area, was, now in zip(self.rules.areas, old.areas, self._state.areas, strict=True):
            if was.permitted != now.permitted:
                changed.add(area.name)
                self._decide(area.outputs, now.permitted, now_ms if deciding_ms is None else deciding_ms)
        if changed:
            self._send(now_ms, frozenset(changed))

    def _decide(self, outputs: tuple[str, ...], permitted: bool, deciding_ms: int) -> None:
        for output in outputs:
            if permitted:
                self._deciding_ms.pop(output, None)
            else:
                self._deciding_ms[output] = deciding_ms

    def _send(self, now_ms: int, urgent: frozenset[str]) -> None:
        for area, power in zip(self.rules.areas, self._state.areas, strict=True):
            for name in area.outputs:
                frame = self.outputs[name].send(power.permitted, area.name in urgent, now_ms)
                if frame:
                    self._sends.append((name, frame))

    def _check_outputs(self, name: str, now_ms: int) -> None:
        """At every answer and not only at the tick: a contact that opens and closes again in between must be seen."""
        for area, power in zip(self.rules.areas, self._state.areas, strict=True):
            if area.name == name:
                checked = [self.outputs[output].check(power.permitted, now_ms) for output in area.outputs]
                self._outputs_up(name, all(checked), now_ms)

    def _outputs_up(self, area: str, up: bool, now_ms: int) -> None:
        index = [own.name for own in self.rules.areas].index(area)
        if self._state.areas[index].outputs_up == up:
            return
        what = What.OUTPUT_BACK if up else What.OUTPUT_LOST
        self.ring.add(Edge(what, Cause.NONE if up else Cause.FAULT, area), now_ms)
        self._judge(OutputsUp(area, up), now_ms)

    def _area_of(self, output: str) -> str:
        return next(area.name for area in self.rules.areas if output in area.outputs)

    def _contact(self, output: str, contact: int, now_ms: int) -> None:
        if contact == self._contacts.get(output):
            return
        self._contacts[output] = contact
        area = self._area_of(output)
        if contact == messages.CONTACT_CLOSED:
            self.ring.add(Edge(What.OUTPUT_CLOSED, Cause.NONE, area, output), now_ms)
        elif contact == messages.CONTACT_OPEN:
            # NaN: nobody had decided; the contact opened by itself
            took_ms = now_ms - self._deciding_ms.pop(output, math.nan)
            self.ring.add(Edge(What.OUTPUT_OPEN, Cause.NONE, area, output, took_ms), now_ms)

    def _feed(self, point: str, now_ms: int) -> Feed:
        value, seen_ms = self._feeds.get(point, (math.nan, now_ms))
        if not math.isfinite(value) or not now_ms - seen_ms <= self.rules.timing.feed_check_ms:
            return Feed.UNKNOWN
        return Feed.LIVE if value >= 0.5 else Feed.DEAD

    def _check_feed(self, area: str, point: str, permitted: bool, now_ms: int) -> None:
        """Command against measured load side, whatever the node says: a live load behind a node that fell silent is the
        case that matters. Breaker travel and sensor lag are allowed `feed_check_ms`.
        """
        feed = self._feed(point, now_ms) if point else Feed.UNKNOWN
        wrong = feed is (Feed.DEAD if permitted else Feed.LIVE)
        if not wrong:
            self._mismatch_ms.pop(area, None)
            if area in self._mismatched and feed is not Feed.UNKNOWN:
                self._mismatched.discard(area)
                self.ring.add(Edge(What.FEED_AGREES, Cause.NONE, area, point, float(feed)), now_ms)
            return
        since_ms = self._mismatch_ms.setdefault(area, now_ms)
        if area not in self._mismatched and not now_ms - since_ms < self.rules.timing.feed_check_ms:
            self._mismatched.add(area)
            self.ring.add(Edge(What.FEED_MISMATCH, Cause.FAULT, area, point, float(feed)), now_ms)

    def _area(self, index: int, now_ms: int) -> AreaState:
        area, power = self.rules.areas[index], self._state.areas[index]
        limit = self.rules.limits[power.limit] if power.limit >= 0 else None
        own = [self.outputs[name] for name in area.outputs]
        worst = max(node.contact for node in own)
        alarms = sum(
            given.alarm
            for given, rule in zip(self._state.inputs, self.rules.limits, strict=True)
            if rule.area == area.name
        )
        return AreaState(
            area.name, power.permitted, power.restorable, power.cause, limit.point if limit else "", power.value,
            limit.cut if limit else math.nan, min(max(0, now_ms - power.since_ms), 0xFFFFFFFF), min(alarms, 255), worst,
            min(node.lease_left_ms for node in own), self._feed(area.feed_point, now_ms), self.rules.hash[:8],
        )  # fmt: skip

    def _why(self, cause: Cause, limit: int, value: float, now_ms: int) -> str:
        words = cause.name.lower().replace("_", " ")
        if limit >= 0:
            rule = self.rules.limits[limit]
            return f"{words}, {rule.point} = {value:g} {rule.unit}, cut {rule.cut:g}, restore {rule.restore:g}"
        if cause is Cause.START:
            left_ms = self.rules.timing.power_on_lock_s * 1000 - (now_ms - self._state.started_ms)
            return f"{words}, {max(0, left_ms) // 1000 + 1} s of the power-on lock are left"
        return words
