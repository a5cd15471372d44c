"""Between the judge and the sockets: records and bytes in, frames and verdicts out. Knows no descriptor and no clock.

A cut is judged at every reading, not at the next tick; the frames that open the contact are due in the same call.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from minegate_interlock.feed import Feeds, FeedWatch, lost_part, suspect, welded
from minegate_interlock.gpio_output import GpioOutput
from minegate_interlock.introduced import Introduced
from minegate_interlock.judge import judge
from minegate_interlock.lines import AreaState, Cause, Command, Feed, PointName, Reading, Verb, What
from minegate_interlock.node_output import NodeOutput
from minegate_interlock.orders import answer, order
from minegate_interlock.outlet import Outlet
from minegate_interlock.output_kinds import GPIO, AnyOutput, answered_ms
from minegate_interlock.proof_test import Key
from minegate_interlock.proof_tests import ProofTests, wants_test
from minegate_interlock.reaction import Reactions
from minegate_interlock.ring import Ring
from minegate_interlock.state import (
    Bypass,
    Calibrate,
    Cut,
    Event,
    FeedLive,
    FreeFan,
    Heard,
    InputsLost,
    Named,
    OutputsUp,
    Reset,
    Tick,
    begin,
)  # fmt: skip
from minegate_interlock.terms import Area, Rules, in_force
from minegate_interlock.verdicts import Edge, edges
from minegate_wire import messages

_ACTS = (Reset, Cut, Calibrate, Bypass, FreeFan)  # a person's act is told even if nothing changes


class Engine:
    """One interlock. `ring` is what it has to tell, `take_sends()` what is due on each output's line."""

    def __init__(self, rules: Rules, boot: int, now_ms: int, tested: dict[Key, float] | None = None) -> None:
        self.rules = rules
        self.ring = Ring(boot, rules.hash[:8])
        self.outputs = {o.name: _outlet(o, rules) for o in rules.every_output()}
        self.reactions: dict[tuple[str, str], Reactions] = {}  # per path: area output, and who decided
        self.introduced = Introduced(rules.wanted())
        self.testing = ProofTests(rules, tested or {}, self.outputs)
        self.refused_records = 0
        self._state = begin(rules, now_ms)
        self._sends: list[tuple[str, bytes]] = []
        self._feeds = Feeds((area.feed_point for area in rules.areas), rules.timing.feed_check_ms)
        self._watches = {a.name: FeedWatch(a.name, a.feed_point, rules.timing.feed_check_ms) for a in rules.areas}
        self._owner = self._owners()
        self._area_outputs = frozenset(output.name for output in rules.outputs)
        self._index = {area.name: at for at, area in enumerate(rules.areas)}
        self.again_ms: float = math.inf  # when `again` is due
        self._closed = dict.fromkeys(self.outputs, False)  # per output, what it is told: closed or not
        # per output, from a cut until its contact is read back open: when, and the point that decided or ""
        self._deciding: dict[str, tuple[int, str]] = {}
        self._contacts: dict[str, int] = {}
        self._took_ms: dict[str, int] = {}
        self._ups = dict.fromkeys(self.outputs, False)
        self._rebooted: dict[str, int] = {}
        self.ring.add(Edge(What.STARTED, Cause.START, "", reason=rules.edition), now_ms)

    def take_sends(self) -> list[tuple[str, bytes]]:
        """(output name, frame) that are due now."""
        sends, self._sends = self._sends, []
        return sends

    def inputs(self, back: bool, now_ms: int) -> None:
        """The field process came or went. Its points are introduced anew; a dead process locks at once."""
        self.introduced.forget()
        self.ring.add(Edge(What.INPUTS_BACK if back else What.INPUTS_LOST, Cause.NONE, ""), now_ms)
        if not back:
            self._judge(InputsLost(), now_ms, now_ms)

    def introduce(self, name: PointName, now_ms: int) -> bool:
        """A number means this point, in this unit. Whether its readings are wanted."""
        wanted = self.introduced.introduce(name)
        if wanted:
            self._judge(Named(name.name, name.unit), now_ms)
        return wanted

    def read(self, reading: Reading, now_ms: int) -> None:
        """One decoded value."""
        point = self.introduced.point_of(reading)
        if point is None:
            return
        seen_ms = now_ms - reading.age_ms
        self._feeds.hear(point, reading.value, reading.quality, seen_ms)
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
            self._is_up(output, False, lost_part(node, self._closed[output], True), now_ms)
        self._check(output, now_ms)

    def line_lost(self, output: str, now_ms: int) -> None:
        """The output's port is gone."""
        self.outputs[output].lost()
        self._is_up(output, False, lost_part(self.outputs[output], self._closed[output], False), now_ms)

    def tick(self, now_ms: int) -> None:
        """Called every `tick_ms`: silence, leases, read-back, feed and tests."""
        for output in self.outputs:
            self._check(output, now_ms)
        self._judge(Tick(), now_ms)
        for area, power in zip(self.rules.areas, self._state.areas, strict=True):
            self._check_feed(area, power.permitted, now_ms)
        self._look_at_tests(now_ms)
        self._send(now_ms, urgent=frozenset())

    def command(self, command: Command, now_ms: int) -> tuple[bool, str]:
        """What a person asks for; whether it was done, and why in words."""
        if wants_test(command):
            return self._test(command, now_ms)
        event, refused = order(self.rules, self._state, command, now_ms)
        if event is None:
            return False, refused
        self._judge(event, now_ms, now_ms if isinstance(event, Cut) else None)
        return (False, refused) if refused else answer(self.rules, self._state, event, now_ms)

    def day(self, utc_s: float, now_ms: int) -> None:
        """The time of day, told now and then: which tests have become overdue."""
        for edge in self.testing.due(utc_s):
            self.ring.add(edge, now_ms)

    def rules_edited(self, now_ms: int) -> None:
        """The file on disk is no longer the one in force."""
        self.ring.add(Edge(What.RULES_EDITED, Cause.NONE, ""), now_ms)

    def areas(self, now_ms: int) -> list[AreaState]:
        """The state of each area as it stands."""
        return [self._area(index, now_ms) for index in range(len(self.rules.areas))]

    # -- judging ------------------------------------------------------------------------------------------------------

    def _judge(self, event: Event, now_ms: int, deciding_ms: int | None = None) -> None:
        old = self._state
        self._state = judge(self.rules, old, event, now_ms)
        if self._state == old and not isinstance(event, _ACTS):
            return
        for edge in edges(self.rules, old, self._state, event):
            self.ring.add(edge, now_ms)
        if self._state.areas != old.areas or self._state.fans != old.fans:
            point = event.point if isinstance(event, Heard) else ""
            self._follow(now_ms, now_ms if deciding_ms is None else deciding_ms, point)

    def _follow(self, now_ms: int, deciding_ms: int, point: str = "") -> None:
        """Tell the outputs what has changed for them, at once."""
        changed = set()
        for output, closed in self._told():
            if closed is not self._closed[output]:
                self._closed[output] = closed
                changed.add(output)
                if closed:
                    self._deciding.pop(output, None)
                else:
                    self._deciding[output] = (deciding_ms, point)
        if changed:
            self._send(now_ms, frozenset(changed))
            self.again_ms = now_ms + max(answered_ms(self.outputs[output].output) for output in changed)

    def again(self, now_ms: int) -> None:
        """On two wires a frame can meet the node's answer to the one before, and both are lost: what opens is said
        again when that answer has ended, which on a fast line is sooner than the next tick.
        """
        self.again_ms = math.inf
        self._send(now_ms, urgent=frozenset())

    def _told(self) -> Iterator[tuple[str, bool]]:
        """(output, whether its contact is to be closed). Area power is closed while permitted, a fan's lock while it
        locks: whatever is lost, the one opens and cuts, the other opens and sets free.
        """
        for area, power in zip(self.rules.areas, self._state.areas, strict=True):
            for output in area.outputs:
                yield output, power.permitted
            for output in area.second:
                yield output, power.second
        for fan, held in zip(self.rules.fans, self._state.fans, strict=True):
            for output in fan.outputs:
                yield output, held.locked or fan.name in self.testing.fans

    def _send(self, now_ms: int, urgent: frozenset[str]) -> None:
        for output, node in self.outputs.items():
            frame = node.send(self._closed[output], output in urgent, now_ms)
            if frame:
                self._sends.append((output, frame))

    # -- outputs ------------------------------------------------------------------------------------------------------

    def _owners(self) -> dict[str, tuple[str, str]]:
        """output -> the area it belongs to, and the fan lock or ""."""
        of_area = {name: (area.name, "") for area in self.rules.areas for name in area.outputs + area.second}
        of_fan = {name: (fan.area, fan.name) for fan in self.rules.fans for name in fan.outputs}
        return of_area | of_fan

    def _check(self, output: str, now_ms: int) -> None:
        """At every answer and not only at the tick: a contact that opens and closes again in between must be seen."""
        outlet = self.outputs[output]
        up = outlet.check(self._closed[output], now_ms)
        self._is_up(output, up, "" if up else lost_part(outlet, self._closed[output], False), now_ms)

    def _is_up(self, output: str, up: bool, why: str, now_ms: int) -> None:
        """Each output's own loss is told. One of an area locks it until all are back; a fan's lock takes nothing."""
        area, fan = self._owner[output]
        if self._ups[output] != up:
            self._ups[output] = up
            what, cause = (What.OUTPUT_BACK, Cause.NONE) if up else (What.OUTPUT_LOST, Cause.FAULT)
            self.ring.add(Edge(what, cause, area, output, reason=why), now_ms)
        if fan:
            return
        every = all(self._ups[name] for name, owner in self._owner.items() if owner == (area, ""))
        if self._state.areas[self._index[area]].outputs_up != every:
            self._judge(OutputsUp(area, every), now_ms)

    def _contact(self, output: str, contact: int, now_ms: int) -> None:
        if contact == self._contacts.get(output):
            return
        self._contacts[output] = contact
        area, _ = self._owner[output]
        if contact == messages.CONTACT_CLOSED:
            self.ring.add(Edge(What.OUTPUT_CLOSED, Cause.NONE, area, output), now_ms)
        elif contact == messages.CONTACT_OPEN:
            # NaN: nobody had decided; the contact opened by itself
            deciding_ms, point = self._deciding.pop(output, (math.nan, ""))
            took_ms = now_ms - deciding_ms
            self.ring.add(Edge(What.OUTPUT_OPEN, Cause.NONE, area, output, took_ms), now_ms)
            if not math.isnan(took_ms) and output in self._area_outputs:
                self._took_ms[output] = int(took_ms)
                self.reactions.setdefault((output, point), Reactions(output, point)).add(took_ms)

    # -- load side ----------------------------------------------------------------------------------------------------

    def _check_feed(self, area: Area, permitted: bool, now_ms: int) -> None:
        """The ladder: a load that stays live, or a contact that does not open, opens the second outputs."""
        feed = self._feeds.state(area.feed_point, now_ms)
        own = [self.outputs[output] for output in area.outputs]
        edge = self._watches[area.name].look(feed, permitted, suspect(permitted, own), now_ms)
        if edge is not None:
            self.ring.add(edge, now_ms)
        live = feed is Feed.LIVE and self._watches[area.name].mismatch
        # the contact's own word is enough: a load side that nobody can see must not keep the second outputs closed
        if not permitted and (live or (feed is not Feed.DEAD and any(welded(outlet) for outlet in own))):
            self._judge(FeedLive(area.name), now_ms, now_ms)

    # -- tests --------------------------------------------------------------------------------------------------------

    def _test(self, command: Command, now_ms: int) -> tuple[bool, str]:
        if not command.by.strip():
            return False, "a name is needed: who asks"
        if command.verb == Verb.CALIBRATED:
            edge, words = self.testing.calibrated(command)
            if edge is not None:
                self.ring.add(edge, now_ms)
            return edge is not None, words
        permitted = [
            area.name for area, power in zip(self.rules.areas, self._state.areas, strict=True) if power.permitted
        ]
        locked = [fan.name for fan, held in zip(self.rules.fans, self._state.fans, strict=True) if held.locked]
        powered = command.area in permitted
        refused = self.testing.refuses(command, powered, command.area in locked)
        if refused:
            return False, refused
        self.ring.add(self.testing.begin(command, now_ms), now_ms)
        if powered:
            self._judge(Cut(command.area, command.by, f"proof test: {command.reason}"), now_ms, now_ms)
            return True, f"{command.area}: proof test runs; power is off until a reset"
        self._follow(now_ms, now_ms)
        return True, f"{command.area}: proof test runs; the lock's contact closes for a moment"

    def _look_at_tests(self, now_ms: int) -> None:
        for edge in self.testing.look(self._took_ms, lambda area: self._load_dead(area, now_ms), now_ms):
            self.ring.add(edge, now_ms)
            self._follow(now_ms, now_ms)
        for edge in self.testing.at_start(self._closed, now_ms - self._state.started_ms, now_ms):
            self.ring.add(edge, now_ms)

    def _load_dead(self, area: str, now_ms: int) -> bool | None:
        point = next(own.feed_point for own in self.rules.areas if own.name == area)
        return self._feeds.state(point, now_ms) is Feed.DEAD if point else None

    # -- telling ------------------------------------------------------------------------------------------------------

    def _area(self, index: int, now_ms: int) -> AreaState:
        area, power = self.rules.areas[index], self._state.areas[index]
        elapsed_ms = now_ms - self._state.started_ms
        limit = in_force(self.rules.limits[power.limit], elapsed_ms) if power.limit >= 0 else None
        own = [self.outputs[name] for name in area.outputs]
        judged = zip(self._state.inputs, self.rules.limits, strict=True)
        watched = zip(self._state.watches, self.rules.watches, strict=True)
        alarms = sum(given.alarm for given, rule in judged if rule.area == area.name)
        alarms += sum(given.alarm for given, rule in watched if rule.area == area.name)
        return AreaState(
            area.name, power.permitted, power.restorable, power.cause, limit.point if limit else "", power.value,
            limit.cut if limit else math.nan, min(max(0, now_ms - power.since_ms), 0xFFFFFFFF), min(alarms, 255),
            max(node.contact for node in own), min(node.lease_left_ms for node in own),
            self._feeds.state(area.feed_point, now_ms), self.rules.hash[:8],
        )  # fmt: skip


def _outlet(output: AnyOutput, rules: Rules) -> Outlet:
    return GpioOutput(output, rules.timing) if output.kind == GPIO else NodeOutput(output, rules.timing, rules.hash)
