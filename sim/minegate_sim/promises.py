"""The four promises as code that looks all along. It sees only what a person at the mine could see: the gas at the
sensors, the contact, who asked for what, what arrived at the receiver.
"""

from __future__ import annotations

from minegate_interlock.rules import Limit
from minegate_sim.mine import Mine
from minegate_sim.place import Truth

REACTION_MS = 2000.0  # AQ 6201, from over-limit to open contact
LOOK_MS = 60.0  # one step of the place, between which nobody looks
PERMITTED = "power is permitted"
JUST_MS = 100.0  # a contact on its way out while a person resets is not one that opened afterwards
GUARDS = ("field", "interlock")  # whoever of them is away, power goes off


class Promises:
    """Watches a mine. `welded` contacts cannot keep the first promise, whoever commands."""

    def __init__(self, mine: Mine) -> None:
        self.welded: set[str] = set()
        self.longest_ms = 0.0  # from over-limit or silence to open contact
        self._mine = mine
        self._bad_since_ms: dict[int, float] = {}
        self._told: set[object] = set()
        self._reset_ms: float | None = None
        self._answers = 0
        self._outputs = {area.name: area.outputs for area in mine.rules.areas}
        mine.step_listeners.append(self._look)
        mine.truth_listeners.append(self._truth)

    def _look(self) -> None:
        mine = self._mine
        now_ms, contacts = mine.now_ms, mine.place.contacts()
        values = mine.place.values() if mine.rules.limits else {}
        self._read_answers()
        for index, limit in enumerate(mine.rules.limits):
            if within(limit, values[limit.point]):
                self._bad_since_ms.pop(index, None)
                self._told.discard(index)
                continue
            since_ms = self._bad_since_ms.setdefault(index, now_ms)
            closed = [name for name in self._outputs[limit.area] if contacts[name] and name not in self.welded]
            if closed:
                self.longest_ms = max(self.longest_ms, now_ms - since_ms)
            if closed and not now_ms - since_ms <= REACTION_MS + LOOK_MS:
                self._breach(index, f"protect: {closed[0]} is closed, {limit.point} = {values[limit.point]:g} for "
                                    f"{now_ms - since_ms:.0f} ms")  # fmt: skip
        for name in GUARDS:
            self._guard(name, contacts)

    def _guard(self, name: str, contacts: object) -> None:
        away_ms = self._mine.now_ms - self._mine.gateway.away_since_ms[name]
        assert isinstance(contacts, dict)
        closed = [contact for contact, is_closed in contacts.items() if is_closed and contact not in self.welded]
        if away_ms <= 0:
            self._told.discard(name)
        elif closed and not away_ms <= REACTION_MS + LOOK_MS:
            self._breach(name, f"protect: {closed[0]} is closed, {name} is away for {away_ms:.0f} ms")

    def _read_answers(self) -> None:
        answers = self._mine.gateway.answers
        for ms, text in answers[self._answers :]:
            if text.startswith("1 ") and PERMITTED in text:
                self._reset_ms = ms
        self._answers = len(answers)

    def _truth(self, truth: Truth) -> None:
        self._read_answers()
        if truth.what == "contact_closed" and self._reset_ms is None:
            self._mine.breach(f"protect: {truth.fields['contact']} closed and nobody had reset")
        if truth.what == "contact_open" and self._reset_ms is not None and truth.ms - self._reset_ms > JUST_MS:
            self._reset_ms = None

    def _breach(self, key: object, text: str) -> None:
        if key not in self._told:
            self._told.add(key)
            self._mine.breach(text)


def within(limit: Limit, value: float) -> bool:
    """Whether a sensor that shows `value` allows power. NaN does not."""
    sign = 1.0 if limit.direction == "rising" else -1.0
    return limit.low <= value <= limit.high and sign * value < sign * limit.cut


def account(mine: Mine) -> list[str]:
    """What the second promise finds wrong when everything has been well for long enough: produced is delivered or
    declared lost, each number once, in order. Empty if it balances. What field has produced in the last moments is on
    its way: of its running boot only what came is looked at.
    """
    running = ("field", mine.gateway.boot_of("field"))
    receiver, wrong, order = mine.receiver, _false_ends(mine), list(mine.gateway.field_boots)
    journal_lost = sum(last - first + 1 for first, last in receiver.journal_lost)
    for origin in sorted(receiver.numbers.keys() | mine.gateway.produced.keys()):
        known = receiver.numbers[origin]
        produced = mine.gateway.produced.get(origin, 0)
        if origin[0] != "field" or origin == running:
            produced = max(known, default=0)  # what is on its way from a process that lives is no loss
        missing = receiver.missing(origin, produced, order)
        if sum(last - first + 1 for first, last in missing) > journal_lost:
            first, last = missing[0]
            wrong.append(
                f"keep: {origin[0]} numbers {first} to {last} of {produced} neither came nor are declared lost"
            )
        if known and max(known) > produced:
            wrong.append(f"keep: {origin[0]} number {max(known)} came, {produced} were produced")
        swapped = receiver.out_of_order(origin)
        if swapped is not None:
            wrong.append(
                f"sync: {origin[0]} numbers {swapped[0]} and {swapped[1]} are in the journal the other way round"
            )
    gaps = receiver.gaps(receiver.newest)
    if gaps:
        wrong.append(f"keep: journal sequences {gaps[0][0]} to {gaps[0][1]} neither came nor are declared lost")
    return wrong


def _false_ends(mine: Mine) -> list[str]:
    """What was declared lost with the power though there was no power cut, or though it came."""
    lives, wrong = mine.gateway.field_boots, []
    for boot, first, until_boot in mine.receiver.open_ends:
        if not lives.get(boot, 0) < lives.get(until_boot, 0):
            wrong.append(
                f"keep: a power cut between boots {boot} and {until_boot} of field is told, and there was none"
            )
        newest = max(mine.receiver.numbers.get(("field", boot), {}), default=0)
        if first is not None and newest >= first:
            wrong.append(f"keep: field boot {boot} is told to be lost from number {first} on, and number {newest} came")
    return wrong
