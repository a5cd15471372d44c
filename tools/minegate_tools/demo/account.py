"""The demo's account: every item produced is delivered, waiting or declared lost; every cut has its time.

Pure. The three sides come from three places: what was produced from field's tally on disk, what was delivered and
declared from an independent subscriber at the broker, when limits were passed and contacts opened from the simulator.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

CUT_MS_MAX = 2000  # AQ 6201: cut-off within 2 s


class Opening(NamedTuple):
    """One contact that had to open: why, when the cause began, how long the contact took. None: it never opened."""

    cause: str
    since_ms: int
    took_ms: int | None

    @property
    def in_time(self) -> bool:
        """Whether it opened within the limit; silence counts against it."""
        return self.took_ms is not None and 0 <= self.took_ms <= CUT_MS_MAX


class Origin(NamedTuple):
    """One boot of one process that numbers what it produces, from 1 without gaps."""

    process: str
    boot: int
    produced: int
    delivered: int
    waiting: int
    lost: int
    unexplained: int  # neither delivered, nor declared lost, nor waiting
    contradicted: int  # declared lost, and delivered all the same

    @property
    def balanced(self) -> bool:
        """produced = delivered + waiting + declared lost, each number exactly once."""
        return self.unexplained == 0 and self.contradicted == 0 and self.produced > 0


class Sequences(NamedTuple):
    """The journal's own numbers as the receiver saw them: one run from 1, nothing missing."""

    last: int
    received: int
    missing: int
    again: int  # received more than once: at-least-once delivery, recognised by the number


class Source(NamedTuple):
    """One device: how often it spoke by the simulator's own count, and how many scans of it were delivered.

    For comparison only: what a device says while nobody listens is no reading.
    """

    device: str
    spoke: int
    delivered: int


class Account(NamedTuple):
    """The whole account."""

    origins: tuple[Origin, ...]
    sequences: Sequences
    openings: tuple[Opening, ...]
    readings: int
    messages: int
    sources: tuple[Source, ...] = ()
    failed: str = ""  # why the story did not reach its end

    @property
    def balanced(self) -> bool:
        """Whether nothing is unexplained anywhere."""
        return bool(self.origins) and all(origin.balanced for origin in self.origins) and self.sequences.missing == 0

    @property
    def in_time(self) -> bool:
        """Whether every contact that had to open did so in time, and at least one had to."""
        return bool(self.openings) and all(opening.in_time for opening in self.openings)

    @property
    def good(self) -> bool:
        """What the exit code says."""
        return self.balanced and self.in_time and not self.failed


def origin(
    process: str, boot: int, produced: int, delivered: set[int], lost: Iterable[tuple[int, int]], waiting_max: int
) -> Origin:
    """Balance one boot. `waiting_max`: how many items link and field say they still keep; no more can be waiting."""
    numbers = set(range(1, produced + 1))
    declared: set[int] = set()
    for first, last in lost:
        declared.update(range(first, min(last, produced) + 1))
    got = delivered & numbers
    absent = len(numbers - got - declared)
    waiting = min(absent, waiting_max)
    return Origin(
        process, boot, produced, len(got), waiting, len(declared - got), absent - waiting, len(declared & got)
    )


def sequences(last: int, received: Mapping[int, int]) -> Sequences:
    """Compare the journal's numbers 1..`last` with how often each was received."""
    numbers = [number for number in received if 1 <= number <= last]
    return Sequences(last, len(numbers), last - len(numbers), sum(received[number] - 1 for number in numbers))


def openings(truth: Iterable[Mapping[str, object]], kills: Iterable[tuple[str, int]]) -> tuple[Opening, ...]:
    """Pair causes with the contact's openings.

    `truth`: the simulator's lines (`ms`, `what`, ...). `kills`: (process, ms) of a process ended by the demo. A cause
    that arises while the contact is open asks for nothing; a second one while the first is pending belongs to it.
    """
    lines = [(_ms(line), str(line["what"]), line) for line in truth]
    lines += [(ms, "kill", {"process": process}) for process, ms in kills if process in ("field", "interlock")]
    lines.sort(key=lambda line: line[0])
    found: list[Opening] = []
    closed = False
    pending: Opening | None = None
    for ms, what, line in lines:
        if what == "contact_closed":
            closed = True
        elif what == "contact_open":
            closed = False
            if pending is not None:
                found.append(pending._replace(took_ms=ms - pending.since_ms))
                pending = None
        elif closed and pending is None and what in ("over_limit", "kill"):
            pending = Opening(_cause(what, line), ms, None)
    return (*found, *(() if pending is None else (pending,)))


def _ms(line: Mapping[str, object]) -> int:
    value = line["ms"]
    if not isinstance(value, int | float):
        raise ValueError(f"truth line without a time: {line}")
    return round(value)


def _cause(what: str, line: Mapping[str, object]) -> str:
    if what == "kill":
        return f"process {line['process']} killed"
    value = line.get("value")
    return f"{line.get('point')} = {value:.3g}" if isinstance(value, float) else f"{line.get('point')} = {value}"
