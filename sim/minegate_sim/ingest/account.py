"""The account of one gateway where its data arrive: what came, what is declared lost, what is proved. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from minegate_agent.link.anchors import holds
from minegate_agent.link.confirmed import Range
from minegate_agent.link.ledger import BadLedger, gone
from minegate_agent.link.records import EVENT, BadBody, decode_event
from minegate_agent.link.store.chain import START, linked
from minegate_sim.ingest.store import Arrived


class Account(NamedTuple):
    """Sequences from 1 to `last`: each is received, declared lost, or missing. Chains: spans between two anchors.

    `declared` may hold what was received before it was declared. `thinnings` are the events that `check` wants.
    """

    last: int
    received: int
    again: int
    declared: tuple[Range, ...]
    missing: tuple[Range, ...]
    proved: tuple[Range, ...]
    contradicted: tuple[Range, ...]
    thinnings: tuple[dict[str, Any], ...] = ()

    @property
    def balanced(self) -> bool:
        """Nothing is missing without a word, and no signature contradicts what came."""
        return not self.missing and not self.contradicted


def account(records: Iterable[Arrived], again: int, mine: str, gateway: str, key: bytes | None) -> Account:
    """`records` rise. With a key the spans between two of its anchors are proved, where every record arrived."""
    received: list[Range] = []
    declared: list[Range] = []
    thinnings: list[dict[str, Any]] = []
    proved: list[Range] = []
    contradicted: list[Range] = []
    chain, known, count, last = START, 0, 0, 0  # `chain` is true behind `known`, if all from there on is there
    chains: dict[int, bytes] = {}
    for record in records:
        if record.sequence != last + 1:
            chains.clear()
            chain, known = b"", 0
        count, last = count + 1, record.sequence
        if received and received[-1][1] == last - 1:
            received[-1] = (received[-1][0], last)
        else:
            received.append((last, last))
        if chain:
            chain = linked(chain, last, record.klass, record.body)
            chains[last] = chain
        event = _event(record)
        if event is None:
            continue
        if event["kind"] == "loss" and event.get("of") == "journal":
            declared += _gone(event)
            thinnings += [event] if "gone" in event else []
        if event["kind"] == "anchor" and key is not None and holds(event, mine, gateway, key):
            through = event["through"]
            if through in chains:
                (proved if chains[through] == event["chain"] else contradicted).append((known + 1, through))
            chain, known = _follow(event["chain"], through, chains, last, chain), through
    declared = joined(declared)
    missing = between(joined(received + declared), last)
    return Account(
        last, count, again, tuple(declared), tuple(missing), tuple(proved), tuple(contradicted), tuple(thinnings)
    )


def joined(ranges: Iterable[Range]) -> list[Range]:
    """The same sequences as rising ranges that do not touch."""
    out: list[Range] = []
    for first, last in sorted(ranges):
        if out and first <= out[-1][1] + 1:
            out[-1] = (out[-1][0], max(out[-1][1], last))
        else:
            out.append((first, last))
    return out


def between(ranges: Iterable[Range], upto: int) -> list[Range]:
    """What lies between rising ranges that do not touch, from 1 to `upto`."""
    out, after = [], 0
    for first, last in [*ranges, (upto + 1, upto + 1)]:
        if after + 1 <= min(first - 1, upto):
            out.append((after + 1, min(first - 1, upto)))
        after = last
    return out


def _follow(told: bytes, through: int, chains: dict[int, bytes], last: int, chain: bytes) -> bytes:
    """The chain to go on with behind an anchor."""
    if chain and chains.get(through) == told:
        for sequence in [sequence for sequence in chains if sequence < through]:
            del chains[sequence]
        return chain
    chains.clear()
    return told if through == last else b""


def _gone(event: dict[str, Any]) -> list[Range]:
    """What it declares; nothing if it does not say, and then its records stay missing."""
    try:
        return list(gone(event))
    except BadLedger:
        return []


def _event(record: Arrived) -> dict[str, Any] | None:
    if record.klass != EVENT:
        return None
    try:
        return decode_event(record.body)
    except BadBody:
        return None
