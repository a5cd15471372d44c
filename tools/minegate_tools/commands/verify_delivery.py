"""`minegate verify-delivery`: compares a site's journal with what a reference ingest has stored."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from minegate_agent.config import ConfigError, load
from minegate_agent.link.confirmed import Range
from minegate_agent.link.inspection import inspect
from minegate_agent.link.signing import BadKey, public_key
from minegate_agent.link.store.reader import Record
from minegate_agent.site import FILE
from minegate_sim.ingest.account import account, between
from minegate_sim.ingest.store import Arrived, Store
from minegate_sim.ingest.thinned import check
from minegate_tools.commands.site import folder_argument

_ABOUT = """\
Compares every record of the journal with what the ingest (python -m minegate_sim.ingest) has stored, byte by byte, and
draws up the account of the receiving end. The exit code is 1 if a record is there with other bytes, if one that the
journal no longer has is neither stored nor declared lost, or if a signed anchor contradicts what was stored.
"""


def declare(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    command = commands.add_parser(
        "verify-delivery",
        help="compare a journal with what arrived",
        description=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    folder_argument(command)
    command.add_argument("--ingest", metavar="FILE", type=Path, required=True, help="the ingest's store")
    command.add_argument("--key", metavar="FILE", type=Path, help="the gateway's public key, 64 hex digits")
    command.set_defaults(do=_do)


def _do(asked: argparse.Namespace) -> int:
    try:
        config, _ = load(asked.dir / FILE)
        key = public_key(asked.key) if asked.key else None
    except (ConfigError, BadKey) as error:
        print(error, file=sys.stderr)
        return 2
    if not asked.ingest.is_file():
        print(f"{asked.ingest}: there is no such file", file=sys.stderr)
        return 2
    mine, gateway = config.gateway.mine, config.gateway.id
    name = f"minegate/1/{mine}/{gateway}"
    store = Store(asked.ingest)
    try:
        drawn = account(store.records(name), store.again(name), mine, gateway, key)
        thinned = check(drawn.thinnings, lambda first, last: store.records(name, first, last))
        waiting, differing = _compared(_journaled(asked.dir / config.journal.folder), store.records(name))
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        store.close()
    gone = _without(list(drawn.missing), waiting)
    print(f"stored {drawn.received}, again {drawn.again}, waiting in the journal {_count(waiting)}")
    print(f"declared lost {_count(drawn.declared)}: {_text(drawn.declared)}")
    print(f"proved by signatures: {_text(drawn.proved)}; thinned, and what was kept is here: {_text(thinned.proved)}")
    findings = (
        ("neither stored nor declared lost nor in the journal", gone),
        ("stored with other bytes than the journal's", differing),
        ("contradicted by a signed anchor", drawn.contradicted),
        ("not what the gateway kept when it thinned them", thinned.contradicted),
    )
    for words, ranges in findings:
        if ranges:
            print(f"{words}: {_text(ranges)}")
    return 1 if any(ranges for _, ranges in findings) else 0


def _journaled(folder: Path) -> Iterator[Arrived]:
    for seen in inspect(folder):
        if isinstance(seen, Record):
            yield Arrived(*seen)


def _compared(journaled: Iterator[Arrived], stored: Iterator[Arrived]) -> tuple[list[Range], list[Range]]:
    """Both rise: what only the journal has, and what has other bytes in the store."""
    waiting: list[Range] = []
    differing: list[Range] = []
    there = next(stored, None)
    for here in journaled:
        while there is not None and there.sequence < here.sequence:
            there = next(stored, None)
        if there is None or there.sequence != here.sequence:
            _add(waiting, here.sequence)
        elif there != here:
            _add(differing, here.sequence)
    return waiting, differing


def _add(ranges: list[Range], sequence: int) -> None:
    if ranges and ranges[-1][1] == sequence - 1:
        ranges[-1] = (ranges[-1][0], sequence)
    else:
        ranges.append((sequence, sequence))


def _without(ranges: list[Range], taken: list[Range]) -> list[Range]:
    """What of the rising ranges is in none of the others."""
    left = between(taken, max((last for _, last in ranges), default=0))
    return [
        (max(first, low), min(last, high))
        for first, last in ranges
        for low, high in left
        if low <= last and first <= high
    ]


def _count(ranges: Sequence[Range]) -> int:
    return sum(last - first + 1 for first, last in ranges)


def _text(ranges: Sequence[Range]) -> str:
    shown = ", ".join(f"{first} to {last}" for first, last in ranges[:10])
    return (shown + (f" and {len(ranges) - 10} more" if len(ranges) > 10 else "")) or "none"
