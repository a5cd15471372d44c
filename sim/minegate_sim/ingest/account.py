"""The account of one gateway where its data arrive: what came, what is declared lost, what is proved. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from minegate_agent.link.anchors import holds
from minegate_agent.link.confirmed import Confirmed, Range
from minegate_agent.link.records import EVENT, BadBody, decode_event
from minegate_agent.link.store.chain import START, linked
from minegate_sim.ingest.store import Arrived


class Account(NamedTuple):
    """Sequences from 1 to `last`: each is received, declared lost, or missing. Chains: spans between two anchors."""

    last: int
    received: int
    again: int
    declared: tuple[Range, ...]
    missing: tuple[Range, ...]
    proved: tuple[Range, ...]
    contradicted: tuple[Range, ...]

    @property
    def balanced(self) -> bool:
        """Nothing is missing without a word, and no signature contradicts what came."""
        return not self.missing and not self.contradicted


def account(records: Iterable[Arrived], again: int, mine: str, gateway: str, key: bytes | None) -> Account:
    """`records` rise. With a key the spans between two of its anchors are proved, where every record arrived."""
    received, explained = Confirmed(0), Confirmed(0)
    declared: list[Range] = []
    proved: list[Range] = []
    contradicted: list[Range] = []
    chain, known, count, last = START, 0, 0, 0  # `chain` is true behind `known`, if all from there on is there
    chains: dict[int, bytes] = {}
    for record in records:
        if record.sequence != last + 1:
            chains.clear()
            chain, known = b"", 0
        count, last = count + 1, record.sequence
        received.add(last, last)
        explained.add(last, last)
        if chain:
            chain = linked(chain, last, record.klass, record.body)
            chains[last] = chain
        event = _event(record)
        if event is None:
            continue
        if event["kind"] == "loss" and "boot" not in event:
            declared.append((event["first"], event["last"]))
            explained.add(event["first"], event["last"])
        if event["kind"] == "anchor" and key is not None and holds(event, mine, gateway, key):
            through = event["through"]
            if through in chains:
                (proved if chains[through] == event["chain"] else contradicted).append((known + 1, through))
            chain, known = _follow(event["chain"], through, chains, last, chain), through
    return Account(last, count, again, tuple(declared), tuple(explained.gaps(last)), tuple(proved), tuple(contradicted))


def _follow(told: bytes, through: int, chains: dict[int, bytes], last: int, chain: bytes) -> bytes:
    """The chain to go on with behind an anchor."""
    if chain and chains.get(through) == told:
        for sequence in [sequence for sequence in chains if sequence < through]:
            del chains[sequence]
        return chain
    chains.clear()
    return told if through == last else b""


def _event(record: Arrived) -> dict[str, Any] | None:
    if record.klass != EVENT:
        return None
    try:
        return decode_event(record.body)
    except BadBody:
        return None
