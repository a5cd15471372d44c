"""`minegate verify-delivery`: compares a site's journal with what a reference ingest has stored."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from minegate_agent.config import ConfigError, load
from minegate_agent.link.confirmed import Confirmed, Range
from minegate_agent.link.inspection import inspect
from minegate_agent.link.signing import BadKey, public_key
from minegate_agent.link.store.reader import Record
from minegate_agent.site import FILE
from minegate_sim.ingest.account import account
from minegate_sim.ingest.store import Store
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
        stored = {each.sequence: (each.klass, each.body) for each in store.records(name)}
        drawn = account(store.records(name), store.again(name), mine, gateway, key)
        waiting, differing = Confirmed(0), Confirmed(0)
        for seen in inspect(asked.dir / config.journal.folder):
            if not isinstance(seen, Record):
                continue
            if seen.sequence not in stored:
                waiting.add(seen.sequence, seen.sequence)
            elif stored[seen.sequence] != (seen.klass, seen.body):
                differing.add(seen.sequence, seen.sequence)
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        store.close()
    gone = [each for each in drawn.missing if not _is_waiting(each, waiting)]
    print(f"stored {drawn.received}, again {drawn.again}, waiting in the journal {_count(_ranges(waiting))}")
    print(f"declared lost: {_text(drawn.declared)}; proved by signatures: {_text(drawn.proved)}")
    for words, ranges in (
        ("neither stored nor declared lost nor in the journal", gone),
        ("stored with other bytes than the journal's", _ranges(differing)),
        ("contradicted by a signed anchor", list(drawn.contradicted)),
    ):
        if ranges:
            print(f"{words}: {_text(ranges)}")
    return 1 if gone or _ranges(differing) or drawn.contradicted else 0


def _is_waiting(missing: Range, waiting: Confirmed) -> bool:
    return all(waiting.covers(sequence) for sequence in range(missing[0], missing[1] + 1))


def _ranges(told: Confirmed) -> list[Range]:
    return ([(1, told.upto)] if told.upto else []) + told.islands


def _count(ranges: list[Range]) -> int:
    return sum(last - first + 1 for first, last in ranges)


def _text(ranges: list[Range] | tuple[Range, ...]) -> str:
    shown = ", ".join(f"{first} to {last}" for first, last in ranges[:10])
    return (shown + (f" and {len(ranges) - 10} more" if len(ranges) > 10 else "")) or "none"
