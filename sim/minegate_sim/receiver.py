"""The reference receiver: what a subscriber that follows agent/PAYLOAD.md has, and whether it may believe it.

It recognises repetitions by (gateway, sequence), keeps every number of every producer's boot, and every declared loss.
What must not happen at all is a breach, said at once: a sequence that means two things, a number twice, a message whose
birth was never told, bytes that cannot be read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from minegate_agent.link.delivered import DeliveredEvent, DeliveredScan, PayloadError, decode, opened
from minegate_agent.link.ledger import gone
from minegate_agent.link.payload import BIRTH, STATE

Origin = tuple[str, int]  # process and boot
NUMBERED = {"field": "number", "interlock": "sequence"}


class OpenEnd(NamedTuple):
    """All that field produced from `first` of `boot` on (None: nothing more of it) until `until_boot` began is lost."""

    boot: int
    first: int | None
    until_boot: int


class Receiver:
    """`breach(text)` is called for what must never happen."""

    def __init__(self, breach: Callable[[str], None], *, keep_records: bool = False) -> None:
        self.online: bool | None = None
        self.readings = 0
        self.repetitions = 0
        self.messages = 0
        self.newest = 0  # highest sequence
        self.numbers: defaultdict[Origin, dict[int, int]] = defaultdict(dict)  # number -> journal sequence
        self.lost: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)  # boot -> declared (first, last)
        self.open_ends: list[OpenEnd] = []
        self.journal_lost: list[tuple[int, int]] = []  # declared journal sequences
        self.events: list[tuple[int, dict[str, Any]]] = []
        self.last_utc_ms: dict[Origin, int] = {}
        self.records: list[DeliveredScan] = []
        self.scan_listeners: list[Callable[[float, DeliveredScan], None]] = []  # true ms of arrival, and the scan
        self._keep_records = keep_records
        self._breach = breach
        self._births: dict[str, dict[tuple[int, int], int]] = {}
        self._heard: dict[int, int] = {}  # sequence -> hash of what it was

    def forget_births(self) -> None:
        """The broker lost its retained messages: what comes now must be explained again."""
        self._births.clear()

    def hear(self, ms: float, topic: str, payload: bytes) -> None:
        """Take one message."""
        self.messages += 1
        stream = topic.rsplit("/", 1)[-1]
        try:
            self._take(ms, stream, payload)
        except (PayloadError, KeyError, TypeError) as error:
            self._breach(f"a message on {stream} cannot be read: {type(error).__name__}: {error}")

    def _take(self, ms: float, stream: str, payload: bytes) -> None:
        if stream == STATE:
            self.online = bool(opened(payload)["online"])
            return
        if stream == BIRTH:
            birth = opened(payload)
            self._births[birth["b"]] = {
                (device["number"], part): len(layout["fields"])
                for device in birth["devices"]
                for part, layout in enumerate(device["layouts"])
            }
            return
        delivery = decode(payload)
        fields = self._births.get(delivery.birth)
        if fields is None:
            self._breach(f"birth {delivery.birth} of sequences {delivery.first} to {delivery.last} was never told")
            return
        for scan in delivery.scans:
            self._scan(ms, scan, fields)
        for told in delivery.events:
            self._event(told)

    def _scan(self, ms: float, scan: DeliveredScan, fields: dict[tuple[int, int], int]) -> None:
        if not self._first_time(scan.sequence, hash(scan)):
            return
        self.readings += fields[scan.device, scan.part]
        self._number(("field", scan.boot), scan.number, scan.sequence, scan.utc_ms)
        if self._keep_records:
            self.records.append(scan)
        for listen in self.scan_listeners:
            listen(ms, scan)

    def _event(self, told: DeliveredEvent) -> None:
        event = told.event
        if not self._first_time(told.sequence, hash(repr(sorted(event.items())))):
            return
        self.events.append((told.sequence, event))
        process = str(event["from"])
        if event["kind"] == "loss":
            self._loss(event)
        if process in NUMBERED:
            self._number((process, event["boot"]), event[NUMBERED[process]], told.sequence, event["utc_ms"])

    def _loss(self, event: dict[str, Any]) -> None:
        if event.get("of") == "journal":
            self.journal_lost += gone(event)
        elif event["last"] is None:
            self.open_ends.append(OpenEnd(event["boot"], event["first"], event["until_boot"]))
        else:
            self.lost[event["boot"]].append((event["first"], event["last"]))

    def _first_time(self, sequence: int, what: int) -> bool:
        before = self._heard.get(sequence)
        if before is None:
            self._heard[sequence] = what
            self.newest = max(self.newest, sequence)
            return True
        self.repetitions += 1
        if before != what:
            self._breach(f"sequence {sequence} came twice and was not the same")
        return False

    def _number(self, origin: Origin, number: int, sequence: int, utc_ms: int) -> None:
        known = self.numbers[origin]
        if number in known:
            self._breach(f"{origin[0]} number {number} of boot {origin[1]} came under two sequences")
        known[number] = sequence
        self.last_utc_ms[origin] = utc_ms

    def has_all_but(self, produced: tuple[int, int], newest: int) -> bool:
        """Whether of field's (boot, number) everything has come, apart from the `newest` items."""
        boot, number = produced
        known = self.numbers.get(("field", boot), {})
        return number > 0 and len(known) + self._declared(boot) >= number - newest

    def backlog(self, produced: tuple[int, int]) -> int:
        """How many of field's (boot, number) have neither come nor are declared lost."""
        boot, number = produced
        return max(0, number - len(self.numbers.get(("field", boot), {})) - self._declared(boot))

    def _declared(self, boot: int) -> int:
        return sum(last - first + 1 for first, last in self.lost.get(boot, ()))

    def gaps(self, upto: int) -> list[tuple[int, int]]:
        """Sequences up to `upto` that neither came nor were declared lost."""
        missing = sorted(set(range(1, upto + 1)) - self._heard.keys())
        missing = [each for each in missing if not any(low <= each <= high for low, high in self.journal_lost)]
        return _runs(missing)

    def missing(self, origin: Origin, upto: int, order: Sequence[int] = ()) -> list[tuple[int, int]]:
        """Numbers up to `upto` that neither came nor were declared lost. `order`: field's boots as they began."""
        if origin[0] == "field":
            upto = self._known_end(origin[1], upto, order)
        left = set(range(1, upto + 1)) - self.numbers[origin].keys()
        for first, last in self.lost[origin[1]]:
            left.difference_update(range(first, last + 1))
        return _runs(sorted(left))

    def _known_end(self, boot: int, end: int, order: Sequence[int]) -> int:
        """The last number of this boot of field, `end` or the one before what was declared lost without an end."""
        for open_end in self.open_ends:
            if open_end.boot == boot and open_end.first is not None:
                end = min(end, open_end.first - 1)
            if boot in order[order.index(open_end.boot) + 1 : order.index(open_end.until_boot)]:
                end = 0
        return end

    def out_of_order(self, origin: Origin) -> tuple[int, int] | None:
        """Two numbers whose journal sequences are the other way round."""
        in_order = sorted(self.numbers[origin].items())
        for (number, sequence), (after, later) in pairwise(in_order):
            if later < sequence:
                return number, after
        return None


def _runs(numbers: list[int]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found
