"""Taking readings out of a segment: every other one of each device, or at last all of them. Never anything else.

Three steps, each safe to be cut short: what will go is declared as a loss; when that is a durable event, the rest is
written to a new file beside the old one, which appears whole; then the old file goes. A restart between two steps finds
one of them or both, and the one that was thinned more often counts (store/recovery.py).

What is left stays provable: the event, which the hash chain covers, says which sequences went, what the chain was over
everything that stood in the file before (`was`) and what it is over what stays (`kept`), both from `before` on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from minegate_agent.link.disk import Disk
from minegate_agent.link.ledger import bits_of
from minegate_agent.link.loss_event import loss_event
from minegate_agent.link.records import encode_event, source_of, utc_ms_of
from minegate_agent.link.store.appear import appear
from minegate_agent.link.store.chain import START, linked
from minegate_agent.link.store.form import (
    HEADER_BYTES,
    RECORD_BYTES,
    STUB,
    Header,
    Stored,
    Strange,
    name_of,
    pack_header,
    pack_record,
    unpack_header,
)
from minegate_agent.link.store.losses import JOURNAL_DAMAGED, JOURNAL_THINNED, Loss
from minegate_agent.link.store.shelf import Segment
from minegate_agent.link.store.walk import Walk
from minegate_agent.link.store.window import CHUNK_BYTES, Window

EVERY_OTHER: Final = 5  # so often every other reading goes: 1 of 32 is left
NO_READINGS: Final = EVERY_OTHER + 1  # then all go
PAYS: Final = 4
_GONE_BYTES = 4

_Source = tuple[int, int]  # device, part


class Plan(NamedTuple):
    """What thinning a segment once more will do. `size` is about that of the new file; nothing goes if `loss` is None.

    `damaged`: what is not in the file any more and was not declared by it.
    """

    segment: Segment
    level: int
    gone: frozenset[int]
    size: int
    loss: Loss | None
    damaged: list[Loss]


class _Tally:
    """Of one device and part: what goes and what there was."""

    def __init__(self) -> None:
        self.seen = 0
        self.gone: list[int] = []

    def goes(self, sequence: int, level: int) -> bool:
        """Whether this reading goes: the second, the fourth and so on of those that are left, or all of them."""
        self.seen += 1
        if level <= EVERY_OTHER and self.seen % 2:
            return False
        self.gone.append(sequence)
        return True


class _Survey:
    """One walk through a segment: what will go, and what the chain was and will be."""

    def __init__(self, segment: Segment, header: Header, level: int) -> None:
        self.damaged: list[Loss] = []
        self.size = HEADER_BYTES
        self._segment = segment
        self._before = self._was = self._kept = header.chain
        self._level = level
        self._tallies: dict[_Source, _Tally] = {}
        self._times: list[int] = []
        self._after, self._whole = segment.first - 1, HEADER_BYTES

    def take(self, stored: Stored) -> None:
        self._jump(stored.sequence - stored.gone - 1)
        self._after, self._whole = stored.sequence, stored.end
        if stored.klass == STUB:
            return
        self._was = linked(self._was, stored.sequence, stored.klass, stored.body)
        source = source_of(stored.klass, stored.body)
        if source is not None and self._tallies.setdefault(source, _Tally()).goes(stored.sequence, self._level):
            utc_ms = utc_ms_of(stored.klass, stored.body)
            assert utc_ms is not None, "every reading has a time"
            self._times.append(utc_ms)
            return
        self._kept = linked(self._kept, stored.sequence, stored.klass, stored.body)
        self.size += stored.end - stored.at + _GONE_BYTES

    def end(self) -> None:
        self._jump(self._segment.last)

    def _jump(self, upto: int) -> None:
        if upto > self._after:
            first, file = self._after + 1, self._segment.path.name
            self.damaged.append(Loss(first, upto, upto - self._after, JOURNAL_DAMAGED, None, None, file, self._whole))

    @property
    def gone(self) -> frozenset[int]:
        return frozenset(sequence for tally in self._tallies.values() for sequence in tally.gone)

    def loss(self) -> Loss | None:
        """None if there is no reading left that may go."""
        gone = self.gone
        if not gone:
            return None
        devices = [
            [*source, len(each.gone), each.seen - len(each.gone), each.gone[0], each.gone[-1]]
            for source, each in sorted(self._tallies.items())
            if each.gone
        ]
        first, last = min(gone), max(gone)
        more: dict[str, object] = {
            "every": 1 << self._level if self._level <= EVERY_OTHER else 0,
            "devices": devices,
            "segment": [self._segment.first, self._segment.last],
            "gone": bits_of(first, last, gone),
            "before": self._before,
            "was": self._was,
            "kept": self._kept,
        }
        return Loss(
            first, last, len(gone), JOURNAL_THINNED, min(self._times), max(self._times), self._segment.path.name,
            HEADER_BYTES, more,
        )  # fmt: skip


def plan(disk: Disk, segment: Segment) -> Plan:
    """Read the segment and choose. The same file gives the same plan, so that a loss is not told differently after a
    restart. OSError.

    A step that would not save PAYS times what its event takes is left out: then all readings go at once, or none.
    """
    planned = _plan(disk, segment, segment.level + 1)
    if planned.loss is None and planned.gone and planned.level < NO_READINGS:
        planned = _plan(disk, segment, NO_READINGS)
    return planned


def _plan(disk: Disk, segment: Segment, level: int) -> Plan:
    survey = _Survey(segment, _header(disk, segment), level)
    for stored in _walk(disk, segment):
        survey.take(stored)
    survey.end()
    loss, size = survey.loss(), survey.size
    if loss is None or segment.size - size < PAYS * (len(encode_event(loss_event(loss, 0))) + RECORD_BYTES):
        loss, size = None, segment.size
    return Plan(segment, level, survey.gone, size, loss, survey.damaged)


def thinned(disk: Disk, planned: Plan) -> Segment:
    """Write what stays to the new file, which is durable when this returns. The old one is still there. OSError."""
    old = planned.segment
    path = old.path.with_name(name_of(old.first, planned.level))
    size = 0

    def counted() -> Iterator[bytes]:
        nonlocal size
        for chunk in _chunks(disk, planned):
            size += len(chunk)
            yield chunk

    appear(disk, path, counted()).close()
    return Segment(path, old.first, old.last, size, planned.level, bare=planned.level == NO_READINGS)


def _chunks(disk: Disk, planned: Plan) -> Iterator[bytes]:
    segment = planned.segment
    header = _header(disk, segment)
    parts = [pack_header(Header(segment.first, header.origins, header.chain, thinned=True))]
    size, after = HEADER_BYTES, segment.first - 1
    for stored in _walk(disk, segment):
        if stored.klass == STUB or stored.sequence in planned.gone:
            continue
        missing = stored.sequence - after - 1  # damage too: it is declared, and nobody has to meet it again
        packed = pack_record(stored.sequence, stored.klass, stored.body, stored.origin, missing)
        parts.append(packed)
        size, after = size + len(packed), stored.sequence
        if size >= CHUNK_BYTES:
            yield b"".join(parts)
            parts, size = [], 0
    if after < segment.last:
        parts.append(pack_record(segment.last, STUB, b"", None, segment.last - after - 1))
    yield b"".join(parts)


def _header(disk: Disk, segment: Segment) -> Header:
    """A damaged one is known by its neighbours only; the proof has a hole there already."""
    try:
        return unpack_header(Window(disk, segment.path, HEADER_BYTES).see(0, HEADER_BYTES)[0])
    except Strange:
        return Header(segment.first, {}, START)


def _walk(disk: Disk, segment: Segment) -> Iterator[Stored]:
    window = Window(disk, segment.path, segment.size)
    return iter(Walk(window, HEADER_BYTES, segment.first - 1, segment.last))


def smallest(segment: Segment) -> bool:
    """Whether there is nothing in the file but the header and perhaps a stub."""
    return segment.size <= HEADER_BYTES + RECORD_BYTES + _GONE_BYTES
