"""What a subscriber at the broker has counted, by the numbers in the messages themselves. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from minegate_tools.demo.reader import Unreadable, fields_of, items, names_of, opened, told

NUMBERED = {"field": "number", "interlock": "sequence"}  # what each process calls its own count


class Count:
    """Everything received so far. A message that cannot be read is counted, and named."""

    def __init__(self) -> None:
        self.sequences: Counter[int] = Counter()
        self.numbers: defaultdict[tuple[str, int], set[int]] = defaultdict(set)  # (process, boot) -> delivered numbers
        self.lost: defaultdict[int, set[tuple[int, int]]] = defaultdict(set)  # boot -> declared (first, last)
        self.messages: Counter[str] = Counter()  # by stream
        self.unreadable: list[str] = []
        self.readings = 0
        self.scans: Counter[str] = Counter()  # by the device's name
        self._names: dict[int, str] = {}
        self._fields: dict[tuple[int, int], int] = {}

    def hear(self, topic: str, payload: bytes) -> None:
        """Take one message of the uplink."""
        stream = topic.rsplit("/", 1)[-1]
        self.messages[stream] += 1
        try:
            self._take(stream, payload)
        except (Unreadable, KeyError, TypeError, ValueError) as error:
            self.unreadable.append(f"{topic}: {type(error).__name__}: {error}")

    def _take(self, stream: str, payload: bytes) -> None:
        message = opened(payload)
        if stream == "birth":
            self._fields = fields_of(message)
            self._names = names_of(message)
        elif stream == "event":
            for sequence, event in told(message):
                self._event(sequence, event)
        elif stream in ("live", "history"):
            for item in items(message):
                if item.sequence not in self.sequences:
                    self.readings += self._fields[item.device, item.part]
                    self.scans[self._names[item.device]] += 1
                self.sequences[item.sequence] += 1
                self.numbers["field", item.boot].add(item.number)

    def _event(self, sequence: int, event: dict[str, Any]) -> None:
        self.sequences[sequence] += 1
        process = str(event["from"])
        if event["kind"] == "loss" and "boot" in event and event["last"] is not None:  # the demo's machine stays on
            self.lost[event["boot"]].add((event["first"], event["last"]))
        # link's own events have no number but the journal's; a loss that it declares names the boot that lost
        if process in NUMBERED:
            self.numbers[process, event["boot"]].add(event[NUMBERED[process]])
