"""What can be proved of a journal on disk: that nothing was changed, taken out or put in since it was written.

The chain is followed from the first segment's header; each later header and each signed anchor must agree with it. A
finding reaches from the last agreement to the disagreement; behind a header the header's chain is followed.

A thinned segment cannot be followed by the chain; what is left in it must be what its loss event, which the chain
covers, says was kept, and what is not in it must be what loss events declare (thinned_proof.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from minegate_agent.link.anchors import holds
from minegate_agent.link.disk import OS_DISK, Disk
from minegate_agent.link.inspection import Gap, SegmentSeen, Thinned, Torn, inspect
from minegate_agent.link.records import EVENT, BadBody, decode_event
from minegate_agent.link.store.chain import START, linked
from minegate_agent.link.store.reader import Record
from minegate_agent.link.thinned_proof import Finding, ThinnedProof

_REMEMBERED = 20_000


class Proof(NamedTuple):
    """`anchored`: up to this sequence a signature stands for what was read; above it only headers do. `thinned`: so
    many records were taken out to keep the byte budget.
    """

    records: int
    anchors: int
    first: int
    last: int
    anchored: int
    findings: tuple[Finding, ...]
    thinned: int = 0


def prove(
    folder: Path,
    mine: str,
    gateway: str,
    key: bytes | None,
    disk: Disk = OS_DISK,
    on_record: Callable[[int], None] = lambda _size: None,
) -> Proof:
    """Read everything once. `key`: the gateway's public key; without it the anchors' own is only compared to itself.

    Raises OSError.
    """
    chain = _Chain(mine, gateway, key)
    for seen in inspect(folder, disk):
        if isinstance(seen, SegmentSeen):
            chain.segment(seen)
        elif isinstance(seen, Record):
            on_record(len(seen.body))
            chain.record(seen)
        elif isinstance(seen, Thinned):
            chain.thinned(seen)
        elif isinstance(seen, Gap):
            chain.findings.append(Finding(seen.first, seen.last, f"missing from {seen.file} at byte {seen.offset}"))
        elif isinstance(seen, Torn):
            chain.torn(seen)
    return chain.proof()


class _Chain:
    def __init__(self, mine: str, gateway: str, key: bytes | None) -> None:
        self.findings: list[Finding] = []
        self._mine, self._gateway, self._key = mine, gateway, key
        self._chain: bytes | None = None
        self._before: dict[int, bytes] = {}  # sequence -> the chain there, as read; anchors tell of the past
        self._thinned = ThinnedProof()
        self._records = self._anchors = self._first = self._last = self._anchored = self._agreed = 0

    def segment(self, seen: SegmentSeen) -> None:
        was_thinned = self._thinned.ends(seen.first - 1, self._chain or START, None if seen.strange else seen.chain)
        if seen.strange:
            self.findings.append(Finding(seen.first, seen.first, f"{seen.file}: {seen.strange}"))
            return
        if self._chain is None:
            self._first, self._agreed = seen.first, seen.first - 1
            if seen.first == 1 and seen.chain != START:
                self.findings.append(Finding(1, 1, f"{seen.file}: the chain does not begin at the beginning"))
        elif seen.chain != self._chain and not was_thinned:
            self._disagrees(seen.first - 1, f"the header of {seen.file} knows another chain")
        if seen.first - 1 > self._last and self._last:
            self.findings.append(Finding(self._last + 1, seen.first - 1, f"missing before {seen.file}"))
        self._chain = seen.chain
        self._agreed = seen.first - 1
        self._remember(seen.first - 1)
        if seen.thinned:
            self._thinned.begins(seen.first, seen.chain)

    def thinned(self, seen: Thinned) -> None:
        self._thinned.hole(seen.first, seen.last)
        self._last = seen.last
        self._first = self._first or seen.first

    def record(self, record: Record) -> None:
        self._chain = linked(self._chain or START, record.sequence, record.klass, record.body)
        self._records += 1
        self._last = record.sequence
        self._first = self._first or record.sequence
        self._remember(record.sequence)
        if record.klass == EVENT:
            self._event(record)

    def _event(self, record: Record) -> None:
        try:
            event = decode_event(record.body)
        except BadBody:
            return
        if event["kind"] == "loss" and event["from"] == "link" and event.get("of") == "journal":
            self._thinned.ledger(event)
        if event["kind"] != "anchor" or event["from"] != "link":
            return
        self._anchors += 1
        through, chain, key = event.get("through"), event.get("chain"), event.get("key")
        public = self._key or key
        if not isinstance(public, bytes) or not holds(event, self._mine, self._gateway, public):
            self._finding(record.sequence, record.sequence, "an anchor that the gateway's key did not sign")
            return
        assert isinstance(through, int)
        assert isinstance(chain, bytes)
        if through not in self._before:
            if through >= self._first and not self._thinned.covers(through):
                self._finding(through, record.sequence, "an anchor for a record that is not there")
            return
        if chain == self._before[through]:
            self._anchored = self._agreed = through
            return
        self._disagrees(through, "the signed anchor knows another chain: something was changed, put in or taken out")

    def _disagrees(self, upto: int, what: str) -> None:
        self._finding(self._agreed + 1, upto, what)
        self._agreed = upto

    def _finding(self, first: int, last: int, what: str) -> None:
        self.findings.append(Finding(first, last, what))

    def _remember(self, sequence: int) -> None:
        """Anchors follow soon behind what they tell of."""
        if self._thinned.inside:
            return  # the chain of what was kept is not the one that anchors know
        self._before[sequence] = self._chain or START
        if len(self._before) > _REMEMBERED:
            del self._before[next(iter(self._before))]

    def torn(self, seen: Torn) -> None:
        self._finding(self._last + 1, self._last + 1, f"{seen.file}: {seen.size} bytes of a torn tail at {seen.offset}")

    def proof(self) -> Proof:
        findings = (*self.findings, *self._thinned.findings())
        return Proof(
            self._records, self._anchors, self._first, self._last, self._anchored, findings, self._thinned.count
        )


def lines(proof: Proof) -> Iterator[str]:
    """For people."""
    yield f"records {proof.records}, sequences {proof.first} to {proof.last}, {proof.anchors} anchors"
    for finding in proof.findings:
        yield f"sequences {finding.first} to {finding.last}: {finding.what}"
    if proof.thinned:
        yield f"thinned: {proof.thinned} records were taken out to keep the byte budget; loss events tell which"
    if proof.anchored:
        yield f"signed: everything from {proof.first} to {proof.anchored}, but what is named above"
